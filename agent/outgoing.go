package agent

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/custody"
)

// errReturned says that an entry is none any more: its folder may settle again.
var errReturned = errors.New("the folder has changed or is gone")

// send brings an entry forward, from wherever an earlier process stopped, until its
// folder has moved.
func (d *daemon) send(ctx context.Context, s *send) error {
	unlocked := false
	if d.entry(s).Fate == queue.None {
		var err error
		fate, reason := queue.Sent, ""
		if unlocked, err = d.deliver(ctx, s); err != nil {
			if ctx.Err() != nil || !d.hopeless(s, err) {
				return err
			}
			fate, reason = queue.Failed, err.Error()
		}
		// If we crash here, the next start finds the package deposited, by its id, or
		// is refused again, and comes by here.
		if err := d.step("delivered"); err != nil {
			return err
		}
		if err := d.fate(s, fate, reason); err != nil {
			return err
		}
	}
	return d.move(s, unlocked)
}

// entry returns an entry as it is now.
func (d *daemon) entry(s *send) queue.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.entry
}

// hopeless reports whether an entry is not to be tried again after an error.
func (d *daemon) hopeless(s *send, err error) bool {
	if errors.Is(err, errReturned) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var refused *refusedError
	v := judge(err)
	return errors.As(err, &refused) || v == never || v == doubtful && s.tries+1 >= doubts
}

// deliver has the relay take the entry's package, unless it has it. It reports
// whether the key is with the relay, too.
func (d *daemon) deliver(ctx context.Context, s *send) (unlocked bool, err error) {
	if e := d.entry(s); e.Package == "" { // nothing of it has left
		if e.Cancelled {
			return false, errCancelled
		}
		if !d.same(&e) {
			return false, errReturned
		}
	}
	x := &outgoing{d: d, send: s}
	if x.a, x.s, err = d.connect(ctx, d.meter(&s.task)); err != nil {
		return false, err
	}
	defer x.s.Close()
	if err := x.resolve(ctx); err != nil {
		return false, err
	}
	request := x.now().Request
	if d.leaves(request) {
		return false, fmt.Errorf("a command works on this request: %w", ErrTryLater)
	}
	unlock, err := x.a.home.LockCase(request)
	if err != nil {
		return false, err
	}
	defer unlock()
	return x.deliver(ctx)
}

// leaves reports whether a request is left to a command.
func (d *daemon) leaves(request string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.yielded(request)
}

// meter returns where a transfer reports how far it is.
func (d *daemon) meter(t *task) func(Progress) {
	return func(p Progress) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if p.Act == t.progress.Act && p.Total == t.progress.Total { // reports may overtake each other
			p.Done = max(p.Done, t.progress.Done)
		}
		t.progress = p
	}
}

// same reports whether an entry's folder is as it was when it settled.
func (d *daemon) same(e *queue.Entry) bool {
	p, _, err := outbox.Fingerprint(d.box.Path(e.Item()))
	return err == nil && custody.Digest(p) == e.Print
}

// outgoing is one try to deliver an entry.
type outgoing struct {
	d    *daemon
	send *send
	a    *Agent
	s    *Session
}

// now returns the entry as it is now.
func (x *outgoing) now() queue.Entry { return x.d.entry(x.send) }

// resolve finds the request that the folder's user named. That it is not there may
// pass: the other State may file it tomorrow.
func (x *outgoing) resolve(ctx context.Context) error {
	e := x.now()
	if e.Request != "" {
		return nil
	}
	id, err := x.s.Resolve(ctx, e.Folder)
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrTryLater)
	}
	return x.put(func(e *queue.Entry) { e.Request = id })
}

// put changes and keeps the entry.
func (x *outgoing) put(change func(*queue.Entry)) error { return x.d.put(x.send, change) }

func (d *daemon) put(s *send, change func(*queue.Entry)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := s.entry
	change(&e)
	if err := d.queue.Put(&e); err != nil {
		return err
	}
	s.entry = e
	return nil
}

// deliver decides by what this home knows of the package: with a seal it is never
// made again, whatever the relay has of it; without one there is nothing to open.
func (x *outgoing) deliver(ctx context.Context) (unlocked bool, err error) {
	e := x.now()
	var p *packageFile
	if e.Package != "" {
		if p, err = x.a.home.loadPackage(e.Request, e.Package); err != nil {
			return false, err
		}
	}
	if p != nil && p.State != stateOpen {
		return x.finish(ctx, p)
	}
	if same := x.d.same(&e); e.Cancelled || !same {
		if p != nil {
			if err := x.a.giveUp(ctx, x.s, *p); err != nil {
				return false, err
			}
		}
		if e.Cancelled {
			return false, errCancelled
		}
		return false, errReturned
	}
	return x.pack(ctx)
}

// finish brings a sealed package to the relay. One that the relay has and whose
// conditions are not accepted is delivered; its key stays.
func (x *outgoing) finish(ctx context.Context, p *packageFile) (unlocked bool, err error) {
	switch err := x.a.unlock(ctx, x.s, *p); {
	case err == nil:
		return true, x.unchanged()
	case errors.Is(err, errWaits):
		return false, x.unchanged()
	default:
		return false, err
	}
}

// pack sends the folder.
func (x *outgoing) pack(ctx context.Context) (unlocked bool, err error) {
	e := x.now()
	opt, acquisition, err := x.d.options(e.Item())
	if err != nil {
		return false, &refusedError{err.Error()}
	}
	sent, err := x.a.Send(ctx, x.s, e.Request, x.d.box.Path(e.Item()), SendOptions{
		Final: opt.Final, Supersedes: opt.Supersedes, Description: opt.Description, Examiner: opt.Examiner, Handling: opt.Handling, Acquisition: acquisition,
		Begun: func(id string) error { return x.bind(ctx, id) },
	})
	if sent == nil {
		return false, err
	}
	if err != nil { // it is deposited; a visit lets its key go
		x.d.a.log.Warn("a package is deposited, its key is still here", "package", sent.Package, "code", codeOf(err))
	}
	return sent.Unlocked, x.unchanged()
}

// bind keeps which package the folder becomes. One that it was to become before, and
// that is not continued because its sender says other words of it now, is given up: no
// other send would ever ask for it.
func (x *outgoing) bind(ctx context.Context, id string) error {
	if e := x.now(); e.Package != "" && e.Package != id {
		p, err := x.a.home.loadPackage(e.Request, e.Package)
		if err != nil {
			return err
		}
		if p != nil {
			if err := x.a.giveUp(ctx, x.s, *p); err != nil {
				return err
			}
		}
	}
	// If we crash before this is kept, the next send gives the package up or goes on
	// with it. If we crash after, the next start asks what became of it before it sends
	// the folder.
	if err := x.put(func(e *queue.Entry) { e.Package = id }); err != nil {
		return err
	}
	return x.d.step("bound")
}

// unchanged refuses to call a folder sent that is not what was sent.
func (x *outgoing) unchanged() error {
	e := x.now()
	if x.d.same(&e) {
		return nil
	}
	return &refusedError{fmt.Sprintf("package %s was sent as the folder was at %s; the folder has changed since: compare before anything of it is sent again",
		e.Package, e.Settled)}
}

// refusedError is a reason, for people, why a folder is not sent again.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// errCancelled is the end of what its user does not want sent.
var errCancelled error = &refusedError{"cancelled: nothing of it can be opened by anybody"}
