package agent_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// perRelease is newCase under a grant with release: origin that is accepted, with a
// package that was sent.
func perRelease(t *testing.T) (w *world, pkg string) {
	t.Helper()
	w = newWorld(t)
	w.ask()
	w.grant(func(g *officer.GrantDraft) { g.Release = custody.ReleaseOrigin })
	w.accept()
	sent := w.send()
	if sent.Unlocked || !sent.Answers {
		t.Fatalf("sent %+v: the head has left before anybody asked", sent)
	}
	return w, sent.Package
}

// asked has nl's lab sign its release, which must wait.
func (w *world) asked(into string) {
	w.t.Helper()
	if list, err := w.agent("nl").Fetch(w.t.Context(), w.connect("nl", "lab-1"), w.request, into); !errors.Is(err, agent.ErrTryLater) || len(list) > 0 {
		w.t.Fatalf("Fetch before the answer = %v, %v", list, err)
	}
	empty(w.t, into)
}

// unlocks counts the unlocks in the record.
func (w *world) unlocks() (n int) {
	w.t.Helper()
	snap, err := w.connect("nl", "desk-1").Sync(w.t.Context(), w.request)
	check(w.t, err)
	for _, l := range snap.Records[custody.RecordID(w.request)] {
		c := l.Custody()
		_, st, err := c.Parse()
		check(w.t, err)
		if st != nil && st.Kind == custody.KindUnlock {
			n++
		}
	}
	return n
}

// TestAnswerLost loses the relay's answer to an unlock, before it has the head and after:
// the same unlock goes again, and the recipient takes the package.
func TestAnswerLost(t *testing.T) {
	for _, arrives := range []bool{false, true} {
		w, pkg := perRelease(t)
		into := t.TempDir()
		w.asked(into)
		ctx, cancel := context.WithCancel(t.Context())
		s := w.connect("de", "lab-1")
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/unlock") {
				return next(r)
			}
			if arrives {
				resp, err := next(r)
				check(t, err)
				resp.Body.Close()
			}
			cancel()
			return nil, context.Canceled
		})
		if done, err := w.agent("de").Unlock(ctx, s, w.request); err == nil || len(done) > 0 {
			t.Fatalf("Unlock without an answer = %q, %v", done, err)
		}
		for _, want := range []int{1, 0} { // answered once, and not again
			done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
			if err != nil || len(done) != want {
				t.Errorf("Unlock = %q, %v, want %d", done, err, want)
			}
		}
		if n := w.unlocks(); n != 1 {
			t.Errorf("%d unlocks for one release", n)
		}
		if _, err := w.homes["de"].Head(w.request, pkg); err != nil {
			t.Errorf("the head is gone although the backup may ask for it: %v", err)
		}
		list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
		if err != nil || len(list) != 1 || list[0].Package != pkg {
			t.Errorf("Fetch = %+v, %v", list, err)
		}
	}
}

// TestAnswerNever: a release that waits when the grant is revoked is never answered, and
// the head is destroyed. Listing waits as fetching does.
func TestAnswerNever(t *testing.T) {
	w, pkg := perRelease(t)
	if err := w.agent("nl").List(t.Context(), w.connect("nl", "lab-1"), w.request, pkg, nil, nil); !errors.Is(err, agent.ErrTryLater) {
		t.Errorf("List before the answer = %v", err)
	}
	w.asked(t.TempDir())
	w.revoke()
	if done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); err == nil || len(done) > 0 {
		t.Errorf("Unlock after the revocation = %q, %v", done, err)
	}
	if _, err := w.homes["de"].Head(w.request, pkg); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the head after the revocation: %v", err)
	}
	if n := w.unlocks(); n != 0 {
		t.Errorf("%d unlocks", n)
	}
}

// TestAnswerDaemons: two daemons do all of it by themselves.
func TestAnswerDaemons(t *testing.T) {
	w, pkg := perRelease(t)
	_, inbox := w.settings("nl")
	w.settings("de")
	w.run("nl")
	until(t, "the release is signed", func() bool { return len(w.kase().Package(pkg).Unanswered()) == 1 })
	w.run("de")
	until(t, "the package is receipted", func() bool {
		r := w.kase().Package(pkg).Released("nl/agent/lab-1")
		return r.Receipt != nil
	})
	if _, err := os.Stat(filepath.Join(inbox, w.request, pkg, "data", "disk.img")); err != nil {
		t.Error(err)
	}
}
