package custody_test

import (
	"testing"

	"comity.example/comity/custody"
)

// holding is the honest next turn of a hold: put on where there is none, else lifted.
func (s *story) holding(req custody.Digest) *custody.Hold {
	b := &custody.Hold{Request: req, State: custody.StateHeld, Reason: "proceedings"}
	if c := s.kase(); c != nil && c.Hold != nil {
		b.Prev = c.Hold.SHA256
		if c.OnHold() {
			b.State, b.Reason = custody.StateLifted, "no-longer-needed"
		}
	}
	return b
}

// holds makes a hold one to a state.
func holds(state string) func(custody.Body) {
	return edit(func(b *custody.Hold) {
		b.State, b.Reason = state, "court-order"
	})
}

// TestMatrixHeld: in every state a hold changes nothing of what may be done, by an honest
// statement of any kind but an erasure, and by any call.
func TestMatrixHeld(t *testing.T) {
	for state, before := range states {
		if state == "empty" {
			continue
		}
		s := told(t, before...)
		answers := func() map[string]custody.Decision {
			got := map[string]custody.Decision{}
			for kind := range may {
				if kind != custody.KindHold && kind != custody.KindErasure {
					got[string(kind)] = s.decide(via(s.by(kind)), s.make(kind))
				}
			}
			for _, act := range []custody.Act{custody.ActRecord, custody.ActAnnex, custody.ActReserve, custody.ActPart, custody.ActHead, custody.ActPayload} {
				for _, who := range agents {
					got[string(act)+" by "+string(who)] = s.act(act, who, custody.Action{Grant: s.sha(custody.KindGrant), Package: s.pkg, Bytes: 16})
				}
			}
			return got
		}
		want := answers()
		s.do(custody.KindHold)
		for what, got := range answers() {
			if got != want[what] {
				t.Errorf("%s when %s and on hold: %s, want %s", what, state, got, want[what])
			}
		}
		s.replay(t)
	}
}

// TestHeldFromDestruction: while a hold stands no relay can say that it destroyed a head,
// also after the request has ended; when it is lifted it can.
func TestHeldFromDestruction(t *testing.T) {
	s := told(t, released...)
	s.do(custody.KindHold, custody.KindRecall, custody.KindClosure)
	if d := s.event(s.id(), destroyed(s.pkg)); d.Code != custody.CodeOnHold {
		t.Errorf("a head destroyed on hold: %s", d)
	}
	s.do(custody.KindHold)
	if d := s.event(s.id(), destroyed(s.pkg)); !d.Allowed() {
		t.Errorf("a head destroyed after the lift: %s", d)
	}
	s.do(custody.KindHold) // of the payload, which is there still
	s.replay(t)
}

// TestLiftKeptBack: a lift that was signed and kept back lifts no later hold.
func TestLiftKeptBack(t *testing.T) {
	s := told(t, path...)
	s.do(custody.KindHold)
	kept := s.make(custody.KindHold)
	s.do(custody.KindHold, custody.KindHold)
	if d := s.try(kept); d.Code != custody.CodeBadAfter {
		t.Errorf("the lift that was kept back: %s", d)
	}
	if !s.kase().OnHold() {
		t.Error("it lifted the hold")
	}
}

// TestHoldTakesTwo: no directory can ask for fewer, or for more.
func TestHoldTakesTwo(t *testing.T) {
	s := told(t, path...)
	for _, state := range []string{custody.StateHeld, custody.StateLifted} {
		b := s.body(custody.KindHold).(*custody.Hold)
		if b.State != state {
			t.Fatalf("the next turn is %s, want %s", b.State, state)
		}
		for _, n := range []int64{1, 2, 5} {
			rules := custody.Thresholds{Request: n, Review: n, Grant: n, Sensitive: n, Refusal: n, Acceptance: n, Revocation: n}
			if got := rules.Of(s.sign(b, s.nl.officers[0])); got != 2 {
				t.Errorf("%s takes %d officers where the directory asks for %d, want 2", state, got, n)
			}
		}
		s.do(custody.KindHold)
	}
}
