package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/config"
)

// TestDatabaseExample: the commented section of the shipped file, with the marks taken
// off, is read as it was meant.
func TestDatabaseExample(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), "# database:\n")
	section, _, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 {
		t.Fatal("the shipped file has no section database")
	}
	c, err := config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(head+"database:\n"+strings.ReplaceAll("\n"+section, "\n# ", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if want := (config.Database{Host: "/run/postgresql", Port: 5432, Name: "comity", User: "comity"}); *c.Database != want {
		t.Errorf("database is %+v, want %+v", *c.Database, want)
	}
}

// TestDatabaseRoundTrip: what init writes for a database is read as it was given.
func TestDatabaseRoundTrip(t *testing.T) {
	dir := t.TempDir()
	given := config.Database{Host: "db.example", Port: 5433, Name: "a b", User: "c", PasswordFile: filepath.Join(dir, "p w"), CAFile: filepath.Join(dir, "ca")}
	var recipient string
	for line := range strings.Lines(minimal(t)) {
		if r, ok := strings.CutPrefix(line, "recovery_recipient: "); ok {
			recipient = strings.TrimSpace(r)
		}
	}
	c, err := config.LoadGateway("gateway.yaml", []byte(config.GatewayExample("relay.example", "127.0.0.1:0", recipient, &given, nil)))
	if err != nil || c.Database == nil || *c.Database != given {
		t.Errorf("database is %+v, %v, want %+v", c.Database, err, given)
	}
}

func TestDatabaseRefuses(t *testing.T) {
	const good = "database:\n  host: db.example\n  name: n\n  user: u\n  password_file: p\n"
	ok := minimal(t)
	c, err := config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(ok+good))
	if err != nil {
		t.Fatal(err)
	}
	if c.Database.Port != 5432 || c.Database.CAFile != "" || c.Database.PasswordFile != filepath.Join("etc", "p") {
		t.Errorf("database is %+v", *c.Database)
	}
	for _, row := range []struct{ name, text, want string }{
		{"unknown key", good + "  sslmode: disable\n", "sslmode"},
		{"password in the file", good + "  password: hunter2\n", "password"},
		{"empty section", "database: {}\n", "host is missing"},
		{"no name", strings.Replace(good, "  name: n\n", "", 1), "name is missing"},
		{"no user", strings.Replace(good, "user: u", "user: \"\"", 1), "user is missing"},
		{"no password over a network", strings.Replace(good, "  password_file: p\n", "", 1), "password_file is missing"},
		{"port", good + "  port: 70000\n", "port"},
		{"two ports", good + "  port: 1\n  port: 2\n", "already defined"},
		{"a URL with a password", strings.Replace(good, "db.example", "postgres://u:hunter2@db.example", 1), "host is no folder"},
		{"a list of settings", strings.Replace(good, "db.example", "db.example sslmode=disable", 1), "host is no folder"},
		{"two lines", strings.Replace(good, "name: n", "name: \"n\\nx\"", 1), "not one line"},
	} {
		_, err := config.LoadGateway("gateway.yaml", []byte(ok+row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
	if _, err := config.LoadGateway("gateway.yaml", []byte(ok+"database: {host: \"::1\", name: n, user: u, password_file: p}\n")); err != nil {
		t.Errorf("an address: %v", err)
	}
}
