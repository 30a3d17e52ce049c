package custody_test

import (
	"reflect"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// story is one case: fr asks, nl holds the evidence, de has no part in it.
type story struct {
	*world
	last map[custody.Kind]*custody.Statement // newest of each kind that was filed
	pkg  string

	release string // of the terms
}

func newStory(t failer) *story {
	return &story{world: newWorld(t), last: map[custody.Kind]*custody.Statement{}, pkg: custody.PackageID([16]byte{1})}
}

// told returns a story in which these kinds have happened.
func told(t failer, kinds ...custody.Kind) *story {
	t.Helper()
	s := newStory(t)
	s.do(kinds...)
	return s
}

// path is the life of a case that goes well.
var path = []custody.Kind{custody.KindRequest, custody.KindReview, custody.KindGrant, custody.KindAcceptance,
	custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt}

// until returns the path up to a kind, included.
func until(k custody.Kind) []custody.Kind {
	for i, p := range path {
		if p == k {
			return path[:i+1]
		}
	}
	panic("not on the path: " + k)
}

// sha returns what later statements refer to; of what has not happened, the hash
// of nothing known.
func (s *story) sha(k custody.Kind) custody.Digest {
	if st := s.last[k]; st != nil {
		return st.SHA256
	}
	return custody.Digest{0: 0xff, 31: byte(len(k))}
}

// id is the record of the case; before the request, one that does not exist.
func (s *story) id() custody.RecordID {
	return custody.RecordID(custody.RequestID(s.sha(custody.KindRequest)))
}

func (s *story) kase() *custody.Case { return s.record(s.id()).Case() }

// after names the tip of the case's record.
func (s *story) after() *custody.Ref {
	if r := s.record(s.id()).Tip(); r != nil {
		return r
	}
	return &custody.Ref{Leaf: custody.Digest{1}}
}

// headerOf reaches the header that every body begins with.
func headerOf(b custody.Body) *custody.Header {
	return reflect.ValueOf(b).Elem().FieldByName("Header").Addr().Interface().(*custody.Header)
}

// edit narrows a change to the body of one kind.
func edit[B custody.Body](f func(B)) func(custody.Body) {
	return func(b custody.Body) { f(b.(B)) }
}

// body returns the honest next statement of a kind, unsigned.
func (s *story) body(k custody.Kind) custody.Body {
	b := s.content(k)
	*headerOf(b) = custody.Header{Relay: origin, By: s.by(k), Issued: s.time(), After: s.after()}
	if !follows(k) {
		headerOf(b).After = nil
	}
	return b
}

// follows reports whether a kind names an entry of its record in after.
func follows(k custody.Kind) bool {
	return k != custody.KindRequest && k != custody.KindOffer && k != custody.KindSuspension && k != custody.KindReport
}

func (s *story) content(k custody.Kind) custody.Body {
	req := s.sha(custody.KindRequest)
	annex := custody.AnnexRef{SHA256: custody.Digest{1}, Size: 1000}
	recipients := []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"}
	switch k {
	case custody.KindSuspension:
		return s.turn("nl", "fr")
	case custody.KindReport:
		return &custody.Report{Statistics: s.statistics("nl")}
	case custody.KindRequest:
		return &custody.Request{To: "nl", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", OrderSHA256: custody.Digest{1}, Recipients: recipients,
			Expires: statement.At(t0.Add(90 * day)), Annex: annex}
	case custody.KindOffer:
		return &custody.Offer{To: "fr", Instrument: "ets-185", Purposes: []string{"support-proceedings"}, Terms: s.terms(), Annex: annex}
	case custody.KindReview:
		return &custody.Review{Request: req, Body: "judicial", Finding: custody.FindingNoObjection, Annex: annex}
	case custody.KindGrant:
		b := &custody.Grant{Request: req, Review: s.sha(custody.KindReview), To: "fr", Terms: s.terms()}
		if s.last[custody.KindDanger] != nil && s.last[custody.KindReview] == nil {
			b.Review, b.Danger, b.ValidateBy = custody.Digest{}, s.sha(custody.KindDanger), statement.At(s.now.Add(24*time.Hour))
		}
		return b
	case custody.KindDanger:
		return &custody.Danger{Request: req, Danger: "life", Annex: annex}
	case custody.KindValidation:
		return &custody.Validation{Request: req, Grant: s.sha(custody.KindGrant), Review: s.sha(custody.KindReview)}
	case custody.KindOrder:
		return &custody.Order{Request: req, Grant: s.sha(custody.KindGrant), Measure: custody.MeasureDelete, Due: statement.At(s.now.Add(7 * day))}
	case custody.KindDestruction:
		return &custody.Destruction{Execution: custody.Execution{Request: req, Package: s.pkg}}
	case custody.KindRestriction:
		return &custody.Restriction{Execution: custody.Execution{Request: req, Package: s.pkg}}
	case custody.KindAmendment: // longer, and one package more
		t := s.terms()
		t.MaxPackages, t.Expires = 3, statement.At(t0.Add(70*day))
		return &custody.Amendment{Request: req, Review: s.sha(custody.KindReview), Amends: s.newest(), To: "fr", Terms: t}
	case custody.KindConsent:
		return &custody.Consent{Request: req, To: "de", Purpose: "same-proceedings", Packages: []string{s.pkg}, Expires: statement.At(t0.Add(365 * day))}
	case custody.KindRefusal:
		return &custody.Refusal{Request: req, Grounds: []string{"proportionality"}}
	case custody.KindAcceptance:
		return &custody.Acceptance{Request: req, Grant: s.newest()}
	case custody.KindRevocation:
		return &custody.Revocation{Request: req, Grant: s.sha(custody.KindGrant), Reason: "error"}
	case custody.KindWithdrawal:
		return &custody.Withdrawal{Request: req, Reason: "no-longer-needed"}
	case custody.KindClosure:
		return &custody.Closure{Request: req, Outcome: "executed"}
	case custody.KindHold:
		return s.holding(req)
	case custody.KindErasure:
		return s.erasing(req)
	case custody.KindUseReport:
		return &custody.UseReport{Request: req, Package: s.pkg, Use: "used-in-proceedings", Date: s.time()}
	}
	return s.packageContent(k, req)
}

// terms are those of the honest grant.
func (s *story) terms() custody.Terms {
	return custody.Terms{Senders: []custody.PartyID{"nl/agent/lab-1"}, Recipients: []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"},
		Categories: []string{"stored-data"}, MaxBytes: 100_000, MaxPackages: 2, NotBefore: s.time(), Expires: statement.At(t0.Add(60 * day)),
		Release: s.release}
}

// newest is what an acceptance or an amendment names.
func (s *story) newest() custody.Digest {
	if c := s.kase(); c != nil && c.Live() != nil {
		return c.Live().Newest()
	}
	return s.sha(custody.KindGrant)
}

const payloadSize = 40_016 // one part

func (s *story) packageContent(k custody.Kind, req custody.Digest) custody.Body {
	sealed := s.sha(custody.KindSeal)
	switch k {
	case custody.KindSeal:
		b := &custody.Seal{Request: req, Grant: s.sha(custody.KindGrant), Package: s.pkg, HeadSHA256: custody.Digest{2}, PayloadSize: payloadSize,
			Parts: int64(seal.Parts(payloadSize)), PayloadRoot: custody.Digest{3}, InnerSHA256: custody.Digest{4}, Delivery: 1}
		fr := s.view.Authorities["fr"]
		for _, id := range []custody.PartyID{"fr/recipient/backup", "fr/recipient/lab"} {
			if m, ok := fr.Member(id); ok {
				b.Recipients = append(b.Recipients, custody.RecipientRef{ID: id, Directory: fr.DirectorySHA256, Key: custody.RecipientKey(m.Recipient)})
			}
		}
		return b
	case custody.KindUnlock:
		b := &custody.Unlock{Request: req, Package: s.pkg, Seal: sealed, HeadSHA256: custody.Digest{2}, Acceptance: s.sha(custody.KindAcceptance),
			Checkpoint: custody.CheckpointRef{Size: 1, Root: custody.Digest{5}}}
		if s.release == custody.ReleaseOrigin {
			b.Release = s.sha(custody.KindRelease)
		}
		return b
	case custody.KindRelease:
		return &custody.Release{Request: req, Package: s.pkg, Seal: sealed, Acceptance: s.sha(custody.KindAcceptance), Recipient: "fr/recipient/lab"}
	case custody.KindReceipt:
		return &custody.Receipt{Request: req, Package: s.pkg, Seal: sealed, InnerStatement: custody.Digest{6}, Scope: custody.ScopeWhole}
	case custody.KindRejection:
		return &custody.Rejection{Request: req, Package: s.pkg, Seal: sealed, Reason: "not-decryptable"}
	case custody.KindAttestation:
		return &custody.Attestation{Request: req, Checkpoint: custody.CheckpointRef{Size: 100, Root: custody.Digest{5}}}
	case custody.KindRecall:
		return &custody.Recall{Request: req, Package: s.pkg, Seal: sealed, Reason: "wrong-package"}
	}
	panic("no content for " + k)
}

// by is who speaks a kind.
func (s *story) by(k custody.Kind) string {
	if c := s.kase(); k == custody.KindRefusal && c != nil && c.Offer != nil {
		return "fr" // does not want it
	} else if k == custody.KindErasure && (c == nil || c.Offer == nil) {
		return "fr" // has begun
	}
	switch k {
	case custody.KindRequest, custody.KindAcceptance, custody.KindWithdrawal, custody.KindClosure, custody.KindUseReport,
		custody.KindDanger, custody.KindDestruction, custody.KindRestriction:
		return "fr"
	case custody.KindSeal, custody.KindUnlock, custody.KindRecall, custody.KindAttestation:
		return "nl/agent/lab-1"
	case custody.KindRelease, custody.KindReceipt, custody.KindRejection:
		return "fr/agent/lab-1"
	}
	return "nl"
}

func (s *story) office(name string) *office {
	return map[string]*office{"nl": s.nl, "fr": s.fr, "de": s.de}[name]
}

// signers are the keys that suffice for who speaks: the agent's, or two officers'.
func (s *story) signers(by string) []*keys.Private {
	if id, err := custody.ParsePartyID(by); err == nil {
		return []*keys.Private{s.office(id.Authority()).agents[by[len(id.Authority()+"/agent/"):]]}
	}
	return s.office(by).officers[:2]
}

// via is the agent that carries what someone speaks.
func via(by string) custody.PartyID {
	if _, err := custody.ParsePartyID(by); err == nil {
		return custody.PartyID(by)
	}
	return custody.PartyID(by + "/agent/desk-1")
}

// make returns the honest next statement of a kind, or what edits make of it,
// signed by who it says speaks.
func (s *story) make(k custody.Kind, edits ...func(custody.Body)) *custody.Statement {
	s.Helper()
	b := s.body(k)
	for _, f := range edits {
		f(b)
	}
	return s.sign(b, s.signers(headerOf(b).By)...)
}

func (s *story) sign(b custody.Body, signers ...*keys.Private) *custody.Statement {
	s.Helper()
	st, err := custody.Sign(b, signers...)
	if err != nil {
		s.Fatalf("signing: %v", err)
	}
	return st
}

// try files a statement by its honest carrier.
func (s *story) try(st *custody.Statement) custody.Decision {
	s.Helper()
	d := s.file(via(st.Header.By), st)
	if d.Allowed() {
		s.note(st)
	}
	return d
}

// note makes a statement the newest of its kind. An offer stands where a request and its
// grant stand: later statements name it as both.
func (s *story) note(st *custody.Statement) {
	s.last[st.Kind] = st
	if st.Kind == custody.KindOffer {
		s.last[custody.KindRequest], s.last[custody.KindGrant] = st, st
	}
}

// do files honest statements, a minute apart, which must be allowed.
func (s *story) do(kinds ...custody.Kind) {
	s.Helper()
	for _, k := range kinds {
		if d := s.try(s.make(k)); !d.Allowed() {
			s.Fatalf("%s: %s", k, d)
		}
		s.now = s.now.Add(60e9)
	}
}

// act decides over a call of an agent.
func (s *story) act(act custody.Act, via custody.PartyID, a custody.Action) custody.Decision {
	a.Act, a.Via = act, via
	return custody.Decide(s.record(s.id()), s.view, a, s.time())
}
