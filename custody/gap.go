package custody

import (
	"bytes"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
)

const gapType = "comity/gap/v1"

// The reasons why an entry is not shown.
const (
	// GapRedacted: who made the file left it out. Nothing but that word stands behind it.
	GapRedacted = "redacted"

	// GapErased: the relay has destroyed it. An event of the relay's in the same record
	// says so, or it is not believed.
	GapErased = "erased"
)

// maxGapBy bounds Gap.By in bytes.
const maxGapBy = 100

// Gap stands in the place of an entry whose bytes, statement and salt are not shown.
// Its hash is what the log holds there and what the next entry names, so a gap cannot
// be put where there is no entry; what the entry says, nobody can tell from it.
type Gap struct {
	Type   string `json:"_type"` // comity/gap/v1
	Salted Digest `json:"salted"`
	Reason string `json:"reason"`
	By     string `json:"by"` // who says so: of what is erased the relay, else a word that proves nothing
}

// NewGap returns the gap in the place of a line.
func NewGap(l *Line, reason, by string) *Gap {
	return &Gap{gapType, l.Salted(), reason, by}
}

// Marshal returns the one byte form of the gap.
func (g *Gap) Marshal() []byte { return statement.Encode(g) }

// ParseGap reads a gap, and only from the form that Marshal writes.
func ParseGap(data []byte) (*Gap, error) {
	var g Gap
	if err := statement.Decode(data, &g); err != nil {
		return nil, fmt.Errorf("reading gap: %v", err)
	}
	if err := g.Check(); err != nil {
		return nil, fmt.Errorf("reading gap: %w", err)
	}
	if !bytes.Equal(g.Marshal(), data) {
		return nil, errors.New("reading gap: not in canonical form")
	}
	return &g, nil
}

// Check checks what holds for a gap wherever it stands.
func (g *Gap) Check() error {
	switch {
	case g.Type != gapType:
		return bad("unknown _type %q", g.Type)
	case g.Salted.IsZero():
		return bad("a gap has the hash of what is not shown")
	case g.Reason != GapRedacted && g.Reason != GapErased:
		return bad("reason %q is unknown", g.Reason)
	case g.By == "" || len(g.By) > maxGapBy || !utf8.ValidString(g.By):
		return bad("by: want 1 to %d bytes of text", maxGapBy)
	}
	for _, r := range g.By {
		if !unicode.IsPrint(r) {
			return bad("by: %q does not print", r)
		}
	}
	return nil
}

// gaps is what a record remembers of entries that are not shown, and of what that
// leaves unchecked.
type gaps struct {
	erased    map[int64]bool // an event of the relay's says so, shown or not
	bare      map[int64]bool // likewise, of the annex alone
	missing   map[int64]*Gap // by seq
	asked     map[Digest]*Erasure
	unchecked map[int64]bool // entries of which the rules cannot be replayed
}

// Gap returns what stands in the place of an entry; nil if it is shown.
func (r *Record) Gap(seq int64) *Gap { return r.gaps.missing[seq] }

// Torn reports whether an entry before the tip is not shown: what follows it is folded
// as far as that can be, and is less than the whole.
func (r *Record) Torn() bool { return len(r.gaps.missing) > 0 }

// Unchecked reports whether an entry was taken although the rules could not be replayed
// for it, because something before it is not shown.
func (r *Record) Unchecked(seq int64) bool { return r.gaps.unchecked[seq] }

// Skip adds an entry that is not shown to the record of a request. The first one must
// be shown: it names the parties, and the tag of all others derives from it.
func (r *Record) Skip(g *Gap) error {
	switch err := g.Check(); {
	case err != nil:
		return fmt.Errorf("entry %d of record %q: %w", r.Len(), r.ID, err)
	case r.kase == nil:
		return fmt.Errorf("entry %d of record %q is not shown: only a request's may be, and not the first", r.Len(), r.ID)
	}
	if r.gaps.missing == nil {
		r.gaps.missing = map[int64]*Gap{}
	}
	r.kase.hidden++
	r.gaps.missing[r.Len()] = g
	r.leaves = append(r.leaves, g.Salted)
	r.acts = append(r.acts, act{})
	return nil
}

// take adds an entry whose place is right and which is not folded: what it rests on is
// not shown.
func (r *Record) take(e *Entry, s *Statement, leaf Digest) error {
	if err := r.fits(e, s); err != nil {
		return err
	}
	if r.gaps.unchecked == nil {
		r.gaps.unchecked = map[int64]bool{}
	}
	r.gaps.unchecked[e.Seq] = true
	if s != nil {
		r.statements[s.SHA256] = e.Seq
	} else if e.Event.Erased != nil {
		r.gone(e.Event.Erased)
	}
	r.leaves = append(r.leaves, leaf)
	r.remember(e, s)
	r.last = e.Time
	return nil
}

// Fold applies an entry as Apply does, to a record that may be torn: what it cannot fold
// because something before is not shown it takes as it is. It is for who asked the rules
// when the entry was made, as a relay did of its own; who has only the record asks a
// Book.
func (r *Record) Fold(e *Entry, s *Statement, leaf Digest) error {
	err := r.Apply(e, s, leaf)
	if err != nil && r.Torn() {
		return r.take(e, s, leaf)
	}
	return err
}

// Undeclared returns the first entry that is said to be erased, and of which no event in
// the record says so; ok if there is none.
func (r *Record) Undeclared() (seq int64, ok bool) {
	for seq := range r.Len() {
		if g := r.gaps.missing[seq]; g != nil && g.Reason == GapErased && !r.gaps.erased[seq] {
			return seq, false
		}
	}
	return 0, true
}

// Erased returns an error unless all that is not shown in the record was erased by the
// relay as the rules want it: an event says so, of an erasure that a State signed, and the
// case is over. It is for who acts on a record: as long as something can move, nothing may be
// hidden, whoever says why.
func (r *Record) Erased() error {
	for seq := range r.Len() {
		switch g := r.gaps.missing[seq]; {
		case g == nil:
		case g.Reason != GapErased || !r.gaps.erased[seq]:
			return fmt.Errorf("entry %d of record %q is not shown, and nothing in the record says why", seq, r.ID)
		case !r.kase.Over():
			return fmt.Errorf("entry %d of record %q is not shown, and the request goes on", seq, r.ID)
		}
	}
	return nil
}

// AddGap replays an entry of a request's record that is not shown, as Add does one that
// is. What follows in that record is checked as far as it does not rest on what is not
// shown: its place, its signatures, who may say it at all; the rest is marked (see
// Record.Unchecked).
func (b *Book) AddGap(id RecordID, index int64, g *Gap) (translog.Leaf, error) {
	var none translog.Leaf
	r := b.records[id]
	switch {
	case r == nil:
		return none, fmt.Errorf("record %q begins with an entry that is not shown", id)
	case index <= b.index:
		return none, fmt.Errorf("entry %d of record %q stands at %d in the log, not after %d", r.Len(), id, index, b.index)
	case g.Reason == GapErased && g.By != b.view.Origin:
		return none, fmt.Errorf("entry %d of record %q is said to be erased by %q: only the relay can say that", r.Len(), id, g.By)
	}
	if err := r.Skip(g); err != nil {
		return none, err
	}
	b.index = index
	return translog.Leaf{Tag: translog.NewTag(r.First()), Seq: uint64(r.Len() - 1), Salted: g.Salted}, nil
}

// addTorn replays an entry after a gap in its record. What the rules say no to there may
// have been allowed by what is not shown, so it is taken, not folded, and marked. What no
// gap can excuse fails as ever.
func (b *Book) addTorn(r *Record, e *Entry, s *Statement, leaf Digest) error {
	err := b.decided(r, e, s)
	if err == nil {
		return r.Apply(e, s, leaf)
	}
	if s != nil {
		if d := regardless(r, b.view, Action{Act: ActStatement, Via: e.Via, Statement: s}, e.Time); !d.Allowed() {
			return fmt.Errorf("entry %d of record %q: whatever is not shown, the rules refuse this %s: %s: %w", e.Seq, e.Record, e.Kind, d, ErrRefused)
		}
	}
	if e.Event != nil && !r.excuses(e.Event) {
		return err
	}
	if err := b.directories(r, e, s); err != nil {
		return err
	}
	return r.take(e, s, leaf)
}

// excuses reports whether what is not shown may have allowed an event: it is about a
// package, a grant or an erasure that may stand there, or rest on what does. The erasure
// itself has to be shown, and the event says what it says.
func (r *Record) excuses(ev *Event) bool {
	if e := ev.Erased; e != nil {
		b := r.gaps.asked[e.Erasure]
		return b != nil && e.of(b)
	}
	return ev.Destroyed != nil || ev.Lapsed != nil
}

// regardless are the rules of a statement in a case that do not depend on what the
// record holds before it, but for its first entry: who carries it, whose keys signed,
// how many, that the pair is not suspended.
func regardless(r *Record, v *View, a Action, now Time) Decision {
	s := a.Statement
	if d := fitting(r, v, s, now); !d.Allowed() {
		return d
	}
	m, d := spoken(r, v, a, now)
	if !d.Allowed() {
		return d
	}
	if s.byAgent() {
		d = agentSigned(s, m)
	}
	if d.Allowed() && moves(s.Kind) {
		d = unlessSuspended(v, r.kase.From, r.kase.To, d)
	}
	return d
}

// moves reports whether a kind waits while the pair is suspended.
func moves(k Kind) bool {
	switch k {
	case KindGrant, KindAcceptance, KindAmendment, KindSeal, KindUnlock, KindRelease:
		return true
	}
	return false
}
