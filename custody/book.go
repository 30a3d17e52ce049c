package custody

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/translog"
)

// Line is one entry with its statement and salt, as a relay answers for it and a
// dossier keeps it, and its place in the log. An event has no statement: its
// envelope is empty.
type Line struct {
	Index    int64  // in the log
	Entry    []byte // exact bytes
	Envelope []byte // exact bytes; none of an event
	Salt     Digest
	Gap      *Gap // in place of all but the index, if the entry is not shown
}

// Salted returns the hash by which the next entry of the record names this one.
func (l *Line) Salted() Digest {
	if l.Gap != nil {
		return l.Gap.Salted
	}
	return translog.Salted(l.Salt, sha256.Sum256(l.Entry), envelopeSHA256(l.Envelope))
}

// envelopeSHA256 is how an entry and a leaf name an envelope: by zeros where there
// is none.
func envelopeSHA256(envelope []byte) Digest {
	if len(envelope) == 0 {
		return Digest{}
	}
	return sha256.Sum256(envelope)
}

// Parse reads the entry and its statement; s is nil of an event. It checks that
// a line has an envelope where its entry has one, not that they fit: Apply does.
func (l *Line) Parse() (e *Entry, s *Statement, err error) {
	if l.Gap != nil {
		return nil, nil, fmt.Errorf("log entry %d is not shown: %s", l.Index, l.Gap.Reason)
	}
	if e, err = ParseEntry(l.Entry); err != nil {
		return nil, nil, err
	}
	switch {
	case e.Event == nil:
		s, err = ParseStatement(l.Envelope)
	case len(l.Envelope) > 0:
		err = errors.New("an event has no envelope")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("entry %d of record %q: %w", e.Seq, e.Record, err)
	}
	return e, s, nil
}

// Leaf returns the tile entry that the log holds for the line in a record whose
// first statement has the payload hash given.
func (l *Line) Leaf(first Digest, seq int64) translog.Leaf {
	return translog.Leaf{Tag: translog.NewTag(first), Seq: uint64(seq), Salted: l.Salted()}
}

// Book replays records in the order of the log. At each line it asks Decide what
// the relay should have answered then, with the directories of that moment, and
// fails if the entry says otherwise. It is what an agent believes a relay by, and
// a court a dossier. It is not safe for concurrent use.
type Book struct {
	view    *View
	records map[RecordID]*Record
	index   int64 // of the last line
	last    Time  // of the last line
}

// NewBook returns an empty book for a relay. Pins are the root fingerprints of
// the authorities; relay is the fingerprint of the relay's root keys.
func NewBook(origin string, pins map[string]Digest, relay Digest) *Book {
	return &Book{
		view:    &View{Origin: origin, RelayFingerprint: relay, Pins: pins, Authorities: map[string]*Authority{}},
		records: map[RecordID]*Record{},
		index:   -1,
	}
}

// View returns what is in force after the lines so far.
func (b *Book) View() *View { return b.view }

// Last returns the time of the last line: the log was not complete before.
func (b *Book) Last() Time { return b.last }

// Record returns the record of that name as the lines so far made it, or nil.
func (b *Book) Record(id RecordID) *Record { return b.records[id] }

// Records lists the names of the records, sorted.
func (b *Book) Records() []RecordID {
	var ids []RecordID
	for id := range b.records {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Add replays one line. Lines must come in ascending order of their index. It
// returns the leaf whose inclusion in the log at that index the caller must
// check: without that check a line proves nothing. After an error the book must
// not be used further.
func (b *Book) Add(l Line) (translog.Leaf, *Entry, error) {
	var none translog.Leaf
	e, s, err := l.Parse()
	if err != nil {
		return none, nil, err
	}
	if err := b.fits(l, e); err != nil {
		return none, nil, err
	}
	r := b.records[e.Record]
	if r == nil {
		r = NewRecord(e.Record)
	}
	if r.Torn() {
		err = b.addTorn(r, e, s, l.Salted())
	} else if err = b.decided(r, e, s); err == nil {
		err = r.Apply(e, s, l.Salted())
	}
	if err != nil {
		return none, nil, err
	}
	b.records[e.Record] = r
	b.view = b.view.With(r)
	b.index, b.last = l.Index, e.Time
	return l.Leaf(r.First(), e.Seq), e, nil
}

func (b *Book) fits(l Line, e *Entry) error {
	switch {
	case l.Index <= b.index:
		return fmt.Errorf("entry %d of record %q stands at %d in the log, not after %d", e.Seq, e.Record, l.Index, b.index)
	case e.Time.Time().Before(b.last.Time()):
		return fmt.Errorf("entry %d of record %q is dated before the log entry that precedes it", e.Seq, e.Record)
	case e.Relay != b.view.Origin:
		return fmt.Errorf("entry %d of record %q is of relay %q, not %q", e.Seq, e.Record, e.Relay, b.view.Origin)
	}
	return nil
}

// decided asks the rule book again; s is nil of an event. A relay may say no more often than the rules
// (its operator's policy narrows), but its entries say only what they allow.
func (b *Book) decided(r *Record, e *Entry, s *Statement) error {
	var d Decision
	if s == nil {
		d = DecideEvent(r, b.view, e.Event, e.Time)
	} else {
		d = Decide(r, b.view, Action{Act: ActStatement, Via: e.Via, Statement: s}, e.Time)
	}
	if !d.Allowed() {
		return fmt.Errorf("entry %d of record %q: the rules refuse this %s: %s: %w", e.Seq, e.Record, e.Kind, d, ErrRefused)
	}
	if e.Decision != d {
		return fmt.Errorf("entry %d of record %q: the entry says %q, the rules say %q", e.Seq, e.Record, e.Decision, d)
	}
	return b.directories(r, e, s)
}

// directories: an entry names those in force at its place in the log, and a carrier
// only where one is needed.
func (b *Book) directories(r *Record, e *Entry, s *Statement) error {
	if want := b.view.refs(r, s); !slices.Equal(e.Directories, want) {
		return fmt.Errorf("entry %d of record %q was decided with other directories than those in force at its place in the log", e.Seq, e.Record)
	}
	if (r.ID == RelayRecord || r.ID.Authority() != "") && e.Via != "" {
		return fmt.Errorf("entry %d of record %q names a carrier where none is needed", e.Seq, e.Record)
	}
	return nil
}
