package ledger

import (
	"context"
	"time"

	"comity.example/comity/custody"
)

// watchPause is between two looks at one act that goes on: what an entry forbids ends
// within that time, however many entries come.
const watchPause = 500 * time.Millisecond

// Watch is for an act that takes time and that Decide has allowed: a part that is
// brought, a payload that is taken. It returns a context that ends when the published
// entries do not allow it any more, with a *Refused as its cause, also while nothing
// moves. The caller calls done when the act has ended.
//
// No clock wakes it: a date that passes while the act goes on ends it with the next
// entry of whatever record, or not at all.
func (l *Ledger) Watch(ctx context.Context, id custody.RecordID, a custody.Action) (watched context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go l.watch(ctx, cancel, id, a)
	return ctx, func() { cancel(nil) }
}

func (l *Ledger) watch(ctx context.Context, cancel context.CancelCauseFunc, id custody.RecordID, a custody.Action) {
	t := time.NewTimer(watchPause)
	defer t.Stop()
	for {
		// In this order: what is published after the channel was taken closes it.
		changed := l.signal()
		if d, err := l.Decide(ctx, id, a); err == nil && !d.Allowed() {
			cancel(&Refused{d})
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-l.done:
			return
		}
		t.Reset(watchPause)
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
