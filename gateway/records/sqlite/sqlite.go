// Package sqlite opens the records of a relay in one SQLite file: the embedded
// default, for a relay that runs as a single process.
//
// Every commit is synced to the disk before it returns (WAL, synchronous FULL).
// The caller sees to it that one process at a time has the file open; the
// gateway holds the lock of its data folder.
//
// It refuses a SQLite older than 3.51.3, whose WAL could lose a reset that races
// with a checkpoint, a file that does not switch to WAL (as on file systems
// without shared memory), and a schema newer than this program knows.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/durable"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

const (
	minVersion = "3.51.3"
	readers    = 4 // connections that read at a time
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the database at path, makes it if it is not there (readable by its
// owner only), and brings its schema up to date. The folder must exist. A failed
// migration leaves the schema at the last step that succeeded.
func Open(path string) (*records.DB, error) {
	d, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening database %q: %w", path, err)
	}
	return d, nil
}

func open(path string) (*records.DB, error) {
	if err := create(path); err != nil {
		return nil, err
	}
	base, err := dsn(path)
	if err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", base+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := errors.Join(check(write), migrate(write)); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", base+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	db := records.New(write, read, nil)
	// What was overwritten is zeroed in its page (secure_delete), and the old page stands in
	// the log of writes until that is emptied.
	db.Scrubs("PRAGMA wal_checkpoint(TRUNCATE)")
	return db, nil
}

// create makes the empty file that SQLite takes for a new database, so that its
// mode, which the -wal and -shm files take over, is not the umask's.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// dsn names the file as a URI, in which no character of a path is taken for a
// parameter.
func dsn(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/x
	}
	u := url.URL{Scheme: "file", Path: p}
	return u.String() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_pragma=foreign_keys(1)", nil
}

// check reads back what the connection really does.
func check(db *sql.DB) error {
	var version, mode string
	var sync int
	if err := db.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if !atLeast(version, minVersion) {
		return fmt.Errorf("SQLite %s is older than %s", version, minVersion)
	}
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if err := db.QueryRow("PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("journal_mode is %q and synchronous %d, want wal and 2: is the file on a network file system?", mode, sync)
	}
	return nil
}

// atLeast compares versions of the form 3.51.3; what is malformed is older.
func atLeast(version, least string) bool {
	var v, l [3]int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(least, "%d.%d.%d", &l[0], &l[1], &l[2]); err != nil {
		return false
	}
	for i := range v {
		if v[i] != l[i] {
			return v[i] > l[i]
		}
	}
	return true
}

// migrate applies what the schema lacks, each step in a transaction of its own.
func migrate(db *sql.DB) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, steps, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading migrations: %v", err)
	}
	ctx := context.Background()
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading schema version: %v", err)
	}
	if have > known {
		return fmt.Errorf("schema version %d is newer than %d, which this program knows: install a newer one", have, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating schema: %v", err)
	}
	return nil
}
