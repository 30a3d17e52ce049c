package custody_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// refusal is one way to go wrong: the kinds that happened before, the act, and
// the code that it must get.
type refusal struct {
	name   string
	code   custody.Code
	before []custody.Kind
	act    func(s *story) custody.Decision
}

// wrong tries the next statement of a kind with an edit.
func wrong(k custody.Kind, edits ...func(custody.Body)) func(*story) custody.Decision {
	return func(s *story) custody.Decision { return s.try(s.make(k, edits...)) }
}

func header(f func(*custody.Header)) func(custody.Body) {
	return func(b custody.Body) { f(headerOf(b)) }
}

func by(who string) func(custody.Body) { return header(func(h *custody.Header) { h.By = who }) }

// later lets time pass before an act.
func later(d time.Duration, act func(*story) custody.Decision) func(*story) custody.Decision {
	return func(s *story) custody.Decision { s.now = t0.Add(d); return act(s) }
}

var (
	digest = statement.NewNonce() // of nothing known

	requested = until(custody.KindRequest)
	reviewed  = until(custody.KindReview)
	granted   = until(custody.KindGrant)
	agreed    = until(custody.KindAcceptance)
	sealed    = until(custody.KindSeal)
	unlocked  = until(custody.KindUnlock)
	released  = until(custody.KindRelease)
)

func then(before []custody.Kind, k ...custody.Kind) []custody.Kind {
	return append(before[:len(before):len(before)], k...)
}

var refusals = []refusal{
	{"no statement", custody.CodeBadStatement, nil, func(s *story) custody.Decision {
		return custody.Decide(custody.NewRecord("relay"), s.view, custody.Action{Act: custody.ActStatement}, s.time())
	}},
	{"another record", custody.CodeBadStatement, requested, func(s *story) custody.Decision {
		return custody.Decide(s.record(custody.AuthorityRecord("nl")), s.view,
			custody.Action{Act: custody.ActStatement, Via: "nl/agent/desk-1", Statement: s.make(custody.KindReview)}, s.time())
	}},
	{"a request whose hash agrees in its first half", custody.CodeBadStatement, requested, wrong(custody.KindReview, edit(func(b *custody.Review) { b.Request[31] ^= 1 }))},
	{"a grant to another than who asks", custody.CodeBadStatement, reviewed, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.To, b.Recipients = "de", []custody.PartyID{"de/recipient/lab"}
	}))},
	{"delivery number skipped", custody.CodeBadStatement, agreed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Delivery = 2 }))},
	{"unlock of another head", custody.CodeBadStatement, sealed, wrong(custody.KindUnlock, edit(func(b *custody.Unlock) { b.HeadSHA256 = digest }))},
	{"unlock of another seal", custody.CodeBadStatement, sealed, wrong(custody.KindUnlock, edit(func(b *custody.Unlock) { b.Seal = digest }))},
	{"release of another seal", custody.CodeBadStatement, unlocked, wrong(custody.KindRelease, edit(func(b *custody.Release) { b.Seal = digest }))},
	{"receipt of another seal", custody.CodeBadStatement, released, wrong(custody.KindReceipt, edit(func(b *custody.Receipt) { b.Seal = digest }))},

	{"a request brought by an auditor", custody.CodeAuditorReads, nil, func(s *story) custody.Decision {
		return s.file("fr/auditor/1", s.make(custody.KindRequest))
	}},
	{"an annex for an auditor", custody.CodeAuditorReads, requested, func(s *story) custody.Decision {
		return s.act(custody.ActAnnex, "nl/auditor/1", custody.Action{})
	}},
	{"a package for an auditor", custody.CodeAuditorReads, released, read("fr/auditor/1")},

	{"a stranger's key", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindRequest), keys.Generate()))
	}},
	{"the other authority's officers", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindRequest), s.nl.officers[:2]...))
	}},
	{"the desk agent's key", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindRequest), s.fr.agents["desk-1"]))
	}},
	{"one wrong signature beyond the threshold", custody.CodeBadSignature, reviewed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0], s.nl.officers[1], keys.Generate()))
	}},
	{"no signature", custody.CodeBadSignature, nil, func(s *story) custody.Decision { return s.try(s.sign(s.body(custody.KindRequest))) }},
	{"an agent's words signed by an officer", custody.CodeBadSignature, agreed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindSeal), s.nl.officers[0]))
	}},
	{"an agent's words signed by it and another", custody.CodeBadSignature, agreed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindSeal), s.nl.agents["lab-1"], s.nl.agents["lab-2"]))
	}},
	{"one officer for a grant", custody.CodeBelowThreshold, reviewed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0]))
	}},
	{"one officer twice for a grant", custody.CodeBelowThreshold, reviewed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindGrant), s.nl.officers[0], s.nl.officers[0]))
	}},

	{"another relay", custody.CodeWrongRelay, nil, wrong(custody.KindRequest, header(func(h *custody.Header) { h.Relay = "other.example" }))},
	{"the same again", custody.CodeDuplicate, requested, func(s *story) custody.Decision { return s.try(s.last[custody.KindRequest]) }},
	{"the same review again", custody.CodeDuplicate, reviewed, func(s *story) custody.Decision { return s.try(s.last[custody.KindReview]) }},
	{"a package taken twice", custody.CodeDuplicate, released, wrong(custody.KindRelease)},
	{"the same directory again", custody.CodeDuplicate, nil, func(s *story) custody.Decision { return s.file("", s.nl.dir) }},
	{"after names another leaf", custody.CodeBadAfter, requested, wrong(custody.KindReview, header(func(h *custody.Header) { h.After.Leaf = digest }))},
	{"after lies ahead", custody.CodeBadAfter, requested, wrong(custody.KindReview, header(func(h *custody.Header) { h.After.Seq = 1 }))},
	{"after lies far ahead", custody.CodeBadAfter, requested, wrong(custody.KindReview, header(func(h *custody.Header) { h.After.Seq = 1<<53 - 1 }))},
	{"after is absent", custody.CodeBadAfter, requested, wrong(custody.KindReview, header(func(h *custody.Header) { h.After = nil }))},
	{"after in a request", custody.CodeBadAfter, nil, wrong(custody.KindRequest, header(func(h *custody.Header) { h.After = &custody.Ref{Leaf: digest} }))},
	{"issued in the future", custody.CodeNotYetIssued, nil, wrong(custody.KindRequest, header(func(h *custody.Header) { h.Issued = statement.At(t0.Add(10*time.Minute + 1000)) }))},
	{"a lab agent carries an officer's words", custody.CodeNotCarrier, nil, func(s *story) custody.Decision {
		return s.file("fr/agent/lab-1", s.make(custody.KindRequest))
	}},
	{"another authority's desk", custody.CodeNotCarrier, reviewed, func(s *story) custody.Decision {
		return s.file("fr/agent/desk-1", s.make(custody.KindGrant))
	}},
	{"another agent's words", custody.CodeNotCarrier, agreed, func(s *story) custody.Decision {
		return s.file("nl/agent/lab-2", s.make(custody.KindSeal))
	}},

	{"relay accepted no longer", custody.CodeRelayNotAccepted, agreed, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Relays = nil })
		return s.try(s.make(custody.KindSeal))
	}},
	{"relay accepted with another fingerprint", custody.CodeRelayNotAccepted, agreed, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Relays = []custody.RelayPin{{Origin: origin, Fingerprint: digest}} })
		return s.try(s.make(custody.KindSeal))
	}},
	{"asking who does not accept the relay", custody.CodeRelayNotAccepted, nil, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Relays = nil })
		return s.try(s.make(custody.KindRequest))
	}},
	{"asking an unknown authority", custody.CodeNoDirectory, nil, wrong(custody.KindRequest, edit(func(b *custody.Request) { b.To = "be" }))},
	{"an unknown agent's authority", custody.CodeNoDirectory, nil, func(s *story) custody.Decision { return s.act(custody.ActRecord, "be/agent/lab-1", custody.Action{}) }},
	{"no agent", custody.CodeNoDirectory, nil, func(s *story) custody.Decision { return s.file("", s.make(custody.KindRequest)) }},
	{"an unlisted agent", custody.CodeNotActive, nil, func(s *story) custody.Decision { return s.act(custody.ActRecord, "nl/agent/lab-9", custody.Action{}) }},
	{"an officer as agent", custody.CodeNotActive, nil, func(s *story) custody.Decision { return s.act(custody.ActRecord, "nl/officer/mla-1", custody.Action{}) }},
	{"a revoked desk", custody.CodeNotActive, nil, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/agent/desk-1", custody.StatusRevoked)
		return s.try(s.make(custody.KindRequest))
	}},
	{"asking for a retired recipient", custody.CodeNotActive, nil, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/recipient/lab", custody.StatusRetired)
		return s.try(s.make(custody.KindRequest))
	}},
	{"sealing to a retired recipient", custody.CodeNotActive, agreed, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/recipient/lab", custody.StatusRetired)
		return s.try(s.make(custody.KindSeal))
	}},
	{"a directory out of date", custody.CodeDirectoryExpired, requested, later(200*day, wrong(custody.KindReview))},
	{"a root out of date", custody.CodeRootExpired, requested, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Expires = statement.At(t0.Add(380 * day)) })
		s.now = t0.Add(365 * day)
		return s.try(s.make(custody.KindReview))
	}},

	{"a request that does not exist", custody.CodeNoSuchRequest, nil, wrong(custody.KindReview)},
	{"a third authority", custody.CodeNotParty, requested, wrong(custody.KindReview, by("de"))},
	{"a third authority's agent", custody.CodeNotParty, agreed, wrong(custody.KindSeal, by("de/agent/lab-1"))},
	{"granting oneself", custody.CodeNotRequested, reviewed, wrong(custody.KindGrant, by("fr"), edit(func(b *custody.Grant) {
		b.To, b.Senders, b.Recipients = "nl", []custody.PartyID{"fr/agent/lab-1"}, []custody.PartyID{"nl/recipient/lab"}
	}))},
	{"reviewing oneself", custody.CodeNotRequested, requested, wrong(custody.KindReview, by("fr"))},
	{"refusing oneself", custody.CodeNotRequested, requested, wrong(custody.KindRefusal, by("fr"))},
	{"revoking what another granted", custody.CodeNotRequested, agreed, wrong(custody.KindRevocation, by("fr"))},
	{"accepting one's own grant", custody.CodeNotRequesting, granted, wrong(custody.KindAcceptance, by("nl"))},

	{"a request out of date", custody.CodeRequestExpired, nil, later(90*day, wrong(custody.KindRequest, header(func(h *custody.Header) { h.Issued = statement.At(t0) })))},
	{"a grant after the request's end", custody.CodeRequestExpired, reviewed, later(90*day, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.NotBefore, b.Expires = statement.At(t0), statement.At(t0.Add(90*day))
	})))},
	{"a second grant", custody.CodeAlreadyDecided, granted, wrong(custody.KindGrant)},
	{"a grant after a refusal", custody.CodeAlreadyDecided, then(reviewed, custody.KindRefusal), wrong(custody.KindGrant)},
	{"a refusal after a grant", custody.CodeAlreadyDecided, granted, wrong(custody.KindRefusal)},
	{"a second refusal", custody.CodeAlreadyDecided, then(requested, custody.KindRefusal), wrong(custody.KindRefusal)},
	{"a second acceptance", custody.CodeAlreadyDecided, agreed, wrong(custody.KindAcceptance)},
	{"a grant without review", custody.CodeNoReview, requested, wrong(custody.KindGrant)},
	{"a grant against a review", custody.CodeNoReview, requested, func(s *story) custody.Decision {
		s.try(s.make(custody.KindReview, edit(func(b *custody.Review) { b.Finding = custody.FindingObjection })))
		return s.try(s.make(custody.KindGrant))
	}},
	{"a grant that passes over a later objection", custody.CodeNoReview, reviewed, func(s *story) custody.Decision {
		grant := s.make(custody.KindGrant)
		s.try(s.make(custody.KindReview, edit(func(b *custody.Review) { b.Finding = custody.FindingObjection })))
		return s.try(grant)
	}},
	{"a release while the granting State has no directory in force", custody.CodeDirectoryExpired, unlocked, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Expires = statement.At(s.now.Add(time.Hour)) }, s.nl.registrars...)
		s.now = s.now.Add(2 * time.Hour)
		return s.try(s.make(custody.KindRelease))
	}},
	{"a release by a recipient with another key than the package was sealed to", custody.CodeRecipientNotGrant, unlocked, func(s *story) custody.Decision {
		s.publish(s.fr, func(b *custody.Directory) {
			*entry(b, "fr/recipient/lab") = listing("fr/recipient/lab", s.fr.agents["lab-1"], heldBy("fr/agent/lab-1"))
		}, s.fr.registrars...)
		return s.try(s.make(custody.KindRelease))
	}},
	{"a recipient that was not asked for", custody.CodeWiderThanRequest, reviewed, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.Recipients = []custody.PartyID{"fr/recipient/other"}
	}))},
	{"data that was not asked for", custody.CodeWiderThanRequest, reviewed, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.Categories = []string{"stored-data", "content-data"}
	}))},
	{"a mark of the request left out", custody.CodeMarkLeftOut, nil, func(s *story) custody.Decision {
		s.try(s.make(custody.KindRequest, edit(func(b *custody.Request) { b.Sensitive = []string{"press"} })))
		s.do(custody.KindReview)
		return s.try(s.make(custody.KindGrant))
	}},
	{"longer than asked for", custody.CodeWiderThanRequest, reviewed, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.Expires = statement.At(t0.Add(90*day + 1000))
	}))},
	{"a grant signed before the revocation of another", custody.CodeBadAfter, granted, func(s *story) custody.Decision {
		kept := s.make(custody.KindGrant)
		s.do(custody.KindRevocation)
		return s.try(kept)
	}},
}

var moreRefusals = []refusal{
	{"acceptance without grant", custody.CodeNoGrant, reviewed, wrong(custody.KindAcceptance)},
	{"acceptance of another grant", custody.CodeNoGrant, granted, wrong(custody.KindAcceptance, edit(func(b *custody.Acceptance) { b.Grant = digest }))},
	{"acceptance of a grant of before", custody.CodeNoGrant, granted, func(s *story) custody.Decision {
		old := s.sha(custody.KindGrant)
		s.do(custody.KindRevocation, custody.KindGrant)
		return s.try(s.make(custody.KindAcceptance, edit(func(b *custody.Acceptance) { b.Grant = old })))
	}},
	{"revocation without grant", custody.CodeNoGrant, reviewed, wrong(custody.KindRevocation)},
	{"reservation without grant", custody.CodeNoGrant, reviewed, reserve("nl/agent/lab-1", 16, custody.Usage{})},
	{"a part without grant", custody.CodeNoGrant, agreed, func(s *story) custody.Decision {
		return s.act(custody.ActPart, "nl/agent/lab-1", custody.Action{Grant: digest})
	}},
	{"sealing before the grant begins", custody.CodeGrantNotYet, reviewed, func(s *story) custody.Decision {
		s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.NotBefore = statement.At(t0.Add(day)) })))
		s.now = t0.Add(day - 1000)
		return s.try(s.make(custody.KindSeal))
	}},
	{"a grant that has ended already", custody.CodeGrantExpired, reviewed, later(day, wrong(custody.KindGrant, edit(func(b *custody.Grant) {
		b.NotBefore, b.Expires = statement.At(t0), statement.At(t0.Add(day))
	})))},
	{"accepting after the end", custody.CodeGrantExpired, granted, later(60*day, wrong(custody.KindAcceptance))},
	{"sealing after the end", custody.CodeGrantExpired, agreed, later(60*day, wrong(custody.KindSeal))},
	{"unlocking after the end", custody.CodeGrantExpired, sealed, later(60*day, wrong(custody.KindUnlock))},
	{"releasing after the end", custody.CodeGrantExpired, unlocked, later(60*day, wrong(custody.KindRelease))},
	{"accepting after revocation", custody.CodeGrantRevoked, then(granted, custody.KindRevocation), wrong(custody.KindAcceptance)},
	{"sealing after revocation", custody.CodeGrantRevoked, then(agreed, custody.KindRevocation), wrong(custody.KindSeal)},
	{"unlocking after revocation", custody.CodeGrantRevoked, then(sealed, custody.KindRevocation), wrong(custody.KindUnlock)},
	{"releasing after revocation", custody.CodeGrantRevoked, then(unlocked, custody.KindRevocation), wrong(custody.KindRelease)},
	{"reading after revocation", custody.CodeGrantRevoked, then(released, custody.KindRevocation), read("fr/agent/lab-1")},
	{"revoking twice", custody.CodeGrantRevoked, then(granted, custody.KindRevocation), wrong(custody.KindRevocation)},
	{"granting after withdrawal", custody.CodeRequestEnded, then(reviewed, custody.KindWithdrawal), wrong(custody.KindGrant)},
	{"accepting after withdrawal", custody.CodeRequestEnded, then(granted, custody.KindWithdrawal), wrong(custody.KindAcceptance)},
	{"sealing after withdrawal", custody.CodeRequestEnded, then(agreed, custody.KindWithdrawal), wrong(custody.KindSeal)},
	{"unlocking after closure", custody.CodeRequestEnded, then(sealed, custody.KindClosure), wrong(custody.KindUnlock)},
	{"releasing after closure", custody.CodeRequestEnded, then(unlocked, custody.KindClosure), wrong(custody.KindRelease)},
	{"reading after closure", custody.CodeRequestEnded, then(released, custody.KindClosure), read("fr/agent/lab-1")},
	{"reserving after closure", custody.CodeRequestEnded, then(agreed, custody.KindClosure), reserve("nl/agent/lab-1", 1000, custody.Usage{})},
	{"withdrawing what is closed", custody.CodeRequestEnded, then(agreed, custody.KindClosure), wrong(custody.KindWithdrawal)},
	{"withdrawing what was refused", custody.CodeAlreadyDecided, then(reviewed, custody.KindRefusal), wrong(custody.KindWithdrawal)},
	{"withdrawing by the requested State", custody.CodeNotRequesting, requested, wrong(custody.KindWithdrawal, by("nl"))},
	{"closing by the requested State", custody.CodeNotRequesting, agreed, wrong(custody.KindClosure, by("nl"))},
	{"closing what nobody granted", custody.CodeNoGrant, reviewed, wrong(custody.KindClosure)},
	{"one officer puts on hold", custody.CodeBelowThreshold, agreed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindHold), s.nl.officers[0]))
	}},
	{"holding for the other State", custody.CodeNotRequested, path, wrong(custody.KindHold, by("fr"))},
	{"destroying what is on hold", custody.CodeOnHold, then(released, custody.KindRecall, custody.KindHold), func(s *story) custody.Decision {
		return s.event(s.id(), destroyed(s.pkg))
	}},
	{"holding twice", custody.CodeAlreadyDecided, then(path, custody.KindHold), wrong(custody.KindHold, holds(custody.StateHeld))},
	{"lifting what is not on hold", custody.CodeAlreadyDecided, path, wrong(custody.KindHold, holds(custody.StateLifted))},
	{"lifting another hold", custody.CodeBadAfter, then(path, custody.KindHold), wrong(custody.KindHold, edit(func(b *custody.Hold) { b.Prev = digest }))},
	{"telling the use of what is on its way", custody.CodeNotReceived, released, wrong(custody.KindUseReport)},
	{"telling the use of what was rejected", custody.CodeNotReceived, then(released, custody.KindRejection), wrong(custody.KindUseReport, ofAll)},
	{"telling the use of nothing", custody.CodeNoSuchPackage, agreed, wrong(custody.KindUseReport)},
	{"telling the use of all when nothing came", custody.CodeNotReceived, agreed, wrong(custody.KindUseReport, ofAll)},
	{"telling the use for the other State", custody.CodeNotRequesting, path, wrong(custody.KindUseReport, by("nl"))},
	{"more bytes than granted", custody.CodeGrantUsedUp, agreed, reserve("nl/agent/lab-1", 100_001, custody.Usage{})},
	{"more bytes than others leave", custody.CodeGrantUsedUp, agreed, reserve("nl/agent/lab-1", 1000, custody.Usage{Bytes: 99_001, Packages: 1})},
	{"more packages than others leave", custody.CodePackagesUsedUp, agreed, reserve("nl/agent/lab-1", 1000, custody.Usage{Packages: 2})},
	{"fewer bytes than any package has", custody.CodeGrantUsedUp, agreed, reserve("nl/agent/lab-1", 15, custody.Usage{})},
	{"negative bytes", custody.CodeGrantUsedUp, agreed, reserve("nl/agent/lab-1", -1<<62, custody.Usage{})},
	{"more after the final delivery", custody.CodeGrantFinal, agreed, func(s *story) custody.Decision {
		s.try(s.make(custody.KindSeal, edit(func(b *custody.Seal) { b.Final = true })))
		return reserve("nl/agent/lab-1", 16, custody.Usage{})(s)
	}},
	{"another sender", custody.CodeSenderNotGranted, agreed, wrong(custody.KindSeal, by("nl/agent/lab-2"))},
	{"a recipient sends", custody.CodeSenderNotGranted, agreed, wrong(custody.KindSeal, by("fr/agent/lab-1"))},
	{"another unlocks", custody.CodeSenderNotGranted, sealed, wrong(custody.KindUnlock, by("nl/agent/lab-2"))},
	{"a recipient unlocks", custody.CodeSenderNotGranted, sealed, wrong(custody.KindUnlock, by("fr/agent/lab-1"))},
	{"a granted sender that is no lab any more", custody.CodeSenderNotGranted, agreed, dutyLost("nl", custody.KindSeal)},
	{"unlocking when no lab any more", custody.CodeSenderNotGranted, sealed, dutyLost("nl", custody.KindUnlock)},
	{"a recipient left out", custody.CodeRecipientNotGrant, agreed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Recipients = b.Recipients[:1] }))},
	{"another recipient", custody.CodeRecipientNotGrant, agreed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Recipients[0].ID = "fr/recipient/z" }))},
	{"another recipient key", custody.CodeRecipientNotGrant, agreed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Recipients[0].Key = digest }))},
	{"an old directory", custody.CodeRecipientNotGrant, agreed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Recipients[0].Directory = digest }))},
	{"release for another's recipient", custody.CodeRecipientNotGrant, unlocked, wrong(custody.KindRelease, edit(func(b *custody.Release) { b.Recipient = "fr/recipient/backup" }))},
	{"release by the sender's side", custody.CodeRecipientNotGrant, unlocked, wrong(custody.KindRelease, by("nl/agent/lab-1"), edit(func(b *custody.Release) { b.Recipient = "nl/recipient/lab" }))},
	{"release for a retired recipient", custody.CodeRecipientNotGrant, unlocked, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/recipient/lab", custody.StatusRetired)
		return s.try(s.make(custody.KindRelease))
	}},
	{"release when no lab any more", custody.CodeRecipientNotGrant, unlocked, dutyLost("fr", custody.KindRelease)},
	{"unlocking before acceptance", custody.CodeNotAccepted, then(granted, custody.KindSeal), wrong(custody.KindUnlock)},
	{"unlocking with another acceptance", custody.CodeNotAccepted, sealed, wrong(custody.KindUnlock, edit(func(b *custody.Unlock) { b.Acceptance = digest }))},
	{"releasing with another acceptance", custody.CodeNotAccepted, unlocked, wrong(custody.KindRelease, edit(func(b *custody.Release) { b.Acceptance = digest }))},
	{"unlocking nothing", custody.CodeNoSuchPackage, agreed, wrong(custody.KindUnlock)},
	{"reading nothing", custody.CodeNoSuchPackage, agreed, read("fr/agent/lab-1")},
	{"sealing twice", custody.CodeAlreadySealed, sealed, wrong(custody.KindSeal, edit(func(b *custody.Seal) { b.Delivery = 2 }))},
	{"unlocking after a recall", custody.CodePackageRecalled, then(sealed, custody.KindRecall), wrong(custody.KindUnlock)},
	{"releasing after a recall", custody.CodePackageRecalled, then(unlocked, custody.KindRecall), wrong(custody.KindRelease)},
	{"reading after a recall", custody.CodePackageRecalled, then(released, custody.KindRecall), read("fr/agent/lab-1")},
	{"reading the head after a recall", custody.CodePackageRecalled, then(path, custody.KindRecall), func(s *story) custody.Decision {
		return s.act(custody.ActHead, "fr/agent/lab-1", custody.Action{Package: s.pkg})
	}},
	{"recalling twice", custody.CodePackageRecalled, then(released, custody.KindRecall), wrong(custody.KindRecall)},
	{"officers recall what the agent has", custody.CodePackageRecalled, then(released, custody.KindRecall), wrong(custody.KindRecall, by("nl"))},
	{"recalling nothing", custody.CodeNoSuchPackage, agreed, wrong(custody.KindRecall)},
	{"officers recall nothing", custody.CodeNoSuchPackage, agreed, wrong(custody.KindRecall, by("nl"))},
	{"recall of another seal", custody.CodeBadStatement, sealed, wrong(custody.KindRecall, edit(func(b *custody.Recall) { b.Seal = digest }))},
	{"a colleague recalls", custody.CodeSenderNotGranted, sealed, wrong(custody.KindRecall, by("nl/agent/lab-2"))},
	{"a recipient recalls", custody.CodeNotRequested, released, wrong(custody.KindRecall, by("fr/agent/lab-1"))},
	{"the requesting State recalls", custody.CodeNotRequested, released, wrong(custody.KindRecall, by("fr"))},
	{"a third State recalls", custody.CodeNotParty, released, wrong(custody.KindRecall, by("de"))},
	{"an officer's key for the sealing agent", custody.CodeBadSignature, sealed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindRecall), s.nl.officers[0]))
	}},
	{"the sealing agent's key for its State", custody.CodeBadSignature, sealed, func(s *story) custody.Decision {
		b := s.body(custody.KindRecall)
		headerOf(b).By = "nl"
		return s.try(s.sign(b, s.nl.agents["lab-1"]))
	}},
	{"replacing nothing", custody.CodeNoSuchPackage, agreed, wrong(custody.KindSeal, instead(9))},
	{"replacing twice", custody.CodeAlreadySuperseded, reviewed, func(s *story) custody.Decision {
		s.widely()
		s.delivers(1)
		s.delivers(2, instead(1))
		return s.try(s.nth(3, instead(1)))
	}},
	{"releasing before unlock", custody.CodeNotUnlocked, sealed, wrong(custody.KindRelease)},
	{"unlocking twice", custody.CodeAlreadyUnlocked, unlocked, wrong(custody.KindUnlock)},
	{"receipt before release", custody.CodeNotReleased, unlocked, wrong(custody.KindReceipt)},
	{"receipt by another", custody.CodeNotReleased, released, wrong(custody.KindReceipt, by("fr/agent/lab-2"))},
	{"rejection by the sender", custody.CodeNotReleased, released, wrong(custody.KindRejection, by("nl/agent/lab-1"))},
	{"reading before release", custody.CodeNotReleased, unlocked, read("fr/agent/lab-1")},
	{"reading by the sender", custody.CodeNotReleased, released, read("nl/agent/lab-1")},
	{"rejection after receipt", custody.CodeAlreadyReceived, path, wrong(custody.KindRejection)},
	{"receipt after rejection", custody.CodeAlreadyReceived, then(released, custody.KindRejection), wrong(custody.KindReceipt)},
	{"more receipts for single files than allowed", custody.CodeReceiptsUsedUp, released, func(s *story) custody.Decision {
		for i := range custody.MaxExhibitReceipts {
			s.try(s.make(custody.KindReceipt, single(int64(i+1))))
		}
		return s.try(s.make(custody.KindReceipt, single(1)))
	}},
	{"an unknown act", custody.CodeUnknownAction, requested, func(s *story) custody.Decision { return s.act("peek", "nl/agent/lab-1", custody.Action{}) }},
	{"reserving in an authority's record", custody.CodeUnknownAction, nil, func(s *story) custody.Decision {
		return custody.Decide(s.record("authority/nl"), s.view, custody.Action{Act: custody.ActReserve, Via: "nl/agent/lab-1"}, s.time())
	}},
}

func reserve(via custody.PartyID, n int64, open custody.Usage) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		return s.act(custody.ActReserve, via, custody.Action{Grant: s.sha(custody.KindGrant), Bytes: n, Open: open})
	}
}

func read(via custody.PartyID) func(*story) custody.Decision {
	return func(s *story) custody.Decision { return s.act(custody.ActPayload, via, custody.Action{Package: s.pkg}) }
}

// dutyLost makes lab-1 a desk before it goes on.
func dutyLost(name string, k custody.Kind) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		s.publish(s.office(name), func(b *custody.Directory) {
			entry(b, custody.PartyID(name+"/agent/lab-1")).Duties = []string{custody.DutyDesk}
		})
		return s.try(s.make(k))
	}
}

// TestRefusals checks each way to go wrong, and that no code of the rule book is
// without a way to get it.
func TestRefusals(t *testing.T) {
	// The rules never know what an operator refuses: see TestPolicyRef.
	reached := map[custody.Code]bool{custody.CodeAllowed: true, custody.CodeOperatorPolicy: true, custody.CodeRetention: true, custody.CodeOtherLog: true}
	rows := slices.Concat(refusals, moreRefusals, authorityRefusals, suspensionRefusals, amendmentRefusals, emergencyRefusals, reportRefusals, offerRefusals, originRefusals, attestationRefusals, erasureRefusals)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := told(t, r.before...)
			if d := r.act(s); d.Code != r.code || d.Rule == "" {
				t.Errorf("decided %s, want %s", d, r.code)
			}
		})
		reached[r.code] = true
	}
	for _, c := range codes(t) {
		if !reached[c] {
			t.Errorf("no row reaches %q", c)
		}
		if c.Explain() == "refused" {
			t.Errorf("code %q has no explanation", c)
		}
	}
}

// codes reads the constants of type Code from the source.
func codes(t *testing.T) (list []custody.Code) {
	f, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Code" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, custody.Code(s))
		}
		return true
	})
	if len(list) < 40 {
		t.Fatalf("found only %d codes", len(list))
	}
	return list
}
