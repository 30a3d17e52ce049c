package wire_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// conn is a connection that ends in a handler.
type conn struct {
	http.Handler
	exporter, spki [32]byte
	err            error // of Exporter
}

func (c *conn) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

func (c *conn) Exporter() ([32]byte, error) { return c.exporter, c.err }
func (c *conn) ServerSPKI() [32]byte        { return c.spki }

// answer returns a client of a relay that answers everything alike.
func answer(status int, typ, body string) *wire.Client {
	return wire.NewClient(&conn{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typ)
		w.WriteHeader(status)
		io.WriteString(w, body)
	})})
}

const pkg = "aeaqcaibaeaqcaibaeaqcaibae"

// TestClientHello runs a whole hello and then with each side lying.
func TestClientHello(t *testing.T) {
	client, relay := keys.Generate(), keys.Generate()
	me := wire.Identity{ID: "nl/agent/lab-1", Key: client, SPKI: custody.Digest{7}}
	c := &conn{exporter: [32]byte{1}, spki: [32]byte{2}}
	see := func(change func(*wire.Session), sign func(wire.Session, []byte) []byte) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in wire.HelloRequest
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != "POST" || r.URL.Path != "/v1/hello" {
				t.Errorf("hello came as %s %s: %v", r.Method, r.URL, err)
			}
			s := wire.Session{Client: must(wire.ClaimedClient(in.Client)), Relay: "relay.example", ClientSPKI: me.SPKI, RelaySPKI: c.spki, Exporter: c.exporter}
			if err := s.VerifyClient(in.Client, client.Public()); err != nil {
				t.Errorf("verifying the client: %v", err)
			}
			change(&s)
			json.NewEncoder(w).Encode(wire.HelloResponse{Relay: sign(s, in.Client), Kinds: custody.Kinds()})
		})
	}
	honest := func(s wire.Session, _ []byte) []byte { return s.SignRelay(relay) }
	for name, r := range map[string]struct {
		change func(*wire.Session)
		sign   func(wire.Session, []byte) []byte
		ok     bool
	}{
		"honest":             {func(*wire.Session) {}, honest, true},
		"another connection": {func(s *wire.Session) { s.Exporter[5]++ }, honest, false},
		"another client":     {func(s *wire.Session) { s.Client = "nl/agent/lab-2" }, honest, false},
		"another origin":     {func(s *wire.Session) { s.Relay = "other.example" }, honest, false},
		"another key":        {func(*wire.Session) {}, func(s wire.Session, _ []byte) []byte { return s.SignRelay(keys.Generate()) }, false},
		"client's half back": {func(*wire.Session) {}, func(_ wire.Session, in []byte) []byte { return in }, false},
		"client's role":      {func(*wire.Session) {}, func(s wire.Session, _ []byte) []byte { return s.SignClient(relay) }, false},
		"nothing":            {func(*wire.Session) {}, func(wire.Session, []byte) []byte { return nil }, false},
	} {
		see(r.change, r.sign)
		got, err := wire.NewClient(c).Hello(context.Background(), me, "relay.example", relay.Public())
		if (err == nil) != r.ok || (got != nil) != r.ok {
			t.Errorf("%s: %v, want ok %t", name, err, r.ok)
		}
	}
	c.err = errors.New("no exporter")
	if _, err := wire.NewClient(c).Hello(context.Background(), me, "relay.example", relay.Public()); err == nil {
		t.Error("hello without an exporter")
	}
}

// TestAnswers gives the client answers that it must not take.
func TestAnswers(t *testing.T) {
	ctx := context.Background()
	const good = `{"package":"` + pkg + `","epoch":1,"part_size":8390656}`
	for name, r := range map[string]struct {
		status int
		body   string
		ok     bool
	}{
		"good":           {200, good, true},
		"created":        {201, good + "\n", true},
		"unknown field":  {200, strings.Replace(good, "{", `{"x":1,`, 1), false},
		"more after":     {200, good + good, false},
		"junk after":     {200, good + "x", false},
		"cut":            {200, good[:20], false},
		"empty":          {200, "", false},
		"a list":         {200, "[]", false},
		"too large":      {200, strings.Repeat(" ", wire.MaxJSON) + good, false},
		"moved":          {301, good, false},
		"see other":      {303, good, false},
		"not modified":   {304, "", false},
		"informational":  {199, good, false},
		"an error":       {500, good, false},
		"a strange code": {999, good, false},
	} {
		_, err := answer(r.status, wire.TypeJSON, r.body).Reserve(ctx, wire.Reserve{Request: pkg})
		if (err == nil) != r.ok {
			t.Errorf("%s: %v, want ok %t", name, err, r.ok)
		}
		if wire.CodeOf(err) != "" {
			t.Errorf("%s: read as a problem: %v", name, err)
		}
	}
}

// TestNoRedirects counts the calls that a redirect causes.
func TestNoRedirects(t *testing.T) {
	calls := 0
	c := wire.NewClient(&conn{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
	})})
	if _, err := c.Checkpoint(context.Background()); err == nil || calls != 1 {
		t.Errorf("a redirect: %v after %d calls", err, calls)
	}
}

// TestProblems reads problems, and what only looks like one.
func TestProblems(t *testing.T) {
	text := string(must(json.Marshal(wire.NewProblem(custody.CodeGrantExpired, "it ended yesterday"))))
	for name, r := range map[string]struct {
		typ, body string
		want      custody.Code
	}{
		"problem":             {wire.TypeProblem, text, custody.CodeGrantExpired},
		"with a charset":      {wire.TypeProblem + "; charset=utf-8", text, custody.CodeGrantExpired},
		"as JSON":             {wire.TypeJSON, text, ""},
		"as text":             {"text/html", "<h1>502</h1>", ""},
		"without type":        {"", text, ""},
		"without code":        {wire.TypeProblem, `{"title":"x"}`, ""},
		"not JSON":            {wire.TypeProblem, "x", ""},
		"cut by its size":     {wire.TypeProblem, strings.Repeat(" ", 64<<10) + text, ""},
		"a code of later":     {wire.TypeProblem, `{"code":"some-new-code"}`, "some-new-code"},
		"with control bytes":  {wire.TypeProblem, `{"code":"busy\u001b[31m"}`, "busy[31m"},
		"nothing but control": {wire.TypeProblem, `{"code":""}`, ""},
	} {
		_, err := answer(403, r.typ, r.body).Checkpoint(context.Background())
		if err == nil || wire.CodeOf(err) != r.want {
			t.Errorf("%s: %v, want code %q", name, err, r.want)
		}
	}
	hostile := `{"type":"x","title":"\u001b]0;owned\u0007","status":200,"code":"busy","rule":"\u001b[2J","detail":"a\u001b[1mb\r\nc\u202ed"}`
	_, err := answer(503, wire.TypeProblem, hostile).Checkpoint(context.Background())
	var p *wire.Problem
	if !errors.As(err, &p) {
		t.Fatalf("error %v", err)
	}
	want := wire.Problem{Type: "urn:comity:problem:busy", Title: wire.NewProblem(wire.CodeBusy, "").Title, Status: 503, Code: wire.CodeBusy, Rule: "[2J", Detail: "a[1mbcd"}
	if *p != want {
		t.Errorf("hostile problem read as %+v, want %+v", *p, want)
	}
	long := fmt.Sprintf(`{"code":"busy","detail":%q}`, strings.Repeat("é", 5000))
	if _, err := answer(503, wire.TypeProblem, long).Checkpoint(context.Background()); len(err.Error()) > 600 {
		t.Errorf("a problem of %d bytes", len(err.Error()))
	}
}

// TestLimits asks for each small file one byte too large.
func TestLimits(t *testing.T) {
	ctx := context.Background()
	for name, r := range map[string]struct {
		most int
		get  func(*wire.Client) ([]byte, error)
	}{
		"head":       {wire.MaxHead, func(c *wire.Client) ([]byte, error) { return c.Head(ctx, pkg) }},
		"inner":      {wire.MaxInner, func(c *wire.Client) ([]byte, error) { return c.Inner(ctx, pkg) }},
		"relay":      {wire.MaxStatement, func(c *wire.Client) ([]byte, error) { return c.Relay(ctx) }},
		"checkpoint": {64 << 10, func(c *wire.Client) ([]byte, error) { return c.Checkpoint(ctx) }},
		"tile":       {64 << 10, func(c *wire.Client) ([]byte, error) { return c.Tile(ctx, "tile/0/000") }},
	} {
		if b, err := r.get(answer(200, wire.TypeBytes, strings.Repeat("x", r.most))); err != nil || len(b) != r.most {
			t.Errorf("%s of %d bytes: %d, %v", name, r.most, len(b), err)
		}
		if _, err := r.get(answer(200, wire.TypeBytes, strings.Repeat("x", r.most+1))); err == nil {
			t.Errorf("%s of %d bytes is accepted", name, r.most+1)
		}
	}
	if err := answer(200, "", "x").PutPart(ctx, pkg, 1, 0, [32]byte{}, nil); err == nil {
		t.Error("an answer to a part that needs none is accepted")
	}
}

// TestAnnexAndPayload checks that bytes are the ones that were asked for.
func TestAnnexAndPayload(t *testing.T) {
	ctx := context.Background()
	if b, err := answer(200, "", "annex").Annex(ctx, sha256.Sum256([]byte("annex"))); err != nil || string(b) != "annex" {
		t.Errorf("annex: %q, %v", b, err)
	}
	if b, err := answer(200, "", "other").Annex(ctx, sha256.Sum256([]byte("annex"))); err == nil || b != nil {
		t.Errorf("another annex: %q, %v", b, err)
	}
	for name, r := range map[string]struct {
		status int
		body   string
		ok     bool
	}{"whole": {206, "0123456789", true}, "short": {206, "012345678", false}, "not partial": {200, "0123456789", false}, "refused": {403, "0123456789", false}} {
		p := make([]byte, 10)
		if err := answer(r.status, "", r.body).Payload(ctx, pkg, 5, p); (err == nil) != r.ok || r.ok && string(p) != r.body {
			t.Errorf("%s payload: %v, want ok %t", name, err, r.ok)
		}
	}
}

// TestCalls looks at what the calls send.
func TestCalls(t *testing.T) {
	ctx := context.Background()
	var got *http.Request
	var body []byte
	c := wire.NewClient(&conn{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})})
	sum := sha256.Sum256([]byte("part"))
	if err := c.PutPart(ctx, pkg, 7, 3, sum, []byte("part")); err != nil {
		t.Fatal(err)
	}
	if got.Method != "PUT" || got.URL.Path != "/v1/packages/"+pkg+"/parts/3" || string(body) != "part" || got.Header.Get(wire.EpochHeader) != "7" ||
		got.Header.Get("Content-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		t.Errorf("part went as %s %s %v", got.Method, got.URL, got.Header)
	}
	c.Payload(ctx, pkg, 100, make([]byte, 50))
	if r := got.Header.Get("Range"); r != "bytes=100-149" {
		t.Errorf("range %q", r)
	}
	c.TakeOver(ctx, pkg)
	if got.Method != "POST" || len(body) != 0 {
		t.Errorf("take over went as %s with %q", got.Method, body)
	}
	c.Abandon(ctx, pkg, 9)
	if got.Method != "DELETE" || got.Header.Get(wire.EpochHeader) != "9" {
		t.Errorf("abandon went as %s %v", got.Method, got.Header)
	}
	c.Changes(ctx, "a&b=c", 30)
	if q := got.URL.Query(); q.Get("after") != "a&b=c" || q.Get("wait") != "30s" || len(q) != 2 {
		t.Errorf("changes went as %s", got.URL)
	}
	c.Authority(ctx, "../x?y")
	if got.URL.EscapedPath() != "/v1/directory/..%2Fx%3Fy" || got.URL.RawQuery != "" {
		t.Errorf("authority went as %s", got.URL)
	}
	c.Submit(ctx, []byte("env"), nil)
	if !bytes.Contains(body, []byte(`name="envelope"`)) || bytes.Contains(body, []byte(`name="annex"`)) {
		t.Errorf("statement without annex went as %q", body)
	}
	c.Submit(ctx, []byte("env"), []byte("age"))
	if !bytes.Contains(body, []byte(`name="annex"`)) {
		t.Errorf("statement with annex went as %q", body)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Head(stopped, pkg); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}
