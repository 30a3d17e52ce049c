package custody_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// turn returns what an authority says next of the transfers with another: that they
// are suspended, or, if it has said so, that they go on.
func (s *story) turn(by, with string) *custody.Suspension {
	b := &custody.Suspension{Header: custody.Header{Relay: origin, By: by, Issued: s.time()}, With: with, State: custody.StateSuspended, Reason: "incident"}
	if p := s.view.Authorities[by].Pair(with); p != nil {
		b.Prev = p.SHA256
		if p.State == custody.StateSuspended {
			b.State, b.Reason = custody.StateLifted, "resolved"
		}
	}
	return b
}

// turns files it, signed by two officers, which must be allowed.
func (s *story) turns(by, with string) {
	s.Helper()
	s.files("", s.sign(s.turn(by, with), s.office(by).officers[:2]...))
	s.now = s.now.Add(time.Minute)
}

var other = map[string]string{"nl": "fr", "fr": "nl"}

// moving are the kinds that move evidence, or lead to it.
var moving = []custody.Kind{custody.KindRequest, custody.KindOffer, custody.KindGrant, custody.KindAmendment, custody.KindAcceptance, custody.KindSeal, custody.KindUnlock, custody.KindRelease}

// TestMatrixSuspended tries every kind by who may do it, and every call, in every
// state of a case and of its pair: while either side has suspended it, what moves
// evidence is refused and all else is as ever; after that all is as it was.
func TestMatrixSuspended(t *testing.T) {
	for state, before := range states {
		s := told(t, before...)
		plain := s.calls()
		for _, step := range []struct {
			by, pair  string
			suspended bool
		}{
			{"nl", "suspended by nl", true}, {"fr", "suspended by both", true}, {"nl", "lifted by nl", true}, {"fr", "lifted by both", false},
			{"nl", "suspended again", true},
		} {
			s.turns(step.by, other[step.by])
			s.kindsSuspended(t, state, step.pair, step.suspended)
			for call, code := range s.calls() {
				want := plain[call]
				if step.suspended && want == custody.CodeAllowed && call.act != custody.ActRecord && call.act != custody.ActAnnex {
					want = custody.CodePairSuspended
				}
				if code != want {
					t.Errorf("%s by %q when %s, the pair %s: %s, want %s", call.act, call.via, state, step.pair, code, want)
				}
			}
		}
	}
}

func (s *story) kindsSuspended(t *testing.T, state, pair string, suspended bool) {
	for kind, rule := range may {
		if rule.when != "*" && !slices.Contains(strings.Fields(rule.when), state) {
			continue
		}
		for _, who := range strings.Split(rule.who, "|") {
			st, ok := s.forge(kind, actors[who])
			if !ok {
				t.Fatalf("%s by %s when %s does not parse", kind, who, state)
			}
			want := custody.CodeAllowed
			if suspended && slices.Contains(moving, kind) && !strings.HasPrefix(who, "de") {
				want = custody.CodePairSuspended
			}
			if d := s.decide(actors[who].via, st); d.Code != want {
				t.Errorf("%s by %s when %s, the pair %s: %s, want %s", kind, who, state, pair, d, want)
			}
		}
	}
}

// call is an act of an agent.
type call struct {
	act custody.Act
	via custody.PartyID
}

// calls asks for every call of the two labs.
func (s *story) calls() map[call]custody.Code {
	answers := map[call]custody.Code{}
	for _, act := range []custody.Act{custody.ActRecord, custody.ActAnnex, custody.ActReserve, custody.ActPart, custody.ActHead, custody.ActPayload} {
		for _, via := range []custody.PartyID{"nl/agent/lab-1", "fr/agent/lab-1"} {
			answers[call{act, via}] = s.act(act, via, custody.Action{Grant: s.sha(custody.KindGrant), Package: s.pkg, Bytes: 16}).Code
		}
	}
	return answers
}

// suspended does an act after an authority has suspended the pair.
func suspended(by string, act func(*story) custody.Decision) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		s.turns(by, other[by])
		return act(s)
	}
}

// turning files what nl says next of the pair, with an edit, signed by these.
func turning(change func(*custody.Suspension), signers func(*story) []*keys.Private) func(*story) custody.Decision {
	return func(s *story) custody.Decision {
		b := s.turn("nl", "fr")
		change(b)
		return s.file("", s.sign(b, signers(s)...))
	}
}

var suspensionRefusals = []refusal{
	{"asking while nl has suspended the pair", custody.CodePairSuspended, nil, suspended("nl", wrong(custody.KindRequest))},
	{"asking while who asks has suspended the pair", custody.CodePairSuspended, nil, suspended("fr", wrong(custody.KindRequest))},
	{"granting in a suspended pair", custody.CodePairSuspended, reviewed, suspended("fr", wrong(custody.KindGrant))},
	{"accepting in a suspended pair", custody.CodePairSuspended, granted, suspended("nl", wrong(custody.KindAcceptance))},
	{"reserving in a suspended pair", custody.CodePairSuspended, agreed, suspended("fr", reserve("nl/agent/lab-1", 1000, custody.Usage{}))},
	{"a part in a suspended pair", custody.CodePairSuspended, agreed, suspended("fr", func(s *story) custody.Decision {
		return s.act(custody.ActPart, "nl/agent/lab-1", custody.Action{Grant: s.sha(custody.KindGrant)})
	})},
	{"sealing in a suspended pair", custody.CodePairSuspended, agreed, suspended("nl", wrong(custody.KindSeal))},
	{"unlocking in a suspended pair", custody.CodePairSuspended, sealed, suspended("fr", wrong(custody.KindUnlock))},
	{"releasing in a suspended pair", custody.CodePairSuspended, unlocked, suspended("nl", wrong(custody.KindRelease))},
	{"reading in a suspended pair", custody.CodePairSuspended, released, suspended("nl", read("fr/agent/lab-1"))},
	{"reading the head in a suspended pair", custody.CodePairSuspended, released, suspended("fr", func(s *story) custody.Decision {
		return s.act(custody.ActHead, "fr/agent/lab-1", custody.Action{Package: s.pkg})
	})},
	{"unlocking in a suspended pair after a revocation", custody.CodeGrantRevoked, then(sealed, custody.KindRevocation), suspended("nl", wrong(custody.KindUnlock))},
	{"reading in a suspended pair after a recall", custody.CodePackageRecalled, then(released, custody.KindRecall), suspended("nl", read("fr/agent/lab-1"))},

	{"suspending twice", custody.CodeAlreadyDecided, nil, suspended("nl", turning(func(b *custody.Suspension) { b.State, b.Reason = custody.StateSuspended, "other" }, pick(0)))},
	{"lifting what was never suspended", custody.CodeAlreadyDecided, nil, turning(func(b *custody.Suspension) { b.State, b.Reason = custody.StateLifted, "error" }, pick(0, 1))},
	{"lifting what the other has suspended", custody.CodeAlreadyDecided, nil, suspended("fr", turning(func(b *custody.Suspension) {
		b.State, b.Reason, b.Prev = custody.StateLifted, "error", digest
	}, pick(0, 1)))},
	{"lifting twice", custody.CodeAlreadyDecided, nil, suspended("nl", suspended("nl", turning(func(b *custody.Suspension) {
		b.State, b.Reason = custody.StateLifted, "error"
	}, pick(0, 1))))},
	{"a suspension that follows another than the last", custody.CodeBadAfter, nil, turning(func(b *custody.Suspension) { b.Prev = digest }, pick(0))},
	{"a lift that follows another than the last", custody.CodeBadAfter, nil, suspended("nl", turning(func(b *custody.Suspension) { b.Prev = digest }, pick(0, 1)))},
	{"a lift that follows nothing", custody.CodeBadAfter, nil, suspended("nl", turning(func(b *custody.Suspension) { b.Prev = custody.Digest{} }, pick(0, 1)))},
	{"a lift by one officer", custody.CodeBelowThreshold, nil, suspended("nl", turning(keep, pick(0)))},
	{"a lift by one officer twice", custody.CodeBelowThreshold, nil, suspended("nl", turning(keep, pick(0, 0)))},
	{"a lift below a raised threshold", custody.CodeBelowThreshold, nil, suspended("nl", func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Rules.Grant, b.Rules.Sensitive = 3, 3 })
		return turning(keep, pick(0, 1))(s)
	})},
	{"a suspension that nobody signed", custody.CodeBadSignature, nil, turning(keep, pick())},
	{"a suspension by the other's officers", custody.CodeBadSignature, nil, turning(keep, func(s *story) []*keys.Private { return s.fr.officers[:2] })},
	{"a suspension by a registrar", custody.CodeBadSignature, nil, turning(keep, func(s *story) []*keys.Private { return s.nl.registrars })},
	{"a suspension by a lab", custody.CodeBadSignature, nil, turning(keep, func(s *story) []*keys.Private { return []*keys.Private{s.nl.agents["lab-1"]} })},
	{"the same suspension again", custody.CodeDuplicate, nil, func(s *story) custody.Decision {
		st := s.make(custody.KindSuspension)
		s.files("", st)
		return s.file("", st)
	}},
	{"a suspension for another relay", custody.CodeWrongRelay, nil, turning(func(b *custody.Suspension) { b.Relay = "other.example" }, pick(0))},
	{"a suspension by an unknown authority", custody.CodeNoDirectory, nil, func(s *story) custody.Decision {
		return s.file("", s.sign(s.turn("be", "fr"), s.nl.officers[0]))
	}},
	{"a suspension before the first directory", custody.CodeNoDirectory, nil, func(s *story) custody.Decision {
		founds(true, keep, 0, 1)(s)
		return s.file("", s.sign(s.turn("be", "fr"), s.nl.officers[0]))
	}},
	{"a suspension before the directory of a new root", custody.CodeNoDirectory, nil, func(s *story) custody.Decision {
		rotation(keep, bothRoots)(s)
		return turning(keep, pick(0))(s)
	}},
	{"a suspension under a directory out of date", custody.CodeDirectoryExpired, nil, later(200*day, turning(keep, pick(0)))},
	{"a suspension by who does not accept the relay", custody.CodeRelayNotAccepted, nil, func(s *story) custody.Decision {
		s.publish(s.nl, func(b *custody.Directory) { b.Relays = nil })
		return turning(keep, pick(0))(s)
	}},
}

// TestSuspendingTakesOne: no directory can ask for more than one officer to suspend.
func TestSuspendingTakesOne(t *testing.T) {
	s := newStory(t)
	s.publish(s.nl, func(b *custody.Directory) {
		b.Rules = custody.Thresholds{Request: 16, Review: 16, Grant: 16, Sensitive: 16, Refusal: 16, Acceptance: 16, Revocation: 16}
	})
	if d := turning(keep, pick(2))(s); !d.Allowed() {
		t.Errorf("suspending by one officer: %s", d)
	}
}

// TestSuspensionStays: a suspension outlives the directory and the root under which it
// was signed, ends with its lift, and touches no other pair.
func TestSuspensionStays(t *testing.T) {
	s := told(t, agreed...)
	s.turns("nl", "fr")
	was := s.view
	st := s.view.Suspended("fr", "nl")
	if len(st) != 1 || st[0].By != "nl" || st[0].Reason != "incident" || len(s.view.Suspended("nl", "de")) != 0 || len(s.view.Suspended("be", "nl")) != 0 {
		t.Fatalf("in force: %+v", st)
	}
	s.standing(s.nl, "nl/agent/lab-2", custody.StatusRevoked)
	fresh := generate(3)
	root := s.sign(s.nextRoot(s.nl, fresh), bothRoots(s.nl, fresh)...)
	s.files("", root)
	s.nl.root, s.nl.roots = root, fresh
	if d := s.publish(s.nl, func(b *custody.Directory) { b.Root, b.Expires = root.SHA256, statement.At(s.now.Add(300*day)) }); !d.Allowed() {
		t.Fatalf("directory of the new root: %s", d)
	}
	if d := wrong(custody.KindSeal)(s); d.Code != custody.CodePairSuspended {
		t.Errorf("sealing after new directories and a new root: %s", d)
	}
	if d := s.file(via("de"), s.sign(s.request("de", "nl"), s.de.officers[0])); !d.Allowed() {
		t.Errorf("another pair: %s", d)
	}
	s.turns("nl", "fr")
	if len(was.Suspended("nl", "fr")) != 1 || len(s.view.Suspended("nl", "fr")) != 0 {
		t.Error("a view changed, or the lift lifted nothing")
	}
	s.do(custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	if b := s.replay(t); b.View().Authorities["nl"].Pair("fr").State != custody.StateLifted {
		t.Error("a replay does not end with the lift")
	}
}

// request returns what one authority may ask of another.
func (s *story) request(from, to string) custody.Body {
	b := s.body(custody.KindRequest).(*custody.Request)
	b.By, b.To, b.Recipients = from, to, []custody.PartyID{custody.PartyID(from + "/recipient/lab")}
	return b
}

// TestSuspendedReplay: a replay that is not told of a suspension, or of its lift, does
// not pass.
func TestSuspendedReplay(t *testing.T) {
	s := told(t, agreed...)
	n := len(s.lines)
	s.turns("fr", "nl")
	s.turns("fr", "nl")
	s.do(custody.KindSeal)
	if err := s.replayErr(slices.Delete(slices.Clone(s.lines), n+1, n+2)); err == nil {
		t.Error("a seal without the lift before it passes")
	}
	if err := s.replayErr(slices.Delete(slices.Clone(s.lines), n, n+1)); err == nil {
		t.Error("a lift without the suspension before it passes")
	}
	if err := s.replayErr(s.lines); err != nil {
		t.Error(err)
	}
}
