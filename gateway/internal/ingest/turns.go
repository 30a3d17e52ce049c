package ingest

import (
	"context"
	"errors"
	"sync"
)

// errOvertaken ends a call that brings a part which a later call brings too.
var errOvertaken = errors.New("a later call brings this part")

// partKey names one part of one package.
type partKey struct {
	id     string
	number int
}

// turns lets one call at a time write a part to the store: the newest. A store
// keeps the bytes of the call that began last, which need not be the one whose row
// came last: two at a time could leave a row of other bytes than the store has.
//
// It binds this process alone. Where several serve one database, the row is the
// truth and Store.Complete compares it with what the store has: see reopen.
type turns struct {
	mu   sync.Mutex // guards the field below and what it points to
	held map[partKey]*turn
}

// turn is the calls that bring one part.
type turn struct {
	busy  chan struct{}           // of capacity 1: full while one of them writes
	calls int                     // how many there are
	stop  context.CancelCauseFunc // ends the newest
}

// take ends the call before, waits until it has left the store, and returns the
// context of this one, which ends with errOvertaken when another comes. The caller
// calls done when it has left the store.
func (t *turns) take(ctx context.Context, k partKey) (mine context.Context, done func(), err error) {
	ctx, stop := context.WithCancelCause(ctx)
	t.mu.Lock()
	q := t.held[k]
	if q == nil {
		q = &turn{busy: make(chan struct{}, 1)}
		t.held[k] = q
	} else {
		q.stop(errOvertaken)
	}
	q.calls, q.stop = q.calls+1, stop
	t.mu.Unlock()
	select {
	case q.busy <- struct{}{}:
		return ctx, func() { <-q.busy; t.leave(k, stop) }, nil
	case <-ctx.Done():
		err := context.Cause(ctx)
		t.leave(k, stop)
		return nil, nil, err
	}
}

func (t *turns) leave(k partKey, stop context.CancelCauseFunc) {
	stop(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[k].calls--; t.held[k].calls == 0 {
		delete(t.held, k)
	}
}
