package records

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrNotEmpty is what errors wrap when a database that must hold nothing holds rows.
var ErrNotEmpty = errors.New("the database is not empty")

// table is a table as it is moved: its columns, in the order of its key first, by kind.
type table struct {
	name    string
	key     string // what it is sorted by
	numbers string // names, separated by spaces
	texts   string
	bytes   string
	nulls   string // of these, what may be NULL
}

// tables are all but log_head, in an order in which a row comes after those that it
// refers to.
var tables = []table{
	{name: "entries", key: "idx", numbers: "idx seq", texts: "record kind", bytes: "statement_sha256 entry envelope salt leaf", nulls: "statement_sha256"},
	{name: "log_hash", key: "idx", numbers: "idx", bytes: "hash"},
	{name: "checkpoints", key: "size", numbers: "size", bytes: "note"},
	{name: "tokens", key: "size, n", numbers: "size n", texts: "authority", bytes: "note token"},
	{name: "cosigned", key: "size", numbers: "size", bytes: "first_note last_note"},
	{name: "parties", key: "authority, record", texts: "authority record"},
	{name: "packages", key: "id", numbers: "epoch payload_size parts created touched", texts: "id request agent state", bytes: "grant_sha256 seal", nulls: "seal"},
	{name: "uploads", key: "package, n", numbers: "n size", texts: "package object_key upload"},
	{name: "parts", key: "package, n", numbers: "n size", texts: "package etag", bytes: "sha256"},
	{name: "recalled", key: "package", texts: "package"},
	{name: "holds", key: "record", texts: "record"},
	{name: "lapses", key: "grant_sha256", numbers: "due", texts: "record", bytes: "grant_sha256"},
	{name: "annexes", key: "sha256, record", numbers: "size", texts: "record scope", bytes: "sha256"},
	{name: "erasures", key: "record, seq, erasure", numbers: "seq whole", texts: "record", bytes: "erasure"},
	{name: "erased", key: "statement_sha256", bytes: "statement_sha256"},
	{name: "proposals", key: "sha256", numbers: "expires", texts: "record kind authority", bytes: "sha256 envelope annex_sha256"},
	{name: "pins", key: "authority", texts: "authority", bytes: "fingerprint"},
}

func (b *table) columns() []string {
	return slices.Concat(strings.Fields(b.numbers), strings.Fields(b.texts), strings.Fields(b.bytes))
}

// Moved is what a move brought over.
type Moved struct {
	Rows int64 // of all tables
	Size int64 // entries
	Root tlog.Hash
}

// moveTime bounds a move: a log of millions of entries takes minutes.
const moveTime = 24 * time.Hour

// Move copies all rows of one database into another, which must be empty (ErrNotEmpty),
// in one transaction: after an error there is nothing in it. Then it reads both row by
// row and compares them, and recomputes the root of the log from the leaves that
// arrived. Nothing else may write to either meanwhile.
func Move(ctx context.Context, from, to *DB) (m Moved, err error) {
	err = from.View(ctx, func(src *Tx) error {
		if err := to.update(ctx, moveTime, func(dst *Tx) error { return move(src, dst) }); err != nil {
			return fmt.Errorf("copying: %w", err)
		}
		return to.View(ctx, func(dst *Tx) error {
			m, err = same(src, dst)
			if err != nil {
				return fmt.Errorf("comparing what was copied: %w", err)
			}
			return nil
		})
	})
	return m, err
}

func move(src, dst *Tx) error {
	if err := empty(dst); err != nil {
		return err
	}
	for _, b := range tables {
		if err := b.copy(src, dst); err != nil {
			return fmt.Errorf("table %s: %w", b.name, err)
		}
	}
	head, err := src.Head()
	if err != nil || head.Size == 0 {
		return err
	}
	return dst.SetHead(head)
}

// empty checks that a database has what its schema begins with and no more.
func empty(t *Tx) error {
	for _, b := range tables {
		var n int64
		if err := t.row("SELECT COUNT(*) FROM "+b.name, nil, &n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s has %d rows", ErrNotEmpty, b.name, n)
		}
	}
	head, err := t.Head()
	if err == nil && head.Size > 0 {
		err = ErrNotEmpty
	}
	return err
}

const moveBytes = 8 << 20 // of rows that are inserted at a time, unless one alone has more

func (b *table) copy(src, dst *Tx) error {
	rows, err := b.walk(src)
	if err != nil {
		return err
	}
	defer rows.Close()
	into := "INSERT INTO " + b.name + " (" + strings.Join(b.columns(), ", ") + ") VALUES "
	var list [][]any
	size := 0
	send := func() error {
		err := insert(dst, into, "", list, func(row *[]any) []any { return *row })
		list, size = nil, 0
		return err
	}
	for rows.Next() {
		row, n, err := b.scan(rows)
		if err != nil {
			return err
		}
		list, size = append(list, row), size+n
		if len(list) == maxRows || size > moveBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return errors.Join(rows.Err(), send())
}

func (b *table) walk(t *Tx) (*sql.Rows, error) {
	return t.query("SELECT " + strings.Join(b.columns(), ", ") + " FROM " + b.name + " ORDER BY " + b.key)
}

// scan returns the values of a row and how many bytes they have.
func (b *table) scan(s scanner) (row []any, size int, err error) {
	var to []any
	for range strings.Fields(b.numbers) {
		to = append(to, new(int64))
	}
	for range strings.Fields(b.texts) {
		to = append(to, new(string))
	}
	for range strings.Fields(b.bytes) {
		to = append(to, new([]byte))
	}
	if err := s.Scan(to...); err != nil {
		return nil, 0, err
	}
	nulls := strings.Fields(b.nulls)
	for i, name := range b.columns() {
		switch v := to[i].(type) {
		case *int64:
			row, size = append(row, *v), size+8
		case *string:
			row, size = append(row, *v), size+len(*v)
		case *[]byte:
			if *v == nil && !slices.Contains(nulls, name) {
				*v = []byte{} // nil is NULL in SQL
			}
			row, size = append(row, *v), size+len(*v)
		}
	}
	return row, size, nil
}

// same compares two databases row by row, and the head with the leaves.
func same(a, b *Tx) (m Moved, err error) {
	for _, table := range tables {
		n, err := table.same(a, b)
		if err != nil {
			return m, fmt.Errorf("table %s: %w", table.name, err)
		}
		m.Rows += n
	}
	was, err := a.Head()
	if err != nil {
		return m, err
	}
	is, err := b.Head()
	if err == nil && is != was {
		err = errors.New("the head of the log differs")
	}
	if err == nil {
		err = rootOf(b, is)
	}
	m.Size, m.Root = is.Size, is.Root
	return m, err
}

func (b *table) same(was, is *Tx) (n int64, err error) {
	left, err := b.walk(was)
	if err != nil {
		return 0, err
	}
	defer left.Close()
	right, err := b.walk(is)
	if err != nil {
		return 0, err
	}
	defer right.Close()
	for ; left.Next(); n++ {
		if !right.Next() {
			return n, errors.Join(fmt.Errorf("it has %d rows, and more were copied", n), right.Err())
		}
		l, _, err := b.scan(left)
		if err != nil {
			return n, err
		}
		r, _, err := b.scan(right)
		if err != nil {
			return n, err
		}
		if !slices.EqualFunc(l, r, equal) {
			return n, fmt.Errorf("row %d differs", n)
		}
	}
	if right.Next() {
		return n, fmt.Errorf("it has more than the %d rows that were copied", n)
	}
	return n, errors.Join(left.Err(), right.Err())
}

func equal(a, b any) bool {
	x, ok := a.([]byte)
	if !ok {
		return a == b
	}
	y, ok := b.([]byte)
	return ok && bytes.Equal(x, y) && (x == nil) == (y == nil)
}

// rootOf recomputes the root of the log from its leaves.
func rootOf(t *Tx, head Head) error {
	var f translog.Frontier
	for from := int64(0); from < head.Size; from += translog.TileWidth {
		leaves, err := t.Leaves(from, min(head.Size, from+translog.TileWidth))
		if err != nil {
			return err
		}
		for _, l := range leaves {
			f.Append(l.Hash())
		}
	}
	if f.Root() != head.Root {
		return errors.New("the leaves lead to another root than that of the log")
	}
	return nil
}
