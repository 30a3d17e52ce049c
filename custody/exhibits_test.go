package custody_test

import (
	"slices"
	"testing"

	"comity.example/comity/custody"
)

// single makes a receipt for single files.
func single(lines ...int64) func(custody.Body) {
	return edit(func(b *custody.Receipt) { b.Scope, b.Exhibits = custody.ScopeExhibits, lines })
}

// TestSingleReceipts: receipts for single files follow each other and end nothing;
// the whole ends it, and so does a rejection.
func TestSingleReceipts(t *testing.T) {
	for _, last := range []custody.Kind{custody.KindReceipt, custody.KindRejection} {
		s := told(t, released...)
		for _, lines := range [][]int64{{3}, {1, 2}, {3, 7}} {
			if d := s.try(s.make(custody.KindReceipt, single(lines...))); !d.Allowed() {
				t.Fatalf("receipt for %d: %s", lines, d)
			}
		}
		r := s.kase().Package(s.pkg).Releases[0]
		if !r.Closed.IsZero() || r.Receipt != nil || !slices.Equal(r.Exhibits(custody.Digest{6}), []int64{1, 2, 3, 7}) || r.Exhibits(digest) != nil {
			t.Errorf("after receipts for single files: %+v", r)
		}
		if d := s.act(custody.ActPayload, "fr/agent/lab-1", custody.Action{Package: s.pkg}); !d.Allowed() {
			t.Errorf("reading on: %s", d)
		}
		s.do(last)
		if r := s.kase().Package(s.pkg).Releases[0]; r.Closed.IsZero() {
			t.Errorf("a %s does not end it", last)
		}
		if d := s.try(s.make(custody.KindReceipt, single(1))); d.Code != custody.CodeAlreadyReceived {
			t.Errorf("a receipt for single files after a %s: %s", last, d)
		}
	}
}

// TestSingleReceiptsBounded: a recipient cannot fill a record.
func TestSingleReceiptsBounded(t *testing.T) {
	s := told(t, released...)
	for i := range custody.MaxExhibitReceipts {
		if d := s.try(s.make(custody.KindReceipt, single(int64(i+1)))); !d.Allowed() {
			t.Fatalf("receipt %d: %s", i, d)
		}
	}
	if d := s.try(s.make(custody.KindReceipt, single(1000))); d.Code != custody.CodeReceiptsUsedUp {
		t.Errorf("one more: %s", d)
	}
	if d := s.try(s.make(custody.KindReceipt)); !d.Allowed() {
		t.Errorf("the whole: %s", d)
	}
}

func TestLines(t *testing.T) {
	for want, list := range map[string][]int64{
		"line 3": {3}, "lines 1, 2": {1, 2}, "lines 1 to 3": {1, 2, 3}, "lines 1, 4 to 6, 9": {1, 4, 5, 6, 9},
	} {
		if got := custody.Lines(list); got != want {
			t.Errorf("Lines(%d) = %q, want %q", list, got, want)
		}
	}
}
