package ledger_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/records"
	pgtest "comity.example/comity/test/postgres"

	"golang.org/x/mod/sumdb/tlog"
)

// loosen takes the constraints from the entries of a database that is closed: as its
// administrator can, since the schema refuses two entries of one place.
func (w *world) loosen() {
	w.t.Helper()
	if w.server != nil {
		pgtest.Of(w.server).Exec(w.t, w.server.Database, "ALTER TABLE entries DROP CONSTRAINT entries_record_seq_key, DROP CONSTRAINT entries_statement_sha256_key")
		return
	}
	db, err := sql.Open("sqlite", w.dbPath())
	fatalIfErr(w.t, err)
	defer db.Close()
	for _, q := range []string{"CREATE TABLE loose AS SELECT * FROM entries", "DROP TABLE entries", "ALTER TABLE loose RENAME TO entries"} {
		_, err := db.Exec(q)
		fatalIfErr(w.t, err)
	}
}

// TestDuplicateLeaf: an operator puts a second leaf of one record and place into the
// database, once the same and once another, and has the relay sign and publish the log
// with it, which is consistent throughout. The relay's own check finds it, and so does who
// follows that record in the leaves.
func TestDuplicateLeaf(t *testing.T) {
	for name, change := range map[string]func(*custody.Line){
		"the same":        func(*custody.Line) {},
		"a variant of it": func(l *custody.Line) { l.Salt[0] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newSetWorld(t)
			req := w.request(w.fr, w.nl)
			w.submit(req, w.fr.carrier())
			w.close()
			w.loosen()
			w.connect()
			fatalIfErr(t, w.db.Update(t.Context(), func(tx *records.Tx) error {
				e, err := tx.Line(req.Record(), 0)
				fatalIfErr(t, err)
				head, err := tx.Head()
				fatalIfErr(t, err)
				e.Index = head.Size
				change(&e.Line)
				e.Leaf = e.Line.Leaf(req.SHA256, 0)
				fatalIfErr(t, tx.Append(e))
				head.Size++
				head.Root, err = tlog.TreeHash(head.Size, tx.Hashes())
				return errors.Join(err, tx.SetHead(head))
			}))
			fatalIfErr(t, w.open())
			if w.l.Size() != 7 {
				t.Fatalf("the relay shows %d entries", w.l.Size())
			}
			c := w.checkCheckpoint()
			leaves := w.checkTiles(c)
			watch := translog.NewWatch(translog.NewTag(req.SHA256))
			var err error
			for i, l := range leaves {
				err = errors.Join(err, watch.Visit(int64(i), l))
			}
			if !errors.Is(err, translog.ErrFork) {
				t.Errorf("who follows the record: %v, want ErrFork", err)
			}
			w.close()
			r := w.fsckStopped()
			if !slices.ContainsFunc(r.Findings, func(f fsck.Finding) bool { return f.Code == fsck.CodeChain && f.Where == "entry 6" }) {
				t.Errorf("fsck finds %+v", r.Findings)
			}
		})
	}
}
