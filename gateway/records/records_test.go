package records_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/gateway/records/sqlite"
	pgtest "comity.example/comity/test/postgres"
)

// TestPostgres runs all of these tests once more, on PostgreSQL.
func TestPostgres(t *testing.T) {
	pgtest.Suite(t, map[string]func(*testing.T){
		"TestUndo": TestUndo, "TestPackage": TestPackage, "TestRecalled": TestRecalled, "TestHolds": TestHolds, "TestFences": TestFences,
		"TestParts": TestParts, "TestOpenUsage": TestOpenUsage, "TestAnnex": TestAnnex, "TestProposal": TestProposal,
		"TestAppend": TestAppend, "TestAppendUndone": TestAppendUndone, "TestAppendRefused": TestAppendRefused, "TestErasure": TestErasure,
		"TestMove": TestMove, "TestMoveCompares": TestMoveCompares,
	}, map[string]string{
		"TestMoveKnowsAll": "it reads the schema of SQLite, which TestSameSchema of package postgres compares",
	})
}

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *records.DB {
	t.Helper()
	if !pgtest.Chosen(t) {
		return openFile(t)
	}
	db, err := postgres.Open(t.Context(), pgtest.Database(t))
	fatalIfErr(t, err)
	t.Cleanup(func() { fatalIfErr(t, db.Close()) })
	return db
}

func openFile(t *testing.T) *records.DB {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "relay.db"))
	fatalIfErr(t, err)
	t.Cleanup(func() { fatalIfErr(t, db.Close()) })
	return db
}

func update(t *testing.T, db *records.DB, f func(*records.Tx) error) {
	t.Helper()
	fatalIfErr(t, db.Update(t.Context(), f))
}

var (
	created = statement.At(time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC))
	grant   = custody.Digest{1}
)

func pack(id string, size int64) records.Package {
	return records.Package{ID: id, Request: "request", Grant: grant, Agent: "nl/agent/lab-1", Epoch: 1, State: records.Open,
		PayloadSize: size, Parts: 2, Created: created}
}

func TestUndo(t *testing.T) {
	db := open(t)
	errStop := errors.New("stop")
	err := db.Update(t.Context(), func(tx *records.Tx) error {
		return errors.Join(tx.InsertPackage(pack("a", 1)), errStop)
	})
	if !errors.Is(err, errStop) {
		t.Errorf("Update = %v, want the error of f", err)
	}
	update(t, db, func(tx *records.Tx) error {
		if _, err := tx.Package("a"); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("an undone package is there: %v", err)
		}
		err := tx.Savepoint(func() error { return errors.Join(tx.InsertPackage(pack("b", 1)), errStop) })
		if !errors.Is(err, errStop) {
			t.Errorf("Savepoint = %v, want the error of f", err)
		}
		return tx.Savepoint(func() error { return tx.InsertPackage(pack("c", 1)) })
	})
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
		list, err := tx.PackagesIn(records.Open)
		if len(list) != 1 || list[0].ID != "c" {
			t.Errorf("packages are %v, want c alone", list)
		}
		return err
	}))
	if err := db.View(t.Context(), func(tx *records.Tx) error { return tx.InsertPackage(pack("d", 1)) }); err == nil {
		t.Error("View wrote")
	}
}

func TestPackage(t *testing.T) {
	db := open(t)
	uploads := []records.Upload{{Key: "k/payload.000", ID: "u0", Size: 10}, {Key: "k/payload.001", ID: "u1", Size: 5}}
	update(t, db, func(tx *records.Tx) error { return tx.InsertPackage(pack("a", 15)) })
	update(t, db, func(tx *records.Tx) error { return tx.SetUploads("a", uploads) })
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
		p, err := tx.Package("a")
		want := pack("a", 15)
		if p.Grant != want.Grant || p.Agent != want.Agent || p.Created != want.Created || p.PayloadSize != 15 || !slices.Equal(p.Uploads, uploads) {
			t.Errorf("package is %+v", p)
		}
		return err
	}))
	update(t, db, func(tx *records.Tx) error {
		// PostgreSQL does nothing more in a transaction after an error.
		if err := tx.Savepoint(func() error { return tx.InsertPackage(pack("a", 1)) }); err == nil || errors.Is(err, records.ErrBroken) {
			t.Errorf("two packages of one id: %v", err)
		}
		return nil
	})
}

// TestRecalled: what is to be destroyed is listed until it is done.
func TestRecalled(t *testing.T) {
	db := open(t)
	list := func(want ...string) {
		t.Helper()
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			got, err := tx.Recalled()
			if !slices.Equal(got, want) {
				t.Errorf("recalled are %q, want %q", got, want)
			}
			return err
		}))
	}
	list()
	update(t, db, func(tx *records.Tx) error {
		return errors.Join(tx.InsertPackage(pack("b", 1)), tx.InsertPackage(pack("a", 1)), tx.AddRecalled("b"), tx.AddRecalled("a"))
	})
	list("a", "b")
	update(t, db, func(tx *records.Tx) error { return errors.Join(tx.DropRecalled("a"), tx.DropRecalled("a")) })
	list("b")
}

// TestHolds: what is on hold is listed until it is lifted.
func TestHolds(t *testing.T) {
	db := open(t)
	holds := func(want ...custody.RecordID) {
		t.Helper()
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			got, err := tx.Holds()
			if !slices.Equal(got, want) {
				t.Errorf("on hold are %q, want %q", got, want)
			}
			for _, id := range []custody.RecordID{"a", "b"} {
				held, err := tx.OnHold(id)
				if held != slices.Contains(want, id) || err != nil {
					t.Errorf("%q is on hold: %t, %v", id, held, err)
				}
			}
			return err
		}))
	}
	holds()
	update(t, db, func(tx *records.Tx) error { return errors.Join(tx.PutHold("b", true), tx.PutHold("a", true)) })
	holds("a", "b")
	update(t, db, func(tx *records.Tx) error { return errors.Join(tx.PutHold("a", false), tx.PutHold("a", false)) })
	holds("b")
}

// TestFences moves a package through its states; callers with an old epoch or a
// wrong idea of the state change nothing.
func TestFences(t *testing.T) {
	db := open(t)
	update(t, db, func(tx *records.Tx) error {
		fatalIfErr(t, tx.InsertPackage(pack("a", 15)))
		expect := func(what string, want bool) func(bool, error) {
			return func(got bool, err error) {
				t.Helper()
				if fatalIfErr(t, err); got != want {
					t.Errorf("%s: changed %v, want %v", what, got, want)
				}
			}
		}
		part := objects.Part{Number: 0, Size: 10, SHA256: [32]byte{1}, ETag: "e"}
		expect("part", true)(tx.PutPart("a", 1, part))
		part.ETag = "f"
		expect("part again", true)(tx.PutPart("a", 1, part))
		expect("part of no package", false)(tx.PutPart("b", 1, part))
		epoch, err := tx.RaiseEpoch("a")
		if fatalIfErr(t, err); epoch != 2 {
			t.Errorf("epoch %d, want 2", epoch)
		}
		expect("part of an old epoch", false)(tx.PutPart("a", 1, part))
		expect("drop of an old epoch", false)(tx.DropPart("a", 1, 0))
		expect("freeze of an old epoch", false)(tx.Freeze("a", 1, []byte("seal")))
		expect("freeze", true)(tx.Freeze("a", 2, []byte("seal")))
		expect("freeze again", false)(tx.Freeze("a", 2, []byte("other")))
		expect("part of a frozen package", false)(tx.PutPart("a", 2, part))
		if _, err := tx.RaiseEpoch("a"); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("RaiseEpoch of a frozen package = %v", err)
		}
		expect("back to open", true)(tx.Unfreeze("a", []byte("seal"), records.Open))
		if p, err := tx.Package("a"); err != nil || p.Seal != nil {
			t.Errorf("back to open the seal stays: %v", err)
		}
		expect("drop", true)(tx.DropPart("a", 2, 0))
		expect("part", true)(tx.PutPart("a", 2, part))
		expect("freeze", true)(tx.Freeze("a", 2, []byte("seal")))
		expect("another seal", false)(tx.Unfreeze("a", []byte("other"), records.Sealed))
		expect("another seal back to open", false)(tx.Unfreeze("a", []byte("other"), records.Open))
		expect("abandon a frozen package", false)(tx.Abandon("a", 2))
		expect("seal", true)(tx.Unfreeze("a", []byte("seal"), records.Sealed))
		expect("seal again", false)(tx.Unfreeze("a", []byte("seal"), records.Sealed))
		expect("abandon", false)(tx.Abandon("a", 2))
		p, err := tx.Package("a")
		if err != nil || string(p.Seal) != "seal" || p.State != records.Sealed {
			t.Errorf("package is %+v, %v", p, err)
		}
		got, err := tx.Part("a", 0)
		if err != nil || got != part {
			t.Errorf("part is %+v, %v", got, err)
		}
		if _, err := tx.Part("a", 1); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("part 1 = %v, want ErrNotFound", err)
		}
		return nil
	})
}

func TestParts(t *testing.T) {
	db := open(t)
	update(t, db, func(tx *records.Tx) error {
		fatalIfErr(t, tx.InsertPackage(pack("a", 15)))
		for _, n := range []int{2, 0, 1} {
			_, err := tx.PutPart("a", 1, objects.Part{Number: n, Size: 5, SHA256: [32]byte{byte(n)}, ETag: "e"})
			fatalIfErr(t, err)
		}
		list, err := tx.Parts("a")
		fatalIfErr(t, err)
		return objects.CheckParts(15, 5, list)
	})
}

func TestOpenUsage(t *testing.T) {
	db := open(t)
	update(t, db, func(tx *records.Tx) error {
		for i, s := range []records.State{records.Open, records.Sealing, records.Sealed, records.Abandoned} {
			p := pack(string(s), int64(10<<i))
			p.State = s
			fatalIfErr(t, tx.InsertPackage(p))
		}
		for except, want := range map[string]custody.Usage{"": {Bytes: 30, Packages: 2}, "sealing": {Bytes: 10, Packages: 1}} {
			if u, err := tx.OpenUsage(grant, except); err != nil || u != want {
				t.Errorf("OpenUsage(except %q) = %v, %v, want %v", except, u, err, want)
			}
		}
		if u, err := tx.OpenUsage(custody.Digest{9}, ""); err != nil || u != (custody.Usage{}) {
			t.Errorf("OpenUsage of another grant = %v, %v", u, err)
		}
		_, err := tx.PutPart("open", 1, objects.Part{Number: 0, Size: 4})
		fatalIfErr(t, err)
		_, err = tx.PutPart("open", 1, objects.Part{Number: 1, Size: 3})
		fatalIfErr(t, err)
		for except, want := range map[string]int64{"": 23, "sealing": 3, "open": 20, "sealed": 23} {
			if n, err := tx.ToCome(except); err != nil || n != want {
				t.Errorf("ToCome(except %q) = %d, %v, want %d", except, n, err, want)
			}
		}
		return nil
	})
}

func TestAnnex(t *testing.T) {
	db := open(t)
	sha := custody.Digest{5}
	update(t, db, func(tx *records.Tx) error {
		return errors.Join(
			tx.PutAnnex(records.Annex{SHA256: sha, Size: 3, Record: "b", Scope: []string{"fr", "nl"}}),
			tx.PutAnnex(records.Annex{SHA256: sha, Size: 3, Record: "a", Scope: []string{"nl"}}),
			tx.PutAnnex(records.Annex{SHA256: sha, Size: 3, Record: "a", Scope: []string{"nl", "de"}}))
	})
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
		list, err := tx.Annexes(sha)
		fatalIfErr(t, err)
		if len(list) != 2 || !slices.Equal(list[0].Scope, []string{"nl", "de"}) || !slices.Equal(list[1].Scope, []string{"fr", "nl"}) {
			t.Errorf("annexes are %v", list)
		}
		list, err = tx.Annexes(custody.Digest{6})
		if len(list) != 0 {
			t.Errorf("an unknown annex is %v", list)
		}
		return err
	}))
}

func TestProposal(t *testing.T) {
	db := open(t)
	at := func(d time.Duration) custody.Time { return statement.At(created.Time().Add(d)) }
	p := records.Proposal{SHA256: custody.Digest{1}, Record: "r", Kind: custody.KindGrant, Authority: "nl", Envelope: []byte("one"),
		Annex: custody.Digest{2}, Expires: at(time.Hour)}
	q := p
	q.SHA256, q.Expires, q.Annex = custody.Digest{3}, at(time.Minute), custody.Digest{}
	update(t, db, func(tx *records.Tx) error { return errors.Join(tx.PutProposal(p), tx.PutProposal(q)) })
	p2 := p
	p2.Envelope, p2.Expires, p2.Authority = []byte("two"), at(9*time.Hour), "fr"
	update(t, db, func(tx *records.Tx) error {
		fatalIfErr(t, tx.PutProposal(p2))
		got, err := tx.Proposal(p.SHA256)
		if err != nil || string(got.Envelope) != "two" || got.Expires != p.Expires || got.Authority != "nl" || got.Annex != p.Annex {
			t.Errorf("a replaced proposal is %+v, %v: want only the envelope replaced", got, err)
		}
		list, err := tx.Proposals("nl")
		if err != nil || len(list) != 2 || list[0].SHA256 != q.SHA256 {
			t.Errorf("proposals are %v, %v", list, err)
		}
		for now, want := range map[time.Duration]int{time.Minute - time.Microsecond: 0, time.Minute: 1, time.Hour: 2} {
			list, err := tx.Expired(at(now))
			if err != nil || len(list) != want || want > 0 && (list[0].SHA256 != q.SHA256 || list[0].Envelope != nil) {
				t.Errorf("expired after %s: %v, %v, want %d without envelopes", now, list, err, want)
			}
		}
		if list, err := tx.Binding(p.Annex); err != nil || len(list) != 1 || list[0].SHA256 != p.SHA256 || list[0].Envelope != nil {
			t.Errorf("proposals that bind the annex are %v, %v", list, err)
		}
		if list, err := tx.Binding(custody.Digest{}); err != nil || len(list) != 0 {
			t.Errorf("proposals that bind no annex are %v, %v, want none", list, err)
		}
		for except, want := range map[custody.Digest][2]int64{{}: {2, 6}, p.SHA256: {1, 3}} {
			if n, bytes, err := tx.ProposalUsage("nl", except); err != nil || n != want[0] || bytes != want[1] {
				t.Errorf("usage is %d, %d, %v, want %v", n, bytes, err, want)
			}
		}
		fatalIfErr(t, tx.DeleteProposal(q.SHA256))
		if _, err := tx.Proposal(q.SHA256); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("a deleted proposal = %v", err)
		}
		fatalIfErr(t, tx.DeleteProposal(p.SHA256))
		list, err = tx.Proposals("nl")
		if len(list) != 0 {
			t.Errorf("deleted proposals are %v", list)
		}
		return err
	})
}
