package agent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
)

// TestStaleProof: nothing is begun, and no head leaves, when the log that the relay
// shows has nothing of the last 24 hours; what waited goes when it goes on. A relay
// that does nothing says every eight hours that it runs.
func TestStaleProof(t *testing.T) {
	w := newCase(t)
	var ahead time.Duration
	now := func() time.Time { return time.Now().Add(ahead) }
	clock := func(c *agent.Config) { c.Now = now }
	de := func() (*agent.Agent, *agent.Session) { return w.agent("de", clock), w.connect("de", "lab-1") }
	stale := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, agent.ErrStale) || !errors.Is(err, agent.ErrTryLater) || !strings.Contains(err.Error(), "hours ago") {
			t.Errorf("%s: %v, want ErrStale", what, err)
		}
	}
	a, s := de()
	sent, err := a.Send(t.Context(), s, w.request, exhibits(t, 1000), agent.SendOptions{})
	check(t, err)
	w.accept()

	// The relay shows the log of yesterday: its own clock stands still, ours does not.
	folder := exhibits(t, 1000)
	ahead = 25 * time.Hour
	a, s = de()
	_, err = a.Send(t.Context(), s, w.request, folder, agent.SendOptions{})
	stale("a new package", err)
	if ids := w.packages("de"); len(ids) != 1 {
		t.Errorf("the home has %q: something was begun", ids)
	}
	_, err = a.Unlock(t.Context(), s, w.request)
	stale("the head", err)
	if c := w.kase(); !c.Package(sent.Package).Unlocked.IsZero() {
		t.Error("a head left by an old log")
	}

	// One that only was without work for two days has said so.
	w.cfg.Now = now
	for _, ahead = range []time.Duration{33 * time.Hour, 60 * time.Hour} {
		w.stop()
		w.start()
		a, s = de()
		if _, err = a.Send(t.Context(), s, w.request, folder, agent.SendOptions{}); err != nil {
			t.Fatalf("at a relay that runs: %v", err)
		}
	}
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	var signs int
	for _, l := range snap.Records[custody.RelayRecord] {
		c := l.Custody()
		e, _, err := c.Parse()
		check(t, err)
		if e.Event != nil && e.Event.Counted != nil && len(e.Event.Counted.Counts) == 0 {
			signs++
		}
	}
	if signs != 2 || snap.Case(w.request).Package(sent.Package).Unlocked.IsZero() {
		t.Errorf("%d signs of life, want 2; head unlocked at %s", signs, snap.Case(w.request).Package(sent.Package).Unlocked)
	}
}
