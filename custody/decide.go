package custody

import (
	"slices"
	"time"
)

// Act is something that a party wants of a relay.
type Act string

// The acts. ActStatement is any signed statement, the others are calls.
const (
	ActStatement Act = "statement"
	ActReserve   Act = "reserve" // room for a package under a grant
	ActPart      Act = "part"    // one part of a reserved package
	ActRecord    Act = "record"  // read a record
	ActAnnex     Act = "annex"   // read an annex of a record
	ActHead      Act = "head"    // read a package's head or inner file
	ActPayload   Act = "payload" // read a package's payload
)

// acts lists them all.
var acts = []Act{ActStatement, ActReserve, ActPart, ActRecord, ActAnnex, ActHead, ActPayload}

// Action is one act with what Decide needs to know of it.
type Action struct {
	Act       Act
	Via       PartyID    // the agent whose hello was proven; empty where none is needed
	Statement *Statement // of ActStatement
	Grant     Digest     // of ActReserve and ActPart: the grant's payload hash
	Package   string     // of ActHead, ActPayload
	Bytes     int64      // payload bytes: of ActReserve; of ActPart for an operator's policy alone
	Open      Usage      // of ActReserve and a seal: other reservations that count against the grant
}

// Usage is what reservations take of a grant.
type Usage struct{ Bytes, Packages int64 }

// maxSkew is how far the clock of a signer may run ahead of the relay's.
const maxSkew = 10 * time.Minute

// Decide says whether the rules allow an action on a record, given what is in
// force outside it and the time. It changes nothing.
func Decide(r *Record, v *View, a Action, now Time) Decision {
	if a.Act == ActStatement {
		return decideStatement(r, v, a, now)
	}
	m, d := agent(v, a.Via, now)
	if !d.Allowed() {
		return d
	}
	if d := audits(m, a.Act); !d.Allowed() {
		return d
	}
	if r.ID == RelayRecord || r.ID.Authority() != "" {
		if a.Act == ActRecord {
			return allow("record-of-authority")
		}
		return deny("acts", CodeUnknownAction)
	}
	if r.kase == nil {
		return deny("request", CodeNoSuchRequest)
	}
	d = party(r.kase, m)
	if !d.Allowed() {
		return d
	}
	if a.Act == ActRecord || a.Act == ActAnnex {
		return d
	}
	return unlessSuspended(v, r.kase.From, r.kase.To, decideMove(r.kase, v, a, m, now))
}

// decideMove: the calls that bring or take bytes.
func decideMove(c *Case, v *View, a Action, m *Member, now Time) Decision {
	switch a.Act {
	case ActReserve:
		return decideReserve(c, m, a, now)
	case ActPart:
		return decideSend(c.grant(a.Grant), m, now)
	case ActHead, ActPayload:
		return decideTake(c, v, a, m, now)
	}
	return deny("acts", CodeUnknownAction)
}

// audits: an auditor reads records, and does and gets nothing else: no annex, no byte of
// a package, no word in a record.
func audits(m *Member, act Act) Decision {
	const rule = "auditors-read-records"
	if m.ID.Role() == RoleAuditor && act != ActRecord {
		return deny(rule, CodeAuditorReads)
	}
	return allow(rule)
}

// agent returns the active agent, or auditor, that acts.
func agent(v *View, id PartyID, now Time) (*Member, Decision) {
	a := v.Authorities[id.Authority()]
	if code := a.inForce(now); code != CodeAllowed {
		return nil, deny("directory-in-force", code)
	}
	if !a.accepts(v.Origin, v.RelayFingerprint) {
		return nil, deny("relay-accepted", CodeRelayNotAccepted)
	}
	m, ok := a.Active(id, now)
	if !ok || !id.Role().Connects() {
		return nil, deny("agent-active", CodeNotActive)
	}
	return m, allow("agent-active")
}

func party(c *Case, m *Member) Decision {
	if au := m.ID.Authority(); au != c.From && au != c.To {
		return deny("parties-only", CodeNotParty)
	}
	return allow("parties-only")
}

// live says whether a grant stands at a time.
func live(g *GrantState, now Time) Decision {
	const rule = "live-grant"
	switch t := now.Time(); {
	case g == nil:
		return deny(rule, CodeNoGrant)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	case g.Ended:
		return deny(rule, CodeRequestEnded)
	case g.Lapsed(now):
		return deny(rule, CodeGrantLapsed)
	case t.Before(g.NotBefore.Time()):
		return deny(rule, CodeGrantNotYet)
	case !t.Before(g.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	}
	return allow(rule)
}

// decideSend: only a lab agent that a live grant names may bring bytes; those of an offer
// not before it is accepted, since nobody has asked for them.
func decideSend(g *GrantState, m *Member, now Time) Decision {
	if d := live(g, now); !d.Allowed() {
		return d
	}
	if g.Offered && g.Acceptance.IsZero() {
		return deny("offer-accepted", CodeNotAccepted)
	}
	if !slices.Contains(g.Senders, m.ID) || !m.has(DutyLab) {
		return deny("granted-sender", CodeSenderNotGranted)
	}
	return allow("granted-sender")
}

func decideReserve(c *Case, m *Member, a Action, now Time) Decision {
	g := c.grant(a.Grant)
	if d := decideSend(g, m, now); !d.Allowed() {
		return d
	}
	return room(g, a.Bytes, a.Open)
}

// room says whether one more package of that size fits a grant.
func room(g *GrantState, bytes int64, open Usage) Decision {
	const rule = "within-grant"
	switch {
	case g.Final:
		return deny(rule, CodeGrantFinal)
	case bytes < 16 || bytes > g.MaxBytes-g.Bytes-open.Bytes:
		return deny(rule, CodeGrantUsedUp)
	case g.Packages+open.Packages+1 > g.MaxPackages:
		return deny(rule, CodePackagesUsedUp)
	}
	return allow(rule)
}

// decideTake: bytes go only to an agent whose release is in the record, with release:
// origin its own unlock too, and who still holds the recipient it was for, and not after a revocation, a recall, or the end of
// the request.
func decideTake(c *Case, v *View, a Action, m *Member, now Time) Decision {
	const rule = "released"
	p := c.Package(a.Package)
	if p == nil {
		return deny(rule, CodeNoSuchPackage)
	}
	r := p.Released(m.ID)
	switch {
	case r == nil:
		return deny(rule, CodeNotReleased)
	case p.Recall != nil:
		return deny(rule, CodePackageRecalled)
	case p.Grant.Revoked:
		return deny(rule, CodeGrantRevoked)
	case p.Grant.Ended:
		return deny(rule, CodeRequestEnded)
	case p.Grant.Lapsed(now):
		return deny(rule, CodeGrantLapsed)
	case !p.OpenTo(m.ID):
		return deny(rule, CodeNotUnlocked)
	}
	if d := holds(v, p, r.Recipient, m, now); !d.Allowed() {
		return d
	}
	if d := standing(v, p.Grant.By, now); !d.Allowed() {
		return d
	}
	return allow(rule)
}

// standing: an authority has a directory in force that accepts this relay. While
// the granting State has none it could not revoke, so nothing moves.
func standing(v *View, authority string, now Time) Decision {
	const rule = "granting-state-in-force"
	a := v.Authorities[authority]
	if code := a.inForce(now); code != CodeAllowed {
		return deny(rule, code)
	}
	if !a.accepts(v.Origin, v.RelayFingerprint) {
		return deny(rule, CodeRelayNotAccepted)
	}
	return allow(rule)
}
