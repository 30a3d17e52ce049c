package agent_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// turns has an authority suspend all transfers with the other, or lift that.
func (w *world) turns(name, state, reason string) {
	w.t.Helper()
	w.file(name, func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		h.After = nil
		with := c.From
		if name == with {
			with = c.To
		}
		return o.Suspension(h, with, state, reason)
	})
}

func (w *world) suspends(name string) {
	w.t.Helper()
	w.turns(name, custody.StateSuspended, "incident")
}
func (w *world) resumes(name string) { w.t.Helper(); w.turns(name, custody.StateLifted, "resolved") }

// suspended fails unless an error says that the pair is suspended.
func suspended(t testing.TB, what string, err error) {
	t.Helper()
	if wire.CodeOf(err) != custody.CodePairSuspended {
		t.Errorf("%s: %v, want %s", what, err, custody.CodePairSuspended)
	}
}

// TestSuspendedMidway: a send that a suspension stops in the middle loses nothing, and
// goes on with the same package when that is lifted.
func TestSuspendedMidway(t *testing.T) {
	for _, name := range []string{"de", "nl"} {
		w := newCase(t)
		w.accept()
		folder := exhibits(t, threeParts)
		_, err := w.midway(t.Context(), folder, func() { w.suspends(name) })
		suspended(t, "the send", err)
		ids := w.packages("de")
		for range 2 {
			_, err = w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
			suspended(t, "the next send", err)
		}
		if left := w.packages("de"); len(left) != 1 || !slices.Equal(left, ids) {
			t.Fatalf("the home has %q, before %q", left, ids)
		}
		w.resumes(name)
		sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
		check(t, err)
		if sent.Package != ids[0] || !sent.Unlocked {
			t.Errorf("sent %+v, want package %q", sent, ids[0])
		}
		w.finish(folder, t.TempDir())
	}
}

// TestSuspendedSeal: a package whose seal comes too late is deposited after the lift.
func TestSuspendedSeal(t *testing.T) {
	w := newCase(t)
	w.accept()
	ctx, s := w.crashAt("/seal")
	folder := exhibits(t, 100)
	if _, err := w.agent("de").Send(ctx, s, w.request, folder, agent.SendOptions{}); err == nil {
		t.Fatal("the send went through")
	}
	id := w.packages("de")[0]
	w.suspends("nl")
	_, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	suspended(t, "depositing", err)
	w.resumes("nl")
	done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	if err != nil || !slices.Equal(done, []string{id}) {
		t.Errorf("Unlock = %q, %v", done, err)
	}
}

// TestSuspendedUnlock: the sender's agent does not let a head go by its own reading of
// both authorities' records, without asking the relay, and keeps it.
func TestSuspendedUnlock(t *testing.T) {
	for _, name := range []string{"de", "nl"} {
		w := newCase(t)
		pkg := w.send().Package
		w.accept()
		w.suspends(name)
		s := w.connect("de", "lab-1")
		s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/unlock") {
				t.Error("the head went to the relay")
			}
			return next(r)
		})
		_, err := w.agent("de").Unlock(t.Context(), s, w.request)
		suspended(t, "unlocking", err)
		if _, err := os.Stat(filepath.Join(w.homes["de"].PackageDir(w.request, pkg), "head")); err != nil {
			t.Errorf("the head is gone: %v", err)
		}
		w.resumes(name)
		if done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); err != nil || !slices.Equal(done, []string{pkg}) {
			t.Errorf("Unlock = %q, %v", done, err)
		}
	}
}

// TestSuspendedFetch: what has landed of a package stays while the pair is suspended,
// and the rest follows.
func TestSuspendedFetch(t *testing.T) {
	w := newCase(t)
	w.accept()
	into := t.TempDir()
	folder := w.begun(3, 3, into)
	w.suspends("de")
	before := names(t, into)
	for range 2 {
		_, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
		suspended(t, "fetching", err)
	}
	if got := names(t, into); !slices.Equal(got, before) {
		t.Errorf("the folder holds %q, before %q", got, before)
	}
	w.resumes("de")
	w.finish(folder, into)
}

// TestRunSuspended: the daemons wait for the lift, and then send and fetch.
func TestRunSuspended(t *testing.T) {
	t.Parallel()
	long(t)
	w := newCase(t)
	w.accept()
	w.suspends("nl")
	out, _ := w.settings("de")
	_, in := w.settings("nl")
	w.put(out, "folder", true)
	de := w.run("de")
	w.run("nl")
	de.until("the folder waits", func(st *agent.Status) bool {
		return strings.Contains(work(st, "folder").Trouble, string(custody.CodePairSuspended))
	})
	w.resumes("nl")
	w.moved(out, ".sent", "folder", "unlocked")
	w.once(in, "folder")
}

// TestNoticeSuspension: a suspension or its lift, by either side, has a daemon look at all
// of its requests and try all that waits; news of one request only of that.
func TestNoticeSuspension(t *testing.T) {
	one, two := custody.PackageID([16]byte{1}), custody.PackageID([16]byte{2})
	for _, c := range []struct {
		news wire.Change
		want []string
	}{
		{wire.Change{Record: custody.AuthorityRecord("nl"), Seq: 3, Kind: custody.KindSuspension}, []string{"look at " + one, "send for " + one, "look at " + two, "send for " + two}},
		{wire.Change{Record: custody.AuthorityRecord("nl"), Seq: 3, Kind: custody.KindDirectory}, nil},
		{wire.Change{Record: custody.RecordID(two), Seq: 3, Kind: custody.KindAcceptance}, []string{"look at " + two, "send for " + two}},
	} {
		if got := agent.Noticed([]string{one, two}, c.news); !slices.Equal(got, c.want) {
			t.Errorf("after a %s in %q: %q, want %q", c.news.Kind, c.news.Record, got, c.want)
		}
	}
}
