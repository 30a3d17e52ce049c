// Package records is the database of a relay: the custody entries and the
// Merkle hashes of the log, the state of packages and their parts, annexes,
// proposals and pinned authorities. State, entry and leaf change in one
// transaction, so that no crash can part them.
//
// It holds SQL and no rules: who may do what is decided by package custody, in
// the order that package ledger fixes. The SQL is the subset that SQLite and
// PostgreSQL share; a driver package opens the database (package sqlite) and
// brings its schema up to date. Times are stored as microseconds since 1970.
//
// It refuses to change or delete an entry, a hash or a checkpoint: triggers of
// the schema abort such a statement whoever sends it, this package included.
package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrNotFound is what errors wrap when a row that was asked for is not there.
var ErrNotFound = errors.New("no such row")

// DB is an open database. It is safe for concurrent use.
type DB struct {
	write *sql.DB // one connection: SQLite has one writer, and callers queue here
	read  *sql.DB
	bind  func(query string) string
}

// New makes a DB of two pools of connections to one database: write begins
// transactions that exclude each other, read begins snapshots. Bind turns the
// placeholders of a query from ? into those of the driver; nil leaves them.
// Driver packages call it, everybody else calls their Open.
func New(write, read *sql.DB, bind func(query string) string) *DB {
	if bind == nil {
		bind = func(q string) string { return q }
	}
	return &DB{write, read, bind}
}

// Close closes both pools. Transactions that run end with an error.
func (d *DB) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Update runs f in a write transaction, alone. If f returns nil the changes are
// committed and durable when Update returns nil; if f returns an error they are
// undone and Update returns that error as it is. After an error of the commit
// itself the caller must read to know what became of it. F must not call Update.
func (d *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return d.run(ctx, d.write, nil, f)
}

// View runs f on a snapshot: f sees the database as at its first read, whatever
// is committed meanwhile. Changes fail.
func (d *DB) View(ctx context.Context, f func(*Tx) error) error {
	return d.run(ctx, d.read, &sql.TxOptions{ReadOnly: true}, f)
}

func (d *DB) run(ctx context.Context, pool *sql.DB, o *sql.TxOptions, f func(*Tx) error) error {
	tx, err := pool.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	t := &Tx{ctx: ctx, tx: tx, bind: d.bind, stmts: map[string]*sql.Stmt{}, hashes: map[int64]tlog.Hash{}}
	if err := f(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// Tx is a running transaction. It must not be used by several goroutines, nor
// after the function that it was given to has returned.
type Tx struct {
	ctx    context.Context // of the one call that runs the transaction
	tx     *sql.Tx
	bind   func(string) string
	stmts  map[string]*sql.Stmt // prepared, by text
	hashes map[int64]tlog.Hash  // of the log, read or written here
}

// Savepoint runs f and undoes what it changed if it returns an error, which
// Savepoint returns as it is. The transaction goes on. If even the undoing
// fails, the error wraps ErrBroken and the transaction must be given up.
func (t *Tx) Savepoint(f func() error) error {
	if _, err := t.tx.ExecContext(t.ctx, "SAVEPOINT sp"); err != nil {
		return fmt.Errorf("setting savepoint: %w: %w", ErrBroken, err)
	}
	err := f()
	if err != nil {
		clear(t.hashes) // some may have been undone
		if _, err2 := t.tx.ExecContext(t.ctx, "ROLLBACK TO SAVEPOINT sp"); err2 != nil {
			return fmt.Errorf("undoing %q: %w: %w", err, ErrBroken, err2)
		}
	}
	if _, err2 := t.tx.ExecContext(t.ctx, "RELEASE SAVEPOINT sp"); err2 != nil {
		return fmt.Errorf("releasing savepoint: %w: %w", ErrBroken, err2)
	}
	return err
}

// ErrBroken means that the transaction is in no known state.
var ErrBroken = errors.New("transaction is broken")

func (t *Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	s, err := t.tx.PrepareContext(t.ctx, t.bind(query))
	if err != nil {
		return nil, err
	}
	t.stmts[query] = s
	return s, nil
}

func (t *Tx) exec(query string, args ...any) (rows int64, err error) {
	s, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row scans the one row of a query. No row is ErrNotFound.
func (t *Tx) row(query string, args []any, to ...any) error {
	s, err := t.stmt(query)
	if err != nil {
		return err
	}
	err = s.QueryRowContext(t.ctx, args...).Scan(to...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

type scanner interface{ Scan(to ...any) error }

// collect returns what scan makes of every row of a query.
func collect[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	s, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

func micros(t custody.Time) int64 { return t.Time().UnixMicro() }

// digest copies the 32 bytes of a column.
func digest(b []byte) (custody.Digest, error) {
	if len(b) != len(custody.Digest{}) {
		return custody.Digest{}, fmt.Errorf("digest of %d bytes in the database", len(b))
	}
	return custody.Digest(b), nil
}
