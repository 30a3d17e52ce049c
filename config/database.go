package config

import (
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"
	"strings"
)

// Database is the section database of gateway.yaml: a database of a PostgreSQL server.
type Database struct {
	// Host is the folder of the server's socket, like /run/postgresql, or its host name
	// or address. To all but the loopback TLS is used. Required.
	Host string `yaml:"host"`

	// Port is the server's. If zero, 5432.
	Port int `yaml:"port"`

	// Name is that of the database, which is the relay's alone. Required.
	Name string `yaml:"name"`

	// User is the relay's role. It needs no right to change the schema or the entries:
	// see docs/operating.md. Required.
	User string `yaml:"user"`

	// PasswordFile is the file with the user's password, one line, readable by the
	// relay only; a relative path starts at the folder of gateway.yaml. If empty, the
	// server must know the relay without, by its socket.
	PasswordFile string `yaml:"password_file"`

	// CAFile has the PEM certificates that the server's must lead to, which can be the
	// server's own; relative likewise. If empty, the system's.
	CAFile string `yaml:"ca_file"`
}

// Check says what is missing or cannot be.
func (c *Database) Check() error {
	for _, f := range []struct{ key, value string }{{"host", c.Host}, {"name", c.Name}, {"user", c.User}} {
		switch {
		case f.value == "":
			return fmt.Errorf("database: %s is missing", f.key)
		case strings.ContainsAny(f.value, "\x00\n\r"):
			return fmt.Errorf("database: %s is not one line", f.key)
		}
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("database: port %d is not 1 to 65535", c.Port)
	}
	if path.IsAbs(c.Host) {
		return nil
	}
	if strings.ContainsAny(c.Host, "/@:?= ") && net.ParseIP(c.Host) == nil { // not repeated: it may be a URL with a password
		return errors.New("database: host is no folder, host name or address")
	}
	if c.PasswordFile == "" {
		return errors.New("database: password_file is missing: only over a socket does the server know who connects")
	}
	return nil
}

func (c *Database) defaults(folder string) {
	for _, p := range []*string{&c.PasswordFile, &c.CAFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	if c.Port == 0 {
		c.Port = 5432
	}
}

// databaseText is the section of the file that init writes.
func databaseText(c *Database) string {
	mark := ""
	if c == nil {
		mark = "# "
		c = &Database{Host: "/run/postgresql", Port: 5432, Name: "comity", User: "comity"}
	}
	head := `
# Keep the records in a database of a PostgreSQL server instead of the file relay.db.
# The database is this relay's alone. A host is the folder of a socket, or a name, to
# which TLS is used; the password is in a file, one line. A relay that has begun with
# relay.db moves with "comity-gateway database import".
`
	lines := []string{
		"database:", fmt.Sprintf("  host: %q", c.Host), fmt.Sprintf("  port: %d", c.Port), fmt.Sprintf("  name: %q", c.Name),
		fmt.Sprintf("  user: %q", c.User), fmt.Sprintf("  password_file: %q", c.PasswordFile), fmt.Sprintf("  ca_file: %q", c.CAFile),
	}
	return head + mark + strings.Join(lines, "\n"+mark) + "\n"
}
