package agent_test

import (
	"bytes"
	"net/http/httptest"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/gateway"
	"comity.example/comity/test/tsa"
)

// TestDossierStamped: a dossier brings the time stamps that bound its acts, by both of
// the relay's authorities, and a verifier who names one of them is told by when each
// act existed.
func TestDossierStamped(t *testing.T) {
	w := newCase(t)
	one, two := tsa.NewOpenSSL(t, tsa.Options{RSA: true, Name: "One"}), tsa.NewOpenSSL(t, tsa.Options{Name: "Two", Intermediate: true})
	w.stop()
	w.cfg.StampLook = 20 * time.Millisecond
	pins := dossier.Pins{}
	for _, a := range []*tsa.OpenSSL{one, two} {
		srv := httptest.NewServer(a)
		t.Cleanup(srv.Close)
		roots, err := timestamp.ParseRoots(a.Roots)
		check(t, err)
		w.cfg.Timestamps = append(w.cfg.Timestamps, gateway.Timestamps{URL: srv.URL, Roots: roots, Interval: time.Nanosecond})
		if pins.Stampers == nil {
			pins.Stampers = roots
		}
	}
	w.start()
	w.awaitStamps()
	w.accept()
	w.send()
	w.awaitStamps()

	a, s := w.agent("de"), w.connect("de", "lab-1")
	var b bytes.Buffer
	check(t, a.Dossier(t.Context(), s, w.request, &b, true))
	d, err := dossier.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	check(t, err)
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	own := a.Pins(snap)
	pins.Authorities, pins.Relays = own.Authorities, own.Relays
	v, err := dossier.Verify(d, pins)
	check(t, err)
	names := map[string]bool{}
	for _, x := range v.Stamps {
		names[x.Authority] = x.Checked
	}
	if !v.Verified() || len(v.Stamps) < 4 || len(names) != 2 || !names["One"] || names["Two"] {
		t.Errorf("%s with the stamps %+v", v.Result, v.Stamps)
	}
	for _, act := range v.Acts {
		if act.Before == nil || act.Before.Authority != "One" || act.Before.Time.Time().Before(act.Time.Time()) || act.Before.Size <= act.Index {
			t.Errorf("%s at %s existed before %+v", act.Kind, act.Time, act.Before)
		}
	}
	if first, last := v.Acts[0].Before, v.Acts[len(v.Acts)-1].Before; first == nil || last == nil || first.Size >= last.Size {
		t.Errorf("one stamp bounds the first act and the last: %+v and %+v", first, last)
	}
}

// awaitStamps waits until both authorities have stamped all that the log has.
func (w *world) awaitStamps() {
	w.t.Helper()
	s := w.connect("de", "lab-1")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		size := w.relay.Size()
		got, err := s.Tokens(w.t.Context(), size-1, 0)
		check(w.t, err)
		if len(got.Tokens) == 2 {
			return
		}
	}
	w.t.Fatal("the authorities did not stamp the newest checkpoint")
}
