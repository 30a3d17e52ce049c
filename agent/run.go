package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"comity.example/comity/agent/internal/hatch"
	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// The files of a daemon in its home.
const (
	queueFolder = "queue"
	daemonLock  = "agent.lock"
	socketName  = "agent.sock"
	outboxLock  = ".comity-lock" // in the outbox
)

// Run is the daemon: it sends what settles in the outbox, fetches into the inbox
// what is released to this home, and lets keys go when the conditions are accepted,
// as the agent id, until ctx ends. ready, if not nil, is called when the socket is
// open. It wraps ErrTryLater if another daemon works in this home.
//
// What it has taken on is in the home's queue, so a process that starts after any
// crash goes on where the last one stopped, and no package is sent twice. Settings
// are those at the start; keys and pins are read anew for each transfer. Commands
// may work in the same home at the same time: packages of one request are moved by
// one process at a time, see LockCase.
func (a *Agent) Run(ctx context.Context, id custody.PartyID, ready func()) error {
	return a.run(ctx, id, ready, func(string) error { return nil })
}

func (a *Agent) run(ctx context.Context, id custody.PartyID, ready func(), step func(string) error) error {
	l, err := lockOut(a.home.path(daemonLock), "works in this home")
	if err != nil {
		return err
	}
	defer l.Unlock()
	d, err := newDaemon(a, id, step)
	if err != nil {
		return err
	}
	if d.box != nil { // two homes may name one folder, and each would send all of it
		l, err := lockOut(filepath.Join(d.box.Dir(), outboxLock), "watches this outbox")
		if err != nil {
			return err
		}
		defer l.Unlock()
	}
	h, err := hatch.Open(a.home.path(socketName), d.routes(), a.log)
	if err != nil {
		return err
	}
	return d.serve(ctx, h, ready)
}

// lockOut keeps other daemons away.
func lockOut(path, does string) (*durable.Lock, error) {
	l, err := durable.LockFile(path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: another comity agent run %s: %w", err, does, ErrTryLater)
	}
	return l, err
}

// daemon is one run.
type daemon struct {
	a     *Agent // of its home, log and clock; each transfer has an agent of its own
	id    custody.PartyID
	began time.Time
	queue *queue.Queue
	box   *outbox.Box // nil: nothing is sent by itself
	inbox string      // empty: nothing is fetched by itself
	wake  chan struct{}

	reported time.Time // owned by listen: when report last ran
	monitor  monitor
	jobs     sync.WaitGroup
	step     func(string) error // tests stop a process here

	mu       sync.Mutex // guards the fields below, and what is in them
	paused   bool
	sends    map[string]*send        // by id of the entry
	waits    map[string]*queue.Entry // by package: deposited, its key is here
	visits   map[string]*visit       // by request
	yields   map[string]time.Time    // by request: until when it is left to a command
	open     []outbox.Item           // not settled yet
	strays   []string
	away     string // why the relay cannot be reached; empty if it can
	past     []Past // newest last
	numbered int    // of the last one
}

func newDaemon(a *Agent, id custody.PartyID, step func(string) error) (*daemon, error) {
	d := &daemon{a: a, id: id, began: time.Now(), wake: make(chan struct{}, 1), step: step,
		sends: map[string]*send{}, waits: map[string]*queue.Entry{}, visits: map[string]*visit{}, yields: map[string]time.Time{}}
	var list []*queue.Entry
	var err error
	if d.queue, list, err = queue.Open(a.home.path(queueFolder)); err != nil {
		return nil, err
	}
	if d.paused, err = d.queue.Paused(); err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Waits {
			d.waits[e.Package] = e
		} else {
			d.sends[e.ID()] = &send{entry: *e}
		}
	}
	cfg := a.home.Config
	if f := cfg.Outbox.Folder; f != "" {
		if d.box, err = outbox.Open(a.home.relative(f)); err != nil {
			return nil, err
		}
	}
	if f := cfg.Inbox.Folder; f != "" {
		d.inbox = a.home.relative(f)
	}
	return d, nil
}

// relative returns a path of the settings, which may start at the home.
func (h *Home) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return h.path(path)
}

// serve runs all parts until ctx ends or the socket fails.
func (d *daemon) serve(ctx context.Context, h *hatch.Hatch, ready func()) error {
	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer func() {
		stop()
		h.Close()
		parts.Wait()
		d.jobs.Wait()
		d.a.log.Info("stopped")
	}()
	served := make(chan error, 1)
	parts.Go(func() { served <- h.Serve() })
	if d.box != nil {
		parts.Go(func() { d.watch(ctx) })
	}
	parts.Go(func() { d.listen(ctx) })
	d.a.log.Info("running", "agent", d.id, "outbox", d.box != nil, "inbox", d.inbox != "", "entries", len(d.sends)+len(d.waits), "paused", d.paused)
	if ready != nil {
		ready()
	}
	for {
		d.dispatch(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("serving the local socket: %w", err)
		case <-d.wake:
		}
	}
}

// poke has the next dispatch look again.
func (d *daemon) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// connect opens the home anew, so that keys and pins are those of now, and connects
// on it. All errors of connecting may pass.
func (d *daemon) connect(ctx context.Context, progress func(Progress)) (*Agent, *Session, error) {
	h, err := OpenHome(d.a.home.dir)
	if err != nil {
		return nil, nil, err
	}
	a, err := New(&Config{Home: h, Logger: d.a.log, Progress: progress, Now: d.a.now})
	if err != nil {
		return nil, nil, err
	}
	s, err := a.Connect(ctx, d.id)
	if err != nil && !errors.Is(err, ErrTryLater) {
		err = fmt.Errorf("%w: %w", err, ErrTryLater)
	}
	return a, s, err
}

// hintPause is the least time between two looks, however much happens in the outbox.
const hintPause = 100 * time.Millisecond

// watch looks through the outbox until ctx ends, now and then, and when something may
// have come. A look that takes long makes the pauses longer, so that a folder of a
// million files does not keep the disk busy.
func (d *daemon) watch(ctx context.Context) {
	hints := make(chan struct{}, 1)
	d.jobs.Go(func() {
		err := d.box.Hints(ctx, func() {
			select {
			case hints <- struct{}{}:
			default:
			}
		})
		if err != nil {
			d.a.log.Warn("the system tells nothing of the outbox: it is looked through as often as the settings say", "error", err)
		}
	})
	w := outbox.NewWatch(d.a.home.Config.Outbox.Settle)
	for {
		at := time.Since(d.began) // of the monotonic clock: one that is set wrong changes nothing
		d.look(w, at)
		least := max(hintPause, 4*(time.Since(d.began)-at))
		if !sleep(ctx, least) {
			return
		}
		t := time.NewTimer(max(0, d.a.home.Config.Outbox.Rescan-least))
		select {
		case <-ctx.Done():
		case <-hints:
		case <-t.C:
		}
		t.Stop()
	}
}

// sleep waits, and reports whether ctx has not ended.
func sleep(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
