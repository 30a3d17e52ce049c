package fsck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/custody"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// OpenSQLite opens the database of a relay that does not run so that nothing can
// change it, not even what SQLite keeps beside it: without a write-ahead log the
// file is read as it stands. One that a crash left is read through, and stays; its
// index (-shm), which follows from it, may be built anew.
func OpenSQLite(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("opening database: %v", err)
	}
	query := "?mode=ro&_pragma=query_only(1)"
	wal, err := os.Stat(abs + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && wal.Size() == 0:
		query += "&immutable=1"
	case err != nil:
		return nil, fmt.Errorf("opening database: %v", err)
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/x
	}
	u := url.URL{Scheme: "file", Path: p}
	db, err := sql.Open("sqlite", u.String()+query)
	if err != nil {
		return nil, fmt.Errorf("opening database: %v", err)
	}
	return db, nil
}

// checkDatabase lets the database check itself. The sentences of SQLite name pages,
// tables and indices, and no values.
func (c *checker) checkDatabase(ctx context.Context) error {
	if c.cfg.Integrity != nil {
		faults, err := c.cfg.Integrity(ctx)
		for _, f := range faults {
			c.found(CodeDatabase, "database", "%s", f)
		}
		return err
	}
	return c.each(ctx, "PRAGMA integrity_check", "database", func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		if err == nil && s != "ok" {
			c.found(CodeDatabase, "database", "%s", s)
		}
		return err
	})
}

// cursor walks the rows of a query, one row ahead, so that several tables in the
// same order can be walked together.
type cursor[T any] struct {
	rows *sql.Rows
	read func(scan func(...any) error) (T, error)
	bad  func(error) // is told of a row that does not scan, which is left out
	row  T
	more bool
}

// walk begins a cursor on its first row. Queries have no parameters: their spelling
// is the one thing in which SQLite and PostgreSQL differ here.
func walk[T any](ctx context.Context, c *checker, query, table string, read func(scan func(...any) error) (T, error)) (*cursor[T], error) {
	rows, err := c.cfg.DB.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %v", table, err)
	}
	w := &cursor[T]{rows: rows, read: read, bad: func(error) {
		// The error can quote the value.
		c.found(CodeRow, "table "+table, "a row has a value of another type or length than its column")
	}}
	if err := w.next(); err != nil {
		rows.Close()
		return nil, fmt.Errorf("reading %s: %v", table, err)
	}
	return w, nil
}

// next moves to the next row that can be read.
func (w *cursor[T]) next() error {
	for w.more = false; w.rows.Next(); {
		row, err := w.read(w.rows.Scan)
		if err == nil {
			w.row, w.more = row, true
			return nil
		}
		w.bad(err)
	}
	return w.rows.Err()
}

func (w *cursor[T]) close() { w.rows.Close() }

// each calls f for every row of a query. An error of f is a row that does not scan.
func (c *checker) each(ctx context.Context, query, table string, f func(scan func(...any) error) error) error {
	w, err := walk(ctx, c, query, table, func(scan func(...any) error) (struct{}, error) { return struct{}{}, f(scan) })
	if err != nil {
		return err
	}
	defer w.close()
	for w.more {
		if err := w.next(); err != nil {
			return fmt.Errorf("reading %s: %v", table, err)
		}
	}
	return nil
}

// again is each for rows that were walked before: what does not scan was named
// then, and is left out.
func (c *checker) again(ctx context.Context, query, table string, f func(scan func(...any) error) error) error {
	rows, err := c.cfg.DB.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("reading %s: %v", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		_ = f(rows.Scan)
	}
	return rows.Err()
}

// digest32 takes the 32 bytes of a column.
func digest32(b []byte) (custody.Digest, error) {
	if len(b) != len(custody.Digest{}) {
		return custody.Digest{}, fmt.Errorf("%d bytes", len(b))
	}
	return custody.Digest(b), nil
}
