package custody

import "slices"

// decideStatement says whether a statement may become the next entry.
func decideStatement(r *Record, v *View, a Action, now Time) Decision {
	s := a.Statement
	if d := fitting(r, v, s, now); !d.Allowed() {
		return d
	}
	if r.ID == RelayRecord || r.ID.Authority() != "" {
		return decidePublic(r, v, s, now)
	}
	return decideCase(r, v, a, now)
}

// fitting: it is a statement of this record and this relay, and of no later time.
func fitting(r *Record, v *View, s *Statement, now Time) Decision {
	const rule = "fits-record"
	switch {
	case s == nil || s.Record() != r.ID:
		return deny(rule, CodeBadStatement)
	case s.Header.Relay != "" && s.Header.Relay != v.Origin:
		return deny("this-relay", CodeWrongRelay)
	case s.Header.Issued.Time().After(now.Time().Add(maxSkew)):
		return deny("issued", CodeNotYetIssued)
	}
	return allow(rule)
}

// decidePublic: statements that anybody may bring, since anybody may read them.
func decidePublic(r *Record, v *View, s *Statement, now Time) Decision {
	if _, dup := r.Has(s.SHA256); dup {
		return deny("once", CodeDuplicate)
	}
	switch s.Kind {
	case KindRoot:
		return decideRoot(r.authority, v, s, now)
	case KindDirectory:
		return decideDirectory(r.authority, s, now)
	case KindSuspension:
		return decideSuspension(r.authority, v, s, now)
	case KindReport:
		return decideReport(r.authority, v, s, now)
	case KindRelay:
		return decideRelay(r, v, s)
	}
	return deny("acts", CodeUnknownAction)
}

// decideRelay: a relay's descriptor is signed by its own root; the root of the
// first one stays.
func decideRelay(r *Record, v *View, s *Statement) Decision {
	const rule = "relay"
	b := s.Body.(*Relay)
	if b.By != v.Origin {
		return deny(rule, CodeWrongRelay)
	}
	if r.relay == nil {
		if b.Version != 1 || !v.RelayFingerprint.IsZero() && v.RelayFingerprint != b.Fingerprint() {
			return deny(rule, CodeRollback)
		}
	} else if b.Fingerprint() != r.relay.Fingerprint() {
		return deny(rule, CodeRollback)
	} else if code := follows(b.Version, r.relay.Version, b.Prev, r.relaySHA); code != CodeAllowed {
		return deny(rule, code)
	}
	n, err := s.verify(rootKeys(b.RootKeys))
	switch {
	case err != nil:
		return deny(rule, CodeBadSignature)
	case n < int(b.RootThreshold):
		return deny(rule, CodeBelowThreshold)
	}
	return allow(rule)
}

// decideCase: the common rules of statements in a case, then the kind's own.
func decideCase(r *Record, v *View, a Action, now Time) Decision {
	s := a.Statement
	carrier, d := spoken(r, v, a, now)
	if !d.Allowed() {
		return d
	}
	if s.byAgent() {
		return decideAgentStatement(r.kase, v, a, carrier, now)
	}
	if d := ofRequests(r.kase, s.Kind); !d.Allowed() {
		return d
	}
	if d := going(r.kase, s); !d.Allowed() {
		return d
	}
	switch b := s.Body.(type) {
	case *Request:
		return unlessSuspended(v, b.By, b.To, decideRequest(v, b, now))
	case *Offer:
		return unlessSuspended(v, b.By, b.To, decideOffer(v, b, now))
	case *Review:
		return decideReview(r.kase, b)
	case *Grant:
		return unlessSuspended(v, b.By, b.To, decideGrant(r.kase, v, b, now))
	case *Refusal:
		return decideRefusal(r.kase, b, now)
	case *Danger:
		return decideDanger(r.kase, b)
	case *Validation:
		return decideValidation(r.kase, b, now)
	case *Order:
		return decideOrder(r.kase, b, now)
	case *Destruction:
		return decideExecution(r.kase, &b.Execution)
	case *Restriction:
		return decideExecution(r.kase, &b.Execution)
	case *Acceptance:
		return unlessSuspended(v, r.kase.From, r.kase.To, decideAcceptance(r.kase, b, now))
	case *Amendment:
		return unlessSuspended(v, r.kase.From, r.kase.To, decideAmendment(r.kase, b, now))
	case *Consent:
		return decideConsent(r.kase, b, now)
	case *Revocation:
		return decideRevocation(r.kase, b)
	case *Withdrawal:
		return decideWithdrawal(r.kase, b)
	case *Closure:
		return decideClosure(r.kase, b)
	case *UseReport:
		return decideUseReport(r.kase, b)
	case *Hold:
		return decideHold(r.kase, b)
	case *Erasure:
		return decideErasure(r, b)
	case *Recall:
		return decideRecall(r.kase, b)
	}
	return deny("acts", CodeUnknownAction)
}

// spoken: who brings a statement may bring it, it has a place in the record, and if
// officers say it, enough of them signed.
func spoken(r *Record, v *View, a Action, now Time) (*Member, Decision) {
	s := a.Statement
	carrier, d := agent(v, a.Via, now)
	if !d.Allowed() {
		return nil, d
	}
	if d := audits(carrier, ActStatement); !d.Allowed() {
		return nil, d
	}
	if d := decideCarrier(s, carrier); !d.Allowed() {
		return nil, d
	}
	if d := decidePlace(r, s, carrier); !d.Allowed() || s.byAgent() {
		return carrier, d
	}
	if d := decideOfficers(v, s, now); !d.Allowed() {
		return nil, d
	}
	return carrier, distinct(r.kase, v, s)
}

// going: nothing is decided of a request that has ended. A grant can be revoked and a
// package recalled all the same: the one says why for the record, the other has the
// head destroyed. And what was received can be passed on with consent, and its use be
// told; and what the relay has of it can be put on hold, or erased.
func going(c *Case, s *Statement) Decision {
	const rule = "request-goes-on"
	if c != nil && c.End != nil && !slices.Contains(afterEnd, s.Kind) {
		return deny(rule, CodeRequestEnded)
	}
	return allow(rule)
}

// afterEnd are the kinds of officers' statements that are heard after a request has ended.
var afterEnd = []Kind{KindRevocation, KindRecall, KindConsent, KindUseReport, KindHold, KindErasure, KindOrder, KindDestruction, KindRestriction}

// decideCarrier: an agent speaks for itself; officers' statements are carried by
// a desk agent of their authority, and what only stops something by one of either party.
func decideCarrier(s *Statement, m *Member) Decision {
	if s.byAgent() {
		if string(m.ID) != s.Header.By {
			return deny("own-words", CodeNotCarrier)
		}
		return allow("own-words")
	}
	if m.ID.Authority() != s.Header.By && !carriedByEither(s) || !m.has(DutyDesk) {
		return deny("desk-carries", CodeNotCarrier)
	}
	return allow("desk-carries")
}

// decidePlace: the statement has a place in the record. Who is no party of the
// request learns nothing else here: whether the record holds this statement or
// that entry is for parties only.
func decidePlace(r *Record, s *Statement, m *Member) Decision {
	if r.kase == nil && !s.opens() {
		return deny("request", CodeNoSuchRequest)
	}
	if r.kase != nil {
		if d := party(r.kase, m); !d.Allowed() {
			return d
		}
		if _, dup := r.Has(s.SHA256); dup || s.opens() {
			return deny("once", CodeDuplicate)
		}
		if s.request() != r.kase.RequestSHA256 { // ids hold half of the hash
			return deny("fits-record", CodeBadStatement)
		}
	}
	if (s.Header.After == nil) != s.opens() || s.Header.After != nil && !r.refers(s.Header.After) {
		return deny("after", CodeBadAfter)
	}
	return allow("after")
}

func decideRequest(v *View, b *Request, now Time) Decision {
	const rule = "request"
	to := v.Authorities[b.To]
	if code := to.inForce(now); code != CodeAllowed {
		return deny(rule, code)
	}
	if !to.accepts(v.Origin, v.RelayFingerprint) {
		return deny(rule, CodeRelayNotAccepted)
	}
	if !now.Time().Before(b.Expires.Time()) {
		return deny(rule, CodeRequestExpired)
	}
	for _, id := range b.Recipients {
		if _, ok := v.Authorities[b.By].Active(id, now); !ok {
			return deny(rule, CodeNotActive)
		}
	}
	return allow(rule)
}

// decideReview: by the requested State. Who finds nothing against a grant must have
// seen the last objection: else a review that was signed before it and kept back
// would undo it. An objection counts whatever its signers had seen.
func decideReview(c *Case, b *Review) Decision {
	const rule = "review"
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case b.Finding != FindingObjection && b.After.Seq < c.objectedSeq:
		return deny(rule, CodeBadAfter)
	}
	return allow(rule)
}

// decideGrant: by the requested State, after its review, never wider than the
// request, and only while no other grant stands. Its signers must have seen what
// was decided before it: the last objection, the last grant and its revocation.
func decideGrant(c *Case, v *View, b *Grant, now Time) Decision {
	const rule = "grant"
	old := c.Live()
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case b.To != c.From:
		return deny(rule, CodeBadStatement)
	case c.Refusal != nil || old != nil && !old.Revoked && !old.Lapsed(now) && now.Time().Before(old.Expires.Time()):
		return deny(rule, CodeAlreadyDecided)
	case !b.InEmergency() && !c.cleared(b.Review):
		return deny(rule, CodeNoReview)
	case b.After.Seq < c.objectedSeq || !c.seen(b.After):
		return deny(rule, CodeBadAfter)
	case !now.Time().Before(c.Request.Expires.Time()):
		return deny(rule, CodeRequestExpired)
	case !now.Time().Before(b.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	}
	if b.InEmergency() {
		if d := decideEmergency(c, v, b, now); !d.Allowed() {
			return d
		}
	}
	return decideTerms(c.Request, &b.Terms)
}

// decideTerms: never wider than the request, and with every mark that it has: without
// one, fewer officers might do.
func decideTerms(b *Request, t *Terms) Decision {
	const rule = "terms"
	switch {
	case t.Expires.Time().After(b.Expires.Time()), !within(t.Recipients, b.Recipients), !within(t.Categories, b.Categories),
		t.keeps() != (b.Assistance == AssistancePreservation):
		return deny(rule, CodeWiderThanRequest)
	case !within(b.Sensitive, t.Sensitive):
		return deny(rule, CodeMarkLeftOut)
	}
	return allow(rule)
}

// within reports whether all of one list are in the other.
func within[T comparable](list, of []T) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !slices.Contains(of, v) })
}

// decideRefusal: by the requested State, while no grant stands. It is the last word,
// so its signers must have seen the grant of before: else one that was kept back
// would end a request that its State still means to grant.
func decideRefusal(c *Case, b *Refusal, now Time) Decision {
	const rule = "refusal"
	if c.Offer != nil {
		return decideDecline(c, b)
	}
	old := c.Live()
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case slices.ContainsFunc(b.Grounds, func(g string) bool { return offerGrounds[g] }):
		return deny(rule, CodeBadStatement)
	case c.Refusal != nil || old != nil && !old.Revoked && !old.Lapsed(now):
		return deny(rule, CodeAlreadyDecided)
	case !c.seen(b.After):
		return deny(rule, CodeBadAfter)
	}
	return allow(rule)
}

// decideAcceptance: by the requesting State, of the grant that counts. It names that
// grant, so it was signed after it, and only a revocation takes it back.
func decideAcceptance(c *Case, b *Acceptance, now Time) Decision {
	const rule = "acceptance"
	g := c.Live()
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case g == nil || g.Newest() != b.Grant:
		return deny(rule, CodeNoGrant)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	case g.Lapsed(now):
		return deny(rule, CodeGrantLapsed)
	case !now.Time().Before(g.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	case !g.Acceptance.IsZero() || c.Refusal != nil: // of an offer
		return deny(rule, CodeAlreadyDecided)
	}
	return allow(rule)
}

// decideRevocation: by the requested State. What stops a transfer is heard whenever
// it was signed.
func decideRevocation(c *Case, b *Revocation) Decision {
	const rule = "revocation"
	g := c.grant(b.Grant)
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case g == nil:
		return deny(rule, CodeNoGrant)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	}
	return allow(rule)
}

// decideWithdrawal: by the requesting State, of a request that was not refused. It is
// heard whenever it was signed.
func decideWithdrawal(c *Case, b *Withdrawal) Decision {
	const rule = "withdrawal"
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case c.Refusal != nil:
		return deny(rule, CodeAlreadyDecided)
	}
	return allow(rule)
}

// decideClosure: by the requesting State, of a request that was granted at some time:
// what nobody has granted is withdrawn.
func decideClosure(c *Case, b *Closure) Decision {
	const rule = "closure"
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case c.Refusal != nil:
		return deny(rule, CodeAlreadyDecided)
	case c.Live() == nil && c.hidden == 0: // an entry that is not shown may be the grant
		return deny(rule, CodeNoGrant)
	}
	return allow(rule)
}
