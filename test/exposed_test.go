package test_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// exposed is every answer of every route of the relay to an agent of fr, which has
// proved who it is and is no party, and to somebody who has proved nothing: headers,
// bodies, refusals.
func (w *world) exposed(request string) (list []hay) {
	w.t.Helper()
	for _, proven := range []bool{true, false} {
		conn := w.connect("fr", proven)
		defer conn.Close()
		checkpoint, err := wire.NewClient(conn).Checkpoint(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range w.requests(request, strings.Split(string(checkpoint), "\n")[1]) {
			list = append(list, ask(w.t, conn, proven, r))
		}
	}
	if ok := len(find(list, "HTTP status 200")); ok == 0 {
		w.t.Error("the relay answers nothing to strangers")
	}
	return list
}

// connect opens a connection to the relay with the key of an authority's lab.
func (w *world) connect(authority string, proven bool) *link.Conn {
	w.t.Helper()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	h, err := agent.OpenHome(filepath.Join(w.dir, authority))
	must(err)
	id := custody.PartyID(authority + "/agent/lab-1")
	der, pkcs8, err := h.TLS(id)
	must(err)
	cert, err := link.Certificate(der, pkcs8)
	must(err)
	spki, err := link.SPKI(der)
	must(err)
	key, err := h.Key(id)
	must(err)
	conn, err := link.Dial(w.t.Context(), link.DialConfig{Addrs: []string{w.address}, FirstContact: true, Certificate: &cert})
	must(err)
	if !proven {
		return conn
	}
	c := wire.NewClient(conn)
	envelope, err := c.Relay(w.t.Context())
	must(err)
	s, err := custody.ParseStatement(envelope)
	must(err)
	relay, err := keys.ParsePublic(s.Body.(*custody.Relay).Key)
	must(err)
	_, err = c.Hello(w.t.Context(), wire.Identity{ID: id, Key: key, SPKI: spki}, "relay.example", relay)
	must(err)
	return conn
}

// requests are all routes of docs/openapi.yaml, with everything that this story has
// in the place of each parameter: a stranger who knows all names.
func (w *world) requests(request, size string) (list []*http.Request) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "openapi.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	var doc struct{ Paths map[string]map[string]any }
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Paths) < 20 {
		w.t.Fatalf("docs/openapi.yaml has %d paths, %v", len(doc.Paths), err)
	}
	names := w.names(request, size)
	for path, methods := range doc.Paths {
		for _, p := range fill(path, names) {
			for method := range methods {
				method = strings.ToUpper(method)
				r, err := http.NewRequestWithContext(w.t.Context(), method, "https://relay.example"+p, nil)
				if method != http.MethodGet && err == nil {
					r, err = http.NewRequestWithContext(w.t.Context(), method, "https://relay.example"+p, strings.NewReader(`{"no": "statement"}`))
				}
				if err != nil {
					w.t.Fatalf("%s %s: %v", method, p, err)
				}
				list = append(list, r)
			}
		}
	}
	return list
}

// fill puts every value in the place of a path's parameters.
func fill(path string, names map[string][]string) []string {
	open := strings.IndexByte(path, '{')
	if open < 0 {
		return []string{path}
	}
	end := strings.IndexByte(path, '}')
	var list []string
	for _, value := range names[path[open+1:end]] {
		list = append(list, fill(path[:open]+value+path[end+1:], names)...)
	}
	return list
}

// names are what stands in the relay's database, by the parameters that want it.
func (w *world) names(request, size string) map[string][]string {
	w.t.Helper()
	rows := values(w.t, filepath.Join(w.dir, "relay", "relay.db"))
	m := map[string][]string{
		"authority": {"nl", "de", "fr", "xx"}, "version": {"1", "2", "99"}, "n": {"0", "1"}, "request": {request, "aaaa"},
		"path": {"0/000.p/" + size, "entries/000.p/" + size, "0/000.p/8", "x"},
	}
	sums := map[string]bool{}
	for _, v := range rows {
		switch s := string(v.data); {
		case strings.HasPrefix(v.name, "table packages ") && custody.CheckID(s) == nil:
			m["id"] = append(m["id"], s)
		case strings.HasPrefix(v.name, "table annexes ") && len(s) == 32:
			sums[statement.Digest(v.data).String()] = true
		}
	}
	for s := range sums {
		m["sha256"] = append(m["sha256"], s)
	}
	if len(m["id"]) < 1 || len(m["sha256"]) < 5 {
		w.t.Fatalf("the database has %d packages and %d annexes", len(m["id"]), len(m["sha256"]))
	}
	return m
}

// ask makes a request and returns all of the answer. A caller who asks too often is
// answered so, and asks again.
func ask(t *testing.T, conn *link.Conn, proven bool, r *http.Request) hay {
	t.Helper()
	name := fmt.Sprintf("answer to %s %s, proven %v", r.Method, r.URL.Path, proven)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		if r.GetBody != nil {
			r.Body, _ = r.GetBody()
		}
		resp, err := conn.RoundTrip(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "HTTP status %d %v\n", resp.StatusCode, resp.Header)
		_, err = io.Copy(&b, resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if resp.StatusCode != http.StatusTooManyRequests {
			return hay{name, b.Bytes()}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: too many requests", name)
		}
	}
}
