package agent

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/agent/internal/capture"
	"comity.example/comity/custody/bag"
)

// SendCapture sends what was captured, as Send sends a folder. It may be called again,
// also by a later process, and then goes on where the last one stopped. What is said of
// the capture is what was said when it was made; reword, if not nil, may say otherwise,
// which is kept.
//
// The capture is destroyed when the relay's log holds the package. Until then it stays,
// whatever happens: its input cannot be had again.
func (a *Agent) SendCapture(ctx context.Context, s *Session, request, name string, reword func(*SendOptions)) (*Sent, error) {
	id, err := a.home.resolveCapture(request, name)
	if err != nil {
		return nil, err
	}
	x := &sending{a: a, s: s, request: request, captureID: id}
	defer x.letGo()
	defer x.closeCapture()
	sent, err := x.sendCapture(ctx, reword)
	if errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", err, ErrVerify)
	}
	return sent, err
}

func (x *sending) sendCapture(ctx context.Context, reword func(*SendOptions)) (*Sent, error) {
	if err := x.a.sweepCaptures(x.request); err != nil {
		return nil, err
	}
	here, err := x.a.home.hasCapture(x.request, x.captureID)
	if err != nil {
		return nil, err
	}
	if here {
		if err := x.openCapture(reword); err != nil {
			return nil, err
		}
	}
	return x.send(ctx)
}

// errNoCapture says that a capture is gone, and that no package of it waits either.
var errNoCapture = errors.New("the capture is not here any more")

// closeCapture closes the capture: what is open cannot be removed on every system.
func (x *sending) closeCapture() {
	if x.capture != nil {
		x.capture.Close() // it was only read
		x.capture = nil
	}
}

// openCapture opens the capture and reads what is said of it.
func (x *sending) openCapture(reword func(*SendOptions)) (err error) {
	key, err := x.a.home.journalKey()
	if err != nil {
		return err
	}
	if x.capture, err = capture.Open(x.a.home.captureDir(x.request, x.captureID), key); err != nil {
		return err
	}
	if x.opt, err = x.a.home.loadWords(x.request, x.captureID); err != nil {
		return err
	}
	x.dir = x.capture.Info.Name + x.capture.Info.Folder // one of them is empty; for people
	if reword == nil {
		return nil
	}
	was, err := x.opt.digest()
	if err != nil {
		return err
	}
	reword(&x.opt)
	if is, err := x.opt.digest(); err != nil || is == was {
		return err
	}
	// If we crash here, the next send begins with these words or with those before, and
	// gives a package up that was begun with others.
	return x.a.home.saveWords(x.request, x.captureID, x.opt)
}

// inventory lists what is sent.
func (x *sending) inventory() (*bag.Inventory, error) {
	if x.capture != nil {
		return x.capture.Inventory(), nil
	}
	return bag.Scan(x.dir)
}

// source opens what is sent for reading, until the function that it returns is called.
func (x *sending) source() (bag.Source, func(), error) {
	if x.capture != nil {
		return x.capture, func() {}, nil // it stays open for another package
	}
	f, err := bag.OpenFolder(x.dir)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil // it was only read
}

// DiscardCapture destroys a capture, and gives up a package that was begun with it and
// not sealed yet.
func (a *Agent) DiscardCapture(ctx context.Context, s *Session, request, name string) (id string, err error) {
	if err := a.sweepCaptures(request); err != nil {
		return "", err
	}
	if id, err = a.home.resolveCapture(request, name); err != nil {
		return "", err
	}
	list, err := a.home.packages(request)
	if err != nil {
		return "", err
	}
	if here, err := a.home.hasCapture(request, id); err != nil || !here {
		return "", errors.Join(err, fmt.Errorf("capture %q is with the relay already, as a package of this request", id))
	}
	if err := capture.Remove(a.home.captureDir(request, id)); err != nil {
		return "", err
	}
	// If we crash here, the next send gives up what is left.
	for _, p := range list {
		b, err := a.home.loadBegun(p)
		if err != nil {
			return id, err
		}
		if b != nil && b.Capture == id && p.State == stateOpen && p.Agent == s.ID {
			if err := a.giveUp(ctx, s, p); err != nil {
				return id, err
			}
		}
	}
	return id, nil
}
