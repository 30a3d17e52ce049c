package agent_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/gateway"
	internal "comity.example/comity/internal/witness"
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
	_, _, err := a.Dossier(t.Context(), s, w.request, &b, dossier.Redaction{})
	check(t, err)
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
		if act.Kind == custody.KindAttestation {
			continue // made with the dossier: nobody has stamped it yet
		}
		if act.Before == nil || act.Before.Authority != "One" || act.Before.Time.Time().Before(act.Time.Time()) || act.Before.Size <= act.Index {
			t.Errorf("%s at %s existed before %+v", act.Kind, act.Time, act.Before)
		}
	}
	first := v.Acts[0].Before
	if !slices.ContainsFunc(v.Acts, func(a dossier.Act) bool { return a.Before != nil && first != nil && a.Before.Size > first.Size }) {
		t.Errorf("one stamp bounds all acts: %+v", first)
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

// TestDossierWitnessed: where witnesses cosign the relay's log, a dossier brings the
// checkpoints by which each act is held to an interval, the stamped ones among them.
func TestDossierWitnessed(t *testing.T) {
	w := newCase(t)
	de, nl := w.witnessed("de"), w.witnessed("nl")
	a := tsa.NewOpenSSL(t, tsa.Options{})
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	roots, err := timestamp.ParseRoots(a.Roots)
	check(t, err)
	w.stop()
	w.cfg.Witnesses = w.serveWitnesses(de, nl)
	w.cfg.StampLook = 20 * time.Millisecond
	w.cfg.Timestamps = []gateway.Timestamps{{URL: srv.URL, Roots: roots, Interval: time.Nanosecond}}
	w.start()
	w.awaitCosigned()
	w.accept()
	w.awaitCosigned()
	w.send()
	w.awaitCosigned()

	ag, s := w.agent("de"), w.connect("de", "lab-1")
	var b bytes.Buffer
	_, _, err = ag.Dossier(t.Context(), s, w.request, &b, dossier.Redaction{})
	check(t, err)
	d, err := dossier.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	check(t, err)
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	v, err := dossier.Verify(d, ag.Pins(snap))
	check(t, err)
	if !v.Verified() || len(v.Stamps) == 0 {
		t.Errorf("%s with %d time stamps", v.Result, len(v.Stamps))
	}
	both := 0
	for _, x := range v.Acts {
		if x.Kind == custody.KindAttestation {
			continue // made with the dossier: witnesses have not seen it yet
		}
		if x.Before == nil || !x.Before.Witness {
			t.Errorf("entry %d existed before %+v", x.Index, x.Before)
		} else if x.After != nil && x.After.Witness && x.After.Size <= x.Index && x.Index < x.Before.Size {
			both++
		}
	}
	if both < 2 { // the acceptance, and what was sent after it
		t.Errorf("%d acts came in an interval: %+v", both, v.Witnessed)
	}
}

// serveWitnesses runs witnesses for the relay's log and returns the policy by which the
// relay asks all of them.
func (w *world) serveWitnesses(list ...*witness) *translog.Policy {
	w.t.Helper()
	var lines, names []string
	for _, x := range list {
		state := filepath.Join(w.t.TempDir(), "witness")
		check(w.t, internal.Init(state))
		h, err := internal.New(&internal.Config{State: state, Logs: []internal.Log{{Key: w.cfg.LogKey.Key()}}, Cosigners: x.keys, Now: time.Now})
		check(w.t, err)
		srv := httptest.NewServer(h)
		w.t.Cleanup(srv.Close)
		for i, k := range x.keys {
			names = append(names, fmt.Sprintf("%s/%d", x.id, i))
			lines = append(lines, fmt.Sprintf("witness %s %s %s\n", names[len(names)-1], k.Key(), srv.URL))
		}
	}
	p, err := translog.ParsePolicy([]byte(strings.Join(lines, "") + "group g all " + strings.Join(names, " ") + "\nquorum g\n"))
	check(w.t, err)
	return p
}

// awaitCosigned waits until the newest tree is cosigned and stamped.
func (w *world) awaitCosigned() {
	w.t.Helper()
	s := w.connect("de", "lab-1")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		size := w.relay.Size()
		got, err := s.CosignedAround(w.t.Context(), size-1, 0)
		check(w.t, err)
		k, err := s.Tokens(w.t.Context(), size-1, 0)
		check(w.t, err)
		if got.After != nil && len(k.Tokens) > 0 {
			return
		}
	}
	w.t.Fatal("the newest tree was not cosigned and stamped")
}
