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

// TestEraseAlone: the schema lets an entry change in one way: what an erasure names whole
// becomes empty, once, and keeps its place and its leaf. Everything else is refused, whoever
// has the connection.
func TestEraseAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	db, err := sqlite.Open(path)
	fatalIfErr(t, err)
	fatalIfErr(t, db.Close())
	r := raw(t, path)
	do := func(query string) error {
		_, err := r.Exec(query)
		return err
	}
	for seq, kind := range []string{"request", "review", "grant", "denied"} {
		statement, envelope := "x'0"+string(rune('1'+seq))+"'", "x'aa'"
		if kind == "denied" {
			statement, envelope = "NULL", "x''"
		}
		fatalIfErr(t, do("INSERT INTO entries VALUES ("+string(rune('0'+seq))+", 'r', "+string(rune('0'+seq))+", '"+kind+"', "+statement+", x'bb', "+envelope+", x'cc', x'dd')"))
	}
	const empty = "UPDATE entries SET entry = x'', envelope = x'', salt = x'', statement_sha256 = NULL"
	if err := do(empty + " WHERE seq = 1"); err == nil {
		t.Error("an entry that no erasure names becomes empty")
	}
	for _, seq := range []string{"0", "1", "3"} {
		fatalIfErr(t, do("INSERT INTO erasures VALUES ('r', "+seq+", x'01', 1)"))
	}
	fatalIfErr(t, do("INSERT INTO erasures VALUES ('r', 2, x'01', 0)"))
	for what, query := range map[string]string{
		"the first entry":           empty + " WHERE seq = 0",
		"an entry whose annex goes": empty + " WHERE seq = 2",
		"an event":                  empty + " WHERE seq = 3",
		"another leaf":              empty + ", leaf = x'00' WHERE seq = 1",
		"another place":             empty + ", seq = 9 WHERE seq = 1",
		"another index":             empty + ", idx = 9 WHERE seq = 1",
		"another record":            empty + ", record = 's' WHERE seq = 1",
		"another kind":              empty + ", kind = 'denied' WHERE seq = 1",
		"the salt stays":            "UPDATE entries SET entry = x'', envelope = x'', statement_sha256 = NULL WHERE seq = 1",
		"the entry stays":           "UPDATE entries SET salt = x'', envelope = x'', statement_sha256 = NULL WHERE seq = 1",
		"the statement stays":       "UPDATE entries SET entry = x'', envelope = x'', salt = x'' WHERE seq = 1",
		"another envelope":          "UPDATE entries SET envelope = x'ab' WHERE seq = 1",
		"all of them":               empty,
		"deleted":                   "DELETE FROM entries WHERE seq = 1",
	} {
		if do(query) == nil {
			t.Errorf("%s: taken", what)
		}
	}
	fatalIfErr(t, do(empty+" WHERE seq = 1"))
	for what, query := range map[string]string{
		"again": empty + " WHERE seq = 1", "back": "UPDATE entries SET entry = x'bb', envelope = x'aa', salt = x'cc', statement_sha256 = x'02' WHERE seq = 1",
		"in its place": "INSERT OR REPLACE INTO entries VALUES (1, 'r', 1, 'review', x'02', x'bb', x'aa', x'cc', x'dd')",
	} {
		if do(query) == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
