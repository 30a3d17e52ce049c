package agent_test

import (
	"testing"

	"comity.example/comity/agent"
)

// TestPath sends before and after the acceptance and fetches both.
func TestPath(t *testing.T) {
	w := newCase(t)
	ctx := t.Context()
	first := w.send()
	if first.Unlocked {
		t.Fatal("the head left before the acceptance")
	}
	w.accept()
	de := w.connect("de", "lab-1")
	second, err := w.agent("de").Send(ctx, de, w.request, exhibits(t, 9<<20), agent.SendOptions{Final: true})
	check(t, err)
	if !second.Unlocked {
		t.Error("the head stayed home after the acceptance")
	}
	into := t.TempDir()
	list, err := w.agent("nl").Fetch(ctx, w.connect("nl", "lab-1"), w.request, into)
	check(t, err)
	if len(list) != 2 {
		t.Fatalf("fetched %d packages", len(list))
	}
	if _, err := w.agent("de").Send(ctx, de, w.request, exhibits(t, 10), agent.SendOptions{}); err == nil {
		t.Error("a delivery after the final one was taken")
	}
}
