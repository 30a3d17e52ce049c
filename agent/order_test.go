package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/internal/outbox"
	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/config"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// TestRunOrder: of what waits the highest priority goes first, and what is final last.
func TestRunOrder(t *testing.T) {
	long(t)
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	de := w.run("de")
	check(t, de.Pause(t.Context()))
	names := []string{"final", "low", "plain", "high"}
	for i, say := range []string{"final: true\npriority: 100\n", "priority: -1\n", "", "priority: 7\n"} {
		check(t, os.WriteFile(filepath.Join(out, w.request, names[i]+".yaml"), []byte(say), 0o600))
		w.put(out, names[i], true)
	}
	de.until("all wait", func(st *agent.Status) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return work(st, n).State != agent.WorkQueued })
	})
	check(t, de.Resume(t.Context()))
	slips := map[string]string{}
	for _, n := range names {
		slips[w.moved(out, ".sent", n, "waiting").Package] = n
	}
	var got []string
	for _, p := range w.kase().Packages {
		got = append(got, slips[p.Package])
	}
	if want := []string{"high", "plain", "low", "final"}; !slices.Equal(got, want) {
		t.Errorf("they were sent in the order %v, want %v", got, want)
	}
}

// TestInboxRule: an inbox takes what its rule names, of requests that this State made.
func TestInboxRule(t *testing.T) {
	h, err := agent.CreateHome(filepath.Join(t.TempDir(), "nl"), "nl")
	check(t, err)
	id, other := strings.Repeat("a", 26), "b"+strings.Repeat("a", 25)
	check(t, h.Remember(id, "NL-2026-0412"))
	check(t, h.Remember(other, "NL-2026-0413"))
	for _, c := range []struct {
		rule     config.Inbox
		from, to string
		want     bool
	}{
		{config.Inbox{}, "nl", "de", false}, // there is none
		{config.Inbox{Folder: "in"}, "nl", "de", true},
		{config.Inbox{Folder: "in"}, "de", "nl", false}, // asked of this State
		{config.Inbox{Folder: "in", Authorities: []string{"fr", "de"}}, "nl", "de", true},
		{config.Inbox{Folder: "in", Authorities: []string{"fr"}}, "nl", "de", false},
		{config.Inbox{Folder: "in", Requests: []string{id}}, "nl", "de", true},
		{config.Inbox{Folder: "in", Requests: []string{"0412"}}, "nl", "de", true},
		{config.Inbox{Folder: "in", Requests: []string{"0413", other}}, "nl", "de", false},
		{config.Inbox{Folder: "in", Requests: []string{"0412"}, Authorities: []string{"fr"}}, "nl", "de", false},
		{config.Inbox{Folder: "in", Requests: []string{"0414"}}, "nl", "de", false},
	} {
		if got := h.Receives(c.rule, id, &custody.Case{From: c.from, To: c.to}); got != c.want {
			t.Errorf("%+v takes from %s by request of %s: %v, want %v", c.rule, c.to, c.from, got, c.want)
		}
	}
}

// TestBackoff: pauses grow to a bound, and are not all the same.
func TestBackoff(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		seen[agent.Backoff(1)] = true
		for tries, most := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 1000: 10 * time.Minute} {
			if d := agent.Backoff(tries); d < most/2 || d > most {
				t.Errorf("after %d tries the pause is %s, want %s to %s", tries, d, most/2, most)
			}
		}
	}
	if len(seen) < 2 {
		t.Error("the pauses are all the same")
	}
}

// TestRunContinues: a package on whose way an earlier process died goes on; if its
// sender says other words of it since, it is given up and another one is sent.
func TestRunContinues(t *testing.T) {
	long(t)
	t.Parallel()
	w := newCase(t)
	out, _ := w.settings("de")
	begun := map[string]string{}
	for _, name := range []string{"same", "reworded"} {
		folder := filepath.Join(out, w.request, name)
		check(t, os.MkdirAll(folder, 0o700))
		check(t, os.WriteFile(filepath.Join(folder, "file"), make([]byte, seal.PartPlain+777), 0o600))
		begun[name] = w.begin(folder, 1, agent.SendOptions{Description: "same"})
		check(t, os.WriteFile(folder+".yaml", []byte("description: "+name+"\n"), 0o600))
		print, _, err := outbox.Fingerprint(folder)
		check(t, err)
		q, _, err := queue.Open(filepath.Join(w.homes["de"].Dir(), "queue"))
		check(t, err)
		check(t, q.Put(&queue.Entry{Folder: w.request, Name: name, Print: custody.Digest(print), Settled: statement.At(time.Now()),
			Request: w.request, Package: begun[name]}))
	}
	w.run("de")
	if s := w.moved(out, ".sent", "same", "waiting"); s.Package != begun["same"] {
		t.Error("a package was begun anew without need")
	}
	if s := w.moved(out, ".sent", "reworded", "waiting"); s.Package == begun["reworded"] {
		t.Error("a package went on with other words than its sender's")
	}
	if _, err := os.Stat(w.homes["de"].PackageDir(w.request, begun["reworded"])); !os.IsNotExist(err) {
		t.Errorf("the old package is still here: %v", err)
	}
	if n := len(w.kase().Packages); n != 2 {
		t.Errorf("the log holds %d packages, want 2", n)
	}
}
