package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// nth is the id of a package of the stories below.
func nth(n int) string { return custody.PackageID([16]byte{byte(n), 1}) }

// nth makes the seal of the next delivery under the newest grant, of the nth package.
func (s *story) nth(n int, edits ...func(custody.Body)) *custody.Statement {
	s.Helper()
	s.pkg = nth(n)
	return s.make(custody.KindSeal, append([]func(custody.Body){edit(func(b *custody.Seal) {
		b.Delivery, b.PayloadSize = s.kase().Live().Packages+1, 1000
	})}, edits...)...)
}

// delivers files the next delivery.
func (s *story) delivers(n int, edits ...func(custody.Body)) {
	s.Helper()
	if d := s.try(s.nth(n, edits...)); !d.Allowed() {
		s.Fatalf("delivery of package %d: %s", n, d)
	}
	s.now = s.now.Add(time.Minute)
}

// instead says that a package replaces the nth.
func instead(n int) func(custody.Body) {
	return edit(func(b *custody.Seal) { b.Supersedes = nth(n) })
}

func final(b custody.Body) { b.(*custody.Seal).Final = true }

// widely grants five packages to two senders, which is accepted.
func (s *story) widely() {
	s.Helper()
	if d := s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) {
		b.MaxPackages, b.Senders = 5, []custody.PartyID{"nl/agent/lab-1", "nl/agent/lab-2"}
	}))); !d.Allowed() {
		s.Fatalf("grant: %s", d)
	}
	s.do(custody.KindAcceptance)
}

// renews publishes both authorities' directories anew, as their registrars do now
// and then: the seals that follow have to name the new ones.
func (s *story) renews() {
	s.Helper()
	for _, o := range []*office{s.nl, s.fr} {
		if d := s.publish(o, func(b *custody.Directory) { b.Expires = statement.At(s.now.Add(200 * day)) }); !d.Allowed() {
			s.Fatalf("renewing the directory of %q: %s", o.name, d)
		}
	}
}

// TestDeliveriesOverWeeks: deliveries under one grant, a week apart, with directories
// renewed between them, a final one that was a mistake, and the end of the grant.
func TestDeliveriesOverWeeks(t *testing.T) {
	s := told(t, reviewed...)
	s.widely()
	for week := range 3 {
		s.now = t0.Add(time.Duration(7*week+1) * day)
		s.renews()
		s.delivers(week+1, func(b custody.Body) { b.(*custody.Seal).Final = week == 2 })
		s.do(custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	}
	if g := s.kase().Live(); g.Packages != 3 || g.Bytes != 3000 || !g.Final {
		t.Fatalf("after three deliveries: %d packages, %d bytes, final %t", g.Packages, g.Bytes, g.Final)
	}
	if d := s.try(s.nth(4)); d.Code != custody.CodeGrantFinal {
		t.Errorf("a fourth after the final one: %s", d)
	}
	s.pkg = nth(3)
	s.do(custody.KindRecall)
	if g := s.kase().Live(); g.Packages != 3 || g.Bytes != 3000 || g.Final {
		t.Errorf("after the recall of the final one: %d packages, %d bytes, final %t", g.Packages, g.Bytes, g.Final)
	}
	s.now = t0.Add(40 * day)
	if d := s.try(s.nth(3)); d.Code != custody.CodeAlreadySealed {
		t.Errorf("the recalled package again: %s", d)
	}
	if d := s.try(s.nth(4, edit(func(b *custody.Seal) { b.Delivery = 3 }))); d.Code != custody.CodeBadStatement {
		t.Errorf("the number of the recalled one again: %s", d)
	}
	s.delivers(4, final, instead(3))
	if d := s.try(s.nth(5)); d.Code != custody.CodeGrantFinal {
		t.Errorf("a fifth after the second final one: %s", d)
	}
	s.pkg = nth(4)
	s.now = t0.Add(61 * day)
	s.do(custody.KindRecall) // the grant has ended: what stops is heard all the same
	if d := s.try(s.nth(5)); d.Code != custody.CodeGrantExpired {
		t.Errorf("one after the end: %s", d)
	}
	s.replay(t)
}

// TestRecallGivesNothingBack: a grant of two packages is used up by two, recalled or
// not: a sender cannot push more out by taking back what it sent.
func TestRecallGivesNothingBack(t *testing.T) {
	s := told(t, agreed...)
	for n := range 2 {
		s.delivers(n + 1)
		s.do(custody.KindRecall)
	}
	if d := s.try(s.nth(3)); d.Code != custody.CodePackagesUsedUp {
		t.Errorf("a third package under a grant of two: %s", d)
	}
}

// TestTwoSendersAtOnce: of two seals made on one state of the record the second has
// to be made again, under the next number.
func TestTwoSendersAtOnce(t *testing.T) {
	s := told(t, reviewed...)
	s.widely()
	colleague := by("nl/agent/lab-2")
	one, two := s.nth(1), s.nth(2, colleague)
	if d := s.try(one); !d.Allowed() {
		t.Fatalf("the first: %s", d)
	}
	if d := s.try(two); d.Code != custody.CodeBadStatement {
		t.Errorf("the second, of before: %s", d)
	}
	s.delivers(2, colleague)
	for i, p := range s.kase().Packages {
		if p.Delivery != int64(i+1) {
			t.Errorf("package %d is delivery %d", i, p.Delivery)
		}
	}
}

// TestSuccessor: what replaces what, and what a recall changes in it.
func TestSuccessor(t *testing.T) {
	s := told(t, reviewed...)
	s.widely()
	s.delivers(1)
	s.do(custody.KindUnlock)
	s.delivers(2, instead(1))
	if p := s.kase().Successor(nth(1)); p == nil || p.Package != nth(2) {
		t.Fatalf("the first is replaced by %+v", p)
	}
	first := s.kase().Package(nth(1))
	if d := s.try(s.make(custody.KindRelease, edit(func(b *custody.Release) { b.Package, b.Seal = nth(1), first.SHA256 }))); !d.Allowed() {
		t.Errorf("taking a package that was replaced: %s", d)
	}
	second := s.kase().Package(nth(2))
	if d := s.try(s.make(custody.KindRecall, by("nl"), edit(func(b *custody.Recall) { b.Package, b.Seal = nth(2), second.SHA256 }))); !d.Allowed() {
		t.Fatalf("recall: %s", d)
	}
	if p := s.kase().Successor(nth(1)); p != nil {
		t.Errorf("the first is replaced by a recalled package")
	}
	s.delivers(3, instead(1))
	s.delivers(4, instead(3))
	if a, b := s.kase().Successor(nth(1)), s.kase().Successor(nth(3)); a == nil || b == nil || a.Package != nth(3) || b.Package != nth(4) {
		t.Errorf("replaced by %v and %v", a, b)
	}
	s.replay(t)
}

// TestOneOfficerRecalls: one officer is enough, whatever the directory asks for.
func TestOneOfficerRecalls(t *testing.T) {
	s := told(t, released...)
	s.publish(s.nl, func(b *custody.Directory) {
		b.Rules = custody.Thresholds{Request: 3, Review: 3, Grant: 3, Sensitive: 3, Refusal: 3, Acceptance: 3, Revocation: 3}
	})
	b := s.body(custody.KindRecall)
	headerOf(b).By = "nl"
	if d := s.try(s.sign(b, s.nl.officers[2])); !d.Allowed() {
		t.Errorf("one officer: %s", d)
	}
	s.replay(t)
}

// TestRecallByUnlistedLab: an agent that is no lab any more still takes back what it sent.
func TestRecallByUnlistedLab(t *testing.T) {
	s := told(t, released...)
	if d := dutyLost("nl", custody.KindRecall)(s); !d.Allowed() {
		t.Errorf("recall: %s", d)
	}
}

// TestDestroyed: a relay says that a head is gone of a package that was unlocked and
// recalled, once, and a replay holds it to that.
func TestDestroyed(t *testing.T) {
	s := told(t, released...)
	id := s.id()
	if d := s.event(id, destroyed(s.pkg)); d.Code != custody.CodeBadStatement {
		t.Errorf("before the recall: %s", d)
	}
	s.do(custody.KindRecall)
	for _, code := range []custody.Code{custody.CodeAllowed, custody.CodeDuplicate} {
		if d := s.event(id, destroyed(s.pkg)); d.Code != code {
			t.Errorf("after the recall: %s, want %s", d, code)
		}
	}
	if at := s.kase().Package(s.pkg).Destroyed; at != s.time() {
		t.Errorf("destroyed at %s", at)
	}
	s.do(custody.KindReceipt)
	s.replay(t)
}
