package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

const (
	// pollSeconds is how long the relay may hold a question for what is new.
	pollSeconds = 30
	// pollPause is the least time between two questions, whatever the relay answers.
	pollPause = time.Second
)

// listen hears from the relay what is new, until ctx ends. What it hears is a hint
// to look: all that counts is proven in the log by the visit that follows, and
// every request is visited now and then whether the relay says so or not.
func (d *daemon) listen(ctx context.Context) {
	tries := 0
	for {
		began := time.Now()
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		d.away = err.Error()
		d.mu.Unlock()
		d.a.log.Warn("the relay cannot be reached", "code", codeOf(err))
		if tries++; time.Since(began) > mostWait {
			tries = 1
		}
		if !sleep(ctx, backoff(tries)) {
			return
		}
	}
}

// follow asks on one session until it fails.
func (d *daemon) follow(ctx context.Context) error {
	_, s, err := d.connect(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	cursor := ""
	for {
		if err := s.Discover(ctx); errors.Is(err, ErrTryLater) {
			return err
		} else if err != nil { // one that does not verify hides no other
			d.a.log.Error("a request could not be read", "code", codeOf(err))
		}
		if err := d.wantAll(); err != nil {
			return err
		}
		if err := d.reportDue(ctx, s); err != nil {
			return err
		}
		if cursor, err = d.poll(ctx, s, cursor); err != nil {
			return err
		}
	}
}

// poll asks for what is new, until a request appears that this home does not know
// or it is time to look at all. It returns the relay's cursor.
func (d *daemon) poll(ctx context.Context, s *Session, cursor string) (string, error) {
	for end := time.Now().Add(d.a.home.Config.Inbox.Poll); time.Now().Before(end); {
		var ch *wire.Changes
		if err := s.retry(ctx, func(c *wire.Client) (err error) {
			ch, err = c.Changes(ctx, cursor, pollSeconds)
			return err
		}); err != nil {
			return cursor, err
		}
		cursor = ch.Cursor
		unknown := d.notice(ch.Changes)
		own := custody.AuthorityRecord(d.a.home.Authority())
		if slices.ContainsFunc(ch.Changes, func(c wire.Change) bool { return c.Record == own }) {
			d.reported, unknown = time.Time{}, true
		}
		if err := d.patrol(ctx, s); err != nil {
			return cursor, err
		}
		if !sleep(ctx, pollPause) {
			return cursor, ctx.Err()
		}
		if unknown {
			break
		}
	}
	return cursor, nil
}

// alarms are the news of an emergency, which the log tells as soon as they are there. They
// are the relay's word until somebody looks.
var alarms = map[custody.Kind]string{
	custody.KindDanger:     "a danger was declared",
	custody.KindValidation: "the grant was validated",
	custody.KindLapsed:     "the grant has lapsed, since nobody validated it",
}

// notice has the requests looked at of which there is news, and what waits for such
// news tried again. It reports whether one of them is not known.
func (d *daemon) notice(list []wire.Change) (unknown bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = ""
	for _, c := range list {
		id := string(c.Record)
		if c.Kind == custody.KindSuspension {
			d.stirred()
			continue
		}
		if custody.CheckID(id) != nil {
			continue
		}
		if words := alarms[c.Kind]; words != "" {
			d.a.log.Warn("EMERGENCY: "+words, "request", id)
		}
		if d.visits[id] == nil {
			unknown = true
			continue
		}
		d.want(id)
		for _, s := range d.sends {
			if s.entry.Request == id {
				s.due = time.Time{}
			}
		}
	}
	d.poke()
	return unknown
}

// stirred has all that is known looked at, and all that waits to be sent tried, since a
// suspension or its lift is of many requests. The mutex is held.
func (d *daemon) stirred() {
	for id := range d.visits {
		d.want(id)
	}
	for _, s := range d.sends {
		s.due = time.Time{}
	}
}

// wantAll has every request looked at that this home knows.
func (d *daemon) wantAll() error {
	known, err := d.a.home.Known()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = ""
	for id := range known {
		d.want(id)
	}
	d.poke()
	return nil
}

// want has a request looked at. The mutex is held.
func (d *daemon) want(request string) {
	v := d.visits[request]
	if v == nil {
		v = &visit{request: request}
		d.visits[request] = v
	}
	v.wanted = true
	v.due = time.Time{}
}

// visit reads and proves a request's record, lets keys go that may, and fetches
// what waits for this home.
func (d *daemon) visit(ctx context.Context, v *visit) error {
	a, s, err := d.connect(ctx, d.meter(&v.task))
	if err != nil {
		return err
	}
	defer s.Close()
	snap, err := s.Sync(ctx, v.request)
	if wire.CodeOf(err) == custody.CodeNoSuchRequest {
		return nil // a proposal that its officers have not signed yet
	}
	if err != nil {
		return err
	}
	d.monitor.know(snap, v.request)
	c := snap.Case(v.request)
	s.AttestNews(ctx, snap, v.request)
	keys, err := a.keysHere(v.request)
	if err != nil {
		return err
	}
	fetch := d.receives(a.home, v.request, c) && slices.ContainsFunc(c.Packages, func(p *custody.PackageState) bool { return a.waitsFor(snap, s.ID, p) })
	if !keys && !fetch {
		return d.notes(a.home, v.request)
	}
	unlock, err := a.home.LockCase(v.request)
	if err != nil {
		return err
	}
	defer unlock()
	var failed []error
	if keys {
		_, err := a.Unlock(ctx, s, v.request)
		failed = append(failed, err, d.notes(a.home, v.request))
	}
	if fetch {
		list, err := a.Fetch(ctx, s, v.request, filepath.Join(d.inbox, v.request))
		if !errors.Is(err, errUnanswered) { // there is news when they are answered
			failed = append(failed, err)
		}
		d.received(v.request, list)
	}
	return errors.Join(failed...)
}

// keysHere reports whether this home keeps the key of a package of a request.
func (a *Agent) keysHere(request string) (bool, error) {
	list, err := a.home.packages(request)
	return slices.ContainsFunc(list, func(p packageFile) bool { return p.Side == sideSender && p.State == stateSealed }), err
}

// receives reports whether the inbox is for packages of a request.
func (d *daemon) receives(h *Home, request string, c *custody.Case) bool {
	rule := d.a.home.Config.Inbox
	if d.inbox == "" || c.From != h.Authority() || len(rule.Authorities) > 0 && !slices.Contains(rule.Authorities, c.To) {
		return false
	}
	return len(rule.Requests) == 0 || slices.ContainsFunc(rule.Requests, func(name string) bool {
		id, err := h.resolve(name) // an ambiguous name is no name
		return name == request || err == nil && id == request
	})
}

// waitsFor reports whether a package can be fetched, or its release be signed, by an agent that holds one of
// its recipients here, and was not taken by it.
func (a *Agent) waitsFor(snap *Snapshot, by custody.PartyID, p *custody.PackageState) bool {
	if r := p.Released(by); !p.OpenTo(by) && !asks(p, by) || r != nil && !r.Closed.IsZero() {
		return false
	}
	if p.Recall != nil { // one that has its place already is still receipted
		here, err := a.place(custody.RequestID(p.Request), p.Package)
		return err == nil && here != ""
	}
	return slices.ContainsFunc(p.Recipients, func(r custody.RecipientRef) bool {
		m, ok := snap.Book.View().Authorities[r.ID.Authority()].Member(r.ID)
		return ok && m.Holder == by && a.home.Has(r.ID)
	})
}

// received remembers what has come.
func (d *daemon) received(request string, list []Fetched) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range list {
		d.a.log.Info("fetched a package", "request", request, "package", f.Package, "bytes", f.Bytes)
		d.remember(Past{Act: "fetching", State: "verified", Name: f.Package, Request: request, Package: f.Package})
	}
}

// notes brings the notes of packages up to date whose key was here, and forgets
// their entries. If we crash between, the next visit does it again.
func (d *daemon) notes(h *Home, request string) error {
	var failed []error
	for _, e := range d.waiting(request) {
		p, err := h.loadPackage(request, e.Package)
		if err != nil {
			return err
		}
		n := slip{Request: request, Package: e.Package, Time: statement.At(d.a.now())}
		switch {
		case p != nil && p.State == stateUnlocked:
			n.State = slipUnlocked
		case p != nil && p.State == stateEnded:
			n.State, n.Reason = slipEnded, "the package was recalled, or the grant revoked, before the key had gone"
			if len(p.Answered) > 0 {
				n.Reason = fmt.Sprintf("the package was recalled, or its grant or request has ended; by then the key had gone for %d releases, and goes to nobody else", len(p.Answered))
			}
		default:
			continue
		}
		if err := d.noted(e, n); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (d *daemon) noted(e *queue.Entry, n slip) error {
	if d.box != nil { // the settings may have changed since
		if err := d.box.Note(e.Item(), outbox.Sent, e.Target, statement.Encode(n)); err != nil {
			return err
		}
	}
	if err := d.queue.Remove(e); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waits, e.Package)
	d.a.log.Info("a key that waited has gone", "request", e.Request, "package", e.Package, "state", n.State)
	d.remember(Past{Act: "sending", State: n.State, Name: e.Name, Request: e.Request, Package: e.Package})
	return nil
}

// waiting lists the entries of a request whose key is here.
func (d *daemon) waiting(request string) []*queue.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*queue.Entry
	for _, e := range d.waits {
		if e.Request == request {
			list = append(list, e)
		}
	}
	return list
}

// visited takes the end of a visit. The mutex is held. What does not pass by itself
// is tried again when there is news, or with all others.
func (d *daemon) visited(ctx context.Context, v *visit, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil:
		v.tries, v.trouble = 0, ""
	case errors.Is(err, context.Canceled):
		v.wanted = true
	default:
		d.again(&v.task, err)
		v.wanted = v.wanted || judge(err) == later && !errors.Is(err, ErrVerify)
		d.a.log.Warn("a request waits", "request", v.request, "tries", v.tries, "code", codeOf(err))
	}
}

// codeOf says in one word what an error is, for the log, which holds no names.
func codeOf(err error) string {
	code := wire.CodeOf(err)
	switch {
	case errors.Is(err, ErrVerify):
		return "verification-failed"
	case code != "":
		return string(code)
	case errors.Is(err, ErrTryLater):
		return "try-later"
	case judge(err) == never:
		return "refused"
	}
	return "local"
}

// pastItems is how many finished items a daemon shows.
const pastItems = 50

// remember keeps what was finished, for those who watch. The mutex is held.
func (d *daemon) remember(p Past) {
	d.numbered++
	p.Number, p.Time = d.numbered, statement.At(d.a.now())
	if d.past = append(d.past, p); len(d.past) > pastItems {
		d.past = d.past[1:]
	}
}
