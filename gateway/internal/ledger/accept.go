package ledger

import (
	"bytes"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
)

// accept makes the entry of one statement, if the rules allow it.
func (l *Ledger) accept(tx *records.Tx, p *pending) error {
	st, s := l.next, p.sub.Statement
	r, err := st.record(tx, s.Record())
	if err != nil {
		return err
	}
	now := later(l.cfg.Now, st.head.Last)
	a := custody.Action{Act: custody.ActStatement, Via: p.sub.Via, Statement: s}
	if !isCase(r.ID) {
		a.Via = "" // anyone may bring these; the rules want no carrier recorded
	}
	if _, dup := r.Has(s.SHA256); dup {
		if done, err := l.again(tx, r, a, now, p); done || err != nil {
			return err
		}
	}
	if r.Torn() { // whoever has kept it replays that it was said already
		gone, err := tx.WasErased(s.SHA256)
		if err != nil {
			return err
		}
		if gone {
			return refused(custody.Decision{Code: custody.CodeDuplicate, Rule: "once"})
		}
	}
	if p.sub.Open != nil {
		if a.Open, err = p.sub.Open(tx); err != nil {
			return err
		}
	}
	d := l.decide(r, st.view, a, now)
	if !d.Allowed() {
		return &Refused{d}
	}
	e := custody.NewEntry(r, st.view, s, a.Via, now, d.Decision, p.sub.Deposit)
	if d.Policy != nil {
		e.Policy = d.Policy.SHA256
	}
	return l.append(tx, r, p, e, s)
}

// note makes the entry of one event, if the rules allow it at the head of the log:
// two calls with one denial make one entry, also after a restart.
func (l *Ledger) note(tx *records.Tx, p *pending) error {
	st := l.next
	r, err := st.record(tx, p.record)
	if err != nil {
		return err
	}
	now := later(l.cfg.Now, st.head.Last)
	d := custody.DecideEvent(r, st.view, p.event, now)
	if !d.Allowed() {
		return refused(d)
	}
	err = l.append(tx, r, p, custody.NewEvent(r, st.view, p.event, now, d), nil)
	if err == nil && p.event.Erased != nil {
		st.records.drop(r.ID) // it holds what was erased
	}
	return err
}

// again answers a statement that the log holds, if it came in the same envelope
// and from someone who may read its record: the answer tells the entry.
func (l *Ledger) again(tx *records.Tx, r *custody.Record, a custody.Action, now custody.Time, p *pending) (done bool, err error) {
	e, err := tx.ByStatement(a.Statement.SHA256)
	if err != nil || !bytes.Equal(e.Envelope, a.Statement.Envelope) {
		return false, err
	}
	if isCase(r.ID) {
		d := custody.Decide(r, l.next.view, custody.Action{Act: custody.ActRecord, Via: a.Via}, now)
		if !d.Allowed() {
			return false, refused(d)
		}
	}
	p.line = e.Line
	return true, nil
}

// append writes one entry and what the caller changes with it, then moves the
// state on. Of an event s is nil.
func (l *Ledger) append(tx *records.Tx, r *custody.Record, p *pending, e *custody.Entry, s *custody.Statement) error {
	st := l.next
	line := custody.Line{Index: st.head.Size, Entry: e.Marshal(), Salt: statement.NewNonce()}
	if s != nil {
		line.Envelope = s.Envelope
	}
	first := r.First()
	if r.Len() == 0 {
		first = e.Statement
	}
	row := records.Entry{Line: line, Record: r.ID, Seq: e.Seq, Kind: e.Kind, Statement: e.Statement, Leaf: line.Leaf(first, e.Seq)}
	err := tx.Savepoint(func() error {
		if err := write(tx, row, s); err != nil {
			return err
		}
		if p.sub.In != nil {
			if err := p.sub.In(tx); err != nil {
				return err
			}
		}
		return r.Apply(e, s, line.Salted()) // last: it cannot be undone
	})
	if err != nil {
		return err
	}
	st.front = st.with(r, s)
	st.head.Size++
	st.head.Last = e.Time
	p.line = line
	l.copies[line.Index] = startSealing(line, l.cfg.Recovery)
	return nil
}

func write(tx *records.Tx, row records.Entry, s *custody.Statement) error {
	if err := tx.Append(row); err != nil {
		return err
	}
	for _, name := range concerned(row.Seq, s) {
		tx.AddParty(row.Record, name)
	}
	return nil
}

// concerned lists the authorities that a record concerns by a statement, which is nil of
// an event: those of its first one, and whom its authority has ever spoken of in a
// suspension. From then on they hear of its directories too, which are public.
func concerned(seq int64, s *custody.Statement) []string {
	if s == nil {
		return nil
	}
	if b, ok := s.Body.(*custody.Suspension); ok {
		return []string{b.With}
	}
	if seq > 0 {
		return nil
	}
	if s.Kind == custody.KindRoot {
		return []string{s.Header.By}
	}
	return s.Parties()
}
