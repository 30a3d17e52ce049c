// Package records is the database of a relay: the custody entries and the
// Merkle hashes of the log, the state of packages and their parts, annexes,
// proposals and pinned authorities. State, entry and leaf change in one
// transaction, so that no crash can part them.
//
// It holds SQL and no rules: who may do what is decided by package custody, in
// the order that package ledger fixes. The SQL is the subset that SQLite and
// PostgreSQL share; a driver package opens the database (packages sqlite and
// postgres) and brings its schema up to date. Times are stored as microseconds
// since 1970.
//
// It refuses to change or delete an entry, a hash or a checkpoint: triggers of
// the schema abort such a statement whoever sends it, this package included. The one
// exception is an entry that an erasure names: it becomes empty, and its leaf stays.
package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrNotFound is what errors wrap when a row that was asked for is not there.
var ErrNotFound = errors.New("no such row")

// DB is an open database. It is safe for concurrent use.
type DB struct {
	write *sql.DB // one connection: there is one writer, and callers queue here
	read  *sql.DB
	bind  func(query string) string // nil: queries are prepared as they are

	turn    chan struct{} // of capacity 1: taken by the transaction that writes
	lost    <-chan struct{}
	release func()   // may be nil
	scrub   []string // see Scrub
}

// longest is how long one write transaction may take. Longer than this no server takes
// that will ever answer.
const longest = 5 * time.Minute

// New makes a DB of two pools of connections to one database: write begins
// transactions that exclude each other, read begins snapshots. Bind turns the
// placeholders of a query from ? into those of the driver, which then also keeps
// prepared statements itself; nil leaves them, and statements are prepared here.
// Driver packages call it, everybody else calls their Open.
func New(write, read *sql.DB, bind func(query string) string) *DB {
	return &DB{write: write, read: read, bind: bind, turn: make(chan struct{}, 1)}
}

// Owned is New for a database on a server. Lost is closed when the connection that
// made this process the database's owner is gone: from then on every Update fails.
// Release ends what watches over it; Close calls it first.
func Owned(write, read *sql.DB, bind func(query string) string, lost <-chan struct{}, release func()) *DB {
	d := New(write, read, bind)
	d.lost, d.release = lost, release
	return d
}

// Lost is closed when this process can no longer write, and never will again: a
// connection to a server is gone, and another relay may have taken over. Of a
// database in a file it is nil, which blocks for ever.
func (d *DB) Lost() <-chan struct{} { return d.lost }

// Close closes both pools. Transactions that run end with an error.
func (d *DB) Close() error {
	if d.release != nil {
		d.release()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// Update runs f in a write transaction, alone. If f returns nil the changes are
// committed and durable when Update returns nil; if f returns an error they are
// undone and Update returns that error as it is. After an error of the commit
// itself the caller must read to know what became of it. F must not call Update.
//
// The end of ctx ends the waiting for the turn, and not what was begun: who hangs up
// in the middle would break the connection that makes this process the owner.
func (d *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return d.update(ctx, longest, f)
}

func (d *DB) update(ctx context.Context, longest time.Duration, f func(*Tx) error) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil { // also if the turn came at the same time
		return fmt.Errorf("waiting to write: %w", err)
	}
	work, stop := context.WithTimeout(context.WithoutCancel(ctx), longest)
	defer stop()
	return d.run(work, d.write, nil, f)
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
	if err := t.flush(); err != nil {
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

	waiting batch      // rows that were added and not yet sent
	point   *savepoint // nil outside of Savepoint
	broken  error      // why nothing of the transaction may be committed
}

// ErrBroken means that the transaction is in no known state.
var ErrBroken = errors.New("transaction is broken")

// exec runs a statement on all that was added before it.
func (t *Tx) exec(query string, args ...any) (rows int64, err error) {
	if err := t.begin(); err != nil {
		return 0, err
	}
	if err := t.flush(); err != nil {
		return 0, err
	}
	return t.send(query, args...)
}

// send runs a statement, whatever waits.
func (t *Tx) send(query string, args ...any) (rows int64, err error) {
	var r sql.Result
	if t.bind != nil {
		r, err = t.tx.ExecContext(t.ctx, t.bind(query), args...)
	} else {
		var s *sql.Stmt
		if s, err = t.stmt(query); err == nil {
			r, err = s.ExecContext(t.ctx, args...)
		}
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// query returns the rows of a query over all that was sent.
func (t *Tx) query(query string, args ...any) (*sql.Rows, error) {
	if t.bind != nil {
		return t.tx.QueryContext(t.ctx, t.bind(query), args...)
	}
	s, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(t.ctx, args...)
}

func (t *Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	s, err := t.tx.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = s
	return s, nil
}

// row scans the one row of a query. No row is ErrNotFound.
func (t *Tx) row(query string, args []any, to ...any) error {
	list, err := collect(t, func(s scanner) (struct{}, error) { return struct{}{}, s.Scan(to...) }, query, args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return err
}

type scanner interface{ Scan(to ...any) error }

// collect returns what scan makes of every row of a query, over all that was added
// before it.
func collect[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if !t.waiting.empty() {
		if err := errors.Join(t.begin(), t.flush()); err != nil {
			return nil, err
		}
	}
	return collectSent(t, scan, query, args...)
}

// collectSent is collect for a query that nothing which waits could concern.
func collectSent[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.query(query, args...)
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
