package custody

import "strings"

// Offer is what an authority holds and another may want, though it has not asked
// (spontaneous information: ETS 185 Article 26, UNTOC Article 18(4) and (5), UN
// Convention against Cybercrime Article 40(4) and (5)). It begins a record, and is request
// and grant at once: the terms bind like a grant's, are signed by as many officers, and
// what moves under them names the offer where it would name either. Nothing moves, not
// even ciphertext to the relay, before the other State has accepted exactly these terms.
type Offer struct {
	Header
	To         string   `json:"to"`
	Instrument string   `json:"instrument"`
	Purposes   []string `json:"purposes"` // what it may serve there
	Terms
	Annex AnnexRef `json:"annex"` // what it is about, and the conditions in words
}

var offerPurposes = codes("initiate-investigation", "support-proceedings", "lead-to-request", "prevention-of-serious-threat")

// offerGrounds are grounds on which an offer alone is refused.
var offerGrounds = codes("not-needed", "conditions-not-acceptable")

func (b *Offer) check() error {
	if err := CheckAuthority(b.To); err != nil || b.To == b.By {
		return bad("to %q: want another authority than %q", b.To, b.By)
	}
	if !instruments[b.Instrument] {
		return bad("instrument %q is unknown", b.Instrument)
	}
	if err := checkCodes("purposes", b.Purposes, offerPurposes, 1); err != nil {
		return err
	}
	if b.Terms.keeps() {
		return bad("max_packages 0: an offer lets something move")
	}
	if err := b.Terms.check(b.By, b.To); err != nil {
		return err
	}
	return checkAnnex(&b.Annex)
}

// Parties returns the two authorities of a case from its first statement: who asked and
// who was asked, or for whom an offer is and who made it. Of any other statement it is
// nil.
func (s *Statement) Parties() []string {
	switch b := s.Body.(type) {
	case *Request:
		return []string{b.By, b.To}
	case *Offer:
		return []string{b.To, b.By}
	}
	return nil
}

// opens reports whether a statement begins a case.
func (s *Statement) opens() bool { return s.Kind == KindRequest || s.Kind == KindOffer }

// newOffered begins the case of an offer. The State that it is for stands where one
// stands that has asked, and the offer is its only grant.
func newOffered(b *Offer, e *Entry, s *Statement) *Case {
	c := &Case{From: b.To, To: b.By, Filed: e.Time, Offer: b, RequestSHA256: s.SHA256}
	g := &Grant{Header: b.Header, Request: s.SHA256, To: b.To, Terms: b.Terms, Annex: &b.Annex}
	c.Grants = []*GrantState{{Grant: g, Terms: &g.Terms, SHA256: s.SHA256, Time: e.Time, seq: e.Seq, Offered: true}}
	c.sign(s)
	return c
}

// Annex returns the annex of what began the case.
func (c *Case) Annex() AnnexRef {
	if c.Offer != nil {
		return c.Offer.Annex
	}
	return c.Request.Annex
}

// Expires returns the last moment of what was asked for, or offered.
func (c *Case) Expires() Time {
	if c.Offer != nil {
		return c.Offer.Expires
	}
	return c.Request.Expires
}

// Categories returns the categories of data that were asked for, or offered.
func (c *Case) Categories() []string {
	if c.Offer != nil {
		return c.Offer.Categories
	}
	return c.Request.Categories
}

// Says tells in half a sentence who wants what of whom.
func (c *Case) Says() string {
	if c.Offer != nil {
		return c.To + " offers " + c.From + " " + strings.Join(c.Offer.Categories, ", ")
	}
	return c.From + " asks " + c.To + " " + c.Request.Wants()
}

// decideOffer: to an authority that is here, and for recipients that it has.
func decideOffer(v *View, b *Offer, now Time) Decision {
	const rule = "offer"
	to := v.Authorities[b.To]
	if code := to.inForce(now); code != CodeAllowed {
		return deny(rule, code)
	}
	if !to.accepts(v.Origin, v.RelayFingerprint) {
		return deny(rule, CodeRelayNotAccepted)
	}
	if !now.Time().Before(b.Expires.Time()) {
		return deny(rule, CodeGrantExpired)
	}
	for _, id := range b.Recipients {
		if _, ok := to.Active(id, now); !ok {
			return deny(rule, CodeNotActive)
		}
	}
	return allow(rule)
}

// ofRequests: what examines, grants, changes or withdraws a request is not said of an
// offer, which has been granted and by whom it can be revoked.
func ofRequests(c *Case, k Kind) Decision {
	const rule = "of-requests"
	if c != nil && c.Offer != nil {
		switch k {
		case KindReview, KindGrant, KindAmendment, KindWithdrawal, KindDanger, KindValidation:
			return deny(rule, CodeOffered)
		}
	}
	return allow(rule)
}

// decideDecline: the State that an offer is for refuses it, until it has accepted it.
// After that it closes the case.
func decideDecline(c *Case, b *Refusal) Decision {
	const rule = "decline"
	g := c.Live()
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case c.Refusal != nil || !g.Acceptance.IsZero():
		return deny(rule, CodeAlreadyDecided)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	}
	return allow(rule)
}
