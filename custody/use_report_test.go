package custody_test

import (
	"testing"

	"comity.example/comity/custody"
)

// ofAll makes an account of use one of all that was received.
var ofAll = edit(func(b *custody.UseReport) { b.Package = "" })

// TestUseReportOwed tells when an account of use is owed: from the receipt under the
// condition to report it, after the end of the request too, until one speaks of it.
func TestUseReportOwed(t *testing.T) {
	s := told(t, reviewed...)
	owed := func(want int) {
		t.Helper()
		if got := len(s.kase().UseUntold()); got != want {
			t.Errorf("of %d packages the use is owed, want %d", got, want)
		}
	}
	s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Conditions = []string{"use-report"} })))
	s.do(custody.KindAcceptance, custody.KindSeal, custody.KindUnlock, custody.KindRelease)
	owed(0)
	s.try(s.make(custody.KindReceipt, edit(func(b *custody.Receipt) { b.Scope, b.Exhibits = custody.ScopeExhibits, []int64{1} })))
	owed(1)
	s.do(custody.KindReceipt, custody.KindRecall, custody.KindRevocation, custody.KindClosure)
	owed(1)
	s.do(custody.KindUseReport)
	owed(0)
	if got := s.kase().UseReports; len(got) != 1 || got[0].Use != "used-in-proceedings" || got[0].Package != s.pkg {
		t.Errorf("the accounts are %v", got)
	}
	if d := s.try(s.make(custody.KindUseReport, ofAll, edit(func(b *custody.UseReport) { b.Use = "destroyed" }))); !d.Allowed() {
		t.Errorf("a later account: %s", d)
	}
	s.replay(t)
}

// TestUseReportOfAll: an account of all speaks of what had been received before it.
func TestUseReportOfAll(t *testing.T) {
	s := told(t, reviewed...)
	s.try(s.make(custody.KindGrant, edit(func(b *custody.Grant) { b.Conditions = []string{"use-report"} })))
	s.do(custody.KindAcceptance, custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	if d := s.try(s.make(custody.KindUseReport, ofAll)); !d.Allowed() {
		t.Fatalf("an account of all: %s", d)
	}
	s.now = s.now.Add(60e9)
	first := s.pkg
	s.pkg = custody.PackageID([16]byte{2})
	s.try(s.make(custody.KindSeal, edit(func(b *custody.Seal) { b.Delivery = 2 })))
	s.do(custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	if got := s.kase().UseUntold(); len(got) != 1 || got[0].Package != s.pkg {
		t.Errorf("owed of %v, want %s and not %s", got, s.pkg, first)
	}
	s.replay(t)
}
