package gateway_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// answer is what came back for a raw request.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem wire.Problem
}

func send(t testing.TB, c http.RoundTripper, method, path string, body []byte, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://comity"+path, bytes.NewReader(body))
	check(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.RoundTrip(r)
	check(t, err)
	return answerOf(t, resp)
}

// answerOf reads a response to its end.
func answerOf(t testing.TB, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(t, err)
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if resp.Header.Get("Content-Type") == wire.TypeProblem && len(b) > 0 {
		check(t, json.Unmarshal(b, &a.problem))
	}
	return a
}

// TestHelloRequired goes through every route that there is: what needs a principal
// says the same to strangers, whether it exists or not.
func TestHelloRequired(t *testing.T) {
	w := newWorld(t)
	g := w.start()
	c := w.dial(&newMachine(t, "nl/agent/lab").cert, link.H2)
	fill := strings.NewReplacer("{request}", strings.Repeat("a", 26), "{id}", strings.Repeat("a", 26), "{n}", "0", "{sha256}", strings.Repeat("0", 64),
		"{authority}", "nl", "{version}", "1", "{path...}", "0/000")
	protected := 0
	for _, r := range g.Routes() {
		a := send(t, c, r.Method, fill.Replace(r.Path), nil)
		refused := a.status == http.StatusUnauthorized && a.problem.Code == wire.CodeHelloRequired
		if r.Handle != nil {
			protected++
		}
		if refused != (r.Handle != nil) {
			t.Errorf("%s %s of a stranger: %d %s", r.Method, r.Path, a.status, a.body)
		}
	}
	if protected < 15 {
		t.Errorf("only %d routes need a principal", protected)
	}
	want := send(t, c, "GET", "/v1/packages", nil).body
	for _, row := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/v2/nothing"}, {"PATCH", "/v1/packages"}, {"HEAD", "/v1/changes"}, {"GET", "/v1/records"},
		{"GET", "/v1//relay"}, {"GET", "/v1/relay/"}, {"GET", "/log/tile"}, {"GET", "/v1/x/../relay"},
	} {
		a := send(t, c, row.method, row.path, nil)
		if a.status != http.StatusUnauthorized || row.method != "HEAD" && a.body != want {
			t.Errorf("%s %s of a stranger: %d %s", row.method, row.path, a.status, a.body)
		}
	}
}

// TestUnknownRoutes: a principal hears what there is.
func TestUnknownRoutes(t *testing.T) {
	w := newRelay(t)
	c := w.dial(&w.nl.lab.cert, link.H2)
	_, err := wire.NewClient(c).Hello(t.Context(), wire.Identity{ID: w.nl.lab.id, Key: w.nl.lab.key, SPKI: w.nl.lab.spki}, origin, w.relay)
	check(t, err)
	for _, row := range []struct {
		method, path string
		want         custody.Code
	}{
		{"GET", "/v2/nothing", wire.CodeNotFound}, {"GET", "/v1/relay/", wire.CodeNotFound}, {"GET", "/v1//relay", wire.CodeNotFound},
		{"DELETE", "/v1/relay", wire.CodeMethod}, {"GET", "/v1/statements", wire.CodeMethod}, {"PUT", "/v1/changes", wire.CodeMethod},
		{"GET", "/v1/changes?after=x", wire.CodeMalformed}, {"GET", "/v1/changes?wait=soon", wire.CodeMalformed},
		{"GET", "/v1/records/relay?size=99999", wire.CodeNotFound}, {"GET", "/v1/records/authority/xx", wire.CodeNotFound},
		{"GET", "/v1/records/nonsense", custody.CodeNoSuchRequest}, {"GET", "/v1/annexes/nonsense", custody.CodeNoSuchRequest},
		{"GET", "/v1/packages/nonsense", custody.CodeNoSuchPackage}, {"GET", "/log/tile/0/999", wire.CodeNotFound},
		{"GET", "/log/tile/0/1", wire.CodeNotFound}, {"GET", "/v1/directory/nl/7", wire.CodeNotFound}, {"GET", "/v1/directory/xx", wire.CodeNotFound},
	} {
		if a := send(t, c, row.method, row.path, nil); a.problem.Code != row.want || a.problem.Status != a.status {
			t.Errorf("%s %s: %d %s, want %s", row.method, row.path, a.status, a.body, row.want)
		}
	}
}

// TestHelloRefused: a proof that does not hold is refused with a code that says
// why, and its connection stays a stranger's. Claims of ids that exist, that do not,
// and of authorities that do not, get one answer.
func TestHelloRefused(t *testing.T) {
	w := newRelay(t)
	other := newMachine(t, "nl/agent/lab")
	elsewhere := w.dial(&w.nl.lab.cert, link.H3) // another connection of the same agent
	exp, err := elsewhere.Exporter()
	check(t, err)

	bodies := map[custody.Code]string{}
	for _, row := range []struct {
		name   string
		with   *machine // whose TLS key is shown; nil shows none
		claim  custody.PartyID
		key    *keys.Private
		change func(*wire.Session)
		want   custody.Code
	}{
		{"unknown id", w.nl.lab, "nl/agent/nobody", w.nl.lab.key, nil, wire.CodeKeyOfAnother},
		{"unknown authority", w.nl.lab, "xx/agent/lab", w.nl.lab.key, nil, wire.CodeKeyOfAnother},
		{"unknown key", w.nl.lab, "nl/agent/lab", other.key, nil, wire.CodeUnknownKey},
		{"unknown id and key", other, "nl/agent/nobody", other.key, nil, wire.CodeUnknownKey},
		{"valid key, claimed id of another", w.nl.lab, "nl/agent/desk", w.nl.lab.key, nil, wire.CodeKeyOfAnother},
		{"valid key, claimed id of another State", w.nl.lab, "fr/agent/lab", w.nl.lab.key, nil, wire.CodeKeyOfAnother},
		{"officer", w.nl.lab, "nl/officer/1", w.nl.officers[0], nil, wire.CodeKeyOfAnother},
		{"TLS key not in the directory", other, "nl/agent/lab", w.nl.lab.key, nil, wire.CodeUnknownKey},
		{"TLS key of another agent", w.fr.lab, "nl/agent/lab", w.nl.lab.key, nil, wire.CodeKeyOfAnother},
		{"no TLS key", nil, "nl/agent/lab", w.nl.lab.key, nil, wire.CodeUnknownKey},
		{"signature of another connection", w.nl.lab, "nl/agent/lab", w.nl.lab.key, func(s *wire.Session) { s.Exporter = exp }, wire.CodeHelloReplayed},
		{"another relay", w.nl.lab, "nl/agent/lab", w.nl.lab.key, func(s *wire.Session) { s.Relay = "other.example" }, wire.CodeHelloReplayed},
		{"another relay's TLS key", w.nl.lab, "nl/agent/lab", w.nl.lab.key, func(s *wire.Session) { s.RelaySPKI[0] ^= 1 }, wire.CodeHelloReplayed},
		{"another client's TLS key signed", w.nl.lab, "nl/agent/lab", w.nl.lab.key, func(s *wire.Session) { s.ClientSPKI[0] ^= 1 }, wire.CodeHelloReplayed},
	} {
		var conn *link.Conn
		s := wire.Session{Client: row.claim, Relay: origin}
		if row.with == nil {
			conn = w.dial(nil, link.H3)
		} else {
			conn, s.ClientSPKI = w.dial(&row.with.cert, link.H3), row.with.spki
		}
		mine, err := conn.Exporter()
		check(t, err)
		s.Exporter, s.RelaySPKI = mine, conn.ServerSPKI()
		if row.change != nil {
			row.change(&s)
		}
		body, err := json.Marshal(wire.HelloRequest{Client: s.SignClient(row.key)})
		check(t, err)
		a := send(t, conn, "POST", "/v1/hello", body, "Content-Type", wire.TypeJSON)
		if bodies[row.want] == "" {
			bodies[row.want] = a.body
		}
		if a.status != http.StatusForbidden || a.problem.Code != row.want || a.body != bodies[row.want] {
			t.Errorf("%s: %d %s, want %s", row.name, a.status, a.body, row.want)
		}
		if after := send(t, conn, "GET", "/v1/changes", nil); after.problem.Code != wire.CodeHelloRequired {
			t.Errorf("%s: afterwards %d %s", row.name, after.status, after.body)
		}
	}
}

// TestHelloReplayed sends the very bytes that were accepted on one connection over
// another of the same agent.
func TestHelloReplayed(t *testing.T) {
	w := newRelay(t)
	m := w.nl.lab
	first, second := w.dial(&m.cert, link.H3), w.dial(&m.cert, link.H3)
	exp, err := first.Exporter()
	check(t, err)
	s := wire.Session{Client: m.id, Relay: origin, ClientSPKI: m.spki, RelaySPKI: first.ServerSPKI(), Exporter: exp}
	body, err := json.Marshal(wire.HelloRequest{Client: s.SignClient(m.key)})
	check(t, err)
	for _, row := range []struct {
		c    *link.Conn
		want int
	}{{first, 200}, {second, 403}, {first, 200}} { // the last one is a retry after a lost answer
		if a := send(t, row.c, "POST", "/v1/hello", body, "Content-Type", wire.TypeJSON); a.status != row.want {
			t.Errorf("hello: %d %s, want %d", a.status, a.body, row.want)
		}
	}
}

// TestOnePrincipal: a connection that proved one agent cannot become another.
func TestOnePrincipal(t *testing.T) {
	w := newRelay(t)
	conn := w.dial(&w.nl.lab.cert, link.H2)
	c := wire.NewClient(conn)
	_, err := c.Hello(t.Context(), wire.Identity{ID: w.nl.lab.id, Key: w.nl.lab.key, SPKI: w.nl.lab.spki}, origin, w.relay)
	check(t, err)
	_, err = c.Hello(t.Context(), wire.Identity{ID: w.nl.desk.id, Key: w.nl.desk.key, SPKI: w.nl.lab.spki}, origin, w.relay)
	if wire.CodeOf(err) != wire.CodeKeyOfAnother {
		t.Errorf("second hello as another agent: %v", err)
	}
	if _, err := c.Changes(t.Context(), "", 0); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRevokedAgent: a revocation counts from the next request of a connection that
// was proven before it.
func TestRevokedAgent(t *testing.T) {
	w := newRelay(t)
	c := w.as(w.nl.lab)
	_, err := c.Changes(t.Context(), "", 0)
	check(t, err)
	next := w.nl.direct(t, w.nl.directory, w.nl.lab.id)
	_, err = w.stranger(nil).Submit(t.Context(), next.Envelope, nil)
	check(t, err)
	if _, err = c.Changes(t.Context(), "", 0); wire.CodeOf(err) != wire.CodeHelloRefused {
		t.Errorf("request of a revoked agent: %v", err)
	}
	if _, err = c.Relay(t.Context()); err != nil {
		t.Errorf("open route for a revoked agent: %v", err)
	}
	if _, err = w.as(w.nl.desk).Changes(t.Context(), "", 0); err != nil {
		t.Errorf("request of the other agent: %v", err)
	}
	state, err := c.Authority(t.Context(), "nl")
	check(t, err)
	if want := (&wire.AuthorityState{Roots: [][]byte{w.nl.root.Envelope}, Directory: next.Envelope}); !reflect.DeepEqual(state, want) {
		t.Error("the directory in force is not the newest")
	}
	a := send(t, w.dial(nil, link.H3), "GET", "/v1/directory/nl/1", nil)
	var old wire.AuthorityState
	check(t, json.Unmarshal([]byte(a.body), &old))
	if !bytes.Equal(old.Directory, w.nl.directory.Envelope) {
		t.Error("version 1 of the directory is another one")
	}
}

// TestStrangersPublish: of a stranger the relay takes roots and directories of
// pinned authorities, and nothing else.
func TestStrangersPublish(t *testing.T) {
	w := newRelay(t)
	c := w.stranger(nil)
	xx := newAuthority(t, "xx", w.fp)
	for _, row := range []struct {
		name     string
		envelope []byte
		want     custody.Code
	}{
		{"authority that is not pinned", xx.root.Envelope, custody.CodeRootNotPinned},
		{"directory signed by a stranger", w.nl.directoryBy(t, xx.registrar).Envelope, custody.CodeBadSignature},
		{"second directory of the version in force", w.nl.direct(t, nil).Envelope, custody.CodeFork},
		{"request", sign(t, w.requestBody(), w.fr.officers[0]).Envelope, wire.CodeHelloRequired},
		{"not an envelope", []byte("{}"), wire.CodeMalformed},
	} {
		if _, err := c.Submit(t.Context(), row.envelope, nil); wire.CodeOf(err) != row.want {
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
	if _, err := c.Submit(t.Context(), make([]byte, wire.MaxStatement+1<<20), nil); wire.CodeOf(err) != wire.CodeTooLarge {
		t.Errorf("body above the limit: %v", err)
	}
}

// TestRates: a stranger who asks too often is told to wait, others are not.
func TestRates(t *testing.T) {
	w := newRelay(t)
	c, agent := w.stranger(nil), w.as(w.nl.lab)
	var err error
	for range 1000 {
		if _, err = c.Relay(t.Context()); err != nil {
			break
		}
	}
	if wire.CodeOf(err) != wire.CodeRateLimited {
		t.Errorf("a thousand requests: %v", err)
	}
	if _, err := agent.Relay(t.Context()); err != nil {
		t.Errorf("an agent at the same address: %v", err)
	}
}
