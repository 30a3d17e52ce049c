package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// raw opens the file behind the package's back.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	fatalIfErr(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpen(t *testing.T) {
	// A name with every character that a URI could take for its own.
	path := filepath.Join(t.TempDir(), "a b%20c#d&e=f.db")
	if runtime.GOOS != "windows" {
		path = filepath.Join(filepath.Dir(path), "a?b%20c#d&e=f.db")
	}
	for range 2 {
		db, err := sqlite.Open(path)
		fatalIfErr(t, err)
		fatalIfErr(t, db.Update(t.Context(), func(tx *records.Tx) error { return tx.Pin("nl", [32]byte{1}) }))
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			pins, err := tx.Pins()
			if len(pins) != 1 || pins["nl"] != [32]byte{1} {
				t.Errorf("pins are %v", pins)
			}
			return err
		}))
		fatalIfErr(t, db.Close())
	}
	info, err := os.Stat(path)
	fatalIfErr(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := sqlite.Open(filepath.Join(t.TempDir(), "missing", "x.db")); err == nil {
		t.Error("opened below a folder that is not there")
	}
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	fatalIfErr(t, os.WriteFile(garbage, []byte(strings.Repeat("not a database", 100)), 0o600))
	if _, err := sqlite.Open(garbage); err == nil {
		t.Error("opened a file that is not a database")
	}
	newer := filepath.Join(t.TempDir(), "newer.db")
	db, err := sqlite.Open(newer)
	fatalIfErr(t, err)
	fatalIfErr(t, db.Close())
	_, err = raw(t, newer).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	fatalIfErr(t, err)
	if _, err := sqlite.Open(newer); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("Open of a newer schema = %v", err)
	}
}

// TestAppendOnly sends, as anyone could who holds a connection, the statements
// that would rewrite custody.
func TestAppendOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sqlite.Open(path)
	fatalIfErr(t, err)
	fatalIfErr(t, db.Close())
	r := raw(t, path)
	for _, q := range []string{
		"INSERT INTO entries VALUES (0, 'relay', 0, 'relay', x'00', x'00', x'00', x'00', x'00')",
		"INSERT INTO entries VALUES (2, 'relay', 2, 'probed', NULL, x'00', x'', x'00', x'00')",
		"INSERT INTO entries VALUES (3, 'relay', 3, 'probed', NULL, x'00', x'', x'00', x'00')",
		"INSERT INTO log_hash VALUES (0, x'00')",
		"INSERT INTO checkpoints VALUES (1, x'00')",
		"UPDATE log_head SET size = 1",
	} {
		_, err := r.Exec(q)
		fatalIfErr(t, err)
	}
	for _, q := range []string{
		"UPDATE entries SET salt = x'01'", "DELETE FROM entries", "DELETE FROM entries WHERE idx = 0",
		"UPDATE log_hash SET hash = x'01'", "DELETE FROM log_hash",
		"UPDATE checkpoints SET note = x'01'", "DELETE FROM checkpoints",
		"UPDATE log_head SET size = 0", "DELETE FROM log_head",
		"INSERT INTO entries VALUES (0, 'relay', 1, 'relay', x'01', x'00', x'00', x'00', x'00')",
		"INSERT INTO entries VALUES (1, 'relay', 0, 'relay', x'01', x'00', x'00', x'00', x'00')",
		"INSERT INTO entries VALUES (1, 'relay', 1, 'relay', x'00', x'00', x'00', x'00', x'00')",
		"INSERT INTO entries VALUES (1, 'relay', 1, 'probed', NULL, x'00', x'00', x'00', x'00')", // an event with an envelope
		"INSERT INTO entries VALUES (1, 'relay', 1, 'relay', x'01', x'00', x'', x'00', x'00')",   // a statement without
		"INSERT OR REPLACE INTO entries VALUES (2, 'relay', 9, 'probed', NULL, x'00', x'', x'00', x'01')",
		"INSERT OR REPLACE INTO entries VALUES (9, 'relay', 2, 'probed', NULL, x'00', x'', x'00', x'01')",
		"INSERT OR REPLACE INTO checkpoints VALUES (1, x'01')",
		"INSERT OR REPLACE INTO log_hash VALUES (0, x'01')",
		"INSERT OR REPLACE INTO entries VALUES (0, 'relay', 0, 'relay', x'00', x'00', x'00', x'00', x'01')",
	} {
		if _, err := r.Exec(q); err == nil {
			t.Errorf("%q was done", q)
		}
	}
}
