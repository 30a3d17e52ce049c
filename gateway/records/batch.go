package records

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// batch is rows that were added to the log and not yet sent: a server is asked once
// for many, or the way there and back would bound how fast the log grows.
type batch struct {
	entries []Entry
	hashes  []storedHash
	parties []party
}

type storedHash struct {
	idx  int64
	hash tlog.Hash
}

type party struct {
	authority string
	record    custody.RecordID
}

func (b *batch) empty() bool { return len(b.entries)+len(b.hashes)+len(b.parties) == 0 }

// cut keeps the rows that a batch had before.
func (b *batch) cut(to batch) {
	b.entries, b.hashes, b.parties = b.entries[:len(to.entries)], b.hashes[:len(to.hashes)], b.parties[:len(to.parties)]
}

// flush sends what waits. If that fails nothing of the transaction may be committed:
// who added the rows was told that they are there.
func (t *Tx) flush() error {
	if t.broken != nil || t.waiting.empty() {
		return t.broken
	}
	b := t.waiting
	t.waiting = batch{}
	err := insert(t, "INSERT INTO entries ("+entryColumns+") VALUES ", "", b.entries, (*Entry).row)
	if err == nil {
		err = insert(t, "INSERT INTO log_hash (idx, hash) VALUES ", "", b.hashes, func(h *storedHash) []any { return []any{h.idx, h.hash[:]} })
	}
	if err == nil {
		err = insert(t, "INSERT INTO parties (authority, record) VALUES ", " ON CONFLICT (authority, record) DO NOTHING",
			b.parties, func(p *party) []any { return []any{p.authority, string(p.record)} })
	}
	if err != nil {
		first := int64(-1)
		if len(b.entries) > 0 {
			first = b.entries[0].Index
		}
		t.broken = fmt.Errorf("appending %d entries from %d on: %w: %w", len(b.entries), first, ErrBroken, err)
	}
	return t.broken
}

// maxRows is how many rows one statement inserts at most: of the widest table they have
// 2304 values, and SQLite takes 32766, PostgreSQL 65535.
const maxRows = 256

// insert adds rows, as many at a time as a power of two says: so that few statements
// are prepared.
func insert[T any](t *Tx, into, suffix string, rows []T, values func(*T) []any) error {
	for n := maxRows; len(rows) > 0; n /= 2 {
		for ; len(rows) >= n; rows = rows[n:] {
			var args []any
			for i := range rows[:n] {
				args = append(args, values(&rows[i])...)
			}
			tuple := "(?" + strings.Repeat(",?", len(args)/n-1) + ")"
			if _, err := t.send(into+tuple+strings.Repeat(","+tuple, n-1)+suffix, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// savepoint is a running Savepoint. The database learns of it when the first statement
// is sent within, which for most entries is never.
type savepoint struct {
	before batch // what waited
	set    bool
}

// Savepoint runs f and undoes what it changed if it returns an error, which
// Savepoint returns as it is. The transaction goes on. If even the undoing
// fails, the error wraps ErrBroken and the transaction must be given up. F must not
// call Savepoint.
func (t *Tx) Savepoint(f func() error) error {
	t.point = &savepoint{before: t.waiting}
	err := f()
	p := t.point
	t.point = nil
	if t.broken != nil {
		return t.broken
	}
	if err != nil {
		if undo := t.undo(p); undo != nil {
			t.broken = fmt.Errorf("undoing %q: %w: %w", err, ErrBroken, undo)
			return t.broken
		}
	}
	if p.set {
		if _, err2 := t.tx.ExecContext(t.ctx, "RELEASE SAVEPOINT sp"); err2 != nil {
			t.broken = fmt.Errorf("releasing savepoint: %w: %w", ErrBroken, err2)
			return t.broken
		}
	}
	return err
}

// begin tells the database of a savepoint before the first statement within. What
// waited before goes first, or it would be undone too.
func (t *Tx) begin() error {
	p := t.point
	if p == nil || p.set || t.broken != nil {
		return t.broken
	}
	added := batch{t.waiting.entries[len(p.before.entries):], t.waiting.hashes[len(p.before.hashes):], t.waiting.parties[len(p.before.parties):]}
	t.waiting.cut(p.before)
	if err := t.flush(); err != nil {
		return err
	}
	if _, err := t.tx.ExecContext(t.ctx, "SAVEPOINT sp"); err != nil {
		t.broken = fmt.Errorf("setting savepoint: %w: %w", ErrBroken, err)
		return t.broken
	}
	p.set, p.before, t.waiting = true, batch{}, added
	return nil
}

// undo takes back what was added and sent since a savepoint.
func (t *Tx) undo(p *savepoint) error {
	t.waiting.cut(p.before)
	clear(t.hashes) // some are undone
	for _, h := range t.waiting.hashes {
		t.hashes[h.idx] = h.hash
	}
	if !p.set {
		return nil
	}
	_, err := t.tx.ExecContext(t.ctx, "ROLLBACK TO SAVEPOINT sp")
	return err
}
