package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// holdOf puts the request on hold, or lifts the hold that last was.
func (s *story) holdOf(last *custody.Statement) *custody.Hold {
	b := &custody.Hold{Header: s.header("nl", s.after), Request: s.request.SHA256, State: custody.StateHeld, Reason: "proceedings"}
	if last != nil {
		b.Prev = last.SHA256
		if last.Body.(*custody.Hold).State == custody.StateHeld {
			b.State, b.Reason = custody.StateLifted, "no-longer-needed"
		}
	}
	return b
}

// hold files it, by two officers.
func (s *story) hold(last *custody.Statement) *custody.Statement {
	s.t.Helper()
	st := sign(s.t, s.holdOf(last), s.nl.officers[0], s.nl.officers[1])
	s.file(s.as(s.nl.desk), st, nil)
	return st
}

// cleanAt is clean by the relay's clock.
func (w *world) cleanAt(when string) {
	w.t.Helper()
	w.finds(when, w.check(func(c *gateway.CheckConfig) {
		w.thorough(c)
		if w.change != nil {
			var g gateway.Config
			w.change(&g)
			c.Now = g.Now
		}
	}))
}

// lockedUntil is how long the store keeps the newest version of an object; the zero time
// if it is not there.
func (w *world) lockedUntil(key string) time.Time {
	w.t.Helper()
	info, err := w.reader().Stat(w.t.Context(), key, "")
	if err != nil {
		return time.Time{}
	}
	return info.RetainUntil
}

// TestHold: what is on hold is not destroyed by a recall, nor by its age, and stays
// locked as long as the hold stands; its lift lets go of it. Two officers do each.
func TestHold(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	ctx := t.Context()
	b, other := s.take(s.packOf(1000), 1), s.take(s.packOf(2000), 2)
	_, err := w.as(w.nl.desk).Submit(ctx, sign(t, s.holdOf(nil), w.nl.officers[0]).Envelope, nil)
	refused(t, "a hold by one officer", err, custody.CodeBelowThreshold)
	put := s.hold(nil)
	_, err = w.as(w.nl.desk).Submit(ctx, put.Envelope, nil) // a retry
	check(t, err)
	s.file(w.as(w.nl.lab), s.recallOf(b, "nl/agent/lab", w.nl.lab.key), nil)
	s.withheld(b)
	s.fetch(w.as(w.fr.lab), other) // it stops nothing
	w.stop()
	w.cleanAt("on hold")

	from := time.Now()
	for _, after := range []time.Duration{20 * day, 40 * day, 59 * day} { // of 30 that a lock lasts
		w.later(after)
		s.withheld(b)
		w.stop()
		if got := len(w.heads()); got != 4 {
			t.Fatalf("after %s the store has %d heads and inner files, want 4", after, got)
		}
		for _, key := range append(w.heads(), w.payloads()...) {
			if got := w.lockedUntil(key); got.Before(from.Add(after + 15*day)) {
				t.Errorf("after %s %s is locked until %s", after, key, got)
			}
		}
		w.cleanAt("on hold, " + after.String() + " later")
		w.start()
	}
	for _, ev := range w.events(w.as(w.nl.desk), s.id()) {
		if ev.Destroyed != nil {
			t.Error("the relay says that it destroyed what is on hold")
		}
	}

	s.hold(put)
	said := 0
	for _, ev := range w.events(w.as(w.nl.desk), s.id()) {
		if ev.Destroyed != nil && ev.Destroyed.Package == b.id {
			said++
		}
	}
	w.stop()
	if list := w.heads(); said != 1 || len(list) != 2 || list[0] != ingest.HeadKey(other.id) {
		t.Errorf("after the lift the relay says %d times that a head is gone, and has %q", said, list)
	}
	w.cleanAt("after the lift")
	before := w.lockedUntil(w.payloads()[0])
	w.start()
	w.later(70 * day)
	w.stop()
	if got := w.lockedUntil(w.payloads()[0]); got != before {
		t.Errorf("a payload that is not on hold any more is locked until %s, and was until %s", got, before)
	}
}

// payloads lists the payload objects in the store of a relay that does not run.
func (w *world) payloads() (list []string) {
	w.t.Helper()
	for key, err := range w.reader().List(w.t.Context(), "payloads/") {
		check(w.t, err)
		list = append(list, key)
	}
	return list
}

// TestHoldKeepsReservation: a reservation of a request on hold is not given up for its
// age; after the lift it is.
func TestHoldKeepsReservation(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	b := &bundle{size: seal.PayloadSize(1000)}
	s.reserve(w.as(w.nl.lab), b)
	put := s.hold(nil)
	w.later(8 * day)
	w.states("on hold", map[*bundle]records.State{b: records.Open})
	s.hold(put)
	w.later(9 * day)
	w.states("after the lift", map[*bundle]records.State{b: records.Abandoned})
}

// watched is a destroyer that lets somebody come between.
type watched struct {
	objects.Destroyer
	once    sync.Once
	between func()
}

func (d *watched) Destroy(ctx context.Context, key, version string) error {
	d.once.Do(d.between)
	return d.Destroyer.Destroy(ctx, key, version)
}

// TestHoldDuringDestruction: a hold that is filed while a head is being destroyed comes
// into the log after that is done and said, never between.
func TestHoldDuringDestruction(t *testing.T) {
	w := newWorld(t)
	d := &watched{}
	var db *records.DB
	w.change = func(c *gateway.Config) { d.Destroyer, c.Destroyer, db = c.Destroyer, d, c.DB }
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	desk, st := w.as(w.nl.desk), sign(t, s.holdOf(nil), w.nl.officers[0], w.nl.officers[1])
	answered := make(chan error, 1)
	d.between = func() {
		go func() {
			_, err := desk.Submit(t.Context(), st.Envelope, nil)
			answered <- err
		}()
		for range 2000 { // long enough for a hold that nothing keeps waiting
			check(t, db.View(t.Context(), func(tx *records.Tx) error {
				held, err := tx.OnHold(s.id())
				if held {
					t.Error("the hold is in the log while the head is being destroyed")
				}
				return err
			}))
		}
	}
	s.file(w.as(w.nl.lab), s.recallOf(b, "nl/agent/lab", w.nl.lab.key), nil)
	check(t, <-answered)
	p, err := desk.Record(t.Context(), s.id(), 0)
	check(t, err)
	var order []custody.Kind
	for _, l := range p.Lines {
		line := l.Custody()
		e, _, err := line.Parse()
		check(t, err)
		order = append(order, e.Kind)
	}
	if n := len(order); order[n-2] != custody.KindDestroyed || order[n-1] != custody.KindHold {
		t.Errorf("the record ends with %q", order[n-3:])
	}
	w.replay(desk, s.id())
	w.stop()
	w.clean()
}

// TestFsckHold plants damages in a relay with a request on hold.
func TestFsckHold(t *testing.T) {
	slowUnderRace(t)
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	b := s.take(s.packOf(1000), 1)
	s.hold(nil)
	s.file(w.as(w.nl.lab), s.recallOf(b, "nl/agent/lab", w.nl.lab.key), nil)
	w.stop()
	w.clean()
	k := &checked{world: w, request: s.id()}
	for _, c := range []damage{
		{"the hold is forgotten", func(d *damaged) { d.exec("DELETE FROM holds") }, one("hold"), string(s.id())},
		{"another hold", func(d *damaged) { d.exec("INSERT INTO holds VALUES ('x')") }, one("hold"), "x"},
		{"its head is destroyed", func(d *damaged) { d.remove(ingest.HeadKey(b.id)) }, one("head-missing"), "/head"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := k.copyOf(t)
			c.do(d)
			r := d.check(d.recovering)
			d.finds(c.name, r, c.want...)
			if len(r.Findings) > 0 && !strings.Contains(r.Findings[0].Where, c.where) {
				t.Errorf("found at %q, want %q", r.Findings[0].Where, c.where)
			}
		})
	}
	r := w.check(func(c *gateway.CheckConfig) { // a relay that did not run for two months
		w.recovering(c)
		c.Now = func() time.Time { return time.Now().Add(60 * day) }
	})
	if len(r.Findings) == 0 || r.Findings[0].Code != fsck.CodeLock {
		t.Errorf("two months without a relay: found %v", r.Findings)
	}
}
