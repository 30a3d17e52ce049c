package admit

import (
	"net/http"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// maxHello bounds a hello: one hybrid signature is some 5 KiB of text.
const maxHello = 64 << 10

// Principal is an agent that proved on this connection who it is. Only this
// package makes one that names somebody.
type Principal struct {
	id   custody.PartyID
	key  keys.ID
	spki custody.Digest
}

// ID returns the agent's id.
func (p Principal) ID() custody.PartyID { return p.id }

// Authority returns the authority that answers for the agent.
func (p Principal) Authority() string { return p.id.Authority() }

// principal returns who proved itself on a connection, nil if nobody did, and
// hello-refused if the directory in force does not list them so any more.
func (d *Door) principal(peer *link.Peer) (*Principal, error) {
	p, ok := peer.Value().(Principal)
	if !ok {
		return nil, nil
	}
	if now, ok := d.member(p.id); !ok || now != p {
		return nil, wire.NewProblem(wire.CodeHelloRefused, "")
	}
	return &p, nil
}

// member returns how the directory in force lists an active agent of an
// authority that accepts this relay.
func (d *Door) member(id custody.PartyID) (Principal, bool) {
	v, now := d.cfg.View(), statement.At(d.cfg.Now())
	// Reading the relay's own record is what any proven agent may do, so the
	// rule book's answer is about the agent alone.
	act := custody.Action{Act: custody.ActRecord, Via: id}
	if !custody.Decide(custody.NewRecord(custody.RelayRecord), v, act, now).Allowed() {
		return Principal{}, false
	}
	m, ok := v.Authorities[id.Authority()].Active(id, now)
	if !ok {
		return Principal{}, false
	}
	return Principal{id: id, key: m.Key.ID(), spki: m.SPKI}, true
}

// hello answers a proof of identity with the relay's. Whatever does not hold is
// answered in the same way, be the id unknown, the key wrong, or the proof made
// for another connection.
func (d *Door) hello(w http.ResponseWriter, r *http.Request, _ *Principal) error {
	var in wire.HelloRequest
	if err := ReadJSON(r, &in); err != nil {
		return err
	}
	peer := link.PeerOf(r)
	s, p, ok := d.proven(peer, in.Client)
	if !ok {
		return wire.NewProblem(wire.CodeHelloRefused, "")
	}
	// A connection has one principal for its life. Saying hello again as the
	// same one is a retry after a lost answer.
	if err := peer.Set(p); err != nil && peer.Value() != any(p) {
		return wire.NewProblem(wire.CodeHelloRefused, "")
	}
	d.cfg.Logger.InfoContext(r.Context(), "accepted hello", "agent", p.id, "remote", peer.Remote(), "transport", peer.Proto())
	return WriteJSON(w, wire.HelloResponse{Relay: s.SignRelay(d.cfg.Key), Time: statement.At(d.cfg.Now()), Kinds: custody.Kinds()})
}

// proven checks the client's half of a hello against the connection as this side
// sees it and the key and TLS key that the directory lists.
func (d *Door) proven(peer *link.Peer, envelope []byte) (wire.Session, Principal, bool) {
	var s wire.Session
	id, err := wire.ClaimedClient(envelope)
	if err != nil {
		return s, Principal{}, false
	}
	p, ok := d.member(id)
	spki, shown := peer.SPKI()
	if !ok || !shown || p.spki != spki {
		return s, Principal{}, false
	}
	exp, err := peer.Exporter()
	if err != nil {
		return s, Principal{}, false
	}
	s = wire.Session{Client: id, Relay: d.cfg.Origin, ClientSPKI: spki, RelaySPKI: peer.ServerSPKI(), Exporter: exp}
	m, ok := d.cfg.View().Authorities[id.Authority()].Active(id, statement.At(d.cfg.Now()))
	if !ok || m.Key.ID() != p.key {
		return s, Principal{}, false
	}
	return s, p, s.VerifyClient(envelope, m.Key) == nil
}
