package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/tlog"
)

// seen lists the checkpoints that a home has to compare the next one with.
func (w *world) seen(name string) []string {
	w.t.Helper()
	list, err := os.ReadDir(filepath.Join(w.homes[name].Dir(), "relays", relayName, "checkpoints"))
	check(w.t, err)
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

// sign signs a tree with the key of the relay's log.
func (w *world) sign(size int64, root tlog.Hash) []byte {
	w.t.Helper()
	cp, err := translog.Sign(translog.Checkpoint{Origin: relayName, Size: size, Root: root}, w.cfg.LogKey, time.Now())
	check(w.t, err)
	return cp
}

// alone is the answer of a relay that takes a statement into a tree of its own,
// where it is the only leaf.
func (w *world) alone(s *agent.Session, r *custody.Record, v *custody.View, st *custody.Statement) *http.Response {
	w.t.Helper()
	e := custody.NewEntry(r, v, st, s.ID, statement.At(time.Now()), custody.Decision{Code: custody.CodeAllowed, Rule: "revocation"}, nil)
	l := custody.Line{Entry: e.Marshal(), Envelope: st.Envelope}
	b, err := json.Marshal(wire.Proof{Checkpoint: string(w.sign(1, l.Leaf(r.First(), e.Seq).Hash())),
		Line: wire.Line{Entry: l.Entry, Envelope: st.Envelope, Proof: []custody.Digest{}}})
	check(w.t, err)
	return answer(b)
}

// answer is a good answer of a relay.
func answer(body []byte) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

// envelopeOf reads the envelope that a request brings.
func envelopeOf(t testing.TB, r *http.Request) []byte {
	t.Helper()
	check(t, r.ParseMultipartForm(1<<22))
	f, err := r.MultipartForm.File["envelope"][0].Open()
	check(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	check(t, err)
	return b
}

// TestForkedProof: a revocation that the relay acknowledges with a tree of its own
// is not filed, also if the relay keeps its log from us meanwhile.
func TestForkedProof(t *testing.T) {
	w := newCase(t)
	w.accept()
	for _, row := range []struct {
		name   string
		hidden bool // the log cannot be read while the statement is filed
	}{{"the log is there", false}, {"the log is hidden", true}} {
		s := w.connect("de", "desk-1")
		desk := &officer.Desk{Home: w.homes["de"], Session: s, Now: time.Now}
		snap, err := s.Sync(t.Context(), w.request)
		check(t, err)
		p, err := desk.Office(snap).Revocation(s.Header(snap, w.request), snap.Case(w.request), "key-compromise")
		check(t, err)
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			switch {
			case r.URL.Path == "/v1/statements":
				st, err := custody.ParseStatement(envelopeOf(t, r))
				check(t, err)
				return w.alone(s, snap.Book.Record(custody.RecordID(w.request)), snap.Book.View(), st), nil
			case row.hidden && strings.HasPrefix(r.URL.Path, "/log/"):
				return problem(t, wire.CodeStorage), nil
			}
			return next(r)
		})
		if _, err := desk.File(t.Context(), snap, p); err == nil || errors.Is(err, agent.ErrVerify) == row.hidden {
			t.Errorf("%s: File = %v", row.name, err)
		}
		_, err = w.connect("de", "desk-1").Sync(t.Context(), w.request)
		if errors.Is(err, agent.ErrVerify) != row.hidden {
			t.Errorf("%s: the next Sync = %v", row.name, err)
		}
	}
}

// TestOwnRevocation: after a home has filed a revocation the relay cannot show it
// the log as it was before, and have a head for it.
func TestOwnRevocation(t *testing.T) {
	w := newCase(t)
	w.send()
	w.accept()
	s := w.connect("de", "lab-1")
	old, err := s.Checkpoint(t.Context())
	check(t, err)
	w.revoke()
	left := false
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		left = left || strings.HasSuffix(r.URL.Path, "/unlock")
		return rewrite("/log/checkpoint", func([]byte) []byte { return old })(r, next)
	})
	if _, err = w.agent("de").Unlock(t.Context(), s, w.request); !errors.Is(err, agent.ErrVerify) || left {
		t.Errorf("Unlock = %v, the head has left: %t", err, left)
	}
}

// TestSeenMeanwhile: while one process of a home reads the log, another is shown
// another log.
func TestSeenMeanwhile(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	w.accept()
	var once sync.Once
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/log/tile/") {
			once.Do(func() {
				path := filepath.Join(w.homes["de"].Dir(), "relays", relayName, "checkpoints", "other")
				check(t, os.WriteFile(path, w.sign(snap.Checkpoint.Size+1, tlog.Hash{1}), 0o600))
			})
		}
		return next(r)
	})
	if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Sync = %v", err)
	}
}

// TestHugeLog: a size that no log grows to is not read.
func TestHugeLog(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	huge := w.sign(1<<40, tlog.Hash{1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/log/tile/") {
			t.Errorf("%s is asked for", r.URL.Path)
			cancel()
		}
		return rewrite("/log/checkpoint", func([]byte) []byte { return huge })(r, next)
	})
	if _, err := s.Sync(ctx, ""); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Sync = %v", err)
	}
}
