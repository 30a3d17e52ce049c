package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"comity.example/comity/internal/wire"
)

// TestDenseAnswers: an answer whose values would take many times its size in memory
// is refused before it is decoded, and the densest honest ones are not.
func TestDenseAnswers(t *testing.T) {
	list := func(field, value string, size int) []byte {
		return []byte(`{"` + field + `":[` + strings.Repeat(value+",", size/(len(value)+1)) + value + `]}`)
	}
	for name, call := range map[string]func(*wire.Client) error{
		"lines":   func(c *wire.Client) error { _, err := c.Record(t.Context(), "relay", 0); return err },
		"changes": func(c *wire.Client) error { _, err := c.Changes(t.Context(), "", 0); return err },
	} {
		err := call(wire.NewClient(canned(list(name, "{}", 1<<20))))
		if err == nil || !strings.Contains(err.Error(), "more values") {
			t.Errorf("a million of empty %s: %v", name, err)
		}
	}
	_, err := wire.NewClient(canned(list("lines", `{"proof":[`+strings.Repeat("null,", 1000)+`null]}`, 1<<20))).Record(t.Context(), "relay", 0)
	if err == nil || !strings.Contains(err.Error(), "more values") {
		t.Errorf("proofs of nothing: %v", err)
	}
	var honest wire.Changes
	for range 50_000 {
		honest.Changes = append(honest.Changes, wire.Change{Record: "relay", Seq: 1, Kind: "seal"})
	}
	b, err := json.Marshal(honest)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := wire.NewClient(canned(b)).Changes(t.Context(), "", 0); err != nil || len(c.Changes) != len(honest.Changes) {
		t.Errorf("the shortest changes there are: %v", err)
	}
}
