package custody_test

import (
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// amends edits the terms of the honest amendment.
func amends(f func(*custody.Terms)) func(custody.Body) {
	return edit(func(b *custody.Amendment) { f(&b.Terms) })
}

var amendmentRefusals = []refusal{
	{"amending what was not granted", custody.CodeNoGrant, reviewed, wrong(custody.KindAmendment)},
	{"amending a revoked grant", custody.CodeGrantRevoked, then(agreed, custody.KindRevocation), wrong(custody.KindAmendment)},
	{"amending an expired grant", custody.CodeGrantExpired, agreed, later(61*day, wrong(custody.KindAmendment))},
	{"an amendment that is over when it begins", custody.CodeGrantExpired, agreed, later(20*day, wrong(custody.KindAmendment, amends(func(t *custody.Terms) {
		t.NotBefore, t.Expires = statement.At(t0), statement.At(t0.Add(day))
	})))},
	{"the requesting State amends", custody.CodeNotRequested, agreed, wrong(custody.KindAmendment, by("fr"), edit(func(b *custody.Amendment) {
		b.To, b.Senders, b.Recipients = "nl", []custody.PartyID{"fr/agent/lab-1"}, []custody.PartyID{"nl/recipient/lab"}
	}))},
	{"an amendment for another State", custody.CodeBadStatement, agreed, wrong(custody.KindAmendment, edit(func(b *custody.Amendment) {
		b.To, b.Recipients = "de", []custody.PartyID{"de/recipient/lab"}
	}))},
	{"amended beyond the request's end", custody.CodeWiderThanRequest, agreed, wrong(custody.KindAmendment, amends(func(t *custody.Terms) { t.Expires = statement.At(t0.Add(91 * day)) }))},
	{"amended to data that was not asked for", custody.CodeWiderThanRequest, agreed, wrong(custody.KindAmendment, amends(func(t *custody.Terms) { t.Categories = []string{"content-data"} }))},
	{"amended to a recipient that was not asked for", custody.CodeWiderThanRequest, agreed, wrong(custody.KindAmendment, amends(func(t *custody.Terms) {
		t.Recipients = []custody.PartyID{"fr/recipient/other"}
	}))},
	{"another way of release when a package was sent", custody.CodeReleaseFixed, sealed, wrong(custody.KindAmendment, amends(func(t *custody.Terms) { t.Release = custody.ReleaseOrigin }))},
	{"an amendment of an unknown grant", custody.CodeBadAfter, agreed, wrong(custody.KindAmendment, edit(func(b *custody.Amendment) { b.Amends = digest }))},
	{"an amendment that was signed before another", custody.CodeBadAfter, agreed, func(s *story) custody.Decision {
		kept := s.make(custody.KindAmendment)
		s.do(custody.KindAmendment)
		return s.try(kept)
	}},
	{"an amendment after an objection", custody.CodeNoReview, agreed, func(s *story) custody.Decision {
		s.objects()
		return s.try(s.make(custody.KindAmendment))
	}},
	{"an amendment on an unknown review", custody.CodeNoReview, agreed, wrong(custody.KindAmendment, edit(func(b *custody.Amendment) { b.Review = digest }))},
	{"an amendment by one officer", custody.CodeBelowThreshold, agreed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindAmendment), s.nl.officers[0]))
	}},
	{"accepting a grant that was amended since", custody.CodeNoGrant, granted, func(s *story) custody.Decision {
		kept := s.make(custody.KindAcceptance)
		s.do(custody.KindAmendment)
		return s.try(kept)
	}},
	{"consent of the receiving State", custody.CodeNotRequested, path, wrong(custody.KindConsent, by("fr"))},
	{"consent to who has it already", custody.CodeBadStatement, path, wrong(custody.KindConsent, edit(func(b *custody.Consent) { b.To = "fr" }))},
	{"consent to what is not there", custody.CodeNoSuchPackage, path, wrong(custody.KindConsent, edit(func(b *custody.Consent) { b.Packages = append(b.Packages, custody.PackageID([16]byte{9})) }))},
	{"consent to what was recalled", custody.CodePackageRecalled, then(path, custody.KindRecall), wrong(custody.KindConsent)},
	{"consent under a revoked grant", custody.CodeGrantRevoked, then(path, custody.KindRevocation), wrong(custody.KindConsent)},
	{"consent until before now", custody.CodeGrantExpired, path, func(s *story) custody.Decision {
		st := s.make(custody.KindConsent, edit(func(b *custody.Consent) { b.Expires = statement.At(t0.Add(10 * day)) }))
		s.now = t0.Add(11 * day)
		return s.try(st)
	}},
	{"consent by one officer", custody.CodeBelowThreshold, path, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindConsent), s.nl.officers[0]))
	}},
}

// TestAmendmentKeepsAcceptance: only what the other State would promise anew by it has to
// be accepted again.
func TestAmendmentKeepsAcceptance(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*custody.Amendment)
		again  bool
	}{
		{"longer, and more", func(*custody.Amendment) {}, false},
		{"shorter", func(b *custody.Amendment) { b.Expires = statement.At(t0.Add(30 * day)) }, false},
		{"fewer recipients", func(b *custody.Amendment) { b.Recipients = []custody.PartyID{"fr/recipient/lab"} }, false},
		{"another sender", func(b *custody.Amendment) { b.Senders = []custody.PartyID{"nl/agent/lab-2"} }, false},
		{"a condition", func(b *custody.Amendment) { b.Conditions = []string{"use-report"} }, true},
		{"a handling code", func(b *custody.Amendment) { b.Handling = []string{"tlp-red"} }, true},
		{"a day of deletion", func(b *custody.Amendment) { b.DeleteBy = statement.At(t0.Add(300 * day)) }, true},
		{"kept for longer", func(b *custody.Amendment) { b.RetentionDays = 365 }, false},
		{"a mark", func(b *custody.Amendment) { b.Sensitive = []string{"press"} }, true},
		{"words in an annex", func(b *custody.Amendment) { b.Annex = &custody.AnnexRef{SHA256: digest, Size: 10} }, true},
	} {
		s := told(t, sealed...)
		if d := s.try(s.make(custody.KindAmendment, edit(c.change))); !d.Allowed() {
			t.Errorf("%s: %s", c.name, d)
			continue
		}
		want := custody.CodeAllowed
		if c.again {
			want = custody.CodeNotAccepted
		}
		if d := s.try(s.make(custody.KindUnlock)); d.Code != want {
			t.Errorf("%s: unlock: %s, want %s", c.name, d, want)
		}
		if c.again {
			s.do(custody.KindAcceptance, custody.KindUnlock)
		}
		s.do(custody.KindRelease, custody.KindReceipt)
		s.replay(t)
	}
}

// TestRetention: a package is kept as the terms say that are in force at its deposit, or
// for the relay's own window if that is longer; an amendment changes it for later ones.
func TestRetention(t *testing.T) {
	for _, c := range []struct {
		at, after  int64
		want, next time.Duration
	}{{0, 365, 30 * day, 365 * day}, {7, 0, 30 * day, 30 * day}, {365, 100, 365 * day, 100 * day}, {365, 0, 365 * day, 30 * day}} {
		s := told(t, reviewed...)
		if d := s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.RetentionDays = c.at }))); !d.Allowed() {
			t.Fatal(d)
		}
		s.do(custody.KindAcceptance)
		s.delivers(1)
		if d := s.try(s.make(custody.KindAmendment, amends(func(t *custody.Terms) { t.RetentionDays = c.after }))); !d.Allowed() {
			t.Fatal(d)
		}
		s.delivers(2)
		list := s.kase().Packages
		if got, next := list[0].Kept(30*day), list[1].Kept(30*day); got != c.want || next != c.next {
			t.Errorf("%d days, then %d: kept for %s, then %s, want %s, then %s", c.at, c.after, got, next, c.want, c.next)
		}
		s.replay(t)
	}
}

// TestAmendmentRecipient: a recipient that joins can take what was sealed to it, once its
// State has accepted; one that leaves can take nothing more.
func TestAmendmentRecipient(t *testing.T) {
	s := told(t, reviewed...)
	backup := custody.PartyID("fr/recipient/backup")
	if d := s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Recipients = []custody.PartyID{backup} }))); !d.Allowed() {
		t.Fatal(d)
	}
	s.do(custody.KindAcceptance)
	if d := s.try(s.make(custody.KindSeal)); d.Code != custody.CodeRecipientNotGrant {
		t.Errorf("sealing to who is not granted yet: %s", d)
	}
	s.do(custody.KindAmendment, custody.KindSeal)
	if d := s.try(s.make(custody.KindUnlock)); d.Code != custody.CodeNotAccepted {
		t.Errorf("unlocking before the new recipient is accepted: %s", d)
	}
	s.do(custody.KindAcceptance, custody.KindUnlock, custody.KindRelease)
	if d := read("fr/agent/lab-1")(s); !d.Allowed() {
		t.Errorf("the new recipient reads: %s", d)
	}
	if d := s.try(s.make(custody.KindAmendment, amends(func(t *custody.Terms) { t.Recipients = []custody.PartyID{backup} }))); !d.Allowed() {
		t.Fatal(d)
	}
	if d := read("fr/agent/lab-1")(s); d.Code != custody.CodeRecipientNotGrant {
		t.Errorf("who is a recipient no more reads: %s", d)
	}
	s.do(custody.KindReceipt)
	s.replay(t)
}

// TestAmendmentCountsOn: what was deposited before counts against the new bounds.
func TestAmendmentCountsOn(t *testing.T) {
	s := told(t, sealed...)
	if d := s.try(s.make(custody.KindAmendment, amends(func(t *custody.Terms) { t.MaxBytes, t.MaxPackages = payloadSize+100, 2 }))); !d.Allowed() {
		t.Fatal(d)
	}
	if d := reserve("nl/agent/lab-1", 101, custody.Usage{})(s); d.Code != custody.CodeGrantUsedUp {
		t.Errorf("one byte too many: %s", d)
	}
	if d := reserve("nl/agent/lab-1", 100, custody.Usage{})(s); !d.Allowed() {
		t.Errorf("what is left: %s", d)
	}
	s.do(custody.KindRevocation)
	if d := reserve("nl/agent/lab-1", 100, custody.Usage{})(s); d.Code != custody.CodeGrantRevoked {
		t.Errorf("after the revocation of the grant: %s", d)
	}
	s.replay(t)
}

// TestExpiredWhileAmended: the terms in force decide what time it is too late.
func TestExpiredWhileAmended(t *testing.T) {
	s := told(t, then(agreed, custody.KindAmendment)...)
	for _, c := range []struct {
		at   time.Duration
		want custody.Code
	}{{65 * day, custody.CodeAllowed}, {71 * day, custody.CodeGrantExpired}} {
		s.now = t0.Add(c.at)
		if d := reserve("nl/agent/lab-1", 100, custody.Usage{})(s); d.Code != c.want {
			t.Errorf("after %d days: %s, want %s", c.at/day, d, c.want)
		}
	}
}
