package fsck

import (
	"context"
	"slices"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/deliver"
)

// annexID names an annex as one record binds it.
type annexID struct {
	sha    custody.Digest
	record custody.RecordID
}

// annex is what the statements that bind it say.
type annex struct {
	size  int64
	scope []string // nil: unknown
	row   bool

	binders int // entries that bind it
	pending int // of these, those that an erasure takes it from
	gone    int // and of these, those that an event says it was taken from
}

// checkAnnexes compares the table of annexes with the statements, and then the
// objects.
func (c *checker) checkAnnexes(ctx context.Context) error {
	err := c.each(ctx, "SELECT sha256, record, size, scope FROM annexes", "annexes", func(scan func(...any) error) error {
		var b []byte
		var record, scope string
		var size int64
		if err := scan(&b, &record, &size, &scope); err != nil {
			return err
		}
		sha, err := digest32(b)
		if err != nil {
			return err
		}
		a := c.annexes[annexID{sha, custody.RecordID(record)}]
		switch {
		case a == nil && !c.unknown:
			c.found(CodeAnnexRow, annexAt(sha), "no statement of record %q binds it", record)
		case a != nil && (size != a.size || a.scope != nil && !slices.Equal(strings.Split(scope, ","), a.scope)):
			c.found(CodeAnnexRow, annexAt(sha), "size or scope differ from the statement of record %q", record)
			a.row = true
		case a != nil && a.erasedWhole():
			c.found(CodeAnnexRow, annexAt(sha), "an entry of record %q says that it was erased", record)
		case a != nil:
			a.row = true
		}
		return nil
	})
	seen := map[custody.Digest]bool{}
	for id, a := range c.annexes {
		if err != nil {
			return err
		}
		c.report.Counts.Annexes++
		if a.erasedWhole() {
			continue // see explainAnnex
		}
		if !a.row {
			c.found(CodeAnnexRow, annexAt(id.sha), "record %q binds it, and it has no row", id.record)
		}
		if !seen[id.sha] {
			seen[id.sha] = true
			err = c.checkAnnex(ctx, id.sha, a.size, a.pending > a.gone)
		}
	}
	return err
}

func (c *checker) checkAnnex(ctx context.Context, sha custody.Digest, want int64, erasing bool) error {
	key := deliver.AnnexKey(sha)
	sum, info, missing, err := c.sum(ctx, key)
	switch {
	case missing && erasing:
		c.note(NoteErasing, objectAt(key), "it is gone, and the entry that says so is not there yet")
	case missing:
		c.found(CodeAnnexMissing, objectAt(key), "a statement or a proposal binds it")
	case err != nil || info.Version == "": // named already
	case sum != sha || want >= 0 && info.Size != want:
		c.found(CodeAnnex, objectAt(key), "its bytes are not those that the statement binds")
	}
	return err
}

// checkProposals checks that the rows of proposals are of their statements, and
// that their annexes are here.
func (c *checker) checkProposals(ctx context.Context) error {
	err := c.each(ctx, "SELECT sha256, record, kind, authority, envelope, annex_sha256 FROM proposals", "proposals", func(scan func(...any) error) error {
		var sha, envelope, annex []byte
		var record, kind, authority string
		if err := scan(&sha, &record, &kind, &authority, &envelope, &annex); err != nil {
			return err
		}
		id, err := digest32(sha)
		if err != nil {
			return err
		}
		bound, err := digest32(annex)
		if err != nil {
			return err
		}
		s, err := custody.ParseStatement(envelope)
		if err != nil {
			c.found(CodeProposal, "proposal "+id.String(), "the statement cannot be read")
			return nil
		}
		ref, _ := s.Annex()
		if s.SHA256 != id || string(s.Record()) != record || string(s.Kind) != kind || s.Header.By != authority || ref.SHA256 != bound {
			c.found(CodeProposal, "proposal "+id.String(), "its row is not of its statement")
		}
		if bound != (custody.Digest{}) {
			c.waiting[bound] = true
		}
		return nil
	})
	for sha := range c.waiting {
		if err == nil && !c.binds(sha) {
			err = c.checkAnnex(ctx, sha, -1, false)
		}
	}
	return err
}

// binds reports whether a statement of the log binds an annex.
func (c *checker) binds(sha custody.Digest) bool {
	for id, a := range c.annexes {
		if id.sha == sha && !a.erasedWhole() {
			return true
		}
	}
	return false
}

func annexAt(sha custody.Digest) string { return "annex " + sha.String() }
