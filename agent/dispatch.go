package agent

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

const (
	// leastWait and mostWait bound the pauses between two tries of a task, which
	// double; each is shortened by up to half at random, so that the agents of all
	// labs do not come at once when a relay is back.
	leastWait = 2 * time.Second
	mostWait  = 10 * time.Minute
	// doubts is how often something is tried that nobody knows to pass: for about a
	// quarter of an hour.
	doubts = 10
)

// task is work that is tried until it is done. It is guarded by the daemon's mutex.
type task struct {
	tries    int
	due      time.Time // on the monotonic clock
	stop     context.CancelFunc
	progress Progress
	trouble  string // of the last try
}

func (t *task) running() bool { return t.stop != nil }

func (t *task) ready(now time.Time) bool { return !t.running() && !now.Before(t.due) }

// backoff returns how long to wait after so many tries.
func backoff(tries int) time.Duration {
	wait := leastWait
	for range tries - 1 {
		wait = min(2*wait, mostWait)
	}
	return wait/2 + rand.N(wait/2)
}

// send is an entry of the queue at work.
type send struct {
	task
	entry queue.Entry // changed by its job alone while that runs, but for Cancelled
}

// visit is a look at one request.
type visit struct {
	task
	request string
	wanted  bool
}

// dispatch starts what may start: as many packages in each direction as the
// settings say, of one request one at a time.
func (d *daemon) dispatch(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	d.dispatchSends(ctx)
	d.dispatchVisits(ctx)
}

func (d *daemon) dispatchSends(ctx context.Context) {
	if d.box == nil { // the settings have changed since
		return
	}
	now := time.Now()
	running, busy, others := d.folders()
	for _, s := range d.order() {
		if running >= d.a.home.Config.Transfers {
			return
		}
		e := &s.entry
		// A cancelled one goes on in a pause, too: it moves nothing but its folder.
		if d.paused && !e.Cancelled || !s.ready(now) || busy[e.Folder] || d.yielded(e.Request) {
			continue
		}
		if v := d.visits[e.Request]; v != nil && v.running() {
			continue
		}
		if e.Final && sendable(e) && others[e.Folder] > 0 { // nothing may follow it
			continue
		}
		running++
		busy[e.Folder] = true
		d.start(ctx, &s.task, func(ctx context.Context) error { return d.send(ctx, s) }, func(err error) { d.sent(ctx, s, err) })
	}
}

// folders counts the entries at work, says in which folders they are, and how many
// that are not final wait in each.
func (d *daemon) folders() (running int, busy map[string]bool, others map[string]int) {
	busy, others = map[string]bool{}, map[string]int{}
	for _, s := range d.sends {
		if s.running() {
			running++
			busy[s.entry.Folder] = true
		}
		if !s.entry.Final && sendable(&s.entry) {
			others[s.entry.Folder]++
		}
	}
	return running, busy, others
}

// sendable reports whether an entry is still to be sent.
func sendable(e *queue.Entry) bool { return e.Fate == queue.None && !e.Cancelled }

func (d *daemon) dispatchVisits(ctx context.Context) {
	now, running := time.Now(), 0
	for _, v := range d.visits {
		if v.running() {
			running++
		}
	}
	for _, v := range d.visits {
		if running >= d.a.home.Config.Transfers || d.paused {
			return
		}
		if v.wanted && v.ready(now) && !d.sending(v.request) && !d.yielded(v.request) {
			v.wanted = false
			running++
			d.start(ctx, &v.task, func(ctx context.Context) error { return d.visit(ctx, v) }, func(err error) { d.visited(ctx, v, err) })
		}
	}
}

// start runs a task in a goroutine; then end gets its error, under the mutex.
func (d *daemon) start(ctx context.Context, t *task, run func(context.Context) error, end func(error)) {
	ctx, t.stop = context.WithCancel(ctx)
	d.jobs.Go(func() {
		err := run(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		if err != nil && ctx.Err() != nil {
			err = context.Canceled // it was stopped, and that is all that is wrong
		}
		t.stop()
		t.stop, t.progress = nil, Progress{}
		end(err)
		d.poke()
	})
}

// again has a task tried once more after a pause.
func (d *daemon) again(t *task, err error) {
	if errors.Is(err, context.Canceled) {
		return // at once, when there is no pause any more
	}
	t.tries++
	t.trouble = err.Error()
	wait := backoff(t.tries)
	t.due = time.Now().Add(wait)
	time.AfterFunc(wait, d.poke)
}

// order lists the entries as they are to go: by priority, and then by age.
func (d *daemon) order() []*send {
	var list []*send
	for _, s := range d.sends {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *send) int {
		return cmp.Or(cmp.Compare(y.entry.Priority, x.entry.Priority), x.entry.Settled.Time().Compare(y.entry.Settled.Time()),
			cmp.Compare(x.entry.ID(), y.entry.ID()))
	})
	return list
}

// yielded reports whether a request is left to a command that waits for it.
func (d *daemon) yielded(request string) bool { return time.Now().Before(d.yields[request]) }

// sending reports whether a package of a request is on its way.
func (d *daemon) sending(request string) bool {
	for _, s := range d.sends {
		if s.running() && s.entry.Request == request {
			return true
		}
	}
	return false
}

// verdict says what an error means for an entry.
type verdict int

const (
	doubtful verdict = iota // it may pass; not for ever
	later                   // it passes by itself, or when somebody else has acted
	never                   // it never passes
)

// judge tells what passes from what does not. What it does not know is doubtful.
func judge(err error) verdict {
	var special *bag.SpecialError
	code := wire.CodeOf(err)
	switch {
	case errors.As(err, &special) || slices.Contains(neverCodes, code):
		return never
	case errors.Is(err, ErrTryLater) || errors.Is(err, ErrVerify) || slices.Contains(waitCodes, code):
		return later
	}
	return doubtful
}

// neverCodes are the answers after which a package is not tried again. A grant that
// is used up is none: what others have only reserved may come back.
var neverCodes = []custody.Code{custody.CodeGrantRevoked, custody.CodeRequestEnded, custody.CodeGrantExpired, custody.CodeGrantLapsed, custody.CodeGrantFinal,
	custody.CodeSenderNotGranted, custody.CodeNotRequested, custody.CodeRequestExpired, wire.CodePackageSize,
	custody.CodePackageRecalled, custody.CodeAlreadySuperseded}

// waitCodes are the answers that change when an office, an operator or the other
// State has done its part.
var waitCodes = []custody.Code{wire.CodeBusy, wire.CodeRateLimited, wire.CodeInternal, wire.CodeStorage, wire.CodeHelloRequired, wire.CodeHelloRefused,
	wire.CodeUnknownKey, custody.CodeNoGrant, custody.CodeGrantNotYet, custody.CodeNoSuchRequest, custody.CodeNoDirectory, custody.CodeDirectoryExpired,
	custody.CodeRelayNotAccepted, custody.CodeNotActive, custody.CodeNotYetIssued, custody.CodePairSuspended, custody.CodeOperatorPolicy, custody.CodeRetention, custody.CodeNotAccepted}
