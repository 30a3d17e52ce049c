package stamping_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/internal/stamping"
)

// TestAsk: a query goes out as RFC 3161 wants it, and only an answer of its size and
// place comes back.
func TestAsk(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			var b bytes.Buffer
			b.ReadFrom(r.Body)
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != timestamp.TypeQuery || b.String() != "query" {
				t.Errorf("%s with %q: %q", r.Method, r.Header.Get("Content-Type"), b.String())
			}
			w.Write([]byte("answer"))
		case "/long":
			w.Write(make([]byte, timestamp.MaxBytes+1))
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusTemporaryRedirect)
		default:
			http.Error(w, "no", http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	c := stamping.New()
	for path, want := range map[string]string{"/good": "", "/long": "more than 65536 bytes", "/moved": "HTTP status 307", "/down": "HTTP status 503"} {
		b, err := c.Ask(t.Context(), srv.URL+path, []byte("query"))
		if want == "" && (err != nil || string(b) != "answer") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v, want %q", path, b, err, want)
		}
	}
}
