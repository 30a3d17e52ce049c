package agent

import (
	"context"
	"errors"

	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/crypto/statement"
)

// fate keeps what has become of an entry, and where its folder moves.
func (d *daemon) fate(s *send, fate, reason string) error {
	place := outbox.Sent
	if fate == queue.Failed {
		place = outbox.Failed
	}
	e := d.entry(s)
	target, err := d.box.Free(e.Item(), place)
	if err != nil {
		return err
	}
	if err := d.put(s, func(e *queue.Entry) { e.Fate, e.Reason, e.Target = fate, reason, target }); err != nil {
		return err
	}
	// If we crash here, the next start moves the folder.
	return d.step("decided")
}

// move moves the folder of an entry with a fate, and forgets the entry, or keeps it
// until its key is with the relay.
func (d *daemon) move(s *send, unlocked bool) error {
	e := d.entry(s)
	n := slip{Request: e.Request, Package: e.Package, Time: statement.At(d.a.now()), State: slipFailed, Reason: e.Reason}
	place := outbox.Failed
	if e.Fate == queue.Sent {
		place, n.State = outbox.Sent, slipWaiting
		if unlocked {
			n.State = slipUnlocked
		}
	}
	if err := d.box.Move(e.Item(), place, e.Target, statement.Encode(n)); err != nil {
		return err
	}
	// If we crash here, the next start finds the folder where it belongs.
	if err := d.step("moved"); err != nil {
		return err
	}
	d.a.log.Info("finished an entry", "entry", e.ID(), "request", e.Request, "package", e.Package, "state", n.State)
	if e.Fate == queue.Failed || unlocked {
		return d.queue.Remove(&e)
	}
	if err := d.queue.Moved(&e); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits[e.Package] = &e
	d.want(e.Request) // the key may go by now
	return nil
}

// slip is what stands beside a folder that has moved, as NAME.json.
type slip struct {
	State   string         `json:"state"`
	Request string         `json:"request,omitempty"`
	Package string         `json:"package,omitempty"`
	Time    statement.Time `json:"time"`
	Reason  string         `json:"reason,omitempty"`
}

// The states of a slip.
const (
	slipWaiting  = "waiting"  // deposited; its key is here until the conditions are accepted, or recipients ask for it
	slipUnlocked = "unlocked" // the recipient can open it
	slipEnded    = "ended"    // recalled, or the grant revoked; its key is destroyed
	slipFailed   = "failed"   // not sent, see the reason
)

// sent takes the end of a try. The mutex is held.
func (d *daemon) sent(ctx context.Context, s *send, err error) {
	e := s.entry
	switch {
	case ctx.Err() != nil: // the daemon stops
	case err == nil:
		delete(d.sends, e.ID())
		d.remember(Past{Act: "sending", State: e.Fate, Name: e.Name, Request: e.Request, Package: e.Package, Reason: e.Reason})
	case errors.Is(err, errReturned):
		if err := d.queue.Remove(&e); err != nil {
			d.again(&s.task, err)
			return
		}
		d.a.log.Info("a folder has changed or is gone: its entry is dropped", "entry", e.ID())
		delete(d.sends, e.ID())
	case !errors.Is(err, context.Canceled):
		d.again(&s.task, err)
		d.a.log.Warn("an entry waits", "entry", e.ID(), "request", e.Request, "package", e.Package, "tries", s.tries, "code", codeOf(err))
	}
}
