package custody_test

import (
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
)

// answered is a path with release: origin: the unlock follows the release it names.
func answered(path []custody.Kind) []custody.Kind {
	list := slices.Clone(path)
	u, r := slices.Index(list, custody.KindUnlock), slices.Index(list, custody.KindRelease)
	list[u], list[r] = list[r], list[u]
	return list
}

// toldOrigin returns a story under a grant with release: origin.
func toldOrigin(t failer, kinds ...custody.Kind) *story {
	t.Helper()
	s := newStory(t)
	s.release = custody.ReleaseOrigin
	s.do(kinds...)
	return s
}

var (
	originPath     = answered(path)
	originSigned   = then(sealed, custody.KindRelease) // waits for its answer
	originAnswered = then(originSigned, custody.KindUnlock)
)

// originState begins anew under a grant with release: origin.
func originState(before []custody.Kind, act func(*story) custody.Decision) func(*story) custody.Decision {
	return func(s *story) custody.Decision { return act(toldOrigin(s, before...)) }
}

var ofRelease = edit(func(b *custody.Unlock) { b.Release = digest })

var originRefusals = []refusal{
	{"an unlock of a release that nothing asks for", custody.CodeBadStatement, released, wrong(custody.KindUnlock, ofRelease)},
	{"an unlock for all", custody.CodeBadStatement, nil, originState(originSigned, wrong(custody.KindUnlock, edit(func(b *custody.Unlock) { b.Release = custody.Digest{} })))},
	{"an unlock before the release", custody.CodeNotReleased, nil, originState(sealed, wrong(custody.KindUnlock))},
	{"an unlock of another release", custody.CodeNotReleased, nil, originState(originSigned, wrong(custody.KindUnlock, ofRelease))},
	{"a release answered twice", custody.CodeAlreadyUnlocked, nil, originState(originAnswered, wrong(custody.KindUnlock))},
	{"an unlock for who holds no recipient any more", custody.CodeRecipientNotGrant, nil, originState(originSigned, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/recipient/lab", custody.StatusRevoked)
		return s.try(s.make(custody.KindUnlock))
	})},
	{"an unlock for an agent that left", custody.CodeRecipientNotGrant, nil, originState(originSigned, func(s *story) custody.Decision {
		s.standing(s.fr, "fr/agent/lab-1", custody.StatusRevoked)
		return s.try(s.make(custody.KindUnlock))
	})},
	{"an unlock after a revocation", custody.CodeGrantRevoked, nil, originState(then(originSigned, custody.KindRevocation), wrong(custody.KindUnlock))},
	{"an unlock after a recall", custody.CodePackageRecalled, nil, originState(then(originSigned, custody.KindRecall), wrong(custody.KindUnlock))},
	{"a release of what nobody accepted", custody.CodeNotAccepted, nil, originState(then(granted, custody.KindSeal), wrong(custody.KindRelease))},
	{"reading before the answer", custody.CodeNotUnlocked, nil, originState(originSigned, read("fr/agent/lab-1"))},
	{"a receipt before the answer", custody.CodeNotUnlocked, nil, originState(originSigned, wrong(custody.KindReceipt))},
	{"a rejection before the answer", custody.CodeNotUnlocked, nil, originState(originSigned, wrong(custody.KindRejection))},
	{"back from release: origin when a package was sent", custody.CodeReleaseFixed, nil, originState(sealed, wrong(custody.KindAmendment, amends(func(t *custody.Terms) { t.Release = "" })))},
}

// TestMatrixOrigin tries what moves a package, by every actor in every state of a
// package with release: origin, and every agent's reading.
func TestMatrixOrigin(t *testing.T) {
	states := map[string][]custody.Kind{
		"accepted": agreed, "sealed": sealed, "signed": originSigned, "answered": originAnswered, "received": originPath,
		"unaccepted":        then(granted, custody.KindSeal),
		"sealed-recalled":   then(sealed, custody.KindRecall),
		"signed-recalled":   then(originSigned, custody.KindRecall),
		"signed-revoked":    then(originSigned, custody.KindRevocation),
		"signed-closed":     then(originSigned, custody.KindClosure),
		"signed-amended":    then(originSigned, custody.KindAmendment),
		"answered-recalled": then(originAnswered, custody.KindRecall),
		"answered-revoked":  then(originAnswered, custody.KindRevocation),
		"answered-closed":   then(originAnswered, custody.KindClosure),
	}
	rules := map[custody.Kind]struct{ who, when string }{
		custody.KindUnlock:    {"sender", "signed signed-amended"},
		custody.KindRelease:   {"recipient", "sealed"},
		custody.KindReceipt:   {"recipient", "answered answered-recalled answered-revoked answered-closed"},
		custody.KindRejection: {"recipient", "answered answered-recalled answered-revoked answered-closed"},
	}
	for state, before := range states {
		s := toldOrigin(t, before...)
		for kind, rule := range rules {
			for name, a := range actors {
				st, ok := s.forge(kind, a)
				if !ok {
					continue
				}
				want := name == rule.who && slices.Contains(strings.Fields(rule.when), state)
				if d := s.decide(a.via, st); d.Allowed() != want {
					t.Errorf("%s by %s when %s: %s, want allowed %t", kind, name, state, d, want)
				}
			}
		}
		for _, act := range []custody.Act{custody.ActHead, custody.ActPayload} {
			for _, via := range agents {
				want := via == "fr/agent/lab-1" && (state == "answered" || state == "received")
				if d := s.act(act, via, custody.Action{Package: s.pkg}); d.Allowed() != want {
					t.Errorf("%s by %q when %s: %s, want allowed %t", act, via, state, d, want)
				}
			}
		}
		s.replay(t)
	}
}

// TestOriginEachAlone: what is unlocked for one recipient is closed to the other, who
// signs and is answered alone.
func TestOriginEachAlone(t *testing.T) {
	s := toldOrigin(t, originAnswered...)
	if d := s.act(custody.ActHead, "fr/agent/lab-2", custody.Action{Package: s.pkg}); d.Code != custody.CodeNotReleased {
		t.Errorf("backup reads what is open to the lab: %s", d)
	}
	second := s.make(custody.KindRelease, by("fr/agent/lab-2"), edit(func(b *custody.Release) { b.Recipient = "fr/recipient/backup" }))
	if d := s.try(second); !d.Allowed() {
		t.Fatalf("the second release: %s", d)
	}
	if d := s.act(custody.ActHead, "fr/agent/lab-2", custody.Action{Package: s.pkg}); d.Code != custody.CodeNotUnlocked {
		t.Errorf("backup reads before its answer: %s", d)
	}
	if list := s.kase().Package(s.pkg).Unanswered(); len(list) != 1 || list[0].By != "fr/agent/lab-2" || list[0].SHA256 != second.SHA256 {
		t.Errorf("unanswered: %v", list)
	}
	first := s.kase().Package(s.pkg).Unlocked
	s.do(custody.KindUnlock)
	for _, via := range []custody.PartyID{"fr/agent/lab-1", "fr/agent/lab-2"} {
		if d := s.act(custody.ActPayload, via, custody.Action{Package: s.pkg}); !d.Allowed() {
			t.Errorf("%q reads what it was answered: %s", via, d)
		}
	}
	if p := s.kase().Package(s.pkg); len(p.Unanswered()) > 0 || p.Unlocked != first {
		t.Errorf("%d unanswered, first unlocked at %s, want %s", len(p.Unanswered()), p.Unlocked, first)
	}
	s.replay(t)
}

// TestOriginAmended: before a package was sent the way of release may change, and is
// accepted anew either way.
func TestOriginAmended(t *testing.T) {
	for _, from := range []string{"", custody.ReleaseOrigin} {
		s := newStory(t)
		s.release = from
		s.do(agreed...)
		s.release = map[string]string{"": custody.ReleaseOrigin}[from]
		s.do(custody.KindAmendment)
		if c := s.kase().Live(); c.Release == from || !c.Acceptance.IsZero() {
			t.Fatalf("from %q: the terms say %q, accepted by %s", from, c.Release, c.Acceptance)
		}
		s.do(custody.KindAcceptance, custody.KindSeal)
		rest := []custody.Kind{custody.KindUnlock, custody.KindRelease, custody.KindReceipt}
		if from == "" {
			rest = []custody.Kind{custody.KindRelease, custody.KindUnlock, custody.KindReceipt}
		}
		s.do(rest...)
		s.replay(t)
	}
}
