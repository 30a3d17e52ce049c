package ledger

import (
	"fmt"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
)

// maxCached is the number of records in each generation of a cache.
const maxCached = 2000

// front is what strangers and rules see of the records that are not cases. It
// is immutable; with makes a new one.
type front struct {
	view        *custody.View
	authorities map[string]authority
	relay       []byte // envelope of the newest descriptor
}

// authority is the envelopes of an authority's record.
type authority struct {
	roots     [][]byte
	directory []byte  // the newest
	seqs      []int64 // of the directories, by version from 1 on: the rules leave none out
}

// with returns the front after a statement was applied to a record, or an event, of
// which s is nil: no front shows events.
func (f front) with(r *custody.Record, s *custody.Statement) front {
	if isCase(r.ID) || s == nil {
		return f
	}
	n := front{view: f.view.With(r), authorities: map[string]authority{}, relay: f.relay}
	for name, a := range f.authorities {
		n.authorities[name] = a
	}
	a := n.authorities[s.Header.By]
	switch s.Kind {
	case custody.KindRelay:
		n.relay = s.Envelope
		return n
	case custody.KindRoot:
		a.roots = append(a.roots[:len(a.roots):len(a.roots)], s.Envelope)
	case custody.KindDirectory:
		a.directory = s.Envelope
		a.seqs = append(a.seqs[:len(a.seqs):len(a.seqs)], r.Len()-1)
	}
	n.authorities[s.Header.By] = a
	return n
}

// pinned returns the front with other pins.
func (f front) pinned(pins map[string]custody.Digest) front {
	v := *f.view
	v.Pins = pins
	f.view = &v
	return f
}

// snapshot is the published log. It is immutable.
type snapshot struct {
	front
	size int64
	last custody.Time // of the last entry
	note []byte       // signed checkpoint
}

// state is what the next entry follows: all that is committed, and within a
// transaction what will be. After a transaction that failed it is thrown away.
type state struct {
	front
	head    records.Head
	records cache[*custody.Record]
}

// load reads the state from the database. It replays the records of authorities
// and of the relay, since together they are what is in force; cases are read
// when they are asked for.
func load(tx *records.Tx, origin string) (*state, error) {
	head, err := tx.Head()
	if err != nil {
		return nil, err
	}
	pins, err := tx.Pins()
	if err != nil {
		return nil, err
	}
	ids, err := tx.Records()
	if err != nil {
		return nil, err
	}
	st := &state{head: head}
	st.view = &custody.View{Origin: origin, Pins: pins, Authorities: map[string]*custody.Authority{}}
	for _, id := range ids {
		if err := st.loadFront(tx, id); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func (st *state) loadFront(tx *records.Tx, id custody.RecordID) error {
	if isCase(id) {
		return nil
	}
	r := custody.NewRecord(id)
	err := replayEach(tx, r, st.head.Size, func(s *custody.Statement) { st.front = st.with(r, s) })
	st.records.put(id, r)
	return err
}

// begin looks for the records of a batch that have no entry yet: asked one by one, a
// server's answers would take as long as all else.
func (st *state) begin(tx *records.Tx, batch []*pending) error {
	var ids []custody.RecordID
	for _, p := range batch {
		if p.sub.Statement == nil {
			continue
		}
		if _, ok := st.records.get(p.sub.Statement.Record()); !ok {
			ids = append(ids, p.sub.Statement.Record())
		}
	}
	if len(ids) < 2 {
		return nil // record asks for it
	}
	begun, err := tx.Begun(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !begun[id] {
			st.records.put(id, custody.NewRecord(id))
		}
	}
	return nil
}

// record returns a record as the entries so far made it.
func (st *state) record(tx *records.Tx, id custody.RecordID) (*custody.Record, error) {
	r, ok := st.records.get(id)
	if ok {
		return r, nil
	}
	r = custody.NewRecord(id)
	if err := replay(tx, r, st.head.Size); err != nil {
		return nil, err
	}
	st.records.put(id, r)
	return r, nil
}

// replay applies to a record the entries that it lacks with an index below size.
func replay(tx *records.Tx, r *custody.Record, size int64) error {
	return replayEach(tx, r, size, func(*custody.Statement) {})
}

func replayEach(tx *records.Tx, r *custody.Record, size int64, applied func(*custody.Statement)) error {
	lines, err := tx.Lines(r.ID, r.Len(), size)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.Gap != nil { // the rules were asked about it, and what follows, when the entries were made
			if err := r.Skip(custody.NewGap(&l.Line, l.Gap.Reason, "the relay")); err != nil {
				return fmt.Errorf("replaying record %q at %d: %v", r.ID, l.Index, err)
			}
			continue
		}
		e, s, err := l.Parse()
		if err != nil {
			return fmt.Errorf("replaying record %q at %d: %v", r.ID, l.Index, err)
		}
		if err := r.Fold(e, s, l.Salted()); err != nil {
			return fmt.Errorf("replaying record %q at %d: %v", r.ID, l.Index, err)
		}
		applied(s)
	}
	return nil
}

// later returns the time of a clock, or last if the clock is behind it.
func later(clock func() time.Time, last custody.Time) custody.Time {
	now := statement.At(clock())
	if now.Time().Before(last.Time()) {
		return last
	}
	return now
}

// cache keeps the records in use in two generations: when the young one is full
// the old one is dropped. So it is bounded, and what is used stays. The zero
// value is ready. It is not safe for concurrent use.
type cache[T any] struct{ young, old map[custody.RecordID]T }

func (c *cache[T]) get(id custody.RecordID) (v T, ok bool) {
	if v, ok = c.young[id]; ok {
		return v, true
	}
	if v, ok = c.old[id]; ok {
		c.put(id, v)
	}
	return v, ok
}

func (c *cache[T]) drop(id custody.RecordID) {
	delete(c.young, id)
	delete(c.old, id)
}

func (c *cache[T]) put(id custody.RecordID, v T) {
	if len(c.young) >= maxCached || c.young == nil {
		c.old, c.young = c.young, map[custody.RecordID]T{}
	}
	c.young[id] = v
}
