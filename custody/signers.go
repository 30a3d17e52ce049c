package custody

import "comity.example/comity/crypto/keys"

// decideOfficers: enough active officers of the speaking authority signed, and
// all signatures are theirs. A grant in an emergency is for those listed for it.
func decideOfficers(v *View, s *Statement, now Time) Decision {
	a := v.Authorities[s.Header.By]
	allowed := map[keys.ID]*keys.Public{}
	g, grants := s.Body.(*Grant)
	for _, m := range a.ActiveRole(RoleOfficer, now) {
		if !grants || !g.InEmergency() || m.has(DutyEmergency) {
			allowed[m.Key.ID()] = m.Key
		}
	}
	n, err := s.verify(allowed)
	if err != nil {
		return deny("officers-sign", CodeBadSignature)
	}
	if n < int(a.Directory.Rules.Of(s)) {
		return deny("officers-sign", CodeBelowThreshold)
	}
	return allow("officers-sign")
}

// Of returns the number of officers that must sign a statement. To suspend takes one,
// and no directory can ask for more: it only ever stops things. A grant of what is
// sensitive may take more than another.
func (t Thresholds) Of(s *Statement) int64 {
	switch b := s.Body.(type) {
	case *Suspension:
		if b.State == StateSuspended {
			return 1
		}
	case *Offer:
		if b.IsSensitive() {
			return t.Sensitive
		}
	case *Grant:
		if b.InEmergency() {
			return b.emergencySigners()
		}
		if b.IsSensitive() {
			return t.Sensitive
		}
	case *Amendment:
		if b.IsSensitive() {
			return t.Sensitive
		}
	}
	return t.For(s.Kind)
}

// For returns the number of officers that must sign a kind, whatever it says. Of a
// kind that has no rule it is more than can ever sign.
func (t Thresholds) For(k Kind) int64 {
	switch k {
	case KindRequest:
		return t.Request
	case KindReview:
		return t.Review
	case KindGrant, KindAmendment, KindOffer:
		return t.Grant
	case KindConsent:
		return t.Sensitive // what a package holds is not known here
	case KindRefusal:
		return t.Refusal
	case KindAcceptance:
		return t.Acceptance
	case KindRevocation:
		return t.Revocation
	case KindWithdrawal, KindClosure, KindUseReport, KindDanger, KindDestruction, KindRestriction:
		return t.Request // who asked says that no more is asked for, how urgent it is, or what became of it
	case KindReport:
		return t.Request // it moves nothing, and speaks for the authority in public
	case KindHold, KindErasure:
		return holdOfficers // whatever the directory says
	case KindOrder:
		return t.Revocation
	case KindValidation:
		return t.Sensitive // whatever the grant was of
	case KindSuspension:
		return t.Grant // to lift one lets evidence move again, as a grant does
	case KindRecall:
		return 1 // no directory can ask for more: what went to the wrong place is stopped by who sees it first
	}
	return 1 << 20
}

// distinct: what moves evidence is asked by one State and allowed by another, so no
// key that signs for one is listed by the other, or has signed for it in this case.
// What stops evidence is heard all the same.
func distinct(c *Case, v *View, s *Statement) Decision {
	const rule = "distinct-signers"
	if stops(s) {
		return allow(rule)
	}
	parties := s.Parties() // of the first of a case
	if parties == nil {
		parties = []string{c.From, c.To}
	}
	other := parties[0]
	if s.Header.By == other {
		other = parties[1]
	}
	theirs := v.Authorities[other]
	for _, id := range s.Signers() {
		if theirs.lists(id) || c != nil && c.signed(other, id) {
			return deny(rule, CodeSharedKey)
		}
	}
	return allow(rule)
}

// stops reports whether a statement can only keep evidence from moving.
func stops(s *Statement) bool {
	switch s.Kind {
	case KindRefusal, KindRevocation, KindWithdrawal, KindClosure, KindRecall, KindOrder, KindDestruction, KindRestriction:
		return true
	case KindReview:
		return s.Body.(*Review).Finding == FindingObjection
	}
	return false
}

// lists reports whether the directory lists a key, in whatever role and standing.
func (a *Authority) lists(key keys.ID) bool {
	if a == nil {
		return false
	}
	for _, m := range a.members {
		if m.Key.ID() == key {
			return true
		}
	}
	return false
}

// shared reports whether a member has one of these keys, whatever its standing.
func shared(own map[keys.ID]*keys.Public, ms map[PartyID]*Member) bool {
	for _, m := range ms {
		if own[m.Key.ID()] != nil {
			return true
		}
	}
	return false
}

func allKeys(ms map[PartyID]*Member) map[keys.ID]*keys.Public {
	m := map[keys.ID]*keys.Public{}
	for _, r := range ms {
		m[r.Key.ID()] = r.Key
	}
	return m
}
