package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/wire"
)

// forbids has the relay's operator forbid one of the acts that its policy is asked about.
func (w *world) forbids(action string) {
	w.t.Helper()
	text := fmt.Sprintf(`@id("closed") forbid (principal, action == Action::%q, resource);`, action)
	p, err := gateway.ParsePolicy([]gateway.PolicyFile{{Name: "test.cedar", Data: []byte(text)}})
	check(w.t, err)
	w.relay.SetPolicy(p)
}

// forbidden fails unless an error says that the operator's policy forbids it.
func forbidden(t testing.TB, what string, err error) {
	t.Helper()
	if wire.CodeOf(err) != custody.CodeOperatorPolicy || !strings.Contains(err.Error(), "policy closed") {
		t.Errorf("%s: %v, want %s by name", what, err, custody.CodeOperatorPolicy)
	}
}

// TestPolicyMidway: a send that the operator's policy stops loses nothing. It goes on
// with the same package when it may, or with another if there was no room for that yet.
func TestPolicyMidway(t *testing.T) {
	for _, action := range []string{"reserve", "part", "seal"} {
		w := newCase(t)
		w.accept()
		folder := exhibits(t, threeParts)
		var ids []string
		for range 3 {
			w.forbids(action)
			_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
			forbidden(t, "the send", err)
			if now := w.packages("de"); len(now) != 1 || action != "reserve" && ids != nil && !slices.Equal(ids, now) {
				t.Errorf("%s: the home has %q, before %q", action, now, ids)
			}
			ids = w.packages("de")
		}
		w.relay.SetPolicy(nil)
		sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
		check(t, err)
		if action != "reserve" && !slices.Equal(ids, []string{sent.Package}) || !sent.Unlocked {
			t.Errorf("%s: sent %+v, want package %q", action, sent, ids)
		}
		w.finish(folder, t.TempDir())
	}
}

// TestPolicyCutsPart: a policy that comes into force while a package is on its way stops
// it, and the parts that the relay has are not brought again.
func TestPolicyCutsPart(t *testing.T) {
	w := newCase(t)
	w.accept()
	folder := exhibits(t, threeParts)
	_, err := w.midway(t.Context(), folder, func() { w.forbids("part") })
	forbidden(t, "the send", err)
	id := w.packages("de")
	w.relay.SetPolicy(nil)
	st, err := w.connect("de", "lab-1").Package(t.Context(), id[0])
	check(t, err)
	if st.Present[0] == 0 {
		t.Error("nothing of it was kept")
	}
	sent, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	if sent.Package != id[0] {
		t.Errorf("sent %+v, want package %q", sent, id)
	}
}

// TestPolicyFetch: a package whose release is forbidden waits at the relay, and its
// recipient shows nothing.
func TestPolicyFetch(t *testing.T) {
	w := newCase(t)
	w.accept()
	folder := exhibits(t, 100)
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	into := t.TempDir()
	w.forbids("release")
	for range 2 {
		_, err = w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, into)
		forbidden(t, "fetching", err)
	}
	shown, err := filepath.Glob(filepath.Join(into, "[a-z2-7]*"))
	check(t, err)
	if len(shown) != 0 {
		t.Errorf("the folder shows %q", shown)
	}
	w.relay.SetPolicy(nil)
	w.finish(folder, into)
}

// TestRunPolicy: the daemons wait until the operator lets them.
func TestRunPolicy(t *testing.T) {
	t.Parallel()
	long(t)
	w := newCase(t)
	w.accept()
	w.forbids("reserve")
	out, _ := w.settings("de")
	w.put(out, "folder", true)
	de := w.run("de")
	de.until("the folder waits", func(st *agent.Status) bool {
		return strings.Contains(work(st, "folder").Trouble, string(custody.CodeOperatorPolicy))
	})
	if left, err := os.ReadDir(filepath.Join(out, w.request, ".failed")); err == nil && len(left) > 0 {
		t.Errorf("it was given up: %v", left)
	}
	w.relay.SetPolicy(nil)
	w.moved(out, ".sent", "folder", "unlocked")
}
