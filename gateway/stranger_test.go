package gateway_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// object is what a path or a statement names: of a case of others, or of nothing.
type object struct {
	request             custody.Digest
	after               *custody.Ref
	grant, review, seal custody.Digest
	pkg                 string
	annex, proposal     custody.Digest
}

// third is a world in which nl and fr have a case with a package that was taken, an
// open package and an open proposal; de, a stranger to it, knows every name.
type third struct {
	*world
	routes []admit.Route
	there  []object // the same case, with the sealed and with the open package
	none   object
}

func newThird(t *testing.T) *third {
	t.Helper()
	w := &third{world: newWorld(t)}
	w.change = hurried(new(atomic.Int64))
	w.routes = w.start().Routes()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	s := w.agreed()
	sender, desk := w.as(w.nl.lab), w.as(w.nl.desk)
	sealed, open := s.packOf(1000), s.packOf(1000)
	for _, b := range []*bundle{sealed, open} {
		s.reserve(sender, b)
		s.upload(sender, b)
	}
	sealed.seal = sign(t, s.sealBody(sealed), w.nl.lab.key)
	p, err := sender.Seal(t.Context(), sealed.id, sealed.epoch, sealed.seal.Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	s.accepted()
	p, err = sender.Unlock(t.Context(), sealed.id, s.unlockOf(sealed, p.Checkpoint).Envelope, sealed.head, sealed.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	_, err = w.as(w.fr.lab).Release(t.Context(), sealed.id, s.releaseOf(sealed, s.acceptance.SHA256).Envelope)
	check(t, err)
	file, ref := w.annex("reasons", w.nl, w.fr)
	proposal := sign(t, &custody.Grant{Header: s.header("nl", s.after), Request: s.request.SHA256, Review: s.review.SHA256, To: "fr", Terms: custody.Terms{
		Senders: []custody.PartyID{"nl/agent/lab"}, Categories: []string{"stored-data"}, Recipients: []custody.PartyID{"fr/recipient/lab"}, MaxBytes: 1, MaxPackages: 1,
		NotBefore: inDays(-1), Expires: inDays(30)}, Annex: &ref}, w.nl.officers[0])
	_, err = desk.Propose(t.Context(), proposal.Envelope, file)
	check(t, err)

	of := object{s.request.SHA256, s.after, s.grant.SHA256, s.review.SHA256, sealed.seal.SHA256, sealed.id, sum(s.annexes[s.request]), proposal.SHA256}
	other := of
	other.pkg, other.annex = open.id, ref.SHA256
	w.there = []object{of, other}
	nothing := func(what string) custody.Digest { return sum([]byte("no such " + what)) }
	w.none = object{nothing("request"), &custody.Ref{Seq: s.after.Seq, Leaf: nothing("leaf")}, nothing("grant"), nothing("review"), nothing("seal"),
		strings.Repeat("a", 26), nothing("annex"), nothing("proposal")}
	return w
}

// path fills a route's path with what an object is called.
func (o object) path(r admit.Route) string {
	sha := o.annex
	if strings.Contains(r.Path, "/proposals/") {
		sha = o.proposal
	}
	return strings.NewReplacer("{request}", custody.RequestID(o.request), "{id}", o.pkg, "{n}", "0", "{sha256}", sha.String()).Replace(r.Path)
}

// named reports whether a route names what only the parties of a request may know.
func named(r admit.Route) bool {
	return strings.Contains(r.Path, "{request}") || strings.Contains(r.Path, "{id}") || strings.Contains(r.Path, "{sha256}")
}

// statements is one of each kind about an object, as an agent and the officers of de
// would say it, and one in the name of a party.
func (w *third) statements(o object, m *machine) (list []*custody.Statement) {
	h, own := w.header("de", o.after), w.header(string(m.id), o.after)
	annex := custody.AnnexRef{SHA256: o.annex, Size: 7}
	officer := w.de.officers[0]
	grant := &custody.Grant{Header: h, Request: o.request, Review: o.review, To: "fr", Terms: custody.Terms{Senders: []custody.PartyID{"de/agent/lab"},
		Recipients: []custody.PartyID{"fr/recipient/lab"}, Categories: []string{"stored-data"}, MaxBytes: 1, MaxPackages: 1, NotBefore: inDays(-1), Expires: inDays(30)}}
	for _, b := range []custody.Body{
		&custody.Review{Header: h, Request: o.request, Body: "judicial", Finding: "objection", Annex: annex}, grant,
		&custody.Refusal{Header: h, Request: o.request, Grounds: []string{"ne-bis-in-idem"}},
		&custody.Acceptance{Header: h, Request: o.request, Grant: o.grant},
		&custody.Revocation{Header: h, Request: o.request, Grant: o.grant, Reason: "error"},
		&custody.Acceptance{Header: w.header("fr", o.after), Request: o.request, Grant: o.grant},
	} {
		list = append(list, sign(w.t, b, officer))
	}
	refs := []custody.RecipientRef{{ID: "fr/recipient/lab", Directory: w.fr.directory.SHA256, Key: o.seal}}
	for _, b := range []custody.Body{
		&custody.Seal{Header: own, Request: o.request, Grant: o.grant, Package: o.pkg, Recipients: refs, HeadSHA256: o.seal, PayloadSize: 1016,
			Parts: 1, PayloadRoot: o.seal, InnerSHA256: o.seal, Delivery: 1},
		&custody.Unlock{Header: own, Request: o.request, Package: o.pkg, Seal: o.seal, HeadSHA256: o.seal, Acceptance: o.review,
			Checkpoint: custody.CheckpointRef{Size: 1, Root: o.seal}},
		&custody.Release{Header: own, Request: o.request, Package: o.pkg, Seal: o.seal, Acceptance: o.review, Recipient: "de/recipient/lab"},
		&custody.Receipt{Header: own, Request: o.request, Package: o.pkg, Seal: o.seal, InnerStatement: o.seal, Scope: custody.ScopeWhole},
		&custody.Rejection{Header: own, Request: o.request, Package: o.pkg, Seal: o.seal, Reason: "payload-mismatch"},
	} {
		list = append(list, sign(w.t, b, m.key))
	}
	return list
}

// question is one request of a stranger: its method, path, body and header fields.
type question struct {
	name, method, path string
	body               []byte
	header             []string
}

// questions asks about an object by every route that names one, in every way that
// the route has, and by every statement.
func (w *third) questions(o object, m *machine) (list []question) {
	statements := w.statements(o, m)
	for _, r := range w.routes {
		methods := []string{r.Method}
		if r.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		bodies := w.bodies(r, o, statements)
		for _, method := range methods {
			for i, q := range bodies {
				q.name, q.method, q.path = fmt.Sprintf("%s %s, body %d", method, r.Path, i), method, o.path(r)+q.path
				list = append(list, q)
			}
		}
	}
	return list
}

// bodies are the ways to ask by a route; the path is what follows the route's. Of a
// route that names nothing, those whose body does.
func (w *third) bodies(r admit.Route, o object, statements []*custody.Statement) (list []question) {
	if named(r) {
		list = []question{{}, {header: []string{wire.EpochHeader, "1"}}, {path: "?size=3"}, {header: []string{"Range", "bytes=0-0"}}}
	}
	switch r.Path {
	case "/v1/packages":
		body := fmt.Appendf(nil, `{"package":%q,"request":%q,"grant_sha256":%q,"payload_size":1016}`, o.pkg, custody.RequestID(o.request), o.grant)
		list = append(list, question{body: body, header: []string{"Content-Type", wire.TypeJSON}})
	case "/v1/packages/{id}/parts/{n}":
		part := random(1016 + 16)
		for _, epoch := range []string{"1", "2"} {
			list = append(list, question{body: part, header: []string{wire.EpochHeader, epoch, "Content-Digest", wire.ContentDigest(sum(part))}})
		}
	case "/v1/packages/{id}/seal":
		for _, s := range statements {
			list = append(list, question{body: s.Envelope, header: []string{wire.EpochHeader, "1", "Content-Type", wire.TypeEnvelope}})
		}
	case "/v1/statements", "/v1/proposals", "/v1/proposals/{sha256}/signatures", "/v1/packages/{id}/unlock", "/v1/packages/{id}/release":
		if r.Method != http.MethodPost {
			break
		}
		for _, s := range statements {
			list = append(list, form(w.t, map[string][]byte{"envelope": s.Envelope}),
				form(w.t, map[string][]byte{"envelope": s.Envelope, "annex": []byte("annex")}),
				form(w.t, map[string][]byte{"envelope": s.Envelope, "head": []byte("head"), "inner": []byte("inner")}))
		}
	}
	return list
}

func form(t testing.TB, files map[string][]byte) question {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	check(t, w.SetBoundary("boundary"))
	for _, name := range []string{"envelope", "annex", "head", "inner"} {
		if files[name] == nil {
			continue
		}
		p, err := w.CreateFormFile(name, name)
		check(t, err)
		_, err = p.Write(files[name])
		check(t, err)
	}
	check(t, w.Close())
	return question{body: b.Bytes(), header: []string{"Content-Type", w.FormDataContentType()}}
}

// fields are the header fields of an answer without the date.
func (a answer) fields() string {
	var list []string
	for name, values := range a.header {
		if name != "Date" {
			list = append(list, fmt.Sprint(name, values))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// TestThirdState: what others do is answered to the agents of another State, by every
// route and over both transports, byte for byte as if it did not exist.
func TestThirdState(t *testing.T) {
	w := newThird(t)
	asked := map[string]bool{}
	for _, m := range []*machine{w.de.desk, w.de.lab} {
		none := w.questions(w.none, m)
		for _, o := range w.there {
			there := w.questions(o, m)
			for _, transport := range []string{link.H3, link.H2} {
				conn := w.dial(&m.cert, transport)
				_, err := wire.NewClient(conn).Hello(t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
				check(t, err)
				for i, q := range there {
					a := send(t, conn, q.method, q.path, q.body, q.header...)
					z := send(t, conn, none[i].method, none[i].path, none[i].body, none[i].header...)
					if a.status/100 == 2 || a.status != z.status || a.body != z.body || a.fields() != z.fields() {
						t.Errorf("%s of %s over %s: %d %s; of nothing: %d %s", q.name, m.id, transport, a.status, a.body, z.status, z.body)
					}
					if a.status == http.StatusNotFound {
						asked[strings.Split(q.name, ",")[0]] = true
					}
				}
			}
		}
	}
	for _, r := range w.routes {
		if named(r) && !asked[r.Method+" "+r.Path] {
			t.Errorf("%s %s never got as far as the answer that there is nothing", r.Method, r.Path)
		}
	}
}

// TestOthersRequest: the bytes of a request that others filed, in the hands of a
// stranger, are refused before the relay looks whether it has them.
func TestOthersRequest(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	c := w.as(w.de.desk)
	_, err := c.Submit(t.Context(), s.request.Envelope, s.annexes[s.request])
	refused(t, "the request again, by a third State", err, custody.CodeNotCarrier)
	_, err = c.Propose(t.Context(), s.request.Envelope, s.annexes[s.request])
	refused(t, "the request as a proposal, by a third State", err, custody.CodeNotCarrier)
}
