package custody

import (
	"errors"
	"slices"
	"time"

	"comity.example/comity/crypto/keys"
)

// Case is the state of one request, or of one offer: what was asked, allowed, accepted,
// moved. From is the State that asked, or that an offer is for: evidence goes to it. To is
// the one that was asked, or that made the offer: it holds the evidence.
type Case struct {
	From, To      string
	Filed         Time         // of the first entry
	Request       *Request     // nil of an offer
	Offer         *Offer       // nil of a request
	RequestSHA256 Digest       // of the one or the other: what every statement of the case names
	Danger        *DangerState // nil unless an emergency was declared
	Refusal       *Refusal
	End           *End              // nil until the request was withdrawn or closed
	Grants        []*GrantState     // oldest first
	Packages      []*PackageState   // in order of deposit
	Consents      []*ConsentState   // oldest first
	UseReports    []*UseReportState // oldest first
	Orders        []*OrderState     // oldest first
	Hold          *HoldState        // what was said last; nil: nothing ever
	Erasures      []*ErasureState   // oldest first

	reviews     []reviewState // oldest first
	objectedSeq int64         // of the last objection's entry; 0 if none, which is the request's
	signers     []signer      // of both States, once for each statement
	hidden      int64         // entries that are not shown

	attested     map[PartyID]attesting // by agent; nil until one has
	attestations map[int64]bool        // their places in the record
}

// End is how a request ended.
type End struct {
	Kind   Kind   // KindWithdrawal or KindClosure
	Code   string // the reason, or the outcome
	SHA256 Digest // of the statement's payload
	Time   Time
	Annex  *AnnexRef
}

// signer is a key that signed for a State.
type signer struct {
	authority string
	key       keys.ID
}

// ConsentState is a consent and its place.
type ConsentState struct {
	*Consent
	SHA256 Digest
	Time   Time
}

// GrantState is a grant and what became of it.
type GrantState struct {
	*Grant
	*Terms     // in force: the grant's, or those of its last amendment
	SHA256     Digest
	Time       Time // of its entry
	Amendments []*AmendmentState
	seq        int64  // of its entry, or the last amendment's
	Acceptance Digest // zero until accepted
	Accepted   Time
	Revoked    bool
	RevokedAt  Time
	revokedSeq int64 // of the revocation's entry
	Bytes      int64 // deposited under it; a recall gives none back
	Packages   int64
	Final      bool // the final delivery was made, and not recalled
	Ended      bool // the request was withdrawn or closed, or the offer refused
	Offered    bool // it is an offer, and nothing moves before it is accepted

	Validated Digest // of the validation of a grant in an emergency; zero if there is none
	LapsedAt  Time   // of the relay's word that it has lapsed
}

// Over reports whether nothing moves under the grant any more, whatever the time.
func (g *GrantState) Over() bool { return g.Revoked || g.Ended || !g.LapsedAt.IsZero() }

// PackageState is a deposited package and how far it went.
type PackageState struct {
	*Seal
	SHA256    Digest // of the seal's payload
	Grant     *GrantState
	Sender    PartyID
	Deposited Time
	Retention int64 // days that the terms in force at its deposit say; 0 if they say nothing
	Unlocked  Time  // of the first unlock; zero: the head is with the sender alone
	Releases  []*ReleaseState
	Recall    *RecallState // nil unless it was taken back
	Destroyed Time         // of the relay's word that head and inner file are gone from its store

	Gone       *ExecutionState // the receiving State says that it destroyed the package
	Restricted *ExecutionState // or that it uses it no more
}

// Kept returns for how long, from its deposit, a relay whose own window is given keeps the
// package. An amendment that came later changes nothing: what a store has locked stays so.
func (p *PackageState) Kept(window time.Duration) time.Duration {
	return max(window, time.Duration(p.Retention)*24*time.Hour)
}

// RecallState is the taking back of a package.
type RecallState struct {
	*Recall
	SHA256 Digest // of the recall's payload
	Time   Time
}

// ReleaseState is one recipient's taking of a package.
type ReleaseState struct {
	By        PartyID // agent
	Recipient PartyID
	SHA256    Digest // of the release's payload
	Time      Time
	Unlocked  Time            // of the unlock that names it, with release: origin
	Singles   []SingleReceipt // for single files, oldest first
	Receipt   *Receipt        // for the whole
	Rejection *Rejection
	Closed    Time // of the receipt for the whole, or of the rejection
}

func newCase(b *Request, e *Entry, s *Statement) *Case {
	c := &Case{From: b.By, To: b.To, Filed: e.Time, Request: b, RequestSHA256: s.SHA256}
	c.sign(s)
	return c
}

// sign notes who signed a statement of officers.
func (c *Case) sign(s *Statement) {
	for _, id := range s.Signers() {
		c.signers = append(c.signers, signer{s.Header.By, id})
	}
}

// signed reports whether a key has signed for a State in this case.
func (c *Case) signed(authority string, key keys.ID) bool {
	return slices.Contains(c.signers, signer{authority, key})
}

// Live returns the grant that counts: the newest, or nil. It may be revoked or
// out of its time; an older one is so always, since only then is a new one
// accepted.
func (c *Case) Live() *GrantState {
	if len(c.Grants) == 0 {
		return nil
	}
	return c.Grants[len(c.Grants)-1]
}

// Package returns the deposited package of that id.
func (c *Case) Package(id string) *PackageState {
	for _, p := range c.Packages {
		if p.Package == id {
			return p
		}
	}
	return nil
}

// Successor returns the package that replaces one: of those whose seal says so the
// one that was not recalled, or nil. It replaces what people work with; the other
// one stays, and can be taken and receipted like any.
func (c *Case) Successor(id string) *PackageState {
	for _, p := range c.Packages {
		if p.Supersedes == id && p.Recall == nil {
			return p
		}
	}
	return nil
}

// Supersedable says whether the next package may replace the one of that id;
// CodeAllowed if id is empty. All packages of a request are of one authority, so
// that a package is in the record is enough. One that was recalled can be replaced
// like any: that is what usually follows.
func (c *Case) Supersedable(id string) Code {
	switch {
	case id == "":
		return CodeAllowed
	case c.Package(id) == nil:
		return CodeNoSuchPackage
	case c.Successor(id) != nil:
		return CodeAlreadySuperseded
	}
	return CodeAllowed
}

// Released returns the release of a package to an agent.
func (p *PackageState) Released(by PartyID) *ReleaseState {
	for _, r := range p.Releases {
		if r.By == by {
			return r
		}
	}
	return nil
}

// PerRelease reports whether the sender decides over each release of the package.
func (p *PackageState) PerRelease() bool { return p.Grant.Release == ReleaseOrigin }

// OpenTo reports whether the sender has let the head go for an agent, which then may
// take the package once its release is in the record.
func (p *PackageState) OpenTo(by PartyID) bool {
	if !p.PerRelease() {
		return !p.Unlocked.IsZero()
	}
	r := p.Released(by)
	return r != nil && !r.Unlocked.IsZero()
}

// Unanswered lists the releases that wait for an unlock of their own, oldest first.
func (p *PackageState) Unanswered() []*ReleaseState {
	var list []*ReleaseState
	for _, r := range p.Releases {
		if p.PerRelease() && r.Unlocked.IsZero() {
			list = append(list, r)
		}
	}
	return list
}

// release returns the release of that name.
func (p *PackageState) release(sha Digest) *ReleaseState {
	for _, r := range p.Releases {
		if r.SHA256 == sha {
			return r
		}
	}
	return nil
}

// reviewState is a review and its name.
type reviewState struct {
	*Review
	SHA256 Digest
}

// Reviews lists the reviews in the order of the record.
func (c *Case) Reviews() []*Review {
	var list []*Review
	for _, r := range c.reviews {
		list = append(list, r.Review)
	}
	return list
}

// cleared reports whether a review found nothing against a grant and no later
// one, by whichever body, objected.
func (c *Case) cleared(sha Digest) bool {
	ok := false
	for _, r := range c.reviews {
		switch {
		case r.Finding == FindingObjection:
			ok = false
		case r.SHA256 == sha:
			ok = true
		}
	}
	return ok
}

// seen reports whether who signed a decision had seen the last one on a grant: its
// entry, or that of its revocation. A decision that was signed before and kept back
// would else undo it.
func (c *Case) seen(after *Ref) bool {
	g := c.Live()
	return g == nil || after.Seq >= max(g.seq, g.revokedSeq)
}

func (c *Case) grant(sha Digest) *GrantState {
	for _, g := range c.Grants {
		if g.SHA256 == sha {
			return g
		}
	}
	return nil
}

// named returns the grant that a statement names by itself or by an amendment.
func (c *Case) named(sha Digest) *GrantState {
	for _, g := range c.Grants {
		if g.SHA256 == sha || slices.ContainsFunc(g.Amendments, func(a *AmendmentState) bool { return a.SHA256 == sha }) {
			return g
		}
	}
	return nil
}

var errOrder = errors.New("it refers to a statement that the record does not hold before it")

// apply folds a statement of the case's life into the state.
func (c *Case) apply(e *Entry, s *Statement) error {
	switch b := s.Body.(type) {
	case *Review:
		c.reviews = append(c.reviews, reviewState{b, s.SHA256})
		if b.Finding == FindingObjection {
			c.objectedSeq = e.Seq
		}
	case *Grant:
		c.Grants = append(c.Grants, &GrantState{Grant: b, Terms: &b.Terms, SHA256: s.SHA256, Time: e.Time, seq: e.Seq})
	case *Refusal:
		c.Refusal = b
		for _, g := range c.Grants { // an offer is refused while it stands, a request while none does
			g.Ended = g.Ended || g.Offered
		}
	case *Danger:
		c.Danger = &DangerState{b, s.SHA256, e.Time}
	case *Validation:
		g := c.grant(b.Grant)
		if g == nil {
			return errOrder
		}
		g.Validated = s.SHA256
	case *Order:
		c.Orders = append(c.Orders, &OrderState{b, s.SHA256, e.Time})
	case *Destruction:
		return c.execute(e, s, &b.Execution)
	case *Restriction:
		return c.execute(e, s, &b.Execution)
	case *Amendment:
		g := c.Live()
		if g == nil || g.Newest() != b.Amends {
			return errOrder
		}
		g.amend(e, s, b)
	case *Consent:
		c.Consents = append(c.Consents, &ConsentState{b, s.SHA256, e.Time})
	case *Hold:
		c.Hold = &HoldState{b, s.SHA256, e.Time, e.Seq}
	case *Erasure:
		c.Erasures = append(c.Erasures, &ErasureState{Erasure: b, SHA256: s.SHA256, Time: e.Time})
	case *UseReport:
		c.UseReports = append(c.UseReports, &UseReportState{b, s.SHA256, e.Time})
	case *Acceptance:
		g := c.named(b.Grant)
		if g == nil {
			return errOrder
		}
		g.Acceptance, g.Accepted = s.SHA256, e.Time
	case *Revocation:
		g := c.grant(b.Grant)
		if g == nil {
			return errOrder
		}
		g.Revoked, g.RevokedAt, g.revokedSeq = true, e.Time, e.Seq
	case *Withdrawal:
		c.end(&End{s.Kind, b.Reason, s.SHA256, e.Time, b.Annex})
	case *Closure:
		c.end(&End{s.Kind, b.Outcome, s.SHA256, e.Time, b.Annex})
	case *Attestation:
		c.attest(e, b)
		return nil
	case *Seal:
		return c.deposit(e, s, b)
	case *Recall:
		if err := c.recall(e, s, b); err != nil || s.byAgent() {
			return err
		}
	default:
		return c.applyPackage(e, s)
	}
	c.sign(s)
	return nil
}

// end ends the request and every grant of it.
func (c *Case) end(e *End) {
	c.End = e
	for _, g := range c.Grants {
		g.Ended = true
	}
}

func (c *Case) deposit(e *Entry, s *Statement, b *Seal) error {
	g := c.grant(b.Grant)
	if g == nil || c.Package(b.Package) != nil {
		return errOrder
	}
	g.Bytes += b.PayloadSize
	g.Packages++
	g.Final = g.Final || b.Final
	c.Packages = append(c.Packages, &PackageState{Seal: b, SHA256: s.SHA256, Grant: g, Sender: PartyID(b.By), Deposited: e.Time, Retention: g.RetentionDays})
	return nil
}

// recall takes a package back. What it took of its grant stays taken: its bytes are
// locked in the store, its number is used, and a recipient may have them. Only that
// it was the last one does not count: what replaces it has to follow.
func (c *Case) recall(e *Entry, s *Statement, b *Recall) error {
	p := c.Package(b.Package)
	if p == nil || p.Recall != nil {
		return errOrder
	}
	p.Recall = &RecallState{Recall: b, SHA256: s.SHA256, Time: e.Time}
	p.Grant.Final = slices.ContainsFunc(c.Packages, func(o *PackageState) bool { return o.Grant == p.Grant && o.Final && o.Recall == nil })
	return nil
}

// destroyed notes an event of the relay's.
func (c *Case) destroyed(id string, now Time) error {
	p := c.Package(id)
	if p == nil {
		return errOrder
	}
	p.Destroyed = now
	return nil
}

// lapsed notes an event of the relay's.
func (c *Case) lapsed(grant Digest, now Time) error {
	g := c.grant(grant)
	if g == nil {
		return errOrder
	}
	g.LapsedAt = now
	return nil
}

func (c *Case) applyPackage(e *Entry, s *Statement) error {
	p := c.Package(s.Package())
	if p == nil {
		return errOrder
	}
	by := PartyID(s.Header.By)
	switch b := s.Body.(type) {
	case *Unlock:
		return p.unlock(e, b)
	case *Release:
		p.Releases = append(p.Releases, &ReleaseState{By: by, Recipient: b.Recipient, SHA256: s.SHA256, Time: e.Time})
		return nil
	}
	r := p.Released(by)
	if r == nil {
		return errOrder
	}
	switch b := s.Body.(type) {
	case *Receipt:
		r.receive(b, e.Time)
	case *Rejection:
		r.Rejection, r.Closed = b, e.Time
	}
	return nil
}

// unlock notes that the head may go: to all, or to who signed the release named.
func (p *PackageState) unlock(e *Entry, b *Unlock) error {
	if !b.Release.IsZero() {
		r := p.release(b.Release)
		if r == nil {
			return errOrder
		}
		r.Unlocked = e.Time
	}
	if p.Unlocked.IsZero() {
		p.Unlocked = e.Time
	}
	return nil
}
