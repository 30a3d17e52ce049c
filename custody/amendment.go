package custody

import "slices"

// Amendment changes the terms of a grant that stands: longer, more, another recipient.
// It holds the new terms whole, under the same bounds as a grant: within the request,
// on a review that stands, by as many officers.
type Amendment struct {
	Header
	Request Digest `json:"request_sha256"`
	Review  Digest `json:"review_sha256"`
	Amends  Digest `json:"amends_sha256"` // the grant, or the last amendment of it
	To      string `json:"to"`
	Terms
	Annex *AnnexRef `json:"annex,omitempty"`
}

func (b *Amendment) check() error {
	if err := refs(b.Request, b.Review, b.Amends); err != nil {
		return err
	}
	if err := CheckAuthority(b.To); err != nil || b.To == b.By {
		return bad("to %q: want another authority than %q", b.To, b.By)
	}
	if err := b.Terms.check(b.By, b.To); err != nil {
		return err
	}
	return checkAnnex(b.Annex)
}

// AmendmentState is an amendment and its place.
type AmendmentState struct {
	*Amendment
	SHA256 Digest
	Time   Time
}

// Newest returns the payload hash of what an acceptance has to name: the grant, or its
// last amendment.
func (g *GrantState) Newest() Digest {
	if n := len(g.Amendments); n > 0 {
		return g.Amendments[n-1].SHA256
	}
	return g.SHA256
}

// NewestAnnex returns the annex of what Newest names, or nil: the words that go with the
// terms in force.
func (g *GrantState) NewestAnnex() *AnnexRef {
	if n := len(g.Amendments); n > 0 {
		return g.Amendments[n-1].Annex
	}
	return g.Grant.Annex
}

// decideAmendment: by the requested State, of the terms in force, while the grant
// stands. It names them, so it was signed after them.
func decideAmendment(c *Case, b *Amendment, now Time) Decision {
	const rule = "amendment"
	g := c.Live()
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case b.To != c.From:
		return deny(rule, CodeBadStatement)
	case g == nil:
		return deny(rule, CodeNoGrant)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	case g.Lapsed(now):
		return deny(rule, CodeGrantLapsed)
	case g.InEmergency() && g.Validated.IsZero():
		return deny(rule, CodeNotValidated)
	case !now.Time().Before(g.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	case b.Amends != g.Newest():
		return deny(rule, CodeBadAfter)
	case b.Release != g.Release && g.Packages > 0: // their heads may have left, or have been refused to
		return deny(rule, CodeReleaseFixed)
	case !c.cleared(b.Review):
		return deny(rule, CodeNoReview)
	case b.After.Seq < c.objectedSeq:
		return deny(rule, CodeBadAfter)
	case !now.Time().Before(b.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	}
	return decideTerms(c.Request, &b.Terms)
}

// amend puts new terms in force. What was deposited counts on. An acceptance stays only
// where the other State promises nothing new by it.
func (g *GrantState) amend(e *Entry, s *Statement, b *Amendment) {
	if b.Annex != nil || b.Terms.binds(g.Terms) {
		g.Acceptance, g.Accepted = Digest{}, Time{}
	}
	g.Terms, g.seq = &b.Terms, e.Seq
	g.Amendments = append(g.Amendments, &AmendmentState{b, s.SHA256, e.Time})
}

// binds reports whether terms ask for a promise that others do not: a recipient, a
// condition, a handling code, another day of deletion, more of what is sensitive, another
// way of release. That the relay keeps packages for longer is none: it binds the relay's
// store, and nobody at the receiving side has to do or leave anything for it.
func (t *Terms) binds(old *Terms) bool {
	return !within(t.Recipients, old.Recipients) || !within(t.Conditions, old.Conditions) || !within(t.Handling, old.Handling) ||
		!within(t.Sensitive, old.Sensitive) || !within(t.Categories, old.Categories) || t.Release != old.Release ||
		!t.DeleteBy.IsZero() && (old.DeleteBy.IsZero() || t.DeleteBy.Time().Before(old.DeleteBy.Time()))
}

// Consent lets the requesting State pass on what it received, to one other authority or
// body and for one purpose. Only the State that the evidence is from can give it; no
// program can keep a recipient from passing on without it, but the record shows what it
// had consent for.
type Consent struct {
	Header
	Request  Digest    `json:"request_sha256"`
	To       string    `json:"to"`       // an authority, or organization
	Purpose  string    `json:"purpose"`  // a code
	Packages []string  `json:"packages"` // ids
	Expires  Time      `json:"expires"`  // passed on by then
	Annex    *AnnexRef `json:"annex,omitempty"`
}

// ConsentOrganization stands in Consent.To for a body that is no authority here: an
// international court or organization, named in the annex.
const ConsentOrganization = "organization"

var consentPurposes = codes("same-proceedings", "related-proceedings", "other-proceedings", "prevention-of-serious-threat")

func (b *Consent) check() error {
	if b.To != ConsentOrganization {
		if err := CheckAuthority(b.To); err != nil || b.To == b.By {
			return bad("to %q: want another authority, or %q", b.To, ConsentOrganization)
		}
	} else if b.Annex == nil {
		return bad("annex is missing: it names the organization")
	}
	if !consentPurposes[b.Purpose] {
		return bad("purpose %q is unknown", b.Purpose)
	}
	if len(b.Packages) == 0 || len(b.Packages) > 1000 {
		return bad("packages: %d named, want 1 to 1000", len(b.Packages))
	}
	for i, id := range b.Packages {
		if CheckID(id) != nil || slices.Contains(b.Packages[:i], id) {
			return bad("packages: %q is malformed or repeated", id)
		}
	}
	if !b.Expires.Time().After(b.Issued.Time()) {
		return bad("expires %s is not after issued %s", b.Expires, b.Issued)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

// decideConsent: by the State that the evidence is from, of packages that were sealed
// and not recalled, to somebody who is no party. It may come long after the request has
// ended, and of a grant that was revoked it would contradict the revocation.
func decideConsent(c *Case, b *Consent, now Time) Decision {
	const rule = "consent"
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case b.To == c.From:
		return deny(rule, CodeBadStatement)
	case !now.Time().Before(b.Expires.Time()):
		return deny(rule, CodeGrantExpired)
	}
	for _, id := range b.Packages {
		switch p := c.Package(id); {
		case p == nil:
			return deny(rule, CodeNoSuchPackage)
		case p.Recall != nil:
			return deny(rule, CodePackageRecalled)
		case p.Grant.Revoked:
			return deny(rule, CodeGrantRevoked)
		}
	}
	return allow(rule)
}
