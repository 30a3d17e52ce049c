package wire_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"comity.example/comity/internal/wire"
)

// canned answers every call with one body.
type canned []byte

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(c))}, nil
}

func (canned) Exporter() ([32]byte, error) { return [32]byte{}, nil }
func (canned) ServerSPKI() [32]byte        { return [32]byte{} }

// TestLargeAnswers reads what a package of 4 TB and the record of a long case
// take, and no more than that.
func TestLargeAnswers(t *testing.T) {
	const parts = 4 << 40 / (8 << 20)
	state, err := json.Marshal(wire.PackageState{Parts: parts, Digests: make([]byte, 32*parts)})
	if err != nil {
		t.Fatal(err)
	}
	if st, err := wire.NewClient(canned(state)).Package(t.Context(), "x"); err != nil || len(st.Digests) != 32*parts {
		t.Errorf("a package of %d parts: %v", parts, err)
	}
	record, err := json.Marshal(wire.RecordProof{Record: "relay", Lines: []wire.Line{{Envelope: make([]byte, 16<<20)}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.NewClient(canned(record)).Record(t.Context(), "relay", 1); err != nil {
		t.Errorf("a record of 16 MiB: %v", err)
	}
	if _, err := wire.NewClient(canned(record)).Proposals(t.Context()); err == nil {
		t.Error("an answer above its limit was read")
	}
	if _, err := wire.NewClient(canned(make([]byte, wire.MaxRecord+1))).Record(t.Context(), "relay", 1); err == nil {
		t.Error("a record above its limit was read")
	}
}
