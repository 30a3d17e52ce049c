package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/gateway/records/postgres"
	pgtest "comity.example/comity/test/postgres"
)

// onServer adds the section database to a relay's settings.
func onServer(t *testing.T, data string, cfg *postgres.Config) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(data, configFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\ndatabase:\n  host: " + cfg.Host + "\n  name: " + cfg.Database + "\n  user: " + cfg.User + "\n"); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, want int, in string, args ...string) string {
	t.Helper()
	code, out, errs := run(t, args...)
	if code != want || !strings.Contains(out+errs, in) {
		t.Errorf("%q: %d %s%s, want %d and %q", args, code, out, errs, want, in)
	}
	return out
}

// TestDatabase: init, trust, check and fsck of a relay whose records are on a server;
// a second relay is told that the database is another's.
func TestDatabase(t *testing.T) {
	cfg := pgtest.Database(t)
	data := filepath.Join(t.TempDir(), "data")
	made := []string{"init", "--origin", "relay.example", "--listen", "127.0.0.1:0", "--address", "127.0.0.1:4433", "--data", data}
	wantCode(t, exitUsage, "name is missing", append(made, "--db-host", cfg.Host)...)
	wantCode(t, exitDone, "", append(made, "--db-host", cfg.Host, "--db-name", cfg.Database, "--db-user", cfg.User)...)
	wantCode(t, exitDone, "pinned", "trust", "nl", strings.Repeat("ab", 32), "--data", data)
	out := wantCode(t, exitDone, `"`+cfg.Database+`" of user "`+cfg.User+`" at `+cfg.Host, "check", "--data", data)
	if !strings.Contains(out, "2 entries, checkpoint verified") || !strings.Contains(out, "nl: pinned") {
		t.Errorf("check says %s", out)
	}
	if _, err := os.Lstat(filepath.Join(data, databaseFile)); err == nil {
		t.Error("there is a file relay.db too")
	}
	wantCode(t, exitDone, "2 entries of 1 records, 2 replayed", "fsck", "--data", data)
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, exitError, "another relay has the database", "fsck", "--data", data)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	pgtest.Of(cfg).Exec(t, cfg.Database, "DROP TRIGGER entries_no_change ON entries", `UPDATE entries SET salt = '\x`+strings.Repeat("00", 32)+`' WHERE idx = 1`)
	out = wantCode(t, exitVerify, "differences", "fsck", "--data", data)
	if !strings.Contains(out, "entries_no_change") || !strings.Contains(out, "entry 1") {
		t.Errorf("fsck says %s", out)
	}
}

// TestImport moves a relay from its file to a server, and back it does not go.
func TestImport(t *testing.T) {
	data, _ := made(t)
	wantCode(t, exitDone, "pinned", "trust", "nl", strings.Repeat("ab", 32), "--data", data)
	before := root(t, wantCode(t, exitDone, "2 entries", "check", "--data", data))
	wantCode(t, exitError, "names no database", "database", "import", "--data", data)
	settings, err := os.ReadFile(filepath.Join(data, configFile))
	if err != nil {
		t.Fatal(err)
	}

	full := pgtest.Database(t)
	onServer(t, data, full)
	wantCode(t, exitError, "hint: move them: comity-gateway database import", "check", "--data", data)
	wantCode(t, exitError, "hint: move them", "fsck", "--data", data)
	db, err := postgres.Open(t.Context(), full)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Of(full).Exec(t, full.Database, "INSERT INTO holds VALUES ('x')")
	wantCode(t, exitError, "the database is not empty", "database", "import", "--data", data)
	if _, err := os.Lstat(filepath.Join(data, databaseFile)); err != nil {
		t.Fatal("a refused import took the file away")
	}

	if err := os.WriteFile(filepath.Join(data, configFile), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	onServer(t, data, pgtest.Database(t))
	out := wantCode(t, exitDone, "all compared", "database", "import", "--data", data)
	if root(t, out) != before {
		t.Errorf("the root was %s: %s", before, out)
	}
	if after := root(t, wantCode(t, exitDone, "nl: pinned", "check", "--data", data)); after != before {
		t.Errorf("the root was %s and is %s", before, after)
	}
	wantCode(t, exitDone, "", "fsck", "--data", data)
	wantCode(t, exitError, "relay.db", "database", "import", "--data", data)

	// Without the section a new relay.db would begin a second history.
	if err := os.WriteFile(filepath.Join(data, configFile), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	wantCode(t, exitError, "were moved to a server", "check", "--data", data)
	wantCode(t, exitError, "", "fsck", "--data", data)
}

func root(t *testing.T, out string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, "root ")
	if !ok {
		t.Fatalf("no root in %q", out)
	}
	return strings.Fields(rest)[0]
}
