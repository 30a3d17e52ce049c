package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxBatch      = 256              // statements in one transaction
	maxBatchBytes = 16 << 20         // of their envelopes, unless one alone has more
	publishAgain  = 10 * time.Second // after the store failed
)

// pending is one call that waits for the sequencer. After it was put into the
// queue its fields are the sequencer's.
type pending struct {
	ctx    context.Context // of the caller: one that has left is not served
	sub    Submission
	reload bool // read the pins again; sub is empty

	record custody.RecordID // of the event
	event  *custody.Event   // to be filed; sub is empty

	line   custody.Line // once it is, or was already, in the log
	proof  *wire.Proof  // of the line
	err    error
	answer chan answer // of capacity 1
}

type answer struct {
	proof *wire.Proof
	err   error
}

// enqueue hands a call to the sequencer and waits for its answer.
func (l *Ledger) enqueue(p *pending) (*wire.Proof, error) {
	p.answer = make(chan answer, 1)
	select {
	case l.queue <- p:
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	case <-l.done:
		return nil, ErrClosed
	}
	select {
	case a := <-p.answer:
		return a.proof, a.err
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	case <-l.done:
	}
	select {
	case a := <-p.answer: // both were ready
		return a.proof, a.err
	default:
		return nil, ErrClosed
	}
}

// sequence is the sequencer: the one goroutine that changes the log.
func (l *Ledger) sequence(ctx context.Context) {
	defer close(l.done)
	work := context.WithoutCancel(ctx) // Close lets a batch finish
	for ctx.Err() == nil {
		var again <-chan time.Time
		if l.behind() {
			again = time.After(publishAgain)
		}
		select {
		case <-ctx.Done():
		case p := <-l.queue:
			l.process(work, l.batch(p))
		case <-again:
			l.process(work, nil)
		}
	}
}

// behind reports whether something is committed and not published.
func (l *Ledger) behind() bool { return l.next == nil || l.next.head.Size > l.Size() }

// batch adds to p whatever waits behind it.
func (l *Ledger) batch(p *pending) []*pending {
	list := []*pending{p}
	bytes := p.weight()
	for len(list) < maxBatch && bytes < maxBatchBytes {
		select {
		case q := <-l.queue:
			list, bytes = append(list, q), bytes+q.weight()
		default:
			return list
		}
	}
	return list
}

func (p *pending) weight() int {
	if p.sub.Statement == nil {
		return 0
	}
	return len(p.sub.Statement.Envelope)
}

// process takes a batch through all steps and answers each call.
func (l *Ledger) process(ctx context.Context, batch []*pending) {
	err := l.steps(ctx, batch)
	if err == nil {
		err = l.prove(ctx, batch)
	}
	for _, p := range batch {
		a := answer{err: p.err}
		if a.err == nil {
			a.err = err
		}
		if a.err == nil {
			a.proof = p.proof
		}
		p.answer <- a
	}
}

// steps commits and publishes a batch. What an earlier batch left unpublished
// goes first: while the store fails nothing new is committed.
func (l *Ledger) steps(ctx context.Context, batch []*pending) error {
	if l.next != nil && l.behind() {
		if err := l.publish(ctx); err != nil {
			l.cfg.Logger.ErrorContext(ctx, "publishing the log", "error", err)
			return ErrUnavailable
		}
	}
	if err := l.commit(ctx, batch); err != nil {
		// The state may be ahead of the database, or behind if the commit
		// succeeded and its answer was lost: the next batch reads it again.
		l.next = nil
		clear(l.copies)
		l.cfg.Logger.ErrorContext(ctx, "committing to the log", "error", err)
		return fmt.Errorf("committing to the log: %w", err)
	}
	if !l.behind() {
		return nil
	}
	if err := l.publish(ctx); err != nil {
		l.cfg.Logger.ErrorContext(ctx, "publishing the log", "error", err)
		return ErrUnpublished
	}
	return nil
}

// commit decides over a batch, in order, in one transaction.
//
// If we crash before it is committed, nothing of the batch is in the log and
// nobody was answered. If we crash after it, the next Open publishes it; a
// caller that files its statement again is answered with the entry's proof.
func (l *Ledger) commit(ctx context.Context, batch []*pending) error {
	grown := false
	err := l.cfg.DB.Update(ctx, func(tx *records.Tx) (err error) {
		if l.next == nil {
			if l.next, err = load(tx, l.cfg.Origin); err != nil {
				return err
			}
		}
		if err := l.next.begin(tx, batch); err != nil {
			return err
		}
		before := l.next.head.Size
		for _, p := range batch {
			if p.err = l.take(tx, p); errors.Is(p.err, records.ErrBroken) {
				return p.err
			}
		}
		if l.next.head.Size == before {
			return nil
		}
		if l.next.head.Root, err = tlog.TreeHash(l.next.head.Size, tx.Hashes()); err != nil {
			return err
		}
		if err := tx.SetHead(l.next.head); err != nil {
			return err
		}
		grown = true
		Crash(EntryDecided)
		return nil
	})
	if err == nil && grown {
		Crash(EntryCommitted)
	}
	return err
}

// take does one call's part of the transaction.
func (l *Ledger) take(tx *records.Tx, p *pending) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.reload {
		pins, err := tx.Pins()
		if err == nil {
			l.next.front = l.next.pinned(pins)
			s := *l.shown.Load()
			s.front = s.pinned(pins)
			l.shown.Store(&s)
		}
		return err
	}
	if p.event != nil {
		return l.note(tx, p)
	}
	return l.accept(tx, p)
}
