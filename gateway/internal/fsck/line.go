package fsck

import (
	"bytes"
	"context"
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"golang.org/x/mod/sumdb/tlog"
)

// chain is a record as far as its entries have come.
type chain struct {
	tag     translog.Tag
	next    int64          // seq of the next entry
	tip     custody.Digest // salted hash of the last
	parties []string       // authorities that the record concerns
	listed  int            // of these, in the table of parties
}

// checkLine checks one row of the log and returns the leaf that stands for it in
// the tree: the one that the row leads to, or that its column holds, whichever the
// stored hash confirms. So damage to a row is one finding and not also one in each
// hash above it.
func (c *checker) checkLine(l *line, stored *tlog.Hash) translog.Leaf {
	column, _ := translog.ParseLeaf(l.leaf) // of the right length: see readLine
	if l.Gap != nil {
		return c.checkErased(l, column, stored)
	}
	e, s, code, what := c.parse(l)
	var own *translog.Leaf
	if code == "" {
		own, code, what = c.follow(l, e)
	}
	leaf := column
	if own != nil && *own != column {
		if stored == nil || *stored != column.Hash() {
			leaf = *own
		}
		if code == "" {
			code, what = CodeLeaf, "it is not that of the row's entry, envelope and salt"
		}
	}
	if leaf != column {
		c.spoilt[l.Index] = &leaf
	}
	c.advance(l, e, s, leaf)
	if code == "" {
		c.replay(l, leaf)
	} else {
		c.found(code, entryAt(l.Index), "%s", what)
		c.damaged[l.Index] = true
		c.endReplay(l.Index)
	}
	switch {
	case e == nil || s == nil && e.Event == nil || code == CodeEntryStatement:
		c.unknown = true
	case s != nil:
		c.remember(l, e, s)
	case e.Event.Destroyed != nil:
		c.rememberDestroyed(e.Event.Destroyed.Package)
	case e.Event.Erased != nil:
		c.rememberErased(e)
	}
	return leaf
}

// parse reads entry and statement and compares them with each other and with the
// columns.
func (c *checker) parse(l *line) (e *custody.Entry, s *custody.Statement, code Code, what string) {
	var err error
	if e, err = custody.ParseEntry(l.Entry); err != nil {
		return nil, nil, CodeEntry, "the entry cannot be read"
	}
	if e.Event != nil {
		code, what = c.parseEvent(l, e)
		return e, nil, code, what
	}
	if s, err = custody.ParseStatement(l.Envelope); err != nil {
		return e, nil, CodeEnvelope, "the statement cannot be read"
	}
	switch {
	case e.Statement != s.SHA256 || e.Envelope != digestOf(l.Envelope) || e.Kind != s.Kind || e.Record != s.Record():
		return e, s, CodeEntryStatement, "the entry names another statement than the one beside it"
	case !l.columns(e, e.Statement[:]):
		return e, s, CodeEntryColumn, "record, seq, kind or statement_sha256 differ from the entry"
	}
	return e, s, "", ""
}

// parseEvent compares the entry of an event, which has no statement, with its row.
func (c *checker) parseEvent(l *line, e *custody.Entry) (code Code, what string) {
	switch {
	case len(l.Envelope) > 0:
		return CodeEntryStatement, "the entry is of an event, and an envelope stands beside it"
	case !l.columns(e, nil):
		return CodeEntryColumn, "record, seq, kind or statement_sha256 differ from the entry"
	}
	return "", ""
}

// columns reports whether the row says what its entry says.
func (l *line) columns(e *custody.Entry, statement []byte) bool {
	return l.record == string(e.Record) && l.seq == e.Seq && l.kind == string(e.Kind) &&
		bytes.Equal(l.statement, statement) && (l.statement == nil) == (statement == nil)
}

// follow checks that the entry continues the log and its record, and returns the
// leaf that it leads to.
func (c *checker) follow(l *line, e *custody.Entry) (own *translog.Leaf, code Code, what string) {
	if e.Time.Time().Before(c.log.last.Time()) {
		code, what = CodeTime, "it is dated before the entry that precedes it in the log"
	} else {
		c.log.last = e.Time
	}
	r := c.chains[e.Record]
	tag := translog.NewTag(e.Statement)
	switch gap := c.gap(r, e.Seq); {
	case gap > 0 && gap <= c.log.lost:
		c.log.lost -= gap // the missing entries are named already
		if r == nil {
			return nil, code, what // the tag was that of a missing entry
		}
		tag = r.tag
	case gap != 0 || r != nil && e.Prev != r.tip || r == nil && e.Prev != custody.Digest{}:
		return nil, CodeChain, "it does not follow the entry before it in its record"
	case r != nil:
		tag = r.tag
	default:
		if _, taken := c.tags[tag]; taken {
			return nil, CodeTag, "another record has the same tag"
		}
	}
	return &translog.Leaf{Tag: tag, Seq: uint64(e.Seq), Salted: l.Salted()}, code, what
}

// gap is how many entries of a record are missing before seq; negative if there
// was one already.
func (c *checker) gap(r *chain, seq int64) int64 {
	if r == nil {
		return seq
	}
	return seq - r.next
}

// advance moves the record of a row on. Which record that is, and where in it, the
// entry says if it is the one that was logged, else the columns.
func (c *checker) advance(l *line, e *custody.Entry, s *custody.Statement, leaf translog.Leaf) {
	id, seq := custody.RecordID(l.record), l.seq
	if e != nil && l.Salted() == leaf.Salted {
		id, seq = e.Record, e.Seq
	}
	r := c.chains[id]
	if r == nil {
		r = &chain{tag: leaf.Tag}
		c.chains[id] = r
		c.tags[leaf.Tag] = id
		r.parties = parties(s)
	}
	r.suspends(s)
	r.next, r.tip = seq+1, leaf.Salted
}

// suspends notes whom the record concerns by a suspension. Of a record whose first
// statement is damaged nobody knows whom it concerns.
func (r *chain) suspends(s *custody.Statement) {
	if s == nil || r.parties == nil {
		return
	}
	if b, ok := s.Body.(*custody.Suspension); ok && !slices.Contains(r.parties, b.With) {
		r.parties = append(r.parties, b.With)
	}
}

// parties lists the authorities that the record of a first statement concerns.
func parties(s *custody.Statement) []string {
	if s == nil {
		return nil
	}
	if s.Kind == custody.KindRoot {
		return []string{s.Header.By}
	}
	return s.Parties()
}

func isCase(id custody.RecordID) bool { return id != custody.RelayRecord && id.Authority() == "" }

// replay asks the rules again.
func (c *checker) replay(l *line, leaf translog.Leaf) {
	if c.book == nil {
		return
	}
	got, _, err := c.book.Add(l.Line)
	if err != nil {
		c.found(CodeReplay, entryAt(l.Index), "%v", err)
		c.endReplay(l.Index)
		return
	}
	if got != leaf {
		c.found(CodeLeaf, entryAt(l.Index), "it is not the one that the replay leads to")
	}
	c.report.Counts.Replayed++
}

// endReplay ends the replay: the rules judge an entry by all before it.
func (c *checker) endReplay(index int64) {
	if c.book != nil {
		c.note(NoteReplayEnded, entryAt(index), "the rules were not asked about it and what follows")
	}
	c.book = nil
}

// remember notes what the statement says about packages and annexes.
func (c *checker) remember(l *line, e *custody.Entry, s *custody.Statement) {
	c.rememberTerms(s)
	switch b := s.Body.(type) {
	case *custody.Seal:
		c.rememberSeal(l, e, b)
	case *custody.Unlock:
		if d := c.deposits[b.Package]; d != nil {
			d.unlocked = true
		}
	case *custody.Erasure:
		c.rememberErasure(e, s.SHA256, b)
	case *custody.Hold:
		c.holds[e.Record] = b.State == custody.StateHeld
	case *custody.Recall:
		if d := c.deposits[b.Package]; d != nil {
			d.recalled = true
		}
	}
	if isCase(e.Record) {
		c.gone.indices[place{e.Record, e.Seq}] = l.Index
	}
	if ref, bound := s.Annex(); bound {
		id := annexID{ref.SHA256, e.Record}
		c.rememberAnnex(id, ref.Size, s)
		c.gone.binding[place{e.Record, e.Seq}] = id
		c.annexes[id].binders++
	}
}

// rememberTerms notes how long a grant, or an offer, has packages kept. An amendment says
// so anew for those that are deposited after it.
func (c *checker) rememberTerms(s *custody.Statement) {
	switch b := s.Body.(type) {
	case *custody.Grant:
		days := b.RetentionDays
		c.retention[s.SHA256] = &days
	case *custody.Offer:
		days := b.RetentionDays
		c.retention[s.SHA256] = &days
	case *custody.Amendment:
		if days := c.retention[b.Amends]; days != nil {
			*days = b.RetentionDays
			c.retention[s.SHA256] = days
		}
	}
}

// rememberAnnex notes who may read an annex: a review's its own State, and what a
// later statement adds.
func (c *checker) rememberAnnex(id annexID, size int64, s *custody.Statement) {
	var scope []string
	if r := c.chains[id.record]; r != nil {
		scope = r.parties
	}
	if s.Kind == custody.KindReview {
		scope = []string{s.Header.By}
	}
	switch a := c.annexes[id]; {
	case a == nil:
		c.annexes[id] = &annex{size: size, scope: scope}
	case a.scope != nil && scope != nil:
		a.scope = records.Widen(a.scope, scope)
	default:
		a.scope = nil
	}
}

// checkParties compares the table of parties with the first statements and suspensions.
func (c *checker) checkParties(ctx context.Context) error {
	err := c.each(ctx, "SELECT authority, record FROM parties ORDER BY record, authority", "parties", func(scan func(...any) error) error {
		var authority, record string
		if err := scan(&authority, &record); err != nil {
			return err
		}
		if r := c.chains[custody.RecordID(record)]; r != nil && slices.Contains(r.parties, authority) {
			r.listed++
		} else if r != nil && r.parties != nil || !c.unknown { // of a damaged first entry nobody knows
			c.found(CodeParty, recordAt(record), "it does not concern %q", authority)
		}
		return nil
	})
	for id, r := range c.chains {
		if err == nil && r.listed < len(r.parties) {
			c.found(CodeParty, recordAt(string(id)), "an authority that it concerns is not listed")
		}
	}
	return err
}

func recordAt(id string) string { return "record " + id }
