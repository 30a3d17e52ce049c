package records_test

import (
	"errors"
	"fmt"
	"testing"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"golang.org/x/mod/sumdb/tlog"
)

// entry is the i-th of a log whose records have two entries each.
func entry(i int64) records.Entry {
	record := custody.RecordID(fmt.Sprintf("r%d", i/2))
	return records.Entry{
		Line:   custody.Line{Index: i, Entry: []byte("entry"), Envelope: []byte("envelope"), Salt: custody.Digest{byte(i), byte(i >> 8)}},
		Record: record, Seq: i % 2, Kind: custody.KindRequest, Statement: custody.Digest{byte(i), byte(i >> 8), 1},
		Leaf: translog.Leaf{Tag: translog.NewTag([32]byte{byte(i / 2)}), Seq: uint64(i % 2), Salted: [32]byte{byte(i)}},
	}
}

// root returns the root over the entries of a log that has them by entry.
func root(t *testing.T, tx *records.Tx, size int64) tlog.Hash {
	t.Helper()
	h, err := tlog.TreeHash(size, tx.Hashes())
	fatalIfErr(t, err)
	return h
}

// TestAppend: what a transaction has added it sees itself, by every way to read it, and
// so does the next one: for numbers of entries around those that are sent at a time.
func TestAppend(t *testing.T) {
	for _, n := range []int64{1, 7, 255, 600} {
		db := open(t)
		var inside tlog.Hash
		update(t, db, func(tx *records.Tx) error {
			for i := range n {
				fatalIfErr(t, tx.Append(entry(i)))
				tx.AddParty(entry(i).Record, "nl")
			}
			if e, err := tx.ByStatement(entry(n - 1).Statement); err != nil || e.Index != n-1 {
				t.Errorf("the last statement is at %d, %v", e.Index, err)
			}
			inside = root(t, tx, n)
			return nil
		})
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			list, err := tx.Range(0, n)
			fatalIfErr(t, err)
			if e := list[n-1]; e.Record != entry(n-1).Record || e.Salt != entry(n-1).Salt || e.Leaf != entry(n-1).Leaf {
				t.Errorf("the last entry is %+v", e)
			}
			changes, err := tx.Changes("nl", 0, n, int(n)+1)
			if int64(len(changes)) != n {
				t.Errorf("%d changes, want %d", len(changes), n)
			}
			if root(t, tx, n) != inside {
				t.Error("the root differs after the commit")
			}
			return err
		}))
	}
}

// TestAppendUndone: an entry whose savepoint fails is gone, whether the savepoint had
// reached the database or not; those before and after it stay.
func TestAppendUndone(t *testing.T) {
	errStop := errors.New("stop")
	for _, real := range []bool{false, true} {
		db := open(t)
		update(t, db, func(tx *records.Tx) error {
			fatalIfErr(t, tx.Append(entry(0)))
			err := tx.Savepoint(func() error {
				bad := entry(1)
				bad.Salt, bad.Leaf.Salted = custody.Digest{9}, [32]byte{9}
				fatalIfErr(t, tx.Append(bad))
				tx.AddParty("r0", "xx")
				if real {
					fatalIfErr(t, tx.InsertPackage(pack("a", 1)))
				}
				return errStop
			})
			if err != errStop {
				t.Errorf("Savepoint = %v", err)
			}
			fatalIfErr(t, tx.Savepoint(func() error {
				tx.AddParty("r0", "nl")
				if real {
					fatalIfErr(t, tx.InsertPackage(pack("b", 1)))
				}
				return tx.Append(entry(1))
			}))
			return tx.Append(entry(2))
		})
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			list, err := tx.Range(0, 3)
			fatalIfErr(t, err)
			for i, e := range list {
				if e.Salt != entry(int64(i)).Salt {
					t.Errorf("real %t: entry %d has salt %x", real, i, e.Salt[:2])
				}
			}
			var leaves []translog.Leaf
			for i := range int64(3) {
				leaves = append(leaves, entry(i).Leaf)
			}
			if got := rootOf(t, leaves); got != root(t, tx, 3) {
				t.Errorf("real %t: the root is not that of the entries", real)
			}
			if c, err := tx.Changes("xx", 0, 3, 9); err != nil || len(c) != 0 {
				t.Errorf("real %t: a party that was undone hears of %v, %v", real, c, err)
			}
			packages, err := tx.PackagesIn(records.Open)
			if real != (len(packages) == 1) || real && packages[0].ID != "b" {
				t.Errorf("real %t: packages are %v", real, packages)
			}
			return err
		}))
	}
}

func rootOf(t *testing.T, leaves []translog.Leaf) tlog.Hash {
	t.Helper()
	var stored []tlog.Hash
	hr := tlog.HashReaderFunc(func(ix []int64) (list []tlog.Hash, err error) {
		for _, i := range ix {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for i, l := range leaves {
		hs, err := tlog.StoredHashesForRecordHash(int64(i), l.Hash(), hr)
		fatalIfErr(t, err)
		stored = append(stored, hs...)
	}
	h, err := tlog.TreeHash(int64(len(leaves)), hr)
	fatalIfErr(t, err)
	return h
}

// TestAppendRefused: a row that the schema refuses fails the whole transaction,
// whenever it is sent, and nothing can be committed behind it.
func TestAppendRefused(t *testing.T) {
	double := entry(1)
	double.Record, double.Seq = entry(0).Record, entry(0).Seq
	for name, then := range map[string]func(*records.Tx) error{
		"at the commit": func(*records.Tx) error { return nil },
		"before another statement, whose error is ignored": func(tx *records.Tx) error {
			_ = tx.InsertPackage(pack("a", 1))
			return nil
		},
		"in a savepoint, whose error is ignored": func(tx *records.Tx) error {
			_ = tx.Savepoint(func() error { return tx.InsertPackage(pack("a", 1)) })
			return nil
		},
		"before a reading, whose error is ignored": func(tx *records.Tx) error {
			_, _ = tx.Lines(double.Record, 0, 9)
			return nil
		},
	} {
		db := open(t)
		err := db.Update(t.Context(), func(tx *records.Tx) error {
			return errors.Join(tx.Append(entry(0)), tx.Append(double), then(tx))
		})
		if !errors.Is(err, records.ErrBroken) {
			t.Errorf("%s: Update = %v, want ErrBroken", name, err)
		}
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			ids, err := tx.Records()
			list, err2 := tx.PackagesIn(records.Open)
			if len(ids)+len(list) != 0 {
				t.Errorf("%s: records %v and packages %v are there", name, ids, list)
			}
			return errors.Join(err, err2)
		}))
	}
}
