package gateway_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/wire"
)

const day = 24 * time.Hour

// later restarts the relay so much later than it is.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.stop()
	w.change = func(c *gateway.Config) { c.Now = func() time.Time { return time.Now().Add(d) } }
	w.start()
}

// stateOf reads the state of a package while the relay does not run.
func (w *world) stateOf(id string) (s records.State) {
	w.t.Helper()
	db, err := sqlite.Open(filepath.Join(w.dir, "relay.db"))
	check(w.t, err)
	defer db.Close()
	check(w.t, db.View(w.t.Context(), func(tx *records.Tx) error {
		p, err := tx.Package(id)
		s = p.State
		return err
	}))
	return s
}

// states checks what became of packages, and that what was given up takes no room.
func (w *world) states(when string, want map[*bundle]records.State) {
	w.t.Helper()
	w.stop()
	for b, s := range want {
		if got := w.stateOf(b.id); got != s {
			w.t.Errorf("%s: package %q is %s, want %s", when, b.id, got, s)
		}
	}
	w.finds(when, w.check(func(c *gateway.CheckConfig) {
		w.recovering(c)
		if w.change != nil {
			var g gateway.Config
			w.change(&g)
			c.Now = g.Now
		}
	}))
	w.start()
}

// TestReapIdle: a reservation is given up when no part of it has come for seven
// days, and not before; what is sealed, or being sealed, stays.
func TestReapIdle(t *testing.T) {
	w := newRelay(t)
	s := w.agreedOn(func(g *custody.Grant) { g.MaxPackages = 10 })
	c := w.as(w.nl.lab)
	idle, busy, sealing := &bundle{size: seal.PayloadSize(20 << 20)}, s.pack(), s.packOf(1000)
	s.reserve(c, idle)
	s.reserve(c, busy)
	s.reserve(c, sealing)
	s.upload(c, sealing)
	sealing.seal = sign(t, func() *custody.Seal { b := s.sealBody(sealing); b.Delivery = 2; return b }(), w.nl.lab.key)
	sealed := s.deposit(c, s.packOf(1000), 1)

	w.later(6*day + 23*time.Hour)
	c = w.as(w.nl.lab)
	check(t, c.PutPart(t.Context(), busy.id, busy.epoch, 0, busy.sums[0], busy.parts[0]))
	w.states("after six days", map[*bundle]records.State{idle: records.Open, busy: records.Open, sealed: records.Sealed})
	w.stop()
	w.database(func(tx *records.Tx) error {
		ok, err := tx.Freeze(sealing.id, sealing.epoch, sealing.seal.Envelope)
		if !ok {
			t.Error("the package was not open")
		}
		return err
	})
	w.start()
	w.later(7*day + time.Hour)
	_, err := w.as(w.nl.lab).Package(t.Context(), idle.id)
	refused(t, "package that was given up", err, custody.CodeNoSuchPackage)
	want := map[*bundle]records.State{idle: records.Abandoned, busy: records.Open, sealing: records.Sealed, sealed: records.Sealed}
	w.states("after seven days", want)
	w.later(14 * day)
	want[busy] = records.Abandoned
	w.states("after fourteen days", want)
}

// TestReapDeadGrant: a reservation is given up as soon as its grant has ended.
func TestReapDeadGrant(t *testing.T) {
	w := newRelay(t)
	s := w.agreedOn(func(g *custody.Grant) { g.Expires = inDays(3) })
	expired, revoked := &bundle{size: seal.PayloadSize(1000)}, &bundle{size: seal.PayloadSize(1000)}
	s.reserve(w.as(w.nl.lab), expired)
	other := w.agreed()
	other.reserve(w.as(w.nl.lab), revoked)
	want := map[*bundle]records.State{expired: records.Open, revoked: records.Open}
	w.states("while the grants stand", want)
	other.file(w.as(w.nl.desk), sign(t, &custody.Revocation{Header: w.header("nl", other.after), Request: other.request.SHA256,
		Grant: other.grant.SHA256, Reason: "error"}, w.nl.officers[0]), nil)
	w.later(0)
	want[revoked] = records.Abandoned
	w.states("after the revocation", want)
	w.later(3 * day)
	want[expired] = records.Abandoned
	w.states("after the last day", want)
}

// TestReapHourly: a relay that runs looks every hour, in virtual time.
func TestReapHourly(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	b := &bundle{size: seal.PayloadSize(1000)}
	s.reserve(w.as(w.nl.lab), b)
	w.stop()
	base := time.Now().Add(6*day + 22*time.Hour + 30*time.Minute)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		cfg, closeParts, err := relayConfig(w.dir)
		check(t, err)
		defer closeParts()
		cfg.Now = func() time.Time { return base.Add(time.Since(begun)) }
		g, err := gateway.New(t.Context(), cfg)
		check(t, err)
		defer g.Close()
		for _, want := range []string{wire.StateOpen, string(records.Abandoned)} {
			time.Sleep(61 * time.Minute)
			synctest.Wait()
			check(t, cfg.DB.View(t.Context(), func(tx *records.Tx) error {
				p, err := tx.Package(b.id)
				if string(p.State) != want {
					t.Errorf("after %s the package is %s, want %s", time.Since(begun), p.State, want)
				}
				return err
			}))
		}
	})
}
