package custody_test

import (
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// offerPath is the life of an offer that goes well: nl offers, fr accepts.
var offerPath = []custody.Kind{custody.KindOffer, custody.KindAcceptance, custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt}

// offerStates are the states of an offer and what led to each.
var offerStates = map[string][]custody.Kind{
	"offered":           offerPath[:1],
	"refused":           then(offerPath[:1], custody.KindRefusal),
	"offered-revoked":   then(offerPath[:1], custody.KindRevocation),
	"offered-closed":    then(offerPath[:1], custody.KindClosure),
	"accepted":          offerPath[:2],
	"accepted-revoked":  then(offerPath[:2], custody.KindRevocation),
	"sealed":            offerPath[:3],
	"unlocked":          offerPath[:4],
	"released":          offerPath[:5],
	"released-recalled": then(offerPath[:5], custody.KindRecall),
	"received":          offerPath,
	"rejected":          then(offerPath[:5], custody.KindRejection),
	"received-closed":   then(offerPath, custody.KindClosure),
}

// mayOffered is the rule book of a case that began with an offer, written without looking
// at it. Kinds that are not here nobody may file.
var mayOffered = map[custody.Kind]struct{ who, when string }{
	custody.KindRequest:     may[custody.KindRequest],
	custody.KindOffer:       may[custody.KindOffer],
	custody.KindSuspension:  may[custody.KindSuspension],
	custody.KindReport:      may[custody.KindReport],
	custody.KindOrder:       {"nl officers", "offered-revoked accepted-revoked"},
	custody.KindDestruction: {"fr officers", "received received-closed"},
	custody.KindRestriction: {"fr officers", "received received-closed"},
	custody.KindRefusal:     {"fr officers", "offered"},
	custody.KindAcceptance:  {"fr officers", "offered"},
	custody.KindConsent:     {"nl officers", "sealed unlocked released received rejected received-closed"},
	custody.KindRevocation:  {"nl officers|nl officers through fr", "offered refused offered-closed accepted sealed unlocked released released-recalled received rejected received-closed"},
	custody.KindClosure:     {"fr officers", "offered offered-revoked accepted accepted-revoked sealed unlocked released released-recalled received rejected"},
	custody.KindUseReport:   {"fr officers", "received received-closed"},
	custody.KindHold:        {"nl officers", "*"},
	custody.KindErasure:     {"nl officers", "refused offered-revoked offered-closed accepted-revoked received-closed"},
	custody.KindAttestation: {"sender|sender's colleague|sender's desk|recipient|backup's holder", "*"},
	custody.KindSeal:        {"sender", "accepted"},
	custody.KindUnlock:      {"sender", "sealed"},
	custody.KindRelease:     {"recipient", "unlocked"},
	custody.KindReceipt:     {"recipient", "released released-recalled"},
	custody.KindRejection:   {"recipient", "released released-recalled"},
	custody.KindRecall:      {"nl officers|nl officers through fr|sender", "sealed unlocked released received rejected received-closed"},
}

// TestMatrixOffer tries every kind by every actor, and every call, in every state of an
// offer.
func TestMatrixOffer(t *testing.T) {
	calls := map[custody.Act]struct{ who, when string }{
		custody.ActReserve: {"nl/agent/lab-1", "accepted sealed unlocked released released-recalled received rejected"},
		custody.ActPart:    {"nl/agent/lab-1", "accepted sealed unlocked released released-recalled received rejected"},
		custody.ActHead:    {"fr/agent/lab-1", "released received rejected"},
		custody.ActPayload: {"fr/agent/lab-1", "released received rejected"},
	}
	fits := func(list, sep, s string) bool { return list == "*" || slices.Contains(strings.Split(list, sep), s) }
	for state, before := range offerStates {
		s := told(t, before...)
		for kind := range may {
			rule := mayOffered[kind]
			for name, a := range actors {
				st, ok := s.forge(kind, a)
				if !ok {
					continue
				}
				want := rule.who != "" && fits(rule.who, "|", name) && fits(rule.when, " ", state)
				if d := s.decide(a.via, st); d.Allowed() != want {
					t.Errorf("%s by %s when %s: %s, want allowed %t", kind, name, state, d, want)
				}
			}
		}
		for act, rule := range calls {
			for _, via := range agents {
				want := fits(rule.who, " ", string(via)) && fits(rule.when, " ", state)
				if d := s.act(act, via, custody.Action{Grant: s.sha(custody.KindGrant), Package: s.pkg, Bytes: 16}); d.Allowed() != want {
					t.Errorf("%s by %q when %s: %s, want allowed %t", act, via, state, d, want)
				}
			}
		}
		s.replay(t)
	}
}

// offerRefusals are the answers to acts on offers.
var offerRefusals = []refusal{
	{"reviewing an offer", custody.CodeOffered, offerPath[:1], wrong(custody.KindReview)},
	{"granting an offer", custody.CodeOffered, offerPath[:1], wrong(custody.KindGrant)},
	{"amending an offer", custody.CodeOffered, offerPath[:2], wrong(custody.KindAmendment)},
	{"withdrawing an offer", custody.CodeOffered, offerPath[:1], wrong(custody.KindWithdrawal)},
	{"declaring a danger in an offer", custody.CodeOffered, offerPath[:1], wrong(custody.KindDanger)},
	{"validating an offer", custody.CodeOffered, offerPath[:1], wrong(custody.KindValidation)},
	{"reserving before the offer is accepted", custody.CodeNotAccepted, offerPath[:1], reserve("nl/agent/lab-1", 1000, custody.Usage{})},
	{"sealing before the offer is accepted", custody.CodeNotAccepted, offerPath[:1], wrong(custody.KindSeal)},
	{"refusing one's own offer", custody.CodeNotRequesting, offerPath[:1], wrong(custody.KindRefusal, by("nl"))},
	{"accepting one's own offer", custody.CodeNotRequesting, offerPath[:1], wrong(custody.KindAcceptance, by("nl"))},
	{"refusing what was accepted", custody.CodeAlreadyDecided, offerPath[:2], wrong(custody.KindRefusal)},
	{"accepting what was refused", custody.CodeAlreadyDecided, then(offerPath[:1], custody.KindRefusal), wrong(custody.KindAcceptance)},
	{"reserving what was refused", custody.CodeRequestEnded, then(offerPath[:1], custody.KindRefusal), reserve("nl/agent/lab-1", 1000, custody.Usage{})},
	{"refusing what was revoked", custody.CodeGrantRevoked, then(offerPath[:1], custody.KindRevocation), wrong(custody.KindRefusal)},
	{"accepting what was revoked", custody.CodeGrantRevoked, then(offerPath[:1], custody.KindRevocation), wrong(custody.KindAcceptance)},
	{"accepting an offer after its end", custody.CodeGrantExpired, offerPath[:1], later(60*day, wrong(custody.KindAcceptance))},
	{"accepting other terms", custody.CodeNoGrant, offerPath[:1], wrong(custody.KindAcceptance, edit(func(b *custody.Acceptance) { b.Grant = digest }))},
	{"one officer offers where a grant takes two", custody.CodeBelowThreshold, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindOffer), s.nl.officers[0]))
	}},
	{"an offer that has expired", custody.CodeGrantExpired, nil, wrong(custody.KindOffer, edit(func(b *custody.Offer) {
		b.NotBefore, b.Expires = statement.At(t0.Add(-2*day)), statement.At(t0.Add(-day))
	}))},
	{"an offer to a recipient that nobody lists", custody.CodeNotActive, nil, wrong(custody.KindOffer, edit(func(b *custody.Offer) {
		b.Recipients = []custody.PartyID{"fr/recipient/none"}
	}))},
	{"an offer to who is not here", custody.CodeNoDirectory, nil, wrong(custody.KindOffer, edit(func(b *custody.Offer) {
		b.To, b.Recipients = "xx", []custody.PartyID{"xx/recipient/lab"}
	}))},
	{"offering in a suspended pair", custody.CodePairSuspended, nil, suspended("fr", wrong(custody.KindOffer))},
	{"a ground of offers against a request", custody.CodeBadStatement, reviewed, wrong(custody.KindRefusal, edit(func(b *custody.Refusal) { b.Grounds = []string{"not-needed"} }))},
}

// TestOfferSensitive: an offer of what is sensitive takes as many officers as such a
// grant.
func TestOfferSensitive(t *testing.T) {
	s := newStory(t)
	rules := custody.Thresholds{Request: 1, Grant: 2, Sensitive: 3}
	for _, c := range []struct {
		category string
		want     int64
	}{{"traffic-data", 2}, {"content-data", 3}} {
		st := s.make(custody.KindOffer, edit(func(b *custody.Offer) { b.Categories = []string{c.category} }))
		if got := rules.Of(st); got != c.want {
			t.Errorf("an offer of %s takes %d officers, want %d", c.category, got, c.want)
		}
	}
}

// TestOfferSharedKey: who signs an offer is nobody whom the State that it is for lists.
func TestOfferSharedKey(t *testing.T) {
	s := told(t, offerPath[0])
	b := s.body(custody.KindAcceptance)
	for _, k := range []*keys.Private{s.nl.officers[0], s.nl.agents["lab-1"]} {
		if d := s.try(s.sign(b, k, s.fr.officers[0])); d.Allowed() {
			t.Errorf("an acceptance by a key of the State that offers: %s", d)
		}
	}
	if d := s.try(s.make(custody.KindAcceptance)); !d.Allowed() {
		t.Errorf("the acceptance: %s", d)
	}
}
