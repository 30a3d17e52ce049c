package admit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// buffer is a log that handlers and the test share.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func config(log io.Writer, routes ...admit.Route) admit.Config {
	return admit.Config{
		Origin: "relay.example", Key: keys.Generate(), View: func() *custody.View { return &custody.View{Origin: "relay.example"} },
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil)), Routes: routes,
	}
}

// serve runs a door on a loopback address and returns a connection to it.
func serve(t *testing.T, d *admit.Door) *link.Conn {
	t.Helper()
	der, key, err := link.NewCertificate()
	fatal(t, err)
	cert, err := link.Certificate(der, key)
	fatal(t, err)
	spki, err := link.SPKI(der)
	fatal(t, err)
	s, err := link.Listen(link.ServerConfig{Addr: "127.0.0.1:0", Certificate: cert, Handler: d})
	fatal(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	t.Cleanup(func() { s.Close(); <-served })
	c, err := link.Dial(t.Context(), link.DialConfig{Addrs: []string{s.Addr()}, ServerSPKI: [][32]byte{spki}, Transport: link.H2})
	fatal(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c http.RoundTripper, path string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://comity"+path, nil)
	fatal(t, err)
	resp, err := c.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// TestPanic: a handler's panic is an internal error without detail, counted, and
// its cause is in the local log alone. Other requests go on.
func TestPanic(t *testing.T) {
	var log buffer
	d, err := admit.New(config(&log,
		admit.Route{Method: "GET", Path: "/bad", Open: func(http.ResponseWriter, *http.Request, *admit.Principal) error { panic("secret cause") }},
		admit.Route{Method: "GET", Path: "/half", Open: func(w http.ResponseWriter, _ *http.Request, _ *admit.Principal) error {
			w.Header().Set("Content-Length", "10")
			w.Write([]byte("half"))
			panic("secret cause")
		}},
		admit.Route{Method: "GET", Path: "/good", Open: func(w http.ResponseWriter, _ *http.Request, _ *admit.Principal) error {
			return admit.WriteBytes(w, wire.TypeBytes, []byte("fine"))
		}},
	))
	fatal(t, err)
	c := serve(t, d)
	status, body, err := get(t, c, "/bad")
	fatal(t, err)
	if status != http.StatusInternalServerError || !strings.Contains(body, `"internal"`) || strings.Contains(body, "secret") {
		t.Errorf("answer is %d %s", status, body)
	}
	if _, _, err := get(t, c, "/half"); err == nil {
		t.Error("half an answer looked whole")
	}
	if status, body, err = get(t, c, "/good"); status != 200 || body != "fine" || err != nil {
		t.Errorf("another request: %d %s %v", status, body, err)
	}
	if !strings.Contains(log.String(), `msg="recovered from a panic" panics=2 method=GET route=/half`) {
		t.Errorf("the operator is not told: %s", log.String())
	}
	if d.Panics() != 2 || strings.Count(log.String(), "secret cause") < 2 {
		t.Errorf("%d panics are counted, the log says %s", d.Panics(), log.String())
	}
}

// TestForeignRequest: what did not come through a link has no peer and no answer.
func TestForeignRequest(t *testing.T) {
	d, err := admit.New(config(io.Discard))
	fatal(t, err)
	w := &recorder{header: http.Header{}}
	r, err := http.NewRequest(http.MethodPost, "/v1/hello", nil)
	fatal(t, err)
	d.ServeHTTP(w, r)
	if w.status != http.StatusInternalServerError {
		t.Errorf("status is %d", w.status)
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }

// TestRoutesRefused: a route without a handler, or with two, does not start.
func TestRoutesRefused(t *testing.T) {
	open := func(http.ResponseWriter, *http.Request, *admit.Principal) error { return nil }
	handle := func(http.ResponseWriter, *http.Request, admit.Principal) error { return nil }
	for _, row := range []struct {
		name   string
		routes []admit.Route
	}{
		{"no handler", []admit.Route{{Method: "GET", Path: "/a"}}},
		{"two handlers", []admit.Route{{Method: "GET", Path: "/a", Open: open, Handle: handle}}},
		{"stranger's body on a protected route", []admit.Route{{Method: "POST", Path: "/a", Handle: handle, StrangerBody: 1}}},
		{"twice", []admit.Route{{Method: "GET", Path: "/a", Open: open}, {Method: "GET", Path: "/a", Handle: handle}}},
		{"hello again", []admit.Route{{Method: "POST", Path: "/v1/hello", Open: open}}},
	} {
		if _, err := admit.New(config(io.Discard, row.routes...)); err == nil {
			t.Errorf("%s: accepted", row.name)
		}
	}
}

// TestDeny: the answers about what others own are one and the same, and nothing is
// said of a denial to who is no party.
func TestDeny(t *testing.T) {
	const none = custody.CodeNoSuchPackage
	for _, row := range []struct {
		custody.Decision
		denial bool
	}{
		{custody.Decision{Code: custody.CodeNotParty, Rule: "parties-only"}, false},
		{custody.Decision{Code: custody.CodeNoSuchRequest, Rule: "request"}, false},
		{custody.Decision{Code: custody.CodeNoSuchPackage, Rule: "released"}, true},
	} {
		err := admit.Deny("r", custody.ActHead, ledger.Answer{Decision: row.Decision}, none)
		var p *wire.Problem
		var d *admit.Denial
		if !errors.As(err, &p) || *p != *wire.NewProblem(none, "") || errors.As(err, &d) != row.denial {
			t.Errorf("Deny(%v) = %+v, a denial %t, want %t", row.Decision, err, d != nil, row.denial)
		}
	}
	dec := ledger.Answer{Decision: custody.Decision{Code: custody.CodeGrantRevoked, Rule: "live-grant"}}
	err := admit.Deny("r", custody.ActHead, dec, none)
	var p *wire.Problem
	var d *admit.Denial
	if !errors.As(err, &p) || p.Code != dec.Code || p.Rule != dec.Rule || !errors.As(err, &d) || d.Record != "r" || d.Act != custody.ActHead || d.Decision != dec {
		t.Errorf("Deny(%v) = %+v", dec, err)
	}
	// The operator's policy answers for itself, by name and in no other words.
	dec.Decision = custody.Decision{Code: custody.CodeOperatorPolicy, Rule: "operator-policy"}
	dec.Policy = custody.NewPolicyRef(custody.Digest{1}, []string{"no-nights", "big"})
	err = admit.Deny("r", custody.ActReserve, dec, none)
	if !errors.As(err, &p) || p.Status != http.StatusForbidden || p.Code != custody.CodeOperatorPolicy || p.Detail != "policy big, no-nights" || !errors.As(err, &d) || d.Decision != dec {
		t.Errorf("Deny(%v) = %+v", dec, err)
	}
}
