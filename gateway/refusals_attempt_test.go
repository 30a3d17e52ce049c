package gateway_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// attempt is one fault over one transport.
type attempt struct {
	*faults
	transport string
	last      *tap     // the connection that was used
	refused   [][]byte // bytes of which nothing may stay
	nowhere   []string // paths that must not answer
}

func (a *attempt) as(m *machine) *wire.Client {
	a.t.Helper()
	p := a.party(m, a.transport)
	a.last = p.tap
	return p.Client
}

// traces looks for what was refused.
func (a *attempt) traces(what string) {
	a.t.Helper()
	for _, b := range a.refused {
		if where := a.holds(b); len(where) > 0 {
			a.t.Errorf("%s: bytes that were refused are in %q", what, where)
		}
	}
	for _, path := range a.nowhere {
		for _, m := range []*machine{a.nl.desk, a.fr.desk} {
			if got := send(a.t, a.party(m, a.transport).tap, http.MethodGet, path, nil); got.status != http.StatusNotFound {
				a.t.Errorf("%s: %s answers %s with %d %s", what, path, m.id, got.status, got.body)
			}
		}
	}
}

// hello claims an id on a connection with a TLS key, signed with a key.
func (a *attempt) hello(with *machine, claim custody.PartyID, k *keys.Private) {
	a.t.Helper()
	a.last = &tap{Conn: a.dial(&with.cert, a.transport), t: a.t}
	exp, err := a.last.Exporter()
	check(a.t, err)
	a.says(wire.Session{Client: claim, Relay: origin, ClientSPKI: with.spki, RelaySPKI: a.last.ServerSPKI(), Exporter: exp}, k)
}

// replay says on a second connection what was accepted on a first one.
func (a *attempt) replay(m *machine) {
	a.t.Helper()
	a.last = &tap{Conn: a.dial(&m.cert, a.transport), t: a.t}
	exp, err := a.last.Exporter()
	check(a.t, err)
	s := wire.Session{Client: m.id, Relay: origin, ClientSPKI: m.spki, RelaySPKI: a.last.ServerSPKI(), Exporter: exp}
	body := a.says(s, m.key)
	if a.last.last.status != http.StatusOK {
		a.t.Fatalf("the hello that is to be replayed: %d %s", a.last.last.status, a.last.last.body)
	}
	a.last = &tap{Conn: a.dial(&m.cert, a.transport), t: a.t}
	send(a.t, a.last, http.MethodPost, "/v1/hello", body, "Content-Type", wire.TypeJSON)
}

func (a *attempt) says(s wire.Session, k *keys.Private) []byte {
	a.t.Helper()
	body, err := json.Marshal(wire.HelloRequest{Client: s.SignClient(k)})
	check(a.t, err)
	send(a.t, a.last, http.MethodPost, "/v1/hello", body, "Content-Type", wire.TypeJSON)
	return body
}

// part brings other bytes as part 0 of a package.
func (a *attempt) part(b *bundle, epoch int64, data []byte) {
	a.t.Helper()
	a.refused = append(a.refused, data)
	a.as(a.nl.lab).PutPart(a.t.Context(), b.id, epoch, 0, sum(data), data)
}

func random(size int64) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

// seal brings a seal of a case for a package.
func (a *attempt) seal(s *story, b *bundle, epoch int64, change func(*custody.Seal)) {
	a.t.Helper()
	body := s.sealBody(b)
	body.Delivery = 2
	if s != a.open {
		body.Delivery = 1
	}
	change(body)
	st := a.signed(body, a.nl.lab.key)
	a.as(a.nl.lab).Seal(a.t.Context(), b.id, epoch, st.Envelope)
}

// signed signs a statement that will be refused.
func (a *attempt) signed(b custody.Body, signers ...*keys.Private) *custody.Statement {
	a.t.Helper()
	s := sign(a.t, b, signers...)
	a.refused = append(a.refused, s.Envelope)
	return s
}

// release asks for a package as an agent, in the name of a case.
func (a *attempt) release(by *machine, s *story, b *bundle, change func(*custody.Release)) {
	a.t.Helper()
	body := &custody.Release{Header: a.header(string(by.id), s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		Acceptance: s.review.SHA256, Recipient: "fr/recipient/lab"}
	change(body)
	a.as(by).Release(a.t.Context(), b.id, a.signed(body, by.key).Envelope)
}

// unlock brings the head of a package, in the name of a case.
func (a *attempt) unlock(s *story, b *bundle) {
	a.t.Helper()
	st := a.signed(&custody.Unlock{Header: a.header("nl/agent/lab", s.after), Request: s.request.SHA256, Package: b.id, Seal: b.seal.SHA256,
		HeadSHA256: sum(b.head), Acceptance: s.review.SHA256, Checkpoint: custody.CheckpointRef{Size: 1, Root: sum(nil)}}, a.nl.lab.key)
	a.refused = append(a.refused, b.head, b.inner)
	a.as(a.nl.lab).Unlock(a.t.Context(), b.id, st.Envelope, b.head, b.inner)
}

func (a *attempt) accept(s *story, grant custody.Digest) {
	a.t.Helper()
	st := a.signed(&custody.Acceptance{Header: a.header("fr", s.after), Request: s.request.SHA256, Grant: grant}, a.fr.officers[1])
	a.as(a.fr.desk).Submit(a.t.Context(), st.Envelope, nil)
}

// newRequest is a good request and its annex, neither of which is to stay.
func (a *attempt) newRequest(change func(*custody.Request)) (*custody.Statement, []byte) {
	a.t.Helper()
	b := a.requestBody()
	file, ref := a.annex("a case that nobody may know of", a.fr, a.nl)
	b.Annex = ref
	change(b)
	s := a.signed(b, a.fr.officers[0])
	a.refused = append(a.refused, file)
	a.nowhere = append(a.nowhere, "/v1/records/"+string(s.Record()), "/v1/annexes/"+ref.SHA256.String(), "/v1/annexes/"+b.Annex.SHA256.String(),
		"/v1/proposals/"+s.SHA256.String())
	return s, file
}

func (a *attempt) request(change func(*custody.Request)) {
	a.t.Helper()
	s, file := a.newRequest(change)
	a.as(a.fr.desk).Submit(a.t.Context(), s.Envelope, file)
}

// propose proposes a grant of the case that has none.
func (a *attempt) propose(change func(*custody.Grant)) {
	a.t.Helper()
	b := *a.open.grant.Body.(*custody.Grant)
	file, ref := a.annex("conditions in words", a.fr, a.nl)
	b.Header, b.Request, b.Review, b.Annex = a.header("nl", a.open.after), a.open.request.SHA256, a.open.review.SHA256, &ref
	change(&b)
	s := a.signed(&b, a.nl.officers[0])
	a.refused = append(a.refused, file)
	a.nowhere = append(a.nowhere, "/v1/annexes/"+ref.SHA256.String(), "/v1/proposals/"+s.SHA256.String())
	a.as(a.nl.desk).Propose(a.t.Context(), s.Envelope, file)
}

// half is one half of a hybrid signature in an envelope.
type half struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// altered is a half with one bit changed.
func (h half) altered(t testing.TB) half {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(h.Sig)
	check(t, err)
	b[len(b)/3] ^= 1
	h.Sig = base64.StdEncoding.EncodeToString(b)
	return h
}

// envelope is the JSON of an envelope.
type envelope struct {
	PayloadType string `json:"payloadType"`
	Payload     string `json:"payload"`
	Signatures  []half `json:"signatures"`
}

// halves brings a good request with other signatures.
func (a *attempt) halves(change func([]half) []half) {
	a.t.Helper()
	s, file := a.newRequest(func(*custody.Request) {})
	var e envelope
	check(a.t, json.Unmarshal(s.Envelope, &e))
	e.Signatures = change(e.Signatures)
	sent := statement.Encode(e)
	a.refused = append(a.refused, sent)
	a.as(a.fr.desk).Submit(a.t.Context(), sent, file)
}

// otherHalves are the halves of fr's other officer under another request.
func (a *attempt) otherHalves() []half {
	a.t.Helper()
	var e envelope
	check(a.t, json.Unmarshal(sign(a.t, a.requestBody(), a.fr.officers[1]).Envelope, &e))
	return e.Signatures
}

// publishes brings a directory of nl.
func (a *attempt) publishes(envelope []byte) {
	a.t.Helper()
	a.refused = append(a.refused, envelope)
	a.as(a.nl.desk).Submit(a.t.Context(), envelope, nil)
}

// directory brings the next directory of nl, changed, and signed whatever is in it.
func (a *attempt) directory(change func(*custody.Directory)) {
	a.t.Helper()
	last, err := a.party(a.nl.desk, a.transport).Authority(a.t.Context(), "nl")
	check(a.t, err)
	in, err := custody.ParseStatement(last.Directory)
	check(a.t, err)
	b := *a.nl.direct(a.t, in).Body.(*custody.Directory)
	change(&b)
	a.publishes(statement.New("application/vnd.comity.directory.v1+json", statement.Encode(&b), a.nl.registrar).Marshal())
}

// reserve asks for room for so many bytes of evidence.
func (a *attempt) reserve(s *story, grant custody.Digest, plain int64) {
	a.t.Helper()
	a.as(a.nl.lab).Reserve(a.t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: grant, PayloadSize: seal.PayloadSize(plain)})
}
