package records

import (
	"errors"
	"fmt"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// Head is the state of the log. Who changes it holds the write transaction, so
// there is one sequence of entries and one clock.
type Head struct {
	Size int64        // entries
	Root tlog.Hash    // RFC 6962 root over their leaves
	Last custody.Time // of the last entry; zero if there is none
}

// Checkpoint is a signed checkpoint of the log. All of them are kept: parties
// hold proofs in the trees of any of them.
type Checkpoint struct {
	Size int64
	Note []byte // C2SP signed note
}

// Head returns the state of the log.
func (t *Tx) Head() (Head, error) {
	var h Head
	var root []byte
	var last int64
	err := t.row("SELECT size, root, last_time FROM log_head WHERE id = 1", nil, &h.Size, &root, &last)
	if err == nil && len(root) != tlog.HashSize {
		err = fmt.Errorf("root of %d bytes", len(root))
	}
	if err != nil {
		return h, fmt.Errorf("reading log head: %w", err)
	}
	h.Root = tlog.Hash(root)
	if h.Size > 0 {
		h.Last = timeOf(last)
	}
	return h, nil
}

// SetHead stores the state of the log after all entries of the transaction.
func (t *Tx) SetHead(h Head) error {
	n, err := t.exec("UPDATE log_head SET size = ?, root = ?, last_time = ? WHERE id = 1 AND size <= ?", h.Size, h.Root[:], micros(h.Last), h.Size)
	if err == nil && n != 1 {
		err = errors.New("it is larger already")
	}
	if err != nil {
		return fmt.Errorf("setting log head to %d: %w", h.Size, err)
	}
	return nil
}

// Append adds the next entry of the log and its Merkle hashes. The entry's index
// must be the number of entries so far. The head is the caller's to set, once
// for all entries of a transaction.
//
// The rows are sent many at a time: at the latest before the transaction is
// committed, or before anything is read that they could change. So a row that the
// schema refuses fails the transaction, with an error that wraps ErrBroken, and not
// this call.
func (t *Tx) Append(e Entry) error {
	hashes, err := tlog.StoredHashesForRecordHash(e.Index, e.Leaf.Hash(), t.Hashes())
	if err != nil {
		return fmt.Errorf("appending entry %d: %w", e.Index, err)
	}
	at := tlog.StoredHashIndex(0, e.Index)
	for i, h := range hashes {
		t.waiting.hashes = append(t.waiting.hashes, storedHash{at + int64(i), h})
		t.hashes[at+int64(i)] = h
	}
	t.waiting.entries = append(t.waiting.entries, e)
	return nil
}

// Hashes reads the Merkle hashes of the log. It keeps what it read for as long
// as the transaction runs.
func (t *Tx) Hashes() tlog.HashReader { return tlog.HashReaderFunc(t.readHashes) }

// LoadHashes reads all hashes that the leaves from to to-1 added, in one query,
// so that proofs of these leaves need few others.
func (t *Tx) LoadHashes(from, to int64) error {
	return t.load("idx >= ? AND idx < ?", tlog.StoredHashIndex(0, from), tlog.StoredHashIndex(0, to))
}

func (t *Tx) readHashes(indexes []int64) ([]tlog.Hash, error) {
	var missing []any
	for _, i := range indexes {
		if _, ok := t.hashes[i]; !ok {
			missing = append(missing, i)
		}
	}
	// SQLite takes 32766 variables, PostgreSQL 65535; a tile needs 256.
	for len(missing) > 0 {
		n := min(len(missing), 512)
		some := missing[:n]
		missing = missing[n:]
		if err := t.load("idx IN "+in(some), padded(some)...); err != nil {
			return nil, err
		}
	}
	list := make([]tlog.Hash, len(indexes))
	for n, i := range indexes {
		h, ok := t.hashes[i]
		if !ok {
			return nil, fmt.Errorf("reading hash %d of the log: %w", i, ErrNotFound)
		}
		list[n] = h
	}
	return list, nil
}

func (t *Tx) load(where string, args ...any) error {
	_, err := collect(t, func(s scanner) (struct{}, error) {
		var i int64
		var b []byte
		err := s.Scan(&i, &b)
		if err == nil && len(b) != tlog.HashSize {
			err = fmt.Errorf("hash %d has %d bytes", i, len(b))
		}
		if err == nil {
			t.hashes[i] = tlog.Hash(b)
		}
		return struct{}{}, err
	}, "SELECT idx, hash FROM log_hash WHERE "+where, args...)
	if err != nil {
		return fmt.Errorf("reading hashes of the log: %w", err)
	}
	return nil
}

// PutCheckpoint keeps a signed checkpoint. The one of the same size that is kept
// already stays.
func (t *Tx) PutCheckpoint(c Checkpoint) error {
	_, err := t.Checkpoint(c.Size)
	if errors.Is(err, ErrNotFound) {
		_, err = t.exec("INSERT INTO checkpoints (size, note) VALUES (?,?)", c.Size, c.Note)
	}
	if err != nil {
		return fmt.Errorf("keeping checkpoint %d: %w", c.Size, err)
	}
	return nil
}

// Checkpoint returns the checkpoint of exactly that size, or ErrNotFound.
func (t *Tx) Checkpoint(size int64) (Checkpoint, error) {
	c := Checkpoint{Size: size}
	if err := t.row("SELECT note FROM checkpoints WHERE size = ?", []any{size}, &c.Note); err != nil {
		return c, fmt.Errorf("reading checkpoint %d: %w", size, err)
	}
	return c, nil
}

// NewestCheckpoint returns the checkpoint of the largest size, or ErrNotFound.
// Its size is how far the log has been published.
func (t *Tx) NewestCheckpoint() (Checkpoint, error) {
	var c Checkpoint
	if err := t.row("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1", nil, &c.Size, &c.Note); err != nil {
		return c, fmt.Errorf("reading the newest checkpoint: %w", err)
	}
	return c, nil
}

func timeOf(micros int64) custody.Time { return statement.At(time.UnixMicro(micros)) }

// HasFiles reports whether the store must hold something that the database does not:
// a package in the log, or an annex.
func (t *Tx) HasFiles() (bool, error) {
	var n int64
	err := t.row("SELECT (SELECT COUNT(*) FROM packages WHERE state = ?) + (SELECT COUNT(*) FROM annexes)", []any{string(Sealed)}, &n)
	if err != nil {
		return false, fmt.Errorf("looking for files: %w", err)
	}
	return n > 0, nil
}
