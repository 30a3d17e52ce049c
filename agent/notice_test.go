package agent_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
)

// swallowed has de's desk revoke the grant at a relay that lies, and returns the notice.
func (w *world) swallowed(lie func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error)) *agent.NotEnteredError {
	w.t.Helper()
	s := w.connect("de", "desk-1")
	s.ProofWithin(time.Second)
	desk := &officer.Desk{Home: w.homes["de"], Session: s, Now: time.Now}
	snap, err := s.Sync(w.t.Context(), w.request)
	check(w.t, err)
	p, err := desk.Office(snap).Revocation(s.Header(snap, w.request), snap.Case(w.request), "key-compromise")
	check(w.t, err)
	s.Tamper(lie(s, snap))
	_, err = desk.File(w.t.Context(), snap, p)
	var e *agent.NotEnteredError
	if !errors.As(err, &e) || e.Kind != custody.KindRevocation || len(e.To) != 1 || e.To[0] != "nl" {
		w.t.Fatalf("File = %v", err)
	}
	return e
}

// TestSwallowedRevocation: a relay that swallows a revocation, whatever it answers, is
// found within the time that it has; the file that the officer's machine then writes stops
// both States' machines by itself, and the other State's desk can file it.
func TestSwallowedRevocation(t *testing.T) {
	statements := func(answer func(*http.Request) (*http.Response, error)) func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
		return func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
			return func(r *http.Request, next call) (*http.Response, error) {
				if r.URL.Path == "/v1/statements" {
					return answer(r)
				}
				return next(r)
			}
		}
	}
	w := newCase(t)
	pkg := w.send().Package
	w.accept()
	for _, row := range []struct {
		name string
		lie  func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error)
	}{
		{"it never answers", statements(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})},
		{"it says that the grant is revoked", statements(func(*http.Request) (*http.Response, error) { return problem(t, custody.CodeGrantRevoked), nil })},
		{"it answers out of a private tree", func(s *agent.Session, snap *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
			return func(r *http.Request, next call) (*http.Response, error) {
				if r.URL.Path != "/v1/statements" {
					return next(r)
				}
				st, err := custody.ParseStatement(envelopeOf(t, r))
				check(t, err)
				return w.alone(s, snap.Book.Record(custody.RecordID(w.request)), snap.Book.View(), st), nil
			}
		}},
	} {
		e := w.swallowed(row.lie)
		found := false
		for _, x := range w.alarms("de") {
			found = found || x.Kind == alarm.KindNotEntered && string(x.Record) == w.request
		}
		if _, err := os.Stat(e.Path); err != nil || !found {
			t.Errorf("%s: file %v, alarm %t", row.name, err, found)
		}
		if row.name != "it answers out of a private tree" && !errors.Is(e, agent.ErrTryLater) {
			t.Errorf("%s: %v", row.name, e)
		}
	}
	list, err := w.homes["de"].Notices()
	check(t, err)
	data, err := os.ReadFile(list[0].Path)
	check(t, err)

	// The own lab is on the same machine here: the head stays, though the log allows it.
	if _, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); !errors.Is(err, agent.ErrNoticed) && !errors.Is(err, agent.ErrForked) {
		t.Errorf("Unlock = %v", err)
	}
	if _, err := w.homes["de"].Head(w.request, pkg); err != nil {
		t.Errorf("the head is gone: %v", err)
	}
	// The other State takes the file, which the relay has no part in.
	n, err := w.agent("nl").TakeNotice(data)
	check(t, err)
	if n.Statement.Kind != custody.KindRevocation || n.Statement.Header.By != "de" {
		t.Errorf("taken: %+v", n.Statement.Header)
	}
	if _, err := w.agent("nl").TakeNotice(data); err != nil {
		t.Errorf("taken again: %v", err)
	}
	desk := w.connect("nl", "desk-1")
	snap, err := desk.Sync(t.Context(), w.request)
	check(t, err)
	if stopped, err := w.homes["nl"].Stopped(snap, w.request); err != nil || len(stopped) != 1 {
		t.Errorf("stopped: %v, %v", stopped, err)
	}
	entry, err := desk.FileNotice(t.Context(), n)
	check(t, err)
	if entry.Via != "nl/agent/desk-1" || entry.Kind != custody.KindRevocation {
		t.Errorf("the entry: %+v", entry)
	}
	if again, err := desk.FileNotice(t.Context(), n); err != nil || again.Seq != entry.Seq {
		t.Errorf("filed again: %+v, %v", again, err)
	}
	snap, err = desk.Sync(t.Context(), w.request)
	check(t, err)
	if !snap.Case(w.request).Live().Revoked {
		t.Error("the grant stands")
	}
	if stopped, err := w.homes["nl"].Stopped(snap, w.request); err != nil || len(stopped) != 0 {
		t.Errorf("what the record holds is a notice still: %v, %v", stopped, err)
	}
}

// TestNoticeStopsTaking: the recipient's agent that has taken a notice signs no release and
// shows no package, although the relay's record allows both.
func TestNoticeStopsTaking(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.send()
	e := w.swallowed(func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
		return func(r *http.Request, next call) (*http.Response, error) {
			if r.URL.Path == "/v1/statements" {
				return problem(t, custody.CodeNotCarrier), nil
			}
			return next(r)
		}
	})
	data, err := os.ReadFile(e.Path)
	check(t, err)
	nl := w.agent("nl")
	_, err = nl.TakeNotice(data)
	check(t, err)
	into := t.TempDir()
	if _, err := nl.Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into); !errors.Is(err, agent.ErrNoticed) {
		t.Errorf("Fetch = %v", err)
	}
	if n := w.statementsOf(custody.KindRelease); n != 0 {
		t.Errorf("%d releases were signed", n)
	}
	empty(t, into)
	if _, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 10), agent.SendOptions{}); !errors.Is(err, agent.ErrNoticed) {
		t.Errorf("Send = %v", err)
	}
	if a := w.alarms("de"); len(a) != 1 || a[0].Kind != alarm.KindNotEntered {
		t.Errorf("alarms %+v", a)
	}
}

// TestNoticeOvertaken: an officer who signs again what the relay had swallowed leaves no
// notice behind that would stop a later grant.
func TestNoticeOvertaken(t *testing.T) {
	w := newCase(t)
	w.accept()
	e := w.swallowed(func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
		return func(r *http.Request, next call) (*http.Response, error) {
			if r.URL.Path == "/v1/statements" {
				return problem(t, custody.CodeNotCarrier), nil
			}
			return next(r)
		}
	})
	w.revoke()
	w.grant()
	w.accept()
	data, err := os.ReadFile(e.Path)
	check(t, err)
	for _, name := range []string{"de", "nl"} {
		_, err := w.agent(name).TakeNotice(data)
		check(t, err)
		snap, err := w.connect(name, "desk-1").Sync(t.Context(), w.request)
		check(t, err)
		if list, err := w.homes[name].Stopped(snap, w.request); err != nil || len(list) != 0 {
			t.Errorf("%s is stopped by %v, %v", name, list, err)
		}
	}
	w.send()
}

// TestRevokedAlone: with no relay at all the officer's machine signs on what it last
// proved, and the notice is as good.
func TestRevokedAlone(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.connect("nl", "lab-1").Sync(t.Context(), w.request)
	w.connect("de", "desk-1").Sync(t.Context(), w.request)
	w.stop()
	de := w.agent("de")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := de.Connect(ctx, "de/agent/desk-1"); err == nil {
		t.Fatal("connected")
	}
	s, snap, err := de.Alone("de/agent/desk-1", w.request)
	check(t, err)
	desk := &officer.Desk{Home: w.homes["de"], Session: s, Now: time.Now}
	p, err := desk.Office(snap).Revocation(s.Header(snap, w.request), snap.Case(w.request), "error")
	check(t, err)
	err = desk.Alone(snap, p, errors.New("connection refused"))
	var e *agent.NotEnteredError
	if !errors.As(err, &e) || !errors.Is(err, agent.ErrTryLater) || !strings.Contains(err.Error(), "connection refused") {
		t.Fatalf("Alone = %v", err)
	}
	data, err := os.ReadFile(e.Path)
	check(t, err)
	_, err = w.agent("nl").TakeNotice(data)
	check(t, err)
	w.start()
	n, err := w.homes["de"].Notices()
	check(t, err)
	if _, err := w.connect("de", "desk-1").FileNotice(t.Context(), &n[0]); err != nil {
		t.Errorf("filing it when the relay is back: %v", err)
	}
}

// TestNoticeRefused: what is altered is not taken; custody/notice tries the rest.
func TestNoticeRefused(t *testing.T) {
	w := newCase(t)
	e := w.swallowed(func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
		return func(r *http.Request, next call) (*http.Response, error) {
			if r.URL.Path == "/v1/statements" {
				return problem(t, custody.CodeNotCarrier), nil
			}
			return next(r)
		}
	})
	data, err := os.ReadFile(e.Path)
	check(t, err)
	nl := w.agent("nl")
	for i := 0; i < len(data); i += 1 + len(data)/40 {
		b := append([]byte{}, data...)
		b[i] ^= 1
		if _, err := nl.TakeNotice(b); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	if list, err := w.homes["nl"].Notices(); err != nil || len(list) != 0 {
		t.Errorf("kept: %v, %v", list, err)
	}
}
