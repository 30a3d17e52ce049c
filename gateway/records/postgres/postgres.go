// Package postgres opens the records of a relay in a PostgreSQL database: for a relay
// whose operator runs a database server, with its copies and its people.
//
// One process owns the database: it holds an advisory lock on the one connection that
// writes, for as long as it lives. So what writes has the lock, always: when that
// connection is gone, whatever the reason, this process never writes again (ErrLost),
// and the next relay starts from what was committed. Every commit is on the server's
// disk before it returns.
//
// It refuses a database that another relay has, a server older than PostgreSQL 14, one
// that answers before it has written (fsync, full_page_writes or synchronous_commit
// off), a standby, a pooler in between, which would hand the lock to others, and a
// schema newer than this program knows. It reads no environment and no password file
// of its own: where to connect, and as whom, the caller says.
package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"comity.example/comity/gateway/records"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Config is where the database is. It is not modified.
type Config struct {
	// Host is the folder of the server's socket, an absolute path, or its host name or
	// address. Required.
	Host string

	// Port is the server's. If zero, 5432.
	Port uint16

	// Database and User are names. Required.
	Database, User string

	// Password is sent by SCRAM only, so a false server does not learn it. If empty,
	// the server must know the user without, as by the socket's peer.
	Password string

	// RootCAs are what the server's certificate must lead to. If nil, the system's.
	// TLS is used to all hosts but the loopback.
	RootCAs *x509.CertPool
}

// String names the database, without the password.
func (c *Config) String() string {
	return fmt.Sprintf("database %q of user %q at %q", c.Database, c.User, c.Host)
}

const readers = 4 // connections that read at a time

// Named reasons why a database cannot be had.
var (
	// ErrOwned: another process has it.
	ErrOwned = errors.New("another relay has the database")

	// ErrLost: this process had it, and its connection is gone.
	ErrLost = errors.New("the connection that owned the database is gone")

	// ErrSchema: the schema is older than this program needs, and the user may not
	// change it.
	ErrSchema = errors.New("the schema must be brought up to date by its owner")
)

// Open connects to a database, becomes its owner, and brings its schema up to date. Of
// a process that ended a moment ago the server may not know yet: Open waits for five
// seconds. Errors wrap ErrOwned or ErrSchema, and those of an Update ErrLost.
func Open(ctx context.Context, cfg *Config) (*records.DB, error) {
	d, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", cfg, err)
	}
	return d, nil
}

func open(ctx context.Context, cfg *Config) (*records.DB, error) {
	c, err := cfg.connection()
	if err != nil {
		return nil, err
	}
	o := newOwner(*c)
	write := sql.OpenDB(o)
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read := readPool(*c)
	db := records.Owned(write, read, bind, o.lost, o.watch(write))
	db.Scrubs("VACUUM entries", "VACUUM annexes") // rows that were overwritten; archives of the WAL are the operator's
	return db, nil
}

// readPool makes connections of which each transaction sees one moment, and that
// change nothing.
func readPool(c pgx.ConnConfig) *sql.DB {
	c.RuntimeParams = with(c.RuntimeParams, "default_transaction_read_only", "on", "default_transaction_isolation", "repeatable read")
	read := sql.OpenDB(stdlib.GetConnector(c))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return read
}

// connection makes the settings of one connection. The library wants them to begin as
// a parsed string, for which it reads the environment; all of that is replaced.
func (c *Config) connection() (*pgx.ConnConfig, error) {
	p, err := pgx.ParseConfig("host=localhost sslmode=disable")
	if err != nil {
		return nil, errors.New("preparing the connection: the environment variables PG… are malformed")
	}
	p.Host, p.Port, p.Database, p.User, p.Password = c.Host, c.Port, c.Database, c.User, c.Password
	if p.Port == 0 {
		p.Port = 5432
	}
	p.Fallbacks, p.ValidateConnect, p.AfterConnect = nil, nil, nil
	p.ConnectTimeout = 15 * time.Second
	p.TLSConfig = c.tls()
	p.RequireAuth = "none"
	if c.Password != "" {
		p.RequireAuth = "scram-sha-256"
	}
	// The server finds out within two minutes that this machine is gone, and frees the
	// lock; on a socket these settings do nothing.
	p.RuntimeParams = map[string]string{
		"application_name": "comity-gateway", "client_encoding": "UTF8", "search_path": "public",
		"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "15", "tcp_keepalives_count": "4",
		"lock_timeout": "0", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
	}
	d := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}}
	p.DialFunc = d.DialContext
	return p, nil
}

// tls returns how to reach the host: nil is without, on this machine.
func (c *Config) tls() *tls.Config {
	ip := net.ParseIP(c.Host)
	if filepath.IsAbs(c.Host) || strings.HasPrefix(c.Host, "/") || c.Host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: c.Host, RootCAs: c.RootCAs}
}

func with(params map[string]string, pairs ...string) map[string]string {
	m := map[string]string{}
	for k, v := range params {
		m[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}
