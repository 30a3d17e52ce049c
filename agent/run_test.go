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
