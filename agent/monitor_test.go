package agent_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
)

// TestMonitor: a daemon finds by the leaves of the log alone that a record has grown,
// whatever the relay tells of what is new; it reads what it has read no second time, and
// what contradicts that raises an alarm.
func TestMonitor(t *testing.T) {
	w := newCase(t)
	s := w.connect("nl", "lab-1")
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	var m agent.Monitor
	m.Know(snap, w.request)
	tiles := 0
	watch := func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/log/tile/") {
			tiles++
		}
		return next(r)
	}
	s.Tamper(watch)
	look := func(want int) {
		t.Helper()
		grown, err := s.Monitor(t.Context(), &m)
		check(t, err)
		if len(grown) != want {
			t.Errorf("%q have grown, want %d", grown, want)
		}
	}
	look(0)
	before := tiles
	look(0)
	if tiles != before {
		t.Errorf("a log that has not grown is read again: %d tiles", tiles-before)
	}
	w.accept()
	look(1)
	look(0)
	snap, err = s.Sync(t.Context(), w.request)
	check(t, err)
	m.Know(snap, w.request)
	look(0)

	l := w.leaves(s, snap.Checkpoint.Size)
	l[0].Salted[0] ^= 1
	s.Tamper(w.shows(snap.Checkpoint.Size, append(l, l[1])))
	if _, err := s.Monitor(t.Context(), &m); !errors.Is(err, agent.ErrVerify) || len(w.alarms("nl")) != 1 {
		t.Errorf("another log: %v, alarms %+v", err, w.alarms("nl"))
	}
	s.Tamper(watch)
	look(0)
}

// TestOtherLogNamed: what an agent of the other State signed of the log that it was shown
// is held against this one. A relay that shows the two States two logs is found by it, once
// both have read one record; the word of one machine stops nothing.
func TestOtherLogNamed(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	w.accept()
	s := w.connect("de", "lab-1")
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	p := snap.Case(w.request).Package(pkg)
	st, err := custody.Sign(&custody.Unlock{
		Header: spoken(s, snap, w.request), Request: snap.Case(w.request).RequestSHA256, Package: pkg, Seal: p.SHA256, HeadSHA256: p.HeadSHA256,
		Acceptance: p.Grant.Acceptance, Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size - 1, Root: custody.Digest{1}},
	}, w.key("de/agent/lab-1"))
	check(t, err)
	head, err := w.homes["de"].Head(w.request, pkg)
	check(t, err)
	inner, err := w.homes["de"].Inner(w.request, pkg)
	check(t, err)
	_, err = s.Client.Unlock(t.Context(), pkg, st.Envelope, head, inner)
	check(t, err)

	nl := w.connect("nl", "lab-1")
	for range 2 {
		if _, err := nl.Sync(t.Context(), w.request); err != nil {
			t.Fatal(err)
		}
	}
	list := w.alarms("nl")
	if len(list) != 1 || list[0].Kind != alarm.KindOtherLog || !strings.Contains(list[0].Words, "de/agent/lab-1 has signed") {
		t.Fatalf("alarms %+v", list)
	}
	if f, err := list[0].Verify(map[string]custody.Digest{relayName: w.fp}); err != nil || f.Proved {
		t.Errorf("the alarm: %+v, %v", f, err)
	}
	_, err = w.agent("nl").Fetch(t.Context(), nl, w.request, t.TempDir())
	check(t, err)
}
