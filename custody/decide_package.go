package custody

import (
	"crypto/sha256"
	"slices"

	"comity.example/comity/crypto/keys"
)

// decideAgentStatement: an agent signs what it says, alone, and is bound by the
// state of the package.
func decideAgentStatement(c *Case, v *View, a Action, m *Member, now Time) Decision {
	s := a.Statement
	if d := agentSigned(s, m); !d.Allowed() {
		return d
	}
	if b, ok := s.Body.(*Seal); ok {
		return unlessSuspended(v, c.From, c.To, decideSeal(c, v, b, m, a.Open, now))
	}
	if b, ok := s.Body.(*Attestation); ok {
		return decideAttestation(c, b, m.ID, now)
	}
	p := c.Package(s.Package())
	if p == nil {
		return deny("package", CodeNoSuchPackage)
	}
	switch b := s.Body.(type) {
	case *Unlock:
		return unlessSuspended(v, c.From, c.To, decideUnlock(v, p, b, m, now))
	case *Release:
		return unlessSuspended(v, c.From, c.To, decideRelease(v, p, b, m, now))
	case *Receipt:
		return decideReceipt(p, b, m)
	case *Rejection:
		return decideClose(p, b.Seal, m)
	case *Recall:
		return decideRecall(c, b)
	}
	return deny("acts", CodeUnknownAction)
}

// agentSigned: the agent alone signed.
func agentSigned(s *Statement, m *Member) Decision {
	const rule = "agent-signs"
	if n, err := s.verify(map[keys.ID]*keys.Public{m.Key.ID(): m.Key}); err != nil || n != 1 {
		return deny(rule, CodeBadSignature)
	}
	return allow(rule)
}

// decideSeal: a deposit under a live grant, for exactly its recipients, within
// what it leaves.
func decideSeal(c *Case, v *View, b *Seal, m *Member, open Usage, now Time) Decision {
	const rule = "seal"
	g := c.grant(b.Grant)
	if d := decideSend(g, m, now); !d.Allowed() {
		return d
	}
	if c.Package(b.Package) != nil {
		return deny(rule, CodeAlreadySealed)
	}
	if d := room(g, b.PayloadSize, open); !d.Allowed() {
		return d
	}
	if n := b.Delivery - g.Packages - 1; n < 0 || n > c.hidden { // each entry that is not shown may be a seal
		return deny(rule, CodeBadStatement)
	}
	if code := c.Supersedable(b.Supersedes); code != CodeAllowed {
		return deny("supersedes", code)
	}
	if d := sameRecipients(v.Authorities[c.From], g, b, now); !d.Allowed() {
		return d
	}
	return allow(rule)
}

// sameRecipients: the seal names the grant's recipients, no more and no fewer,
// each with the key that the directory in force lists.
func sameRecipients(a *Authority, g *GrantState, b *Seal, now Time) Decision {
	const rule = "granted-recipients"
	if len(b.Recipients) != len(g.Recipients) {
		return deny(rule, CodeRecipientNotGrant)
	}
	for _, r := range b.Recipients {
		if !slices.Contains(g.Recipients, r.ID) {
			return deny(rule, CodeRecipientNotGrant)
		}
		m, ok := a.Active(r.ID, now)
		if !ok {
			return deny(rule, CodeNotActive)
		}
		if RecipientKey(m.Recipient) != r.Key || r.Directory != a.DirectorySHA256 {
			return deny(rule, CodeRecipientNotGrant)
		}
	}
	return allow(rule)
}

// RecipientKey returns the digest by which a seal names an age recipient.
func RecipientKey(recipient string) Digest { return sha256.Sum256([]byte(recipient)) }

// accepted: the grant stands, the State that gave it is still here to take it
// back, and the requesting State accepted exactly it.
func accepted(v *View, g *GrantState, acceptance Digest, now Time) Decision {
	if d := live(g, now); !d.Allowed() {
		return d
	}
	if d := standing(v, g.By, now); !d.Allowed() {
		return d
	}
	if g.Acceptance.IsZero() || g.Acceptance != acceptance {
		return deny("accepted", CodeNotAccepted)
	}
	return allow("accepted")
}

func decideUnlock(v *View, p *PackageState, b *Unlock, m *Member, now Time) Decision {
	const rule = "unlock"
	switch {
	case p.Sender != m.ID || !m.has(DutyLab):
		return deny(rule, CodeSenderNotGranted)
	case b.Seal != p.SHA256 || b.HeadSHA256 != p.HeadSHA256 || b.Release.IsZero() == p.PerRelease():
		return deny(rule, CodeBadStatement)
	case p.Recall != nil:
		return deny(rule, CodePackageRecalled)
	case !p.PerRelease() && !p.Unlocked.IsZero():
		return deny(rule, CodeAlreadyUnlocked)
	}
	if d := accepted(v, p.Grant, b.Acceptance, now); !d.Allowed() {
		return d
	}
	if p.PerRelease() {
		return decideAnswer(v, p, p.release(b.Release), now)
	}
	return allow(rule)
}

// decideAnswer: an unlock answers one release, once, and of an agent that still holds
// the recipient it was for.
func decideAnswer(v *View, p *PackageState, r *ReleaseState, now Time) Decision {
	const rule = "unlock-of-release"
	switch {
	case r == nil:
		return deny(rule, CodeNotReleased)
	case !r.Unlocked.IsZero():
		return deny(rule, CodeAlreadyUnlocked)
	}
	m, ok := v.Authorities[r.By.Authority()].Active(r.By, now)
	if !ok {
		return deny(rule, CodeRecipientNotGrant)
	}
	if d := holds(v, p, r.Recipient, m, now); !d.Allowed() {
		return deny(rule, d.Code)
	}
	return allow(rule)
}

// decideRelease: by the lab agent that holds a recipient of the package.
func decideRelease(v *View, p *PackageState, b *Release, m *Member, now Time) Decision {
	const rule = "release"
	if b.Seal != p.SHA256 {
		return deny(rule, CodeBadStatement)
	}
	if d := holds(v, p, b.Recipient, m, now); !d.Allowed() {
		return deny(rule, d.Code)
	}
	if p.Recall != nil {
		return deny(rule, CodePackageRecalled)
	}
	if d := accepted(v, p.Grant, b.Acceptance, now); !d.Allowed() {
		return d
	}
	if !p.PerRelease() && p.Unlocked.IsZero() {
		return deny(rule, CodeNotUnlocked)
	}
	if p.Released(m.ID) != nil {
		return deny(rule, CodeDuplicate)
	}
	return allow(rule)
}

// holds: a lab agent holds, now, an active recipient that the grant names and the
// package was sealed to.
func holds(v *View, p *PackageState, id PartyID, m *Member, now Time) Decision {
	const rule = "holds-recipient"
	r, ok := v.Authorities[id.Authority()].Active(id, now)
	if !ok || r.Holder != m.ID || !m.has(DutyLab) || !slices.Contains(p.Grant.Recipients, id) || !p.sealedTo(r) {
		return deny(rule, CodeRecipientNotGrant)
	}
	return allow(rule)
}

// sealedTo reports whether a recipient's key in the directory in force is the one
// that the package was sealed to: with another one its holder could open nothing.
func (p *PackageState) sealedTo(m *Member) bool {
	return slices.ContainsFunc(p.Recipients, func(r RecipientRef) bool {
		return r.ID == m.ID && r.Key == RecipientKey(m.Recipient)
	})
}

// decideRecall: by the agent that sealed the package, or by its State. It only ever
// stops things, so it is heard whenever it was signed, whatever became of the grant
// and however far the package went; it takes nothing back of what has arrived.
func decideRecall(c *Case, b *Recall) Decision {
	const rule = "recall"
	p, by := c.Package(b.Package), PartyID(b.By)
	switch {
	case by.Authority() != c.To:
		return deny(rule, CodeNotRequested)
	case p == nil:
		return deny(rule, CodeNoSuchPackage)
	case b.By != c.To && by != p.Sender:
		return deny(rule, CodeSenderNotGranted)
	case b.Seal != p.SHA256:
		return deny(rule, CodeBadStatement)
	case p.Recall != nil:
		return deny(rule, CodePackageRecalled)
	}
	return allow(rule)
}

// decideClose: who took a package says once how it arrived, also after the grant
// ended or the package was recalled: the truth is always welcome.
func decideClose(p *PackageState, seal Digest, m *Member) Decision {
	const rule = "close"
	r := p.Released(m.ID)
	switch {
	case seal != p.SHA256:
		return deny(rule, CodeBadStatement)
	case r == nil:
		return deny(rule, CodeNotReleased)
	case !p.OpenTo(m.ID):
		return deny(rule, CodeNotUnlocked)
	case !r.Closed.IsZero():
		return deny(rule, CodeAlreadyReceived)
	}
	return allow(rule)
}
