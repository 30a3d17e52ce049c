package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// matrixWorld has one case for each state and one connection for each role.
type matrixWorld struct {
	*world
	roles         []*role
	other, backup *machine // nl's lab that is not granted, and who holds fr's backup recipient
	cases         map[string]*matrixCase
	intruder      *machine
}

// role is somebody with a connection.
type role struct {
	name string
	m    *machine
	a    *authority
	conn *link.Conn
}

// speaker is whose word a role brings: an auditor has none of an agent, and brings his lab's.
func (r *role) speaker() *machine {
	if r.m == r.a.auditor {
		return r.a.lab
	}
	return r.m
}

// matrixCase is a case with the package that was sealed and those that are open, as far
// as there are any.
type matrixCase struct {
	*story
	sealed, open *bundle
	spare        *bundle // open too, to be given up
	held         *custody.Statement
	proposal     *statement.Envelope // with both signatures; one was proposed
}

// newMatrixWorld brings a case into each state.
func newMatrixWorld(t *testing.T) *matrixWorld {
	t.Helper()
	w := &matrixWorld{world: newWorld(t), cases: map[string]*matrixCase{}, intruder: newMachine(t, "nl/agent/lab")}
	w.other, w.backup = newMachine(t, "nl/agent/other-lab"), newMachine(t, "fr/agent/backup-lab")
	w.nl, w.fr = w.staffed(w.nl, w.other), w.staffed(w.fr, w.backup)
	var ahead atomic.Int64
	w.change = hurried(&ahead)
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	for _, state := range matrixStates {
		w.cases[state] = w.in(state)
	}
	ahead.Add(int64(2 * time.Hour)) // what lapses has lapsed
	for _, r := range []*role{{name: "stranger", m: w.intruder, a: w.nl},
		{"nl lab", w.nl.lab, w.nl, nil}, {"nl other lab", w.other, w.nl, nil}, {"nl desk", w.nl.desk, w.nl, nil}, {"nl auditor", w.nl.auditor, w.nl, nil},
		{"fr lab", w.fr.lab, w.fr, nil}, {"fr backup lab", w.backup, w.fr, nil}, {"fr desk", w.fr.desk, w.fr, nil}, {"fr auditor", w.fr.auditor, w.fr, nil},
		{"de lab", w.de.lab, w.de, nil}, {"de desk", w.de.desk, w.de, nil}, {"de auditor", w.de.auditor, w.de, nil}} {
		r.conn = w.dial(&r.m.cert, link.H2)
		if r.name != "stranger" {
			_, err := wire.NewClient(r.conn).Hello(t.Context(), wire.Identity{ID: r.m.id, Key: r.m.key, SPKI: r.m.spki}, origin, w.relay)
			check(t, err)
		}
		w.roles = append(w.roles, r)
	}
	return w
}

// staffed is an authority with one lab more, which holds fr's backup recipient, and whose
// officers may grant in an emergency. The cast, which other tests share, stays as it is.
func (w *matrixWorld) staffed(a *authority, lab *machine) *authority {
	w.t.Helper()
	staffed := *a
	b := *a.directory.Body.(*custody.Directory)
	b.Entries = slices.Clone(b.Entries)
	for i, l := range b.Entries {
		switch {
		case l.ID.Role() == custody.RoleOfficer:
			b.Entries[i].Duties = []string{custody.DutyEmergency}
		case l.ID == "fr/recipient/backup":
			b.Entries[i] = a.list(w.t, custody.Enrolment{ID: l.ID, Recipient: a.recipients[l.ID], Holder: lab.id,
				Challenge: &custody.Challenge{FileSHA256: statement.NewNonce(), Opened: statement.NewNonce()}}, lab.key)
		}
	}
	b.Entries = append(b.Entries, a.list(w.t, custody.Enrolment{ID: lab.id, Certificate: lab.cert.Certificate[0]}, lab.key, custody.DutyLab))
	slices.SortFunc(b.Entries, func(x, y custody.Listing) int { return strings.Compare(string(x.ID), string(y.ID)) })
	with := map[string]string{"nl": "fr", "fr": "nl"}[a.name]
	b.Emergency = &custody.Emergency{With: []string{with}, MaxBytes: 1 << 30, MaxPackages: 20, Hours: 48}
	staffed.directory = sign(w.t, &b, a.registrar)
	return &staffed
}

// in brings a new case into a state.
func (w *matrixWorld) in(state string) *matrixCase {
	w.t.Helper()
	c := &matrixCase{}
	lab, desk := w.as(w.nl.lab), w.as(w.nl.desk)
	switch state {
	case "offered", "offered+accepted":
		c.story = w.offered(desk)
	case "emergency":
		c.story = w.urgent(desk, 24*time.Hour)
	case "lapsed":
		c.story = w.urgent(desk, time.Hour)
	default:
		c.story = w.begin()
	}
	if state == "nothing" { // the names of it, of which the relay has heard none
		gone := w.requestBody()
		gone.Annex.SHA256 = sum([]byte("no annex"))
		st := sign(w.t, gone, w.fr.officers[0])
		c.story = &story{world: w.world, request: st, review: st, grant: st, acceptance: st, after: c.after}
		return c
	}
	w.grows(c, state, lab, desk)
	w.proposes(c, desk)
	return c
}

// grows brings a case from its beginning into a state.
func (w *matrixWorld) grows(c *matrixCase, state string, lab, desk *wire.Client) {
	w.t.Helper()
	ctx := w.t.Context()
	switch state { // what is not there yet is named by another's hash
	case "requested":
		c.grant, c.acceptance = c.request, c.request
		return
	case "offered":
		c.acceptance = c.request
		return
	}
	if c.grant == nil {
		c.reviewed(desk)
		body := c.grantBody()
		body.MaxPackages = 20
		c.grant = sign(w.t, body, w.nl.officers...)
		c.file(desk, c.grant, nil)
	}
	if state != "granted" {
		c.accepted()
	} else {
		c.acceptance = c.grant // likewise
	}
	c.open, c.spare = c.packOf(1000), c.packOf(1000)
	c.reserve(lab, c.spare)
	c.reserve(lab, c.open)
	c.upload(lab, c.open)
	if slices.Contains([]string{"granted", "accepted", "offered+accepted"}, state) {
		return
	}
	c.sealed = c.deposit(lab, c.packOf(1000), 1)
	if slices.Contains([]string{"unlocked", "released", "received", "recalled", "on hold", "unlocked+suspended", "released+suspended"}, state) {
		p, err := lab.Unlock(ctx, c.sealed.id, c.unlockOf(c.sealed, c.checkpoint(lab)).Envelope, c.sealed.head, c.sealed.inner)
		check(w.t, err)
		c.after = c.proven(p, c.request.SHA256)
	}
	if slices.Contains([]string{"released", "received", "recalled", "released+suspended"}, state) {
		p, err := w.as(w.fr.lab).Release(ctx, c.sealed.id, c.releaseOf(c.sealed, c.acceptance.SHA256).Envelope)
		check(w.t, err)
		c.after = c.proven(p, c.request.SHA256)
	}
	switch state {
	case "received":
		c.file(w.as(w.fr.lab), sign(w.t, &custody.Receipt{Header: c.header("fr/agent/lab", c.after), Request: c.request.SHA256, Package: c.sealed.id,
			Seal: c.sealed.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, w.fr.lab.key), nil)
	case "recalled":
		c.file(lab, c.recallOf(c.sealed, "nl/agent/lab", w.nl.lab.key), nil)
	case "revoked":
		c.file(desk, sign(w.t, &custody.Revocation{Header: c.header("nl", c.after), Request: c.request.SHA256, Grant: c.grant.SHA256, Reason: "error"},
			w.nl.officers[0]), nil)
	case "withdrawn":
		c.file(w.as(w.fr.desk), sign(w.t, &custody.Withdrawal{Header: c.header("fr", c.after), Request: c.request.SHA256, Reason: "error"},
			w.fr.officers[0]), nil)
	case "on hold":
		c.held = c.hold(nil)
	}
}

// offered is an offer of nl to fr.
func (w *matrixWorld) offered(desk *wire.Client) *story {
	w.t.Helper()
	file, ref := w.annex("a server that was seized", w.nl, w.fr)
	body := w.offerBody(ref)
	body.MaxPackages = 20
	s := &story{world: w.world, annexes: map[*custody.Statement][]byte{}}
	st := sign(w.t, body, w.nl.officers...)
	s.file(desk, st, file)
	s.grant, s.review = st, st
	return s
}

// urgent is a case that nl granted in an emergency, to lapse after a time.
func (w *matrixWorld) urgent(desk *wire.Client, lapses time.Duration) *story {
	w.t.Helper()
	s := w.begin()
	file, ref := w.annex("a child is held", w.fr, w.nl)
	danger := sign(w.t, &custody.Danger{Header: s.header("fr", s.after), Request: s.request.SHA256, Danger: "life", Annex: ref}, w.fr.officers[0])
	s.file(w.as(w.fr.desk), danger, file)
	s.review = danger
	b := s.grantBody()
	b.MaxPackages, b.Header, b.Review, b.Danger, b.ValidateBy = 20, s.header("nl", s.after), custody.Digest{}, danger.SHA256, statement.At(time.Now().Add(lapses))
	s.grant = sign(w.t, b, w.nl.officers...)
	s.file(desk, s.grant, nil)
	return s
}

// holdBody is what an authority says next of a hold.
func (c *matrixCase) holdBody(by string) *custody.Hold {
	b := c.holdOf(c.held)
	b.Header = c.header(by, c.after)
	return b
}

// proposes has nl's desk propose the next hold, signed by one officer.
func (w *matrixWorld) proposes(c *matrixCase, desk *wire.Client) {
	w.t.Helper()
	e, err := custody.Draft(c.holdBody("nl"))
	check(w.t, err)
	e.Sign(w.nl.officers[0])
	_, err = desk.Propose(w.t.Context(), e.Marshal(), nil)
	check(w.t, err)
	e.Sign(w.nl.officers[1])
	c.proposal = e
}

// ask is how a route is tried. What changes a case stands after all that it would change.
type ask struct {
	route string
	about func(c *matrixCase) *bundle // whose id the path has; nil: none
	body  func(w *matrixWorld, r *role, c *matrixCase) question
}

func sealedOne(c *matrixCase) *bundle { return c.sealed }
func openOne(c *matrixCase) *bundle   { return c.open }
func spareOne(c *matrixCase) *bundle  { return c.spare }

var asked = []ask{
	{route: "POST /v1/hello", body: hello},
	{route: "GET /v1/relay"}, {route: "GET /v1/directory/{authority}"}, {route: "GET /v1/directory/{authority}/{version}"},
	{route: "GET /log/checkpoint"}, {route: "GET /log/cosigned"}, {route: "GET /v1/cosigned"}, {route: "GET /log/tile/{path...}"},
	{route: "GET /v1/records/{request}"}, {route: "GET /v1/records/authority/{authority}"}, {route: "GET /v1/records/relay"},
	{route: "GET /v1/annexes/{sha256}"}, {route: "GET /v1/changes"}, {route: "GET /v1/tokens"},
	{route: "GET /v1/proposals"}, {route: "GET /v1/proposals/{sha256}"},
	{route: "POST /v1/proposals/{sha256}/signatures", body: cosigns},
	{route: "POST /v1/proposals", body: proposes},
	{route: "GET /v1/packages/{id}", about: openOne},
	{route: "GET /v1/packages/{id}/head", about: sealedOne}, {route: "GET /v1/packages/{id}/inner", about: sealedOne},
	{route: "GET /v1/packages/{id}/payload", about: sealedOne},
	{route: "POST /v1/packages", body: reserves},
	{route: "POST /v1/packages/{id}/release", about: sealedOne, body: releases},
	{route: "POST /v1/packages/{id}/unlock", about: sealedOne, body: unlocks},
	{route: "POST /v1/packages/{id}/epoch", about: openOne},
	{route: "PUT /v1/packages/{id}/parts/{n}", about: openOne, body: brings},
	{route: "POST /v1/packages/{id}/seal", about: openOne, body: seals},
	{route: "DELETE /v1/packages/{id}", about: spareOne, body: gives},
	{route: "POST /v1/statements", body: holds},
}

// asks tries a route.
func (w *matrixWorld) asks(k ask, r *role, c *matrixCase) answer {
	w.t.Helper()
	var q question
	if k.body != nil {
		q = k.body(w, r, c)
	}
	method, path, _ := strings.Cut(k.route, " ")
	id := strings.Repeat("a", 26)
	if k.about != nil && k.about(c) != nil {
		id = k.about(c).id
	}
	path = strings.NewReplacer("{request}", string(c.id()), "{id}", id, "{n}", "0", "{sha256}", c.digest(path).String(), "{authority}", "nl",
		"{version}", "1", "{path...}", "0/000.p/1").Replace(path)
	a := send(w.t, r.conn, method, path, q.body, q.header...)
	if a.status == http.StatusOK && strings.HasSuffix(path, "/epoch") {
		var in wire.Reservation
		check(w.t, json.Unmarshal([]byte(a.body), &in))
		c.open.epoch = in.Epoch
	}
	return a
}

// digest is what a path names: the proposal or the annex of the case.
func (c *matrixCase) digest(path string) custody.Digest {
	if strings.Contains(path, "/proposals/") {
		if c.proposal == nil {
			return sum([]byte("no proposal"))
		}
		return sum(c.proposal.Payload)
	}
	ref, _ := c.request.Annex()
	return ref.SHA256
}

func hello(w *matrixWorld, r *role, _ *matrixCase) question {
	exp, err := r.conn.Exporter()
	check(w.t, err)
	s := wire.Session{Client: r.m.id, Relay: origin, ClientSPKI: r.m.spki, RelaySPKI: r.conn.ServerSPKI(), Exporter: exp}
	body, err := json.Marshal(wire.HelloRequest{Client: s.SignClient(r.m.key)})
	check(w.t, err)
	return question{body: body, header: []string{"Content-Type", wire.TypeJSON}}
}

func holds(w *matrixWorld, r *role, c *matrixCase) question {
	st := sign(w.t, c.holdBody(r.a.name), r.a.officers...)
	return form(w.t, map[string][]byte{"envelope": st.Envelope})
}

func proposes(w *matrixWorld, r *role, c *matrixCase) question {
	st := sign(w.t, c.holdBody(r.a.name), r.a.officers[0])
	return form(w.t, map[string][]byte{"envelope": st.Envelope})
}

func cosigns(w *matrixWorld, r *role, c *matrixCase) question {
	if c.proposal == nil {
		return proposes(w, r, c)
	}
	return form(w.t, map[string][]byte{"envelope": c.proposal.Marshal()})
}

func reserves(w *matrixWorld, _ *role, c *matrixCase) question {
	body, err := json.Marshal(wire.Reserve{Package: newID(), Request: string(c.id()), Grant: c.grant.SHA256, PayloadSize: 1016})
	check(w.t, err)
	return question{body: body, header: []string{"Content-Type", wire.TypeJSON}}
}

// nobodys is a package of which the relay knows nothing.
func (c *matrixCase) nobodys(b *bundle) *bundle {
	if b != nil {
		return b
	}
	part := make([]byte, 1016)
	return &bundle{id: strings.Repeat("a", 26), epoch: 1, head: []byte("head"), inner: []byte("inner"), parts: [][]byte{part}, sums: [][32]byte{sum(part)},
		size: 1016, seal: c.request}
}

func brings(_ *matrixWorld, _ *role, c *matrixCase) question {
	b := c.nobodys(c.open)
	return question{body: b.parts[0], header: []string{wire.EpochHeader, fmt.Sprint(b.epoch), "Content-Digest", wire.ContentDigest(b.sums[0])}}
}

func gives(_ *matrixWorld, _ *role, c *matrixCase) question {
	return question{header: []string{wire.EpochHeader, fmt.Sprint(c.nobodys(c.spare).epoch)}}
}

func seals(w *matrixWorld, r *role, c *matrixCase) question {
	b := c.nobodys(c.open)
	body := c.sealBody(b)
	body.Header = c.header(string(r.speaker().id), c.after)
	if c.sealed != nil {
		body.Delivery = 2
	}
	return question{body: sign(w.t, body, r.speaker().key).Envelope,
		header: []string{wire.EpochHeader, fmt.Sprint(b.epoch), "Content-Type", wire.TypeEnvelope}}
}

func unlocks(w *matrixWorld, r *role, c *matrixCase) question {
	b := c.nobodys(c.sealed)
	body := &custody.Unlock{Header: c.header(string(r.speaker().id), c.after), Request: c.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		HeadSHA256: sum(b.head), Acceptance: c.acceptance.SHA256, Checkpoint: custody.CheckpointRef{Size: 1, Root: sum(nil)}}
	return form(w.t, map[string][]byte{"envelope": sign(w.t, body, r.speaker().key).Envelope, "head": b.head, "inner": b.inner})
}

func releases(w *matrixWorld, r *role, c *matrixCase) question {
	b := c.nobodys(c.sealed)
	body := &custody.Release{Header: c.header(string(r.speaker().id), c.after), Request: c.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		Acceptance: c.acceptance.SHA256, Recipient: r.a.id("recipient/lab")}
	if r.name == "fr backup lab" {
		body.Recipient = r.a.id("recipient/backup")
	}
	return form(w.t, map[string][]byte{"envelope": sign(w.t, body, r.speaker().key).Envelope})
}
