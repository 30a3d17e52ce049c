package ledger

import (
	"context"
	"sync"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// maxChanges bounds one answer of Changes.
const maxChanges = 500

// View returns what is in force after the published entries: a snapshot that
// does not change.
func (l *Ledger) View() *custody.View { return l.shown.Load().view }

// Size returns the number of published entries.
func (l *Ledger) Size() int64 { return l.shown.Load().size }

// Authority returns the envelopes of an authority's roots, oldest first, and of
// its newest directory (nil before the first). Ok is false of an authority that
// has no root here.
func (l *Ledger) Authority(name string) (roots [][]byte, directory []byte, ok bool) {
	a, ok := l.shown.Load().authorities[name]
	return a.roots, a.directory, ok
}

// Directory returns the envelope of an authority's directory of a version, or
// ErrNoRecord. It costs one row, whoever asks and however many there are.
func (l *Ledger) Directory(ctx context.Context, name string, version int64) (envelope []byte, err error) {
	seqs := l.shown.Load().authorities[name].seqs
	if version < 1 || version > int64(len(seqs)) {
		return nil, ErrNoRecord
	}
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		e, err := tx.Line(custody.AuthorityRecord(name), seqs[version-1])
		envelope = e.Envelope
		return err
	})
	return envelope, err
}

// Relay returns the envelope of the relay's newest descriptor, or nil.
func (l *Ledger) Relay() []byte { return l.shown.Load().relay }

// Decide asks the rule book, and the operator's policy, about an act now, on the
// published entries. A record that does not exist is an empty one.
func (l *Ledger) Decide(ctx context.Context, id custody.RecordID, a custody.Action) (Answer, error) {
	if !isCase(id) && a.Act != custody.ActStatement {
		// The rules read the view alone, and these records are long to replay.
		return l.decide(custody.NewRecord(id), l.View(), a, l.now()), nil
	}
	var d Answer
	err := l.Read(ctx, id, func(r *custody.Record) error {
		d = l.decide(r, l.View(), a, l.now())
		return nil
	})
	return d, err
}

// isCase reports whether a record is of a request.
func isCase(id custody.RecordID) bool { return id != custody.RelayRecord && id.Authority() == "" }

// now is the clock of the published log: never before its last entry.
func (l *Ledger) now() custody.Time { return later(l.cfg.Now, l.shown.Load().last) }

// slot holds a record as the published entries made it.
type slot struct {
	mu     sync.Mutex // guards the fields below
	record *custody.Record
	size   int64 // of the log that record is up to date with
}

// Read gives f the record as the published entries made it; of an unknown id it
// is empty. F must not keep the record, change it, or call the ledger about the
// same record. The error of f is returned as it is.
func (l *Ledger) Read(ctx context.Context, id custody.RecordID, f func(*custody.Record) error) error {
	l.mu.Lock()
	s, ok := l.slots.get(id)
	if !ok {
		s = &slot{record: custody.NewRecord(id)}
		l.slots.put(id, s)
	}
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.catchUp(ctx, s); err != nil {
		return err
	}
	return f(s.record)
}

// catchUp applies what was published since the slot was last read.
func (l *Ledger) catchUp(ctx context.Context, s *slot) error {
	size := l.Size()
	if s.size >= size {
		return nil
	}
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) error { return replay(tx, s.record, size) })
	if err == nil {
		s.size = size
	}
	return err
}

// Changes lists entries from the log index after on, of records that concern an
// authority (its cases and its own record), and the index to go on from. If
// there are none it waits for up to wait, or until ctx ends, and then answers
// with an empty list.
func (l *Ledger) Changes(ctx context.Context, authority string, after int64, wait time.Duration) (list []wire.Change, next int64, err error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	for {
		// In this order: what is published after the channel was taken closes it.
		changed := l.signal()
		size := l.Size()
		after = min(max(after, 0), size)
		if list, next, err = l.changes(ctx, authority, after, size); err != nil || len(list) > 0 {
			return list, next, err
		}
		after = next
		select {
		case <-changed:
		case <-t.C:
			return nil, next, nil
		case <-ctx.Done():
			return nil, next, nil
		case <-l.done:
			return nil, next, nil
		}
	}
}

func (l *Ledger) changes(ctx context.Context, authority string, after, size int64) (list []wire.Change, next int64, err error) {
	next = size
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		found, err := tx.Changes(authority, after, size, maxChanges)
		for _, c := range found {
			list = append(list, wire.Change{Record: c.Record, Seq: c.Seq, Kind: c.Kind})
		}
		if len(found) == maxChanges {
			next = found[len(found)-1].Index + 1
		}
		return err
	})
	return list, next, err
}

// signal returns the channel that the next publication closes.
func (l *Ledger) signal() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}
