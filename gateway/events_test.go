package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// hands is a clock that moves only by hand, from ten past a full hour on that lies
// ahead: what is signed now is issued before it.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func newHands() *hands {
	return &hands{now: time.Now().UTC().Truncate(time.Hour).Add(time.Hour + 10*time.Minute)}
}

func (h *hands) Now() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *hands) move(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.now = h.now.Add(d) }

// newClocked is newRelay by a clock that is moved by hand.
func newClocked(t *testing.T) (*world, *hands) {
	t.Helper()
	w, h := newWorld(t), newHands()
	w.change = func(c *gateway.Config) { c.Now = h.Now }
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w, h
}

// events returns the events of a record, oldest first.
func (w *world) events(c *wire.Client, id custody.RecordID) (list []custody.Event) {
	w.t.Helper()
	p, err := c.Record(w.t.Context(), id, 0)
	check(w.t, err)
	for _, l := range p.Lines {
		line := l.Custody()
		e, s, err := line.Parse()
		check(w.t, err)
		if s == nil {
			list = append(list, *e.Event)
		}
	}
	return list
}

// denials returns those of a request's record without their rules.
func (s *story) denials(c *wire.Client) (list []custody.Denied) {
	s.t.Helper()
	for _, ev := range s.events(c, s.id()) {
		d := *ev.Denied // nothing else is in a request's record
		if d.Rule == "" {
			s.t.Errorf("a denial names no rule: %+v", d)
		}
		d.Rule = ""
		list = append(list, d)
	}
	return list
}

// room asks for room for a package, which only the lab of nl gets.
func (s *story) room(c *wire.Client) error {
	_, err := c.Reserve(s.t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 1000})
	return err
}

// TestDenials: what the rule book refuses to a party, at each act that it can
// refuse one, is in the record once an hour, before it is answered; what else is
// refused, and to whom else, is not.
func TestDenials(t *testing.T) {
	w, h := newClocked(t)
	s := w.agreed()
	ctx := t.Context()
	sender, taker, desk := w.as(w.nl.lab), w.as(w.fr.lab), w.as(w.nl.desk)
	deposited := s.deposit(sender, s.packOf(1000), 1)
	open := s.packOf(1000)
	s.reserve(sender, open)
	const statement = custody.ActStatement
	s.acceptance = s.grant // nothing was accepted: any other digest
	unlock := s.unlockOf(deposited, s.checkpoint(sender)).Envelope
	release := s.releaseOf(deposited, s.grant.SHA256).Envelope

	tries := func() []custody.Denied {
		t.Helper()
		second := sign(t, s.grantBody(), s.nl.officers...)
		short := s.grantBody()
		short.MaxBytes--
		var want []custody.Denied
		for _, row := range []struct {
			by   custody.PartyID
			act  custody.Act
			code custody.Code
			call func() error
		}{
			{"fr/agent/lab", custody.ActReserve, custody.CodeSenderNotGranted, func() error { return s.room(taker) }},
			{"nl/agent/desk", custody.ActReserve, custody.CodeSenderNotGranted, func() error { return s.room(desk) }},
			{"fr/agent/lab", custody.ActHead, custody.CodeNotReleased, func() error { _, err := taker.Head(ctx, deposited.id); return err }},
			{"fr/agent/lab", custody.ActPayload, custody.CodeNotReleased, func() error { return taker.Payload(ctx, deposited.id, 0, make([]byte, 16)) }},
			{"nl/agent/desk", statement, custody.CodeAlreadyDecided, func() error { _, err := desk.Submit(ctx, second.Envelope, nil); return err }},
			{"nl/agent/desk", statement, custody.CodeBelowThreshold, func() error {
				_, err := desk.Submit(ctx, sign(t, short, s.nl.officers[0]).Envelope, nil)
				return err
			}},
			{"fr/agent/lab", statement, custody.CodeNotCarrier, func() error { _, err := taker.Submit(ctx, second.Envelope, nil); return err }},
			{"nl/agent/lab", statement, custody.CodeNotAccepted, func() error {
				_, err := sender.Unlock(ctx, deposited.id, unlock, deposited.head, deposited.inner)
				return err
			}},
			{"fr/agent/lab", statement, custody.CodeNotAccepted, func() error { _, err := taker.Release(ctx, deposited.id, release); return err }},
		} {
			refused(t, string(row.by)+" "+string(row.act), row.call(), row.code)
			d := custody.Denied{By: row.by, Act: row.act, Code: row.code}
			if !slices.Contains(s.denials(taker), d) {
				t.Errorf("answered before it was in the record: %+v", d)
			}
			want = append(want, d)
		}
		return want
	}
	want := tries()
	if got := s.denials(taker); !slices.Equal(got, want) {
		t.Fatalf("the record has the denials\n%+v, want\n%+v", got, want)
	}
	tries() // in the same hour
	// What is no decision about rights, and who is no party, leaves no trace.
	refused(t, "stale epoch", sender.PutPart(ctx, open.id, open.epoch+1, 0, open.sums[0], open.parts[0]), wire.CodeStaleEpoch)
	refused(t, "other bytes", sender.PutPart(ctx, open.id, open.epoch, 0, [32]byte{}, open.parts[0]), wire.CodeDigestMismatch)
	s.strangers(deposited, unlock, release)
	_, err := desk.Submit(ctx, s.grant.Envelope, nil) // again, which is answered with its proof
	check(t, err)
	if got := s.denials(desk); !slices.Equal(got, want) {
		t.Errorf("after repeats and strangers the record has\n%+v, want\n%+v", got, want)
	}

	h.move(time.Hour)
	if tries(); !slices.Equal(s.denials(desk), append(want, want...)) {
		t.Errorf("in the next hour the record has\n%+v", s.denials(desk))
	}
	s.afterRevocation(sender, open)
	w.awaitEvents(desk, 2) // the probe, and what was refused in the hour that is over
	w.replay(desk, s.id())
	w.stop()
	w.clean()
}

// strangers: a third State asks for all that parties were refused, and hears that
// there is nothing.
func (s *story) strangers(b *bundle, unlock, release []byte) {
	s.t.Helper()
	ctx, c := s.t.Context(), s.as(s.de.lab)
	refused(s.t, "stranger's room", s.room(c), custody.CodeNoSuchRequest)
	_, err := c.Head(ctx, b.id)
	refused(s.t, "stranger's head", err, custody.CodeNoSuchPackage)
	refused(s.t, "stranger's payload", c.Payload(ctx, b.id, 0, make([]byte, 16)), custody.CodeNoSuchPackage)
	_, err = c.Record(ctx, s.id(), 0)
	refused(s.t, "stranger's record", err, custody.CodeNoSuchRequest)
	_, err = c.Release(ctx, b.id, release)
	refused(s.t, "stranger's release", err, custody.CodeNoSuchPackage)
	_, err = c.Unlock(ctx, b.id, unlock, b.head, b.inner)
	refused(s.t, "stranger's unlock", err, custody.CodeNoSuchPackage)
	_, err = c.Submit(ctx, s.review.Envelope, s.annexes[s.review])
	refused(s.t, "stranger with a copy", err, custody.CodeNotCarrier)
	_, err = s.stranger(nil).Record(ctx, s.id(), 0)
	refused(s.t, "nobody", err, wire.CodeHelloRequired)
}

// afterRevocation: the acts that need a live grant.
func (s *story) afterRevocation(sender *wire.Client, open *bundle) {
	s.t.Helper()
	before := len(s.denials(sender))
	p, err := sender.Record(s.t.Context(), s.id(), 0)
	check(s.t, err)
	last := p.Lines[len(p.Lines)-1].Custody() // an event, which a statement may well have seen
	s.after = &custody.Ref{Seq: int64(len(p.Lines)) - 1, Leaf: last.Salted()}
	s.file(s.as(s.nl.desk), sign(s.t, &custody.Revocation{Header: s.header("nl", s.after), Request: s.request.SHA256,
		Grant: s.grant.SHA256, Reason: "error"}, s.nl.officers[0]), nil)
	refused(s.t, "part", sender.PutPart(s.t.Context(), open.id, open.epoch, 0, open.sums[0], open.parts[0]), custody.CodeGrantRevoked)
	refused(s.t, "room", s.room(sender), custody.CodeGrantRevoked)
	_, err = sender.Seal(s.t.Context(), open.id, open.epoch, sign(s.t, s.sealBody(open), s.nl.lab.key).Envelope)
	refused(s.t, "seal", err, custody.CodeGrantRevoked)
	want := []custody.Denied{
		{By: "nl/agent/lab", Act: custody.ActPart, Code: custody.CodeGrantRevoked},
		{By: "nl/agent/lab", Act: custody.ActReserve, Code: custody.CodeGrantRevoked},
		{By: "nl/agent/lab", Act: custody.ActStatement, Code: custody.CodeGrantRevoked},
	}
	if got := s.denials(sender)[before:]; !slices.Equal(got, want) {
		s.t.Errorf("after the revocation: %+v, want %+v", got, want)
	}
}

// awaitEvents waits until the relay's own record has so many events.
func (w *world) awaitEvents(c *wire.Client, n int) []custody.Event {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		list := w.events(c, custody.RelayRecord)
		if len(list) >= n {
			return list
		}
		if ctx.Err() != nil {
			w.t.Fatalf("the relay's record has the events %+v, want %d", list, n)
		}
	}
}

// TestDenialSurvives: a denial is in the record after a restart and after a kill,
// and a repeat within its hour is none.
func TestDenialSurvives(t *testing.T) {
	w, _ := newClocked(t)
	s := w.agreed()
	refused(t, "room", s.room(w.as(w.fr.lab)), custody.CodeSenderNotGranted)
	w.stop()

	g := w.start()
	desk := w.as(w.nl.desk)
	size := g.Size()
	refused(t, "room after a restart", s.room(w.as(w.fr.lab)), custody.CodeSenderNotGranted)
	if got := s.denials(desk); len(got) != 1 || g.Size() != size {
		t.Errorf("after a restart: %+v, %d entries more", got, g.Size()-size)
	}
	w.stop()

	died := w.startApart(ledger.EntryCommitted) // by the clock of the host, which is behind the log
	if err := s.room(w.over(w.nl.desk, link.H2)); err == nil || wire.CodeOf(err) != "" {
		t.Errorf("the relay answered after its death: %v", err)
	}
	died()
	w.start()
	want := []custody.Denied{
		{By: "fr/agent/lab", Act: custody.ActReserve, Code: custody.CodeSenderNotGranted},
		{By: "nl/agent/desk", Act: custody.ActReserve, Code: custody.CodeSenderNotGranted},
	}
	desk = w.as(w.nl.desk)
	refused(t, "room after a kill", s.room(desk), custody.CodeSenderNotGranted)
	if got := s.denials(desk); !slices.Equal(got, want) {
		t.Errorf("after a kill: %+v, want %+v", got, want)
	}
	w.replay(desk, s.id())
	w.stop()
	w.clean()
}

// TestCounts: each hour in which something was refused is one entry of the relay's
// record, and says how often, whoever asked.
func TestCounts(t *testing.T) {
	w, h := newClocked(t)
	s := w.agreed()
	desk := w.as(w.fr.desk)
	begun := h.Now()
	conn := w.dial(nil, link.H2)
	for range 3 {
		send(t, conn, http.MethodGet, "/v1/changes", nil)
	}
	refused(t, "room", s.room(desk), custody.CodeSenderNotGranted)
	refused(t, "room again", s.room(desk), custody.CodeSenderNotGranted)
	refused(t, "stranger's room", s.room(w.as(w.de.lab)), custody.CodeNoSuchRequest)
	if list := w.events(desk, custody.RelayRecord); len(list) != 1 || list[0].Probed == nil || *list[0].Probed != (custody.Probed{Store: custody.StoreDir}) {
		t.Fatalf("before the hour is over the relay's record has %+v", list)
	}

	h.move(3 * time.Hour)
	send(t, conn, http.MethodGet, "/v1/changes", nil)
	list := w.awaitEvents(desk, 2)
	check := func(c *custody.Counted, from, to time.Time, want ...custody.Count) {
		t.Helper()
		if c == nil || !c.From.Time().Equal(from) || !c.To.Time().Equal(to) || !slices.Equal(c.Counts, want) {
			t.Errorf("counted %+v, want %v to %v: %+v", c, from, to, want)
		}
	}
	start := begun.Truncate(time.Hour)
	check(list[1].Counted, begun, start.Add(time.Hour),
		custody.Count{Code: wire.CodeHelloRequired, Count: 3}, custody.Count{Code: custody.CodeNoSuchRequest, Count: 1}, custody.Count{Code: custody.CodeSenderNotGranted, Count: 2})

	h.move(5 * time.Minute)
	w.stop() // and the rest of the running hour is filed
	w.start()
	w.stop() // nothing was refused, and the store is as it was
	w.start()
	desk = w.as(w.fr.desk)
	if list = w.awaitEvents(desk, 3); len(list) != 3 {
		t.Errorf("after restarts: %+v", list)
	}
	check(list[2].Counted, start.Add(3*time.Hour), begun.Add(3*time.Hour+5*time.Minute), custody.Count{Code: wire.CodeHelloRequired, Count: 1})
	w.replay(desk, s.id())
	w.stop()
	w.clean()
}

// fullStore is a folder that takes nothing more while it is full.
type fullStore struct {
	*dir.Dir
	full atomic.Bool
}

func (f *fullStore) Put(ctx context.Context, key string, data []byte, how objects.Write) (objects.Info, error) {
	if f.full.Load() {
		return objects.Info{}, errors.New("the folder is full")
	}
	return f.Dir.Put(ctx, key, data, how)
}

// TestDenialUnfiled: a denial that cannot be filed is a denial all the same, and is
// in the record once the store is back.
func TestDenialUnfiled(t *testing.T) {
	w, h := newWorld(t), newHands()
	var store fullStore
	w.change = func(c *gateway.Config) {
		c.Now = h.Now
		store.Dir = c.Store.(*dir.Dir)
		c.Store = &store
	}
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	s := w.agreed()
	taker, desk := w.as(w.fr.lab), w.as(w.nl.desk)
	store.full.Store(true)
	refused(t, "room without a store", s.room(taker), custody.CodeSenderNotGranted)
	refused(t, "room without a store, again", s.room(desk), custody.CodeSenderNotGranted)
	if got := s.denials(desk); len(got) != 0 {
		t.Errorf("shown before they are published: %+v", got)
	}
	store.full.Store(false)
	refused(t, "room with a store", s.room(desk), custody.CodeSenderNotGranted)
	if got := s.denials(desk); len(got) != 2 {
		t.Errorf("once the store is back: %+v", got)
	}
	w.replay(desk, s.id())
}
