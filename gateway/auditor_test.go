package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// auditable are the routes that an auditor may use beside those that are open.
var auditable = map[string]bool{"/v1/records/{request}": true, "/v1/records/authority/{authority}": true, "/v1/records/relay": true, "/v1/tokens": true, "/v1/changes": true}

// TestAuditor: an auditor of either party reads the record of a request, one of
// another State does not; by no route, in no way and over neither transport does any
// of them get an annex, a proposal or a byte of a package, or file anything.
func TestAuditor(t *testing.T) {
	w := newThird(t)
	request := w.there[0].request
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		m := a.auditor
		for _, transport := range []string{link.H3, link.H2} {
			conn := w.dial(&m.cert, transport)
			c := wire.NewClient(conn)
			_, err := c.Hello(t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
			check(t, err)
			p, err := c.Record(t.Context(), custody.RecordID(custody.RequestID(request)), 0)
			switch {
			case a == w.de:
				refused(t, "the record for an auditor of another State", err, custody.CodeNoSuchRequest)
			case err != nil || len(p.Lines) == 0:
				t.Errorf("the record for %s: %v", m.id, err)
			}
			for _, o := range w.there {
				for _, q := range w.questions(o, a.lab) {
					if auditable[strings.Split(strings.Split(q.name, " ")[1], ",")[0]] {
						continue
					}
					if x := send(t, conn, q.method, q.path, q.body, q.header...); x.status/100 == 2 {
						t.Errorf("%s of %s over %s: answered with %d", q.name, m.id, transport, x.status)
					}
				}
			}
		}
		c := w.as(m)
		_, err := c.Annex(t.Context(), w.there[0].annex)
		refused(t, "an annex for "+string(m.id), err, custody.CodeAuditorReads)
		_, err = c.Changes(t.Context(), "", 0)
		check(t, err)
	}
}

// TestAuditorsRoutes: every other route for principals is closed to auditors at the
// door, so that one which is added later is closed too.
func TestAuditorsRoutes(t *testing.T) {
	w := newWorld(t)
	routes := w.start().Routes()
	w.publish(w.nl)
	m := w.nl.auditor
	for _, r := range routes {
		if r.Auditors != (r.Handle != nil && auditable[r.Path]) {
			t.Errorf("%s %s: open to auditors %t", r.Method, r.Path, r.Auditors)
		}
	}
	conn := w.dial(&m.cert, link.H2)
	_, err := wire.NewClient(conn).Hello(t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
	check(t, err)
	for _, path := range []string{"/v1/proposals", "/v1/packages/" + strings.Repeat("a", 26)} {
		if x := send(t, conn, http.MethodGet, path, nil); x.problem.Code != custody.CodeAuditorReads {
			t.Errorf("%s for an auditor: %d %s", path, x.status, x.body)
		}
	}
}
