package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// settings makes a home's settings those of a daemon that is in a hurry.
func (w *world) settings(name string) (outbox, inbox string) {
	w.t.Helper()
	h := w.homes[name]
	text := "authority: " + name + "\ntransport: h2\n" +
		"outbox: {folder: out, settle: 1s, rescan: 100ms}\ninbox: {folder: in, poll: 1s}\n"
	check(w.t, os.WriteFile(filepath.Join(h.Dir(), "comity.yaml"), []byte(text), 0o600))
	again, err := agent.OpenHome(h.Dir())
	check(w.t, err)
	w.homes[name] = again
	check(w.t, os.MkdirAll(filepath.Join(h.Dir(), "out", w.request), 0o700))
	return filepath.Join(h.Dir(), "out"), filepath.Join(h.Dir(), "in")
}

// running is a daemon of an authority's lab.
type running struct {
	*agent.Daemon
	t    *testing.T
	stop context.CancelFunc
	end  chan error
}

// run runs a daemon until the test ends or stops it.
func (w *world) run(name string) *running {
	w.t.Helper()
	return w.runTo(name, func(string) error { return nil })
}

// runTo runs a daemon that dies where step says so.
func (w *world) runTo(name string, step func(string) error) *running {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	r := &running{w.homes[name].Daemon(), w.t, stop, make(chan error, 1)}
	ready := make(chan struct{})
	go func() {
		r.end <- w.agent(name).RunTo(ctx, custody.PartyID(name+"/agent/lab-1"), func() { close(ready) }, func(s string) error {
			err := step(s)
			if err != nil {
				stop()
			}
			return err
		})
	}()
	select {
	case <-ready:
	case err := <-r.end:
		w.t.Fatalf("the daemon of %s ended: %v", name, err)
	}
	w.t.Cleanup(r.kill)
	return r
}

// kill stops the daemon and waits for its end.
func (r *running) kill() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.end:
		r.end <- err
		if err != nil {
			r.t.Errorf("the daemon ended with %v", err)
		}
	case <-time.After(time.Minute):
		r.t.Fatal("the daemon does not end")
	}
}

// until asks until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("it never holds that %s", what)
		}
		<-time.After(20 * time.Millisecond) // ask again
	}
}

// until waits for a state of the daemon.
func (r *running) until(what string, holds func(*agent.Status) bool) {
	r.t.Helper()
	var last *agent.Status
	defer func() {
		if r.t.Failed() {
			r.t.Logf("the daemon says %+v", last)
		}
	}()
	until(r.t, what, func() bool {
		st, err := r.Status(r.t.Context())
		check(r.t, err)
		last = st
		return holds(st)
	})
}

// work returns what the daemon says of a folder.
func work(st *agent.Status, name string) agent.Work {
	for _, w := range st.Work {
		if w.Name == name {
			return w
		}
	}
	return agent.Work{}
}

// put makes a package's folder in an outbox, with a mark if it is complete.
func (w *world) put(outbox, name string, marked bool) {
	w.t.Helper()
	w.putIn(filepath.Join(outbox, w.request), name, marked)
}

func (w *world) putIn(folder, name string, marked bool) {
	w.t.Helper()
	check(w.t, os.MkdirAll(filepath.Join(folder, name), 0o700))
	check(w.t, os.WriteFile(filepath.Join(folder, name, "file"), []byte(name), 0o600))
	if marked {
		check(w.t, os.WriteFile(filepath.Join(folder, name+".ready"), nil, 0o600))
	}
}

// slip is the note beside a folder that has moved.
type slip struct{ State, Package, Reason string }

// moved waits for a folder's note in a place.
func (w *world) moved(outbox, place, name, state string) (s slip) {
	w.t.Helper()
	until(w.t, fmt.Sprintf("%s is in %s and %s", name, place, state), func() bool {
		data, err := os.ReadFile(filepath.Join(outbox, w.request, place, name+".json"))
		if errors.Is(err, os.ErrNotExist) {
			return false
		}
		check(w.t, err)
		s = slip{}
		check(w.t, json.Unmarshal(data, &s))
		_, err = os.Stat(filepath.Join(outbox, w.request, place, name))
		return s.State == state && err == nil
	})
	return s
}

// arrivals lists the texts of the files in an inbox, sorted.
func (w *world) arrivals(inbox string) []string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(inbox, w.request, "*", "data", "file"))
	check(w.t, err)
	var list []string
	for _, p := range paths {
		text, err := os.ReadFile(p)
		check(w.t, err)
		list = append(list, string(text))
	}
	slices.Sort(list)
	return list
}

// once wants the packages that were deposited and arrived to be these, each once.
func (w *world) once(inbox string, names ...string) {
	w.t.Helper()
	until(w.t, fmt.Sprintf("%v have arrived", names), func() bool { return len(w.arrivals(inbox)) >= len(names) })
	if got := w.arrivals(inbox); !slices.Equal(got, names) {
		w.t.Errorf("%v have arrived, want %v", got, names)
	}
	if n := len(w.kase().Packages); n != len(names) {
		w.t.Errorf("the log holds %d packages, want %d", n, len(names))
	}
}

// TestRun: what settles, or is marked, is sent and fetched; the key of what was sent
// before the conditions were accepted goes when they are.
func TestRun(t *testing.T) {
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	_, in := w.settings("nl")
	w.put(out, "marked", true)
	w.put(out, "settles", false)
	de := w.run("de")
	nl := w.run("nl")
	first := w.moved(out, ".sent", "marked", "waiting")
	w.moved(out, ".sent", "settles", "waiting")
	if len(w.arrivals(in)) > 0 {
		t.Error("something arrived before the conditions were accepted")
	}
	de.until("both wait for acceptance", func(st *agent.Status) bool {
		return work(st, "marked").State == agent.WorkAcceptance && work(st, "settles").State == agent.WorkAcceptance
	})
	if _, err := de.Cancel(t.Context(), first.Package); err == nil || !strings.Contains(err.Error(), "is deposited") {
		t.Errorf("a deposited package was cancelled: %v", err)
	}
	w.accept()
	w.moved(out, ".sent", "marked", "unlocked")
	w.moved(out, ".sent", "settles", "unlocked")
	w.once(in, "marked", "settles")
	nl.until("the inbox says so", func(st *agent.Status) bool { return len(st.Past) == 2 && st.Past[0].State == "verified" })
	de.until("nothing is left", func(st *agent.Status) bool { return len(st.Work) == 0 && st.Relay == "" })
}

// long skips a story that says nothing of goroutines where only those are looked at.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT TESTED: too long for -short")
	}
}

var errCrash = errors.New("a crash")

// TestRunCrash: a process that dies between any two writes of an entry is followed
// by one that finishes it, and no package is sent twice.
func TestRunCrash(t *testing.T) {
	t.Parallel()
	w := newCase(t)
	w.accept()
	out, _ := w.settings("de")
	_, in := w.settings("nl")
	w.run("nl")
	var names []string
	for _, at := range []string{"bound", "delivered", "decided", "moved"} {
		names = append(names, at)
		slices.Sort(names)
		w.put(out, at, true)
		de := w.runTo("de", func(step string) error {
			if step == at {
				return errCrash
			}
			return nil
		})
		<-de.end // at the step
		de.end <- nil
		de = w.run("de")
		w.moved(out, ".sent", at, "unlocked")
		de.until("the queue is empty", func(st *agent.Status) bool { return len(st.Work) == 0 })
		de.kill()
		w.once(in, names...)
	}
}

// TestRunChanged: a folder that changed after it was sent, and before its sender knew,
// does not pass for what was sent.
func TestRunChanged(t *testing.T) {
	long(t)
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	w.put(out, "a", true)
	de := w.runTo("de", func(step string) error {
		if step == "delivered" {
			return errCrash
		}
		return nil
	})
	<-de.end
	de.end <- nil
	check(t, os.WriteFile(filepath.Join(out, w.request, "a", "late"), []byte("x"), 0o600))
	de = w.run("de")
	s := w.moved(out, ".failed", "a", "failed")
	if p := w.kase().Packages; len(p) != 1 || p[0].Package != s.Package || !strings.Contains(s.Reason, "has changed since") {
		t.Errorf("the note says %+v, deposited are %v", s, p)
	}
	// One that changes in the queue settles again, and is sent as it is then.
	check(t, de.Pause(t.Context()))
	w.put(out, "b", true)
	de.until("b is in the queue", func(st *agent.Status) bool { return work(st, "b").State == agent.WorkQueued })
	check(t, os.Remove(filepath.Join(out, w.request, "b.ready")))
	check(t, os.WriteFile(filepath.Join(out, w.request, "b", "file"), []byte("b, and more"), 0o600))
	de.kill()
	de = w.run("de")
	de.until("the pause holds", func(st *agent.Status) bool { return st.Paused && work(st, "b").State == agent.WorkQueued })
	check(t, de.Resume(t.Context()))
	w.moved(out, ".sent", "b", "waiting")
	w.accept()
	_, in := w.settings("nl")
	w.run("nl")
	w.moved(out, ".sent", "b", "unlocked")
	w.once(in, "a", "b, and more")
}

// TestRunRefuses: what can never be sent moves away, with the reason in words; what
// waits for others stays; and one folder does not keep the others back.
func TestRunRefuses(t *testing.T) {
	long(t)
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	folder := filepath.Join(out, w.request)
	w.put(out, "bad options", true)
	check(t, os.WriteFile(filepath.Join(folder, "bad options.yaml"), []byte("recipient: me\n"), 0o600))
	w.put(out, "bad words", true)
	check(t, os.WriteFile(filepath.Join(folder, "bad words.yaml"), []byte("handling: [two words]\n"), 0o600))
	w.put(out, "with a link", true)
	check(t, os.Symlink("file", filepath.Join(folder, "with a link", "link")))
	w.putIn(filepath.Join(out, "no such request"), "lost", true)
	check(t, os.WriteFile(filepath.Join(folder, "stray"), nil, 0o600))
	w.put(out, "good", true)
	check(t, os.WriteFile(filepath.Join(folder, "good.yaml"), []byte("description: words\npriority: 5\n"), 0o600))
	de := w.run("de")
	for name, reason := range map[string]string{"bad options": "field recipient not found", "with a link": "symbolic link",
		"bad words": "two words"} {
		if s := w.moved(out, ".failed", name, "failed"); !strings.Contains(s.Reason, reason) {
			t.Errorf("the reason of %q is %q", name, s.Reason)
		}
	}
	if s := w.moved(out, ".sent", "good", "waiting"); s.Package == "" {
		t.Errorf("the note of what was sent is %+v", s)
	}
	de.until("the others are shown", func(st *agent.Status) bool {
		return strings.Contains(work(st, "lost").Trouble, `no request here is called "no such request"`) && len(st.Strays) == 1 && strings.Contains(st.Strays[0], "stray")
	})
	if _, err := de.Cancel(t.Context(), "no such request/lost"); err != nil {
		t.Error(err)
	}
	until(t, "the lost one is given up", func() bool {
		_, err := os.Stat(filepath.Join(out, "no such request", ".failed", "lost", "file"))
		return err == nil
	})
	w.revoke()
	w.put(out, "late", true)
	if s := w.moved(out, ".failed", "late", "failed"); !strings.Contains(s.Reason, "revoked") {
		t.Errorf("the reason is %q", s.Reason)
	}
	w.moved(out, ".sent", "good", "ended")
	if n := len(w.kase().Packages); n != 1 {
		t.Errorf("the log holds %d packages, want 1", n)
	}
	if err := w.agent("de").Run(t.Context(), "de/agent/lab-1", nil); !errors.Is(err, agent.ErrTryLater) || !strings.Contains(err.Error(), "another comity agent run works in this home") {
		t.Errorf("a second daemon: %v", err)
	}
	other, err := agent.CreateHome(filepath.Join(t.TempDir(), "nl"), "nl")
	check(t, err)
	other.Config.Outbox.Folder = out
	a, err := agent.New(&agent.Config{Home: other})
	check(t, err)
	if err := a.Run(t.Context(), "nl/agent/lab-1", nil); !errors.Is(err, agent.ErrTryLater) || !strings.Contains(err.Error(), "another comity agent run watches this outbox") {
		t.Errorf("a daemon of another home on the same outbox: %v", err)
	}
}

// TestRunCancel: what is cancelled on its way can be opened by nobody, holds no room,
// and its folder moves away; also if the daemon dies on the way.
func TestRunCancel(t *testing.T) {
	t.Parallel()
	w := newCase(t)
	w.accept()
	out, _ := w.settings("de")
	for _, dies := range []bool{false, true} {
		name := fmt.Sprintf("dies %v", dies)
		w.put(out, name, true)
		bound, cancelled := make(chan struct{}), make(chan struct{})
		de := w.runTo("de", func(step string) error {
			if step == "bound" {
				close(bound)
				<-cancelled
				if dies {
					return errCrash
				}
			}
			return nil
		})
		<-bound
		if _, err := de.Cancel(t.Context(), name); err != nil {
			t.Error(err)
		}
		if _, err := de.Cancel(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), `nothing in the queue is called "other"`) {
			t.Errorf("another name: %v", err)
		}
		close(cancelled)
		if dies {
			<-de.end
			de.end <- nil
			de = w.run("de")
		}
		if s := w.moved(out, ".failed", name, "failed"); !strings.Contains(s.Reason, "cancelled") {
			t.Errorf("the reason is %q", s.Reason)
		}
		de.kill()
	}
	if n := len(w.kase().Packages); n != 0 {
		t.Errorf("the log holds %d packages", n)
	}
}

// TestRunClock: a clock that is wrong delays, and nothing else.
func TestRunClock(t *testing.T) {
	long(t)
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	var ahead atomic.Int64
	ahead.Store(int64(48 * time.Hour))
	ctx, stop := context.WithCancel(t.Context())
	end := make(chan error, 1)
	a := w.agent("de", func(c *agent.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	go func() { end <- a.Run(ctx, "de/agent/lab-1", nil) }()
	t.Cleanup(func() { stop(); <-end })
	w.put(out, "a", false)
	d := w.homes["de"].Daemon()
	until(t, "the package waits", func() bool {
		st, err := d.Status(t.Context())
		return err == nil && work(st, "a").Trouble != ""
	})
	ahead.Store(int64(-time.Second))
	w.moved(out, ".sent", "a", "waiting")
}

// TestRunYields: a command gets a request after the package that is on its way, and
// before those that wait.
func TestRunYields(t *testing.T) {
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	w.put(out, "a", true)
	w.put(out, "b", true)
	at, on := make(chan struct{}), make(chan struct{})
	de := w.runTo("de", func(step string) error {
		if step == "bound" {
			at <- struct{}{}
			<-on
		}
		return nil
	})
	<-at
	waits, has := make(chan struct{}), make(chan func())
	go func() {
		unlock, err := w.homes["de"].Await(t.Context(), w.request, func() { close(waits) })
		if err != nil {
			t.Error(err)
			unlock = func() {}
		}
		has <- unlock
	}()
	<-waits
	on <- struct{}{}
	unlock := <-has // and the other package is not bound, or this would stand still
	// Another command does not wait for this one.
	if _, err := w.homes["de"].Await(t.Context(), w.request, nil); !errors.Is(err, agent.ErrTryLater) {
		t.Errorf("the lock of a command: %v", err)
	}
	unlock()
	<-at
	on <- struct{}{}
	w.moved(out, ".sent", "a", "waiting")
	w.moved(out, ".sent", "b", "waiting")
	de.kill()
}
