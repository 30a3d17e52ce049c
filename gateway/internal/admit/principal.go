package admit

import (
	"errors"
	"net/http"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// maxHello bounds a hello: one hybrid signature is some 5 KiB of text, and 7 in the
// JSON around it.
const maxHello = smallBody

// Principal is an agent or an auditor that proved on this connection who it is. Only this
// package makes one that names somebody.
type Principal struct {
	id   custody.PartyID
	key  keys.ID
	spki custody.Digest
}

// ID returns its id.
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

// hello answers a proof of identity with the relay's. A code says what does not
// hold. That tells a stranger nothing that is not public: anybody may read the
// directories, and with them who is listed with which key.
func (d *Door) hello(w http.ResponseWriter, r *http.Request, _ *Principal) error {
	var in wire.HelloRequest
	if err := ReadJSON(r, &in); err != nil {
		return err
	}
	peer := link.PeerOf(r)
	s, p, code := d.proven(peer, in.Client)
	if code != custody.CodeAllowed {
		return wire.NewProblem(code, "")
	}
	if err := d.settle(peer, p); err != nil {
		return err
	}
	d.cfg.Logger.InfoContext(r.Context(), "accepted hello", "agent", p.id, "remote", peer.Remote(), "transport", peer.Proto())
	return WriteJSON(w, wire.HelloResponse{Relay: s.SignRelay(d.cfg.Key), Time: statement.At(d.cfg.Now()), Kinds: custody.Kinds()})
}

// settle makes p the principal of a connection. A connection has one for its life:
// saying hello again as the same one is a retry after a lost answer.
func (d *Door) settle(peer *link.Peer, p Principal) error {
	if peer.Value() == any(p) {
		return nil
	}
	key := "connections of " + string(p.id)
	if !d.crowd.enter(key, agentConns) {
		return wire.NewProblem(wire.CodeBusy, "the agent has too many connections")
	}
	if err := peer.Set(p); err != nil {
		d.crowd.leave(key)
		if peer.Value() == any(p) {
			return nil
		}
		return wire.NewProblem(wire.CodeHelloRefused, "")
	}
	peer.AfterClose(func() { d.crowd.leave(key) })
	return nil
}

// proven checks the client's half of a hello against the connection as this side
// sees it and the key and TLS key that the directory lists.
func (d *Door) proven(peer *link.Peer, envelope []byte) (s wire.Session, p Principal, code custody.Code) {
	id, err := wire.ClaimedClient(envelope)
	if err != nil {
		return s, p, wire.CodeHelloRefused
	}
	who, ok := d.member(id)
	spki, shown := peer.SPKI()
	if !ok || !shown || who.spki != spki {
		return s, p, d.whose(spki, id)
	}
	exp, err := peer.Exporter()
	if err != nil {
		return s, p, wire.CodeHelloRefused
	}
	s = wire.Session{Client: id, Relay: d.cfg.Origin, ClientSPKI: spki, RelaySPKI: peer.ServerSPKI(), Exporter: exp}
	m, ok := d.cfg.View().Authorities[id.Authority()].Active(id, statement.At(d.cfg.Now()))
	if !ok || m.Key.ID() != who.key {
		return s, p, wire.CodeHelloRefused
	}
	switch err := s.VerifyClient(envelope, m.Key); {
	case errors.Is(err, wire.ErrOtherConnection):
		return s, p, wire.CodeHelloReplayed
	case err != nil:
		return s, p, wire.CodeUnknownKey
	}
	return s, who, custody.CodeAllowed
}

// whose says why a TLS key does not stand for the agent claimed: it is nobody's,
// or another's. If it is the agent's, the agent's authority does not accept this
// relay.
func (d *Door) whose(spki custody.Digest, claimed custody.PartyID) custody.Code {
	now := statement.At(d.cfg.Now())
	for _, a := range d.cfg.View().Authorities {
		for _, m := range append(a.ActiveRole(custody.RoleAgent, now), a.ActiveRole(custody.RoleAuditor, now)...) {
			switch {
			case m.SPKI != spki:
			case m.ID == claimed:
				return wire.CodeHelloRefused
			default:
				return wire.CodeKeyOfAnother
			}
		}
	}
	return wire.CodeUnknownKey
}
