package records_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
)

// filled is a database of SQLite with rows in every table.
func filled(t *testing.T) *records.DB {
	t.Helper()
	db := openFile(t)
	update(t, db, func(tx *records.Tx) error {
		for i := range int64(300) {
			e := entry(i)
			if i%7 == 0 { // of an event: no statement, no envelope
				e.Kind, e.Statement, e.Envelope = custody.KindProbed, custody.Digest{}, nil
			}
			fatalIfErr(t, tx.Append(e))
			tx.AddParty(e.Record, "nl")
		}
		sealed := pack("b", 1)
		sealed.State = records.Sealing
		return errors.Join(
			tx.SetHead(records.Head{Size: 300, Root: root(t, tx, 300), Last: created}),
			tx.PutCheckpoint(records.Checkpoint{Size: 300, Note: []byte("note")}),
			tx.PutCosigned(300, []byte("cosigned")),
			tx.AddToken(records.Token{Size: 300, Authority: "http://tsa.example", Note: []byte("note"), Response: []byte("token")}), tx.InsertPackage(pack("a", 15)), tx.InsertPackage(sealed),
			tx.SetUploads("a", []records.Upload{{Key: "k/payload.000", ID: "u", Size: 15}}), tx.AddRecalled("b"), tx.PutHold("r1", true),
			tx.AddLapse(records.Lapse{Grant: custody.Digest{1}, Record: "r1", Due: created}),
			tx.PutAnnex(records.Annex{SHA256: custody.Digest{2}, Size: 3, Record: "r1", Scope: []string{"fr", "nl"}}),
			tx.PutProposal(records.Proposal{SHA256: custody.Digest{3}, Record: "r1", Kind: custody.KindGrant, Authority: "nl", Envelope: []byte("e"), Expires: created}),
			tx.Pin("nl", custody.Digest{4}))
	})
	update(t, db, func(tx *records.Tx) error {
		_, err := tx.PutPart("a", 1, objects.Part{Number: 0, Size: 4, SHA256: [32]byte{5}, ETag: "é"})
		_, err2 := tx.Freeze("a", 1, []byte("seal"))
		done := records.Erasure{Record: "r2", SHA256: custody.Digest{6}, Entries: []int64{1}}
		return errors.Join(err, err2, tx.AddErasure(done), tx.Erase(done, nil), tx.AddErasure(records.Erasure{Record: "r1", SHA256: custody.Digest{7}, Entries: []int64{1}}))
	})
	return db
}

// TestMove: everything arrives, in an empty database only.
func TestMove(t *testing.T) {
	from, to := filled(t), open(t)
	m, err := records.Move(t.Context(), from, to)
	fatalIfErr(t, err)
	fatalIfErr(t, to.View(t.Context(), func(tx *records.Tx) error {
		head, err := tx.Head()
		if m.Size != 300 || head.Size != 300 || m.Root != head.Root || root(t, tx, 300) != head.Root || m.Rows < 300*3 {
			t.Errorf("moved %+v, head %+v", m, head)
		}
		return err
	}))
	if _, err := records.Move(t.Context(), from, to); !errors.Is(err, records.ErrNotEmpty) {
		t.Errorf("a second Move = %v, want ErrNotEmpty", err)
	}
	other := open(t)
	update(t, other, func(tx *records.Tx) error { return tx.PutHold("x", true) })
	if _, err := records.Move(t.Context(), from, other); !errors.Is(err, records.ErrNotEmpty) {
		t.Errorf("Move into a database with a row = %v, want ErrNotEmpty", err)
	}
	if m, err := records.Move(t.Context(), openFile(t), open(t)); err != nil || m.Rows != 0 {
		t.Errorf("Move of nothing = %+v, %v", m, err)
	}
}

// TestMoveCompares: each table is compared: a row of each that was not copied is found.
func TestMoveCompares(t *testing.T) {
	from, to := filled(t), open(t)
	_, err := records.Move(t.Context(), from, to)
	fatalIfErr(t, err)
	for _, b := range records.Tables() {
		err := to.Update(t.Context(), func(tx *records.Tx) error {
			_, err := records.Compare(t.Context(), from, tx, func() error { return records.Spoil(tx, b) })
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "table "+b+":") {
			t.Errorf("table %s: a row more is not found: %v", b, err)
		}
	}
}

// TestMoveKnowsAll: a move knows every table and every column of the schema.
func TestMoveKnowsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	lite, err := sqlite.Open(path)
	fatalIfErr(t, err)
	fatalIfErr(t, lite.Close())
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	fatalIfErr(t, err)
	defer db.Close()
	rows, err := db.Query(`SELECT m.name || '.' || c.name || CASE WHEN c."notnull" = 0 AND c.pk = 0 THEN ' null' ELSE '' END
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT IN ('sqlite_sequence', 'goose_db_version', 'log_head')`)
	fatalIfErr(t, err)
	defer rows.Close()
	var schema []string
	for rows.Next() {
		var s string
		fatalIfErr(t, rows.Scan(&s))
		schema = append(schema, s)
	}
	fatalIfErr(t, rows.Err())
	known := records.Columns()
	slices.Sort(schema)
	slices.Sort(known)
	if !slices.Equal(schema, known) {
		t.Errorf("the schema has\n%q\na move knows\n%q", schema, known)
	}
}
