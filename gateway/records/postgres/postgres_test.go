package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/gateway/records/sqlite"
	pgtest "comity.example/comity/test/postgres"
	_ "github.com/jackc/pgx/v5/stdlib" // opens databases behind the package's back
	_ "modernc.org/sqlite"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pin(db *records.DB, ctx context.Context) error {
	return db.Update(ctx, func(tx *records.Tx) error { return tx.Pin("nl", [32]byte{1}) })
}

func open(t *testing.T, cfg *postgres.Config) *records.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), cfg)
	fatalIfErr(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpen(t *testing.T) {
	cfg := pgtest.Database(t)
	for range 2 {
		db, err := postgres.Open(t.Context(), cfg)
		fatalIfErr(t, err)
		fatalIfErr(t, pin(db, t.Context()))
		fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
			pins, err := tx.Pins()
			if len(pins) != 1 || pins["nl"] != [32]byte{1} {
				t.Errorf("pins are %v", pins)
			}
			return err
		}))
		fatalIfErr(t, db.Close())
	}
}

// TestSnapshot: who reads sees one moment, whatever is committed meanwhile.
func TestSnapshot(t *testing.T) {
	db := open(t, pgtest.Database(t))
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error {
		before, err := tx.Pins()
		fatalIfErr(t, err)
		fatalIfErr(t, pin(db, t.Context()))
		after, err := tx.Pins()
		if len(before) != 0 || len(after) != 0 {
			t.Errorf("pins are %v, then %v", before, after)
		}
		return err
	}))
}

// TestOwner: a second relay is told who has the database, and gets it when that one
// has ended.
func TestOwner(t *testing.T) {
	postgres.Hasten()
	cfg := pgtest.Database(t)
	db := open(t, cfg)
	_, err := postgres.Open(t.Context(), cfg)
	if !errors.Is(err, postgres.ErrOwned) || !strings.Contains(err.Error(), `"comity-gateway" from the same machine, server process`) {
		t.Errorf("a second Open = %v", err)
	}
	if _, err := postgres.OpenReader(t.Context(), cfg); !errors.Is(err, postgres.ErrOwned) {
		t.Errorf("OpenReader beside a relay = %v", err)
	}
	fatalIfErr(t, db.Close())
	r, err := postgres.OpenReader(t.Context(), cfg)
	fatalIfErr(t, err)
	if _, err := postgres.Open(t.Context(), cfg); !errors.Is(err, postgres.ErrOwned) {
		t.Errorf("Open beside a check = %v", err)
	}
	if _, err := r.Exec("INSERT INTO pins VALUES ('nl', '\\x00')"); err == nil {
		t.Error("a check can write")
	}
	fatalIfErr(t, r.Close())
	fatalIfErr(t, pin(open(t, cfg), t.Context()))
}

// TestLost: when the connection that owned the database is gone, this process never
// writes again, also if the server is there, and says so. It reads on.
func TestLost(t *testing.T) {
	cfg := pgtest.Database(t)
	db := open(t, cfg)
	fatalIfErr(t, pin(db, t.Context()))
	terminate(t, cfg)
	var err error
	for range 3 { // the first may find the connection broken
		err = pin(db, t.Context())
	}
	if !errors.Is(err, postgres.ErrLost) {
		t.Errorf("Update = %v, want ErrLost", err)
	}
	select {
	case <-db.Lost():
	case <-time.After(10 * time.Second):
		t.Error("Lost is not closed")
	}
	fatalIfErr(t, db.View(t.Context(), func(tx *records.Tx) error { _, err := tx.Pins(); return err }))
	// Another relay can have it.
	fatalIfErr(t, pin(open(t, cfg), t.Context()))
	if err := pin(db, t.Context()); !errors.Is(err, postgres.ErrLost) {
		t.Errorf("Update beside another relay = %v, want ErrLost", err)
	}
}

// TestLostIdle: also a relay that nobody asks for anything notices.
func TestLostIdle(t *testing.T) {
	cfg := pgtest.Database(t)
	db := open(t, cfg)
	terminate(t, cfg)
	select {
	case <-db.Lost():
	case <-time.After(20 * time.Second):
		t.Error("an idle relay does not notice that its connection is gone")
	}
}

// terminate ends the server's side of the connection that owns a database.
func terminate(t *testing.T, cfg *postgres.Config) {
	t.Helper()
	pgtest.Of(cfg).Exec(t, "postgres", "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = '"+cfg.Database+"'")
}

// TestHangUp: a caller that leaves in the middle of a transaction does not break the
// connection that owns the database.
func TestHangUp(t *testing.T) {
	db := open(t, pgtest.Database(t))
	ctx, cancel := context.WithCancel(t.Context())
	fatalIfErr(t, db.Update(ctx, func(tx *records.Tx) error {
		cancel()
		return tx.Pin("nl", [32]byte{1})
	}))
	if err := pin(db, ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Update of one who has left = %v", err)
	}
	fatalIfErr(t, pin(db, t.Context()))
}

func TestOpenRefuses(t *testing.T) {
	cfg := pgtest.Database(t)
	s := pgtest.Of(cfg)
	for _, row := range []struct{ set, want string }{
		{"synchronous_commit = off", "forgets"},
		{"default_transaction_read_only = on", "read-only"},
	} {
		s.Exec(t, "postgres", "ALTER DATABASE "+cfg.Database+" SET "+row.set)
		if _, err := postgres.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: Open = %v, want %q", row.set, err, row.want)
		}
		s.Exec(t, "postgres", "ALTER DATABASE "+cfg.Database+" RESET ALL")
	}
	s.Exec(t, "postgres", "CREATE DATABASE "+cfg.Database+"_latin TEMPLATE template0 ENCODING 'LATIN1' OWNER "+cfg.User)
	latin := *cfg
	latin.Database += "_latin"
	if _, err := postgres.Open(t.Context(), &latin); err == nil || !strings.Contains(err.Error(), "LATIN1, not UTF8") {
		t.Errorf("Open of another encoding = %v", err)
	}
	for _, row := range []struct {
		name   string
		change func(*postgres.Config)
	}{
		{"no such database", func(c *postgres.Config) { c.Database = "nowhere" }},
		{"no such user", func(c *postgres.Config) { c.User = "nobody" }},
		{"no server", func(c *postgres.Config) { c.Host = t.TempDir() }},
		// The server of these tests trusts everybody: one that asks for no password
		// is not the one that the operator set up.
		{"a server that asks for no password", func(c *postgres.Config) { c.Password = "correct horse" }},
	} {
		c := *cfg
		row.change(&c)
		_, err := postgres.Open(t.Context(), &c)
		if err == nil || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: Open = %v", row.name, err)
		}
	}
	fatalIfErr(t, open(t, cfg).Close())
	s.Exec(t, cfg.Database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
	if _, err := postgres.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("Open of a newer schema = %v", err)
	}
}

// TestEnvironment: what the environment says about PostgreSQL changes nothing.
func TestEnvironment(t *testing.T) {
	cfg := pgtest.Database(t)
	for k, v := range map[string]string{"PGHOST": "elsewhere.example", "PGUSER": "mallory", "PGPASSWORD": "x", "PGDATABASE": "other",
		"PGOPTIONS": "-c synchronous_commit=off", "PGSSLMODE": "require", "PGTARGETSESSIONATTRS": "standby", "PGAPPNAME": "x"} {
		t.Setenv(k, v)
	}
	fatalIfErr(t, pin(open(t, cfg), t.Context()))
}

// TestPassword: a password is sent by SCRAM alone, and a wrong one stands in no error.
func TestPassword(t *testing.T) {
	s := pgtest.Start(t)
	cfg := s.Database(t)
	s.Exec(t, "postgres", "ALTER ROLE "+cfg.User+" PASSWORD 'correct horse'")
	s.Demand(t, cfg.User, "scram-sha-256")
	cfg.Password = "correct horse"
	fatalIfErr(t, open(t, cfg).Close())
	cfg.Password = "battery staple"
	if _, err := postgres.Open(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "staple") {
		t.Errorf("Open with a wrong password = %v", err)
	}
	s.Demand(t, cfg.User, "password") // in the clear
	cfg.Password = "correct horse"
	if _, err := postgres.Open(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "horse") {
		t.Errorf("Open at a server that asks for the password in the clear = %v", err)
	}
}

// TestAppendOnly sends, as a superuser, the statements that would rewrite custody.
func TestAppendOnly(t *testing.T) {
	cfg := pgtest.Database(t)
	fatalIfErr(t, open(t, cfg).Close())
	s := pgtest.Of(cfg)
	s.Exec(t, cfg.Database,
		`INSERT INTO entries VALUES (0, 'relay', 0, 'relay', '\x00', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO entries VALUES (2, 'relay', 2, 'probed', NULL, '\x00', '', '\x00', '\x00')`,
		`INSERT INTO log_hash VALUES (0, '\x00')`,
		`INSERT INTO checkpoints VALUES (1, '\x00')`,
		`UPDATE log_head SET size = 1`)
	const empty = `UPDATE entries SET entry = '', envelope = '', salt = '', statement_sha256 = NULL`
	s.Exec(t, cfg.Database,
		`INSERT INTO entries VALUES (3, 'r', 1, 'review', '\x03', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO entries VALUES (4, 'r', 2, 'review', '\x04', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO erasures VALUES ('relay', 0, '\x01', 1), ('r', 1, '\x01', 1), ('r', 2, '\x01', 0)`)
	for _, q := range []string{
		empty + ` WHERE idx = 0`, empty + ` WHERE idx = 4`, empty, empty + `, leaf = '\x01' WHERE idx = 3`, empty + `, seq = 9 WHERE idx = 3`,
		empty + `, kind = 'grant' WHERE idx = 3`, `UPDATE entries SET envelope = '\x01' WHERE idx = 3`,
		`UPDATE entries SET salt = '\x01'`, `DELETE FROM entries`, `TRUNCATE entries`,
		`UPDATE log_hash SET hash = '\x01'`, `DELETE FROM log_hash`, `TRUNCATE log_hash`,
		`UPDATE checkpoints SET note = '\x01'`, `DELETE FROM checkpoints`, `TRUNCATE checkpoints`,
		`UPDATE log_head SET size = 0`, `DELETE FROM log_head`, `TRUNCATE log_head`,
		`SET session_replication_role = replica; DELETE FROM entries`,
		`INSERT INTO entries VALUES (0, 'relay', 1, 'relay', '\x01', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO entries VALUES (1, 'relay', 0, 'relay', '\x01', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO entries VALUES (1, 'relay', 1, 'relay', '\x00', '\x00', '\x00', '\x00', '\x00')`,
		`INSERT INTO entries VALUES (1, 'relay', 1, 'probed', NULL, '\x00', '\x00', '\x00', '\x00')`, // an event with an envelope
		`INSERT INTO entries VALUES (1, 'relay', 1, 'relay', '\x01', '\x00', '', '\x00', '\x00')`,    // a statement without
		`INSERT INTO entries VALUES (0, 'relay', 9, 'probed', NULL, '\x00', '', '\x00', '\x01') ON CONFLICT (idx) DO UPDATE SET salt = excluded.salt`,
		`MERGE INTO log_hash h USING (VALUES (0)) v (idx) ON h.idx = v.idx WHEN MATCHED THEN UPDATE SET hash = '\x01'`,
	} {
		if err := s.Try(cfg.Database, q); err == nil {
			t.Errorf("%q was done", q)
		}
	}
	s.Exec(t, cfg.Database, empty+` WHERE idx = 3`) // what an erasure names whole, once
	if err := s.Try(cfg.Database, empty+` WHERE idx = 3`); err == nil {
		t.Error("an entry is erased twice")
	}
}

// TestGuards: a check finds a trigger that was dropped, or put to rest.
func TestGuards(t *testing.T) {
	cfg := pgtest.Database(t)
	fatalIfErr(t, open(t, cfg).Close())
	faults := func() []string {
		t.Helper()
		r, err := postgres.OpenReader(t.Context(), cfg)
		fatalIfErr(t, err)
		defer r.Close()
		f, err := r.Integrity(t.Context())
		fatalIfErr(t, err)
		return f
	}
	if f := faults(); len(f) != 0 {
		t.Errorf("a new database: %q", f)
	}
	s := pgtest.Of(cfg)
	s.Exec(t, cfg.Database, "DROP TRIGGER entries_no_change ON entries", "ALTER TABLE log_head DISABLE TRIGGER log_head_no_rollback",
		"ALTER TABLE checkpoints ENABLE TRIGGER checkpoints_no_change") // which rests in sessions that replicate
	if f := strings.Join(faults(), "\n"); strings.Count(f, "\n") != 2 || !strings.Contains(f, "entries_no_change") || !strings.Contains(f, "log_head_no_rollback") || !strings.Contains(f, "checkpoints_no_change") {
		t.Errorf("found %q", f)
	}
}

// TestSameSchema: both engines have the same tables with the same columns, which may be
// NULL in the same places.
func TestSameSchema(t *testing.T) {
	cfg := pgtest.Database(t)
	fatalIfErr(t, open(t, cfg).Close())
	path := t.TempDir() + "/relay.db"
	lite, err := sqlite.Open(path)
	fatalIfErr(t, err)
	fatalIfErr(t, lite.Close())
	there := columns(t, "pgx", fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", cfg.Host, cfg.User, cfg.Database), `SELECT table_name, column_name, data_type, is_nullable = 'YES'
		FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name COLLATE "C", ordinal_position`)
	// A primary key of SQLite is not declared NOT NULL and is not NULL.
	here := columns(t, "sqlite", "file:"+path, `SELECT m.name, c.name, c.type, c."notnull" = 0 AND c.pk = 0
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'sqlite_sequence' ORDER BY m.name, c.cid`)
	if !slices.Equal(here, there) {
		t.Errorf("SQLite has\n%s\nPostgreSQL has\n%s", strings.Join(here, "\n"), strings.Join(there, "\n"))
	}
	if len(here) < 40 {
		t.Errorf("%d columns", len(here))
	}
}

func columns(t *testing.T, driver, source, query string) (list []string) {
	t.Helper()
	db, err := sql.Open(driver, source)
	fatalIfErr(t, err)
	defer db.Close()
	rows, err := db.Query(query)
	fatalIfErr(t, err)
	defer rows.Close()
	kind := map[string]string{"BIGINT": "number", "INTEGER": "number", "bigint": "number", "BLOB": "bytes", "bytea": "bytes", "TEXT": "text", "text": "text"}
	for rows.Next() {
		var table, column, typ string
		var null bool
		fatalIfErr(t, rows.Scan(&table, &column, &typ, &null))
		if table == "goose_db_version" {
			continue
		}
		list = append(list, fmt.Sprintf("%s.%s %s null=%t", table, column, kind[typ], null))
	}
	fatalIfErr(t, rows.Err())
	return list
}
