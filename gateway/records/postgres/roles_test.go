package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	pgtest "comity.example/comity/test/postgres"
)

// statements returns the SQL of docs/operating.md that begins with a word, for other
// names of roles and database.
func statements(t *testing.T, word, name string) (list []string) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operating.md"))
	fatalIfErr(t, err)
	own := regexp.MustCompile(`\bcomity(_owner)?\b`)
	for line := range strings.Lines(string(doc)) {
		if q, ok := strings.CutPrefix(line, "    "+word+" "); ok {
			list = append(list, own.ReplaceAllString(word+" "+strings.TrimSpace(q), name+"$1"))
		}
	}
	return list
}

// TestRoles sets a server up as docs/operating.md says. The relay works, with a role
// that cannot change what it wrote, before any trigger is asked, but for what an erasure
// names.
func TestRoles(t *testing.T) {
	cfg := pgtest.Database(t) // for the server
	s := pgtest.Of(cfg)
	const name = "roles"
	create := statements(t, "CREATE", name)
	if len(create) != 3 {
		t.Fatalf("docs/operating.md creates %q", create)
	}
	s.Exec(t, "postgres", create...)
	relay, owner := *cfg, *cfg
	relay.Database, relay.User = name, name
	owner.Database, owner.User = name, name+"_owner"
	if _, err := postgres.Open(t.Context(), &relay); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("Open before there is a schema = %v, want ErrSchema", err)
	}
	fatalIfErr(t, open(t, &owner).Close())
	grant := statements(t, "GRANT", name)
	if len(grant) != 6 {
		t.Fatalf("docs/operating.md grants %q", grant)
	}
	s.Exec(t, name, grant...)

	db := open(t, &relay)
	fatalIfErr(t, pin(db, t.Context()))
	fatalIfErr(t, db.Update(t.Context(), func(tx *records.Tx) error {
		tx.AddParty("r", "nl")
		return errors.Join(tx.Append(records.Entry{Line: custody.Line{Entry: []byte("e"), Envelope: []byte("v")}, Record: "r", Kind: custody.KindRequest}),
			tx.SetHead(records.Head{Size: 1}), tx.PutCheckpoint(records.Checkpoint{Size: 1, Note: []byte("n")}))
	}))
	fatalIfErr(t, db.Update(t.Context(), func(tx *records.Tx) error {
		e := records.Erasure{Record: "r", SHA256: custody.Digest{7}, Entries: []int64{1}}
		return errors.Join(tx.Append(records.Entry{Line: custody.Line{Index: 1, Entry: []byte("e"), Envelope: []byte("v")}, Record: "r", Seq: 1, Kind: custody.KindReview, Statement: custody.Digest{1}}),
			tx.SetHead(records.Head{Size: 2}), tx.AddErasure(e), tx.Erase(e, nil))
	}))
	fatalIfErr(t, db.Scrub(t.Context()))
	fatalIfErr(t, db.Close())
	if err := s.TryAs(name, name, `UPDATE entries SET salt = ''`); err == nil {
		t.Error("an entry that no erasure names was changed")
	}
	for _, q := range []string{
		`UPDATE entries SET leaf = ''`, `DELETE FROM entries`, `TRUNCATE entries`, `UPDATE log_hash SET hash = ''`, `DELETE FROM log_hash`,
		`UPDATE checkpoints SET note = ''`, `DELETE FROM checkpoints`, `DELETE FROM parties`, `UPDATE tokens SET note = ''`, `DELETE FROM tokens`, `DELETE FROM log_head`, `INSERT INTO log_head VALUES (2, 0, '', 0)`,
		`DROP TABLE entries`, `ALTER TABLE entries DISABLE TRIGGER ALL`, `DROP TRIGGER entries_no_change ON entries`, `CREATE TABLE x ()`,
		`CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`SET session_replication_role = replica`, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9, true)`,
	} {
		if err := s.TryAs(name, name, q); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s as the relay's role: %v, want it denied", q, err)
		}
	}
}
