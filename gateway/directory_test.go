package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// TestDirectoryVersions: anybody may read any version of a directory.
func TestDirectoryVersions(t *testing.T) {
	w := newRelay(t)
	second := w.nl.direct(t, w.nl.directory)
	_, err := w.stranger(nil).Submit(t.Context(), second.Envelope, nil)
	check(t, err)
	conn := w.dial(nil, link.H2)
	for path, want := range map[string][]byte{
		"/v1/directory/nl": second.Envelope, "/v1/directory/nl/1": w.nl.directory.Envelope, "/v1/directory/nl/2": second.Envelope,
		"/v1/directory/nl/0": nil, "/v1/directory/nl/3": nil, "/v1/directory/nl/999999": nil, "/v1/directory/be/1": nil,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+origin+path, nil)
		check(t, err)
		res, err := conn.RoundTrip(r)
		check(t, err)
		body, err := io.ReadAll(res.Body)
		check(t, err)
		check(t, res.Body.Close())
		var state wire.AuthorityState
		check(t, json.Unmarshal(body, &state))
		if status := map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[want == nil]; res.StatusCode != status || string(state.Directory) != string(want) {
			t.Errorf("%s: %s with a directory of %d bytes, want status %d with %d bytes", path, res.Status, len(state.Directory), status, len(want))
		}
	}
}
