package gateway_test

import (
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects"
)

// keeping returns a relay that keeps packages for at most that many days.
func keeping(t *testing.T, days time.Duration) *world {
	w := newWorld(t)
	w.change = func(c *gateway.Config) { c.MaxRetention = days * day }
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w
}

// keep changes for how many days the relay keeps what comes from now on, and returns the
// hash of what says so; amends is that of what said so before.
func (s *story) keep(days int64, amends custody.Digest) custody.Digest {
	s.t.Helper()
	terms := s.grantBody().Terms
	terms.RetentionDays = days
	st := sign(s.t, &custody.Amendment{Header: s.header("nl", s.after), Request: s.request.SHA256, Review: s.review.SHA256,
		Amends: amends, To: "fr", Terms: terms}, s.nl.officers...)
	s.file(s.as(s.nl.desk), st, nil)
	return st.SHA256
}

// locks checks for how many days from its deposit the payload of a package is locked, and
// that its head and its inner file are for as long.
func (w *world) locks(b *bundle, deposited time.Time, days time.Duration) {
	w.t.Helper()
	until := deposited.Add(days * day)
	payload := strings.TrimSuffix(strings.Replace(ingest.HeadKey(b.id), "heads/", "payloads/", 1), "head") + "payload.000"
	if got := w.lockedUntil(payload); !got.Equal(objects.CeilSecond(until)) {
		w.t.Errorf("%s is locked until %s, want %s", payload, got, until)
	}
	for _, key := range []string{ingest.HeadKey(b.id), ingest.InnerKey(b.id)} {
		if got := w.lockedUntil(key); got.Before(until) || got.After(until.Add(time.Hour)) {
			w.t.Errorf("%s is locked until %s, want %s", key, got, until)
		}
	}
}

// TestRetention: payload, head and inner file of a package are locked for as long as the
// terms say that were in force at its seal, and for the relay's own window if that is
// longer. An amendment changes it for later packages, and needs no new acceptance. The
// relay finds what it has to lock again at its start, and fsck misses no lock that is
// too short.
func TestRetention(t *testing.T) {
	w := keeping(t, 400)
	s := w.agreedOn(func(b *custody.Grant) { b.RetentionDays = 100 })
	s.accepted()
	var list []*bundle
	terms := s.grant.SHA256
	for n, days := range []int64{100, 7, 400} {
		if n > 0 {
			terms = s.keep(days, terms)
		}
		list = append(list, s.take(s.packOf(1000), int64(n+1)))
	}
	at := map[string]time.Time{}
	p, err := w.as(w.nl.desk).Record(t.Context(), s.id(), 0)
	check(t, err)
	for _, l := range p.Lines {
		line := l.Custody()
		e, st, err := line.Parse()
		check(t, err)
		if e.Deposit != nil {
			at[st.Package()] = e.Time.Time()
		}
	}
	w.replay(w.as(w.nl.desk), s.id())
	w.stop()
	for n, want := range []time.Duration{100, 30, 400} {
		w.locks(list[n], at[list[n].id], want)
	}
	w.cleanAt("locked")

	before := w.lockedUntil(w.payloads()[0])
	w.start()
	w.stop()
	if got := w.lockedUntil(w.payloads()[0]); got != before {
		t.Errorf("after a start a payload is locked until %s, before it until %s", got, before)
	}
	short := (&checked{world: w, request: s.id()}).copyOf(t)
	until := objects.CeilSecond(at[list[0].id].Add(100 * day))
	short.replace(short.path(short.payloadOf(list[0].id), "@lock"), until.Format(time.RFC3339), until.Add(-day).Format(time.RFC3339))
	short.finds("a lock of 99 days", short.check(short.recovering), fsck.CodeLock)
}

// TestRetentionTooLong: an operator does not keep for longer than it says. The sender
// hears it at its reservation, with the number of days; one that has reserved before an
// amendment says more hears it at its seal, is still open, and seals when the terms are
// changed again. What is no longer than the relay's own window is never too long.
func TestRetentionTooLong(t *testing.T) {
	w := keeping(t, 1) // less than its own window, which counts then
	s := w.agreed()
	sender := w.as(w.nl.lab)
	b := s.packOf(1000)
	s.reserve(sender, b)
	s.upload(sender, b)
	terms := s.keep(31, s.grant.SHA256)
	seal := sign(t, s.sealBody(b), w.nl.lab.key)
	tooLong := func(what string, err error) {
		t.Helper()
		refused(t, what, err, custody.CodeRetention)
		if err != nil && !strings.Contains(err.Error(), "at most 30 days") {
			t.Errorf("%s: %v does not say how long", what, err)
		}
	}
	tooLong("room", s.room(sender))
	_, err := sender.Seal(t.Context(), b.id, b.epoch, seal.Envelope)
	tooLong("seal", err)
	refused(t, "a stranger's room", s.room(w.as(w.de.lab)), custody.CodeNoSuchRequest)
	var acts []custody.Act
	for _, ev := range s.events(sender, s.id()) {
		if d := ev.Denied; d.Code == custody.CodeRetention {
			acts = append(acts, d.Act)
		}
	}
	if len(acts) != 2 || acts[0] != custody.ActReserve || acts[1] != custody.ActStatement {
		t.Errorf("the record has denials of %v", acts)
	}
	s.keep(30, terms)
	check(t, s.room(sender))
	st, err := sender.Package(t.Context(), b.id)
	if err != nil || st.State != "open" {
		t.Fatalf("the package is %+v, %v", st, err)
	}
	p, err := sender.Seal(t.Context(), b.id, b.epoch, seal.Envelope)
	check(t, err)
	w.proven(p, s.request.SHA256)
	w.stop()
	w.clean()
}
