package gateway_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// padded signs a statement that spaces fill up to a size.
func padded(t *testing.T, b custody.Body, size int, k ...*keys.Private) *custody.Statement {
	t.Helper()
	e, err := custody.Draft(b)
	check(t, err)
	e = statement.New(e.PayloadType, append(e.Payload, bytes.Repeat([]byte(" "), size-len(e.Payload))...), k...)
	s, err := custody.ParseStatement(e.Marshal())
	check(t, err)
	return s
}

// TestLargeProposals: proposals of an authority are a burden to nobody who asks for
// an annex, and their list stays one that can be read.
func TestLargeProposals(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	desk := w.as(w.nl.desk)
	s.reviewed(desk)
	for {
		_, err := desk.Propose(t.Context(), padded(t, s.grantBody(), 1<<20, s.nl.officers[0]).Envelope, nil)
		if wire.CodeOf(err) == wire.CodeBusy {
			break
		}
		check(t, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, sha := range []custody.Digest{{}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}} {
		_, err := desk.Annex(t.Context(), sha)
		refused(t, "annex "+sha.String(), err, custody.CodeNoSuchRequest)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 16 {
		t.Errorf("ten questions for an annex took %d MiB", n)
	}
	list, err := desk.Proposals(t.Context())
	check(t, err)
	if len(list.Proposals) < 3 {
		t.Errorf("only %d proposals of 1 MiB", len(list.Proposals))
	}
}

// annexFile returns the annex in the store, or nil.
func (w *world) annexFile(sha custody.Digest) (found []string) {
	w.t.Helper()
	root := filepath.Join(w.dir, "store", "objects", deliver.AnnexKey(sha))
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return found
}

// TestExpiredProposal: with an expired proposal goes its annex, unless something
// else binds the same file.
func TestExpiredProposal(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	desk := w.as(w.nl.desk)
	s.reviewed(desk)
	propose := func(file []byte, ref custody.AnnexRef) *custody.Statement {
		b := s.grantBody()
		b.Annex = &ref
		st := sign(t, b, w.nl.officers[0])
		_, err := desk.Propose(t.Context(), st.Envelope, file)
		check(t, err)
		return st
	}
	alone, aloneRef := w.annex("of one proposal", w.nl, w.fr)
	twice, twiceRef := w.annex("of two proposals", w.nl, w.fr)
	propose(alone, aloneRef)
	propose(twice, twiceRef)
	propose(twice, twiceRef)
	filed := s.annexes[s.review]
	propose(filed, custody.AnnexRef{SHA256: sum(filed), Size: int64(len(filed))})

	w.later(6 * day)
	for _, sha := range []custody.Digest{aloneRef.SHA256, twiceRef.SHA256, sum(filed)} {
		if len(w.annexFile(sha)) == 0 {
			t.Error("the annex of an open proposal is not there")
		}
	}
	w.later(8 * day)
	w.stop()
	w.database(func(tx *records.Tx) error {
		if list, err := tx.Proposals("nl"); err != nil || len(list) > 0 {
			t.Errorf("%d expired proposals are left, %v", len(list), err)
		}
		return nil
	})
	for _, sha := range []custody.Digest{aloneRef.SHA256, twiceRef.SHA256} {
		if len(w.annexFile(sha)) != 0 {
			t.Error("the annex of an expired proposal is still there")
		}
	}
	if len(w.annexFile(sum(filed))) == 0 {
		t.Error("the annex of a review in the log is gone")
	}
	w.clean()
}

// TestProposalWithoutRoom: a proposal that is refused leaves nothing behind.
func TestProposalWithoutRoom(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	s.reviewed(w.as(w.nl.desk))
	w.stop()
	w.change = func(c *gateway.Config) { c.MinFree = 1 << 62 }
	w.start()
	desk := w.as(w.nl.desk)
	file, ref := w.annex("conditions", w.nl, w.fr)
	b := s.grantBody()
	b.Annex = &ref
	_, err := desk.Propose(t.Context(), sign(t, b, w.nl.officers[0]).Envelope, file)
	refused(t, "proposal with an annex on a full medium", err, wire.CodeStorage)
	_, err = desk.Propose(t.Context(), sign(t, s.grantBody(), w.nl.officers[0]).Envelope, nil)
	check(t, err)
	for {
		_, err := desk.Propose(t.Context(), padded(t, s.grantBody(), 1<<20, w.nl.officers[0]).Envelope, nil)
		if wire.CodeOf(err) == wire.CodeBusy {
			break
		}
		check(t, err)
	}
	w.stop()
	w.change = nil
	w.start()
	_, err = w.as(w.nl.desk).Propose(t.Context(), padded(t, b, 1<<20, w.nl.officers[0]).Envelope, file)
	refused(t, "one proposal too many", err, wire.CodeBusy)
	if len(w.annexFile(ref.SHA256)) != 0 {
		t.Error("the annex of a refused proposal is there")
	}
}
