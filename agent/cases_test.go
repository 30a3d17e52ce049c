package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/internal/wire"
)

// TestDiscover: what the relay says of one request, and what happens while it is
// read, hides no other.
func TestDiscover(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	evil := []byte(`{"cursor":"x","changes":[{"record":"../../evil","seq":0,"kind":"request"},{"record":"` + w.request + `","seq":0,"kind":"request"}]}`)
	s.Tamper(rewrite("/v1/changes", func([]byte) []byte { return evil }))
	id, err := s.Resolve(t.Context(), "0412")
	if err != nil || id != w.request {
		t.Errorf("Resolve = %q, %v", id, err)
	}
	known, err := w.homes["de"].Known()
	check(t, err)
	if len(known) != 1 {
		t.Errorf("the home knows %q", known)
	}
}

// TestDiscoverAgain: a request whose annex could not be read is not remembered
// without its reference.
func TestDiscoverAgain(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/v1/annexes/") {
			return problem(t, wire.CodeStorage), nil
		}
		return next(r)
	})
	if err := s.Discover(t.Context()); wire.CodeOf(err) != wire.CodeStorage {
		t.Errorf("Discover = %v", err)
	}
	id, err := w.connect("de", "lab-1").Resolve(t.Context(), "NL-2026-0412")
	if err != nil || id != w.request {
		t.Errorf("Resolve = %q, %v", id, err)
	}
}

// TestUnpinnedAuthority: what cannot be verified here is an error of verification.
func TestUnpinnedAuthority(t *testing.T) {
	w := newCase(t)
	h := w.homes["de"]
	h.Trust.Authorities = h.Trust.Authorities[:0]
	if _, err := w.connect("de", "lab-1").Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
		t.Errorf("Sync = %v", err)
	}
}

// TestEndlessChanges: a relay cannot keep an agent reading, neither with pages of
// what it has listed already nor with ever later entries.
func TestEndlessChanges(t *testing.T) {
	w := newCase(t)
	for _, row := range []struct {
		name string
		seq  func(page, i int) int64
		lie  bool
	}{
		{"the same entry", func(int, int) int64 { return 3 }, false},
		{"ever later entries", func(page, i int) int64 { return int64(page)<<17 + int64(i) }, true},
	} {
		s := w.connect("de", "lab-1")
		page := 0
		s.Tamper(func(r *http.Request, _ call) (*http.Response, error) {
			page++
			ch := wire.Changes{Cursor: fmt.Sprint(page), Changes: make([]wire.Change, 1<<17)}
			for i := range ch.Changes {
				ch.Changes[i] = wire.Change{Record: "a", Seq: row.seq(page, i), Kind: "k"}
			}
			b, err := json.Marshal(ch)
			check(t, err)
			return answer(b), nil
		})
		if err := s.Discover(t.Context()); errors.Is(err, agent.ErrVerify) != row.lie {
			t.Errorf("%s: Discover = %v after %d pages", row.name, err, page)
		}
		if page > 10 {
			t.Errorf("%s: %d pages are read", row.name, page)
		}
	}
}
