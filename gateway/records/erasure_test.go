package records_test

import (
	"bytes"
	"slices"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
)

// TestErasure: what is to be erased is listed until it is done; then the entries are gaps
// with their places and leaves, their statements are remembered by hash alone, the annex is
// bound no more, and the log is as it was.
func TestErasure(t *testing.T) {
	db := open(t)
	e := records.Erasure{Record: entry(0).Record, SHA256: custody.Digest{7}, Entries: []int64{1}, Annexes: []int64{0}}
	annex := records.Annex{SHA256: custody.Digest{8}, Size: 1, Record: e.Record, Scope: []string{"nl"}}
	update(t, db, func(tx *records.Tx) error {
		for i := range int64(4) {
			fatalIfErr(t, tx.Append(entry(i)))
		}
		fatalIfErr(t, tx.PutAnnex(annex))
		return tx.AddErasure(e)
	})
	var gone records.Entry
	list := func(want int) {
		t.Helper()
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			got, err := tx.Erasures()
			if len(got) != want || want == 1 && (got[0].Record != e.Record || got[0].SHA256 != e.SHA256 || !slices.Equal(got[0].Entries, e.Entries) || !slices.Equal(got[0].Annexes, e.Annexes)) {
				t.Errorf("erasures are %+v, want %d", got, want)
			}
			return err
		}))
	}
	list(1)
	update(t, db, func(tx *records.Tx) error {
		before := root(t, tx, 4)
		was, err := tx.Line(e.Record, 1)
		fatalIfErr(t, err)
		fatalIfErr(t, tx.Erase(e, []custody.Digest{annex.SHA256}))
		if root(t, tx, 4) != before {
			t.Error("the root is another")
		}
		gone, err = tx.Line(e.Record, 1)
		fatalIfErr(t, err)
		if gone.Gap == nil || gone.Gap.Salted != was.Leaf.Salted || gone.Leaf != was.Leaf || gone.Index != was.Index || gone.Kind != was.Kind || len(gone.Entry)+len(gone.Envelope) > 0 || !gone.Salt.IsZero() || !gone.Statement.IsZero() {
			t.Errorf("what is left is %+v", gone)
		}
		ok, err := tx.WasErased(was.Statement)
		fatalIfErr(t, err)
		other, err := tx.WasErased(entry(0).Statement)
		if !ok || other {
			t.Errorf("remembered: %t, and one that was not erased: %t", ok, other)
		}
		return err
	})
	list(0)
	fatalIfErr(t, db.Scrub(t.Context()))
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
		rest, err := tx.Range(0, 4)
		fatalIfErr(t, err)
		for i, r := range rest {
			if want := entry(int64(i)); r.Index != gone.Index && (r.Gap != nil || !bytes.Equal(r.Entry, want.Entry) || r.Salt != want.Salt) {
				t.Errorf("entry %d is %+v", i, r)
			}
		}
		bound, err := tx.Annexes(annex.SHA256)
		if len(bound) != 0 {
			t.Errorf("the annex is bound by %+v", bound)
		}
		return err
	}))
	err := db.Update(t.Context(), func(tx *records.Tx) error { return tx.Erase(e, nil) })
	if err == nil {
		t.Error("it was erased twice")
	}
}
