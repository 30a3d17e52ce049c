package agent_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// listed is an index that has to be whole.
func (w *world) listed(s *agent.Session) *agent.Index {
	w.t.Helper()
	x, err := s.Index(w.t.Context(), officer.State, false)
	check(w.t, err)
	return x
}

// as compares an index with the records themselves, now and at every later date.
func (w *world) as(x *agent.Index, s *agent.Session, want int) {
	w.t.Helper()
	if len(x.Requests) != want {
		w.t.Fatalf("the index has %d requests, want %d", len(x.Requests), want)
	}
	for _, r := range x.Requests {
		snap, err := s.Sync(w.t.Context(), r.Request)
		check(w.t, err)
		c := snap.Case(r.Request)
		if r.From != c.From || r.To != c.To || !slices.Equal(r.Categories, c.Request.Categories) || r.Reference != "NL-2026-0412" {
			w.t.Errorf("the index says %+v", r)
		}
		for days := range 200 {
			now := time.Now().AddDate(0, 0, days-20)
			if got, want := r.State(now), officer.State(c, now); got != want {
				w.t.Errorf("request %s on day %d: %q, want %q", r.Request[:8], days, got, want)
			}
		}
		if got, want := len(x.Of(c.From, c.To)), len(snap.Book.View().Suspended(c.From, c.To)); got != want {
			w.t.Errorf("%d suspensions, want %d", got, want)
		}
	}
}

// TestIndex follows what happens to requests, and asks the relay for nothing but its
// checkpoint where nothing did.
func TestIndex(t *testing.T) {
	w := newWorld(t)
	s := w.connect("de", "lab-1")
	w.as(w.listed(s), s, 0)
	w.ask()
	w.as(w.listed(s), s, 1)
	w.grant()
	w.as(w.listed(s), s, 1)
	w.accept()
	first := w.request
	w.request = ""
	w.ask()
	w.as(w.listed(s), s, 2)
	w.request = first
	w.revoke()
	w.request = ""
	w.ask()
	w.file("nl", func(o officer.Office, h custody.Header, _ *custody.Case) (*officer.Paper, error) {
		h.After = nil
		return o.Suspension(h, "de", custody.StateSuspended, "incident")
	})
	x := w.listed(s)
	w.as(x, s, 3)

	var asked []string
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		asked = append(asked, r.URL.Path)
		return next(r)
	})
	again := w.listed(s)
	if !slices.Equal(asked, []string{"/log/checkpoint"}) {
		t.Errorf("with nothing new the relay was asked for %q", asked)
	}
	if a, b := marshal(t, x), marshal(t, again); !bytes.Equal(a, b) {
		t.Errorf("the index changed:\n%s\n%s", a, b)
	}
}

func marshal(t *testing.T, x *agent.Index) []byte {
	t.Helper()
	b, err := x.Marshal()
	check(t, err)
	return b
}

// TestIndexOfLiar: a relay that does not tell of what happens to a request is found out
// by the leaves of its log; one that does not tell of a new request, when it is asked
// from the beginning. Neither can show a record that is not in the log.
func TestIndexOfLiar(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	w.as(w.listed(s), s, 1)
	silent := rewrite("/v1/changes", func([]byte) []byte { return []byte(`{"cursor":"1000000","changes":[]}`) })
	s.Tamper(silent)
	w.accept()
	if x := w.listed(s); len(x.Requests) != 1 || x.Requests[0].State(time.Now()) != "open" {
		t.Errorf("what the relay keeps from its list is not seen: %+v", x.Requests[0])
	}
	w.request = ""
	w.ask()
	if x := w.listed(s); len(x.Requests) != 1 {
		t.Errorf("%d requests of a relay that tells of one", len(x.Requests))
	}
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) { return next(r) })
	x, err := s.Index(t.Context(), officer.State, true)
	check(t, err)
	w.as(x, s, 2)

	w.revokeFirst(x)
	s.Tamper(rewrite("/v1/records/"+firstOf(x), recordOf(t, func(p *wire.RecordProof) { p.Lines = p.Lines[:len(p.Lines)-1] })))
	if x, err := s.Index(t.Context(), officer.State, false); err == nil || x != nil {
		t.Errorf("an index of a record with its end cut off: %v", err)
	}
}

// firstOf is the request of the two that was granted.
func firstOf(x *agent.Index) string {
	i := slices.IndexFunc(x.Requests, func(r *agent.Indexed) bool { return r.State(time.Now()) == "open" })
	return x.Requests[i].Request
}

func (w *world) revokeFirst(x *agent.Index) {
	w.request = firstOf(x)
	w.revoke()
}

// TestIndexDamaged: whatever became of the file, the list is as the log says.
func TestIndexDamaged(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	good := marshal(t, w.listed(s))
	path := filepath.Join(w.homes["de"].Dir(), "relays", relayName, "requests")
	other := bytes.Replace(good, []byte(`"granted, not accepted"`), []byte(`"refused"`), 1)
	stale, err := agent.ParseIndex(good)
	check(t, err)
	stale.Requests, stale.Checkpoint, stale.Cursor = nil, custody.CheckpointRef{Size: 1}, ""
	foreign, err := agent.ParseIndex(good)
	check(t, err)
	foreign.Relay = "other.example"
	for name, data := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)/2], "changed": other, "more": append(slices.Clone(good), '\n'), "no JSON": []byte("x\ny\n"),
		"stale": marshal(t, stale), "of another relay": marshal(t, foreign),
	} {
		check(t, os.WriteFile(path, data, 0o600))
		x, err := s.Index(t.Context(), officer.State, false)
		if err != nil || len(x.Requests) != 1 || x.Requests[0].State(time.Now()) != "granted, not accepted" {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), "not accepted") {
			t.Errorf("%s: the file is not made again: %v", name, err)
		}
	}
}

// TestIndexUnpinned: a request by an authority that is not pinned here is told, and hides
// no other.
func TestIndexUnpinned(t *testing.T) {
	w := newCase(t)
	h := w.homes["de"]
	pins := h.Trust.Authorities
	h.Trust.Authorities = slices.DeleteFunc(slices.Clone(pins), func(p agent.PinnedAuthority) bool { return p.Name == "nl" })
	s := w.connect("de", "lab-1")
	if x, err := s.Index(t.Context(), officer.State, false); err == nil || x == nil || len(x.Requests) != 0 {
		t.Errorf("a request by who is not pinned: %v, %v", x, err)
	}
	h.Trust.Authorities = pins
	w.as(w.listed(s), s, 1)
}

func FuzzParseIndex(f *testing.F) {
	x := &agent.Index{Relay: relayName, Requests: []*agent.Indexed{{Request: "a", Categories: []string{"stored-data"}}}}
	good, err := x.Marshal()
	check(f, err)
	f.Add(good)
	f.Add([]byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := agent.ParseIndex(data)
		if err != nil {
			return
		}
		again, err := x.Marshal()
		check(t, err)
		if _, err := agent.ParseIndex(again); err != nil || !json.Valid(bytes.SplitN(again, []byte("\n"), 3)[1]) {
			t.Errorf("what was read is not written so that it can be read: %v", err)
		}
	})
}
