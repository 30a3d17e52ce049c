package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
	"golang.org/x/mod/sumdb/tlog"
)

// cosignedPrefix begins the keys of cosigned notes: by size in decimal, and the
// newest again under a name of its own, which the next start asks for.
const cosignedPrefix = "log/cosigned/"

const newestCosigned = "newest"

// CosignedKey returns the key in the store of the cosigned note of a size.
func CosignedKey(size int64) string { return cosignedPrefix + strconv.FormatInt(size, 10) }

// NewestCosignedKey is the key in the store of the newest cosigned note.
const NewestCosignedKey = cosignedPrefix + newestCosigned

// cosigned is a checkpoint that a quorum of witnesses has cosigned.
type cosigned struct {
	size int64
	note []byte
}

// KeepCosigned keeps a note that a quorum of witnesses has cosigned, of a
// published tree, and shows it to readers.
func (l *Ledger) KeepCosigned(ctx context.Context, c translog.Cosigned) error {
	note := c.Note()
	err := l.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		if err := matches(tx, head, c.Checkpoint); err != nil {
			return err
		}
		return tx.PutCosigned(c.Size, note)
	})
	if err != nil {
		return fmt.Errorf("keeping the cosigned checkpoint %d: %w", c.Size, err)
	}
	// If we crash here, or between the two, the database has it and the store an
	// older one or none. The next start puts it there.
	return l.putCosigned(ctx, cosigned{c.Size, note})
}

// putCosigned stores the newest cosigned note and shows it.
func (l *Ledger) putCosigned(ctx context.Context, c cosigned) error {
	for _, key := range []string{CosignedKey(c.size), NewestCosignedKey} {
		// Replace, because the same tree is cosigned again while nothing happens.
		if _, err := l.cfg.Store.Put(ctx, key, c.note, objects.Replace); err != nil {
			return fmt.Errorf("storing the cosigned checkpoint %d: %w", c.size, err)
		}
	}
	l.cosigned.Store(&c)
	return nil
}

// Cosigned returns the newest note that a quorum of witnesses has cosigned, or nil.
func (l *Ledger) Cosigned() []byte {
	if c := l.cosigned.Load(); c != nil {
		return c.note
	}
	return nil
}

// CosignedSize returns the size of the newest tree that was cosigned, or 0.
func (l *Ledger) CosignedSize() int64 {
	if c := l.cosigned.Load(); c != nil {
		return c.size
	}
	return 0
}

// Checkpoint returns the newest signed checkpoint, a C2SP signed note, with the
// cosignatures of witnesses if they have cosigned that tree.
func (l *Ledger) Checkpoint() []byte {
	s := l.shown.Load()
	if c := l.cosigned.Load(); c != nil && c.size == s.size {
		return c.note
	}
	return s.note
}

// Signed returns the newest signed checkpoint without cosignatures, its size, and
// a channel that is closed when there is a newer one.
func (l *Ledger) Signed() (note []byte, size int64, changed <-chan struct{}) {
	// In this order: what is published after the channel was taken closes it.
	changed = l.signal()
	s := l.shown.Load()
	return s.note, s.size, changed
}

// Consistency proves that the published tree of size continues the one of size old.
func (l *Ledger) Consistency(ctx context.Context, old, size int64) (proof []tlog.Hash, err error) {
	if size > l.Size() {
		return nil, ErrNoCheckpoint
	}
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		proof, err = translog.ProveConsistency(old, size, tx.Hashes())
		return err
	})
	return proof, err
}

// CosignedAround returns what witnesses say of when the entry of an index came
// into the log: the largest tree without it that they cosigned, as they last did,
// and the smallest with it, as they first did, each with the proof that the signed
// tree of size continues it. 0 is the newest; any other size must have a signed
// checkpoint (ErrNoCheckpoint).
func (l *Ledger) CosignedAround(ctx context.Context, index, size int64) (*wire.Cosigned, error) {
	if size == 0 {
		size = l.Size()
	}
	a := &wire.Cosigned{}
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		c, err := tx.Checkpoint(size)
		if errors.Is(err, records.ErrNotFound) || err == nil && size > l.Size() {
			return ErrNoCheckpoint
		}
		if err != nil {
			return err
		}
		a.Checkpoint = string(c.Note)
		before, err := tx.CosignedUpTo(min(index, size))
		if err == nil {
			a.Before, err = prefix(tx, before.Size, size, before.Last)
		}
		if err != nil && !errors.Is(err, records.ErrNotFound) {
			return err
		}
		after, err := tx.CosignedFrom(index + 1)
		if err == nil && after.Size <= size {
			a.After, err = prefix(tx, after.Size, size, after.First)
		}
		if errors.Is(err, records.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding the cosigned checkpoints around %d: %w", index, err)
	}
	return a, nil
}

// prefix is a note and the proof that the tree of size continues its tree.
func prefix(tx *records.Tx, old, size int64, note []byte) (*wire.CosignedNote, error) {
	n := &wire.CosignedNote{Note: string(note), Proof: []custody.Digest{}}
	proof, err := translog.ProveConsistency(old, size, tx.Hashes())
	for _, h := range proof {
		n.Proof = append(n.Proof, custody.Digest(h))
	}
	return n, err
}

// checkCosigned refuses to go on behind what witnesses have cosigned, or beside
// it: they keep it, and show it to everybody. It puts the newest of the database
// to where the store lacks it.
func (l *Ledger) checkCosigned(ctx context.Context) error {
	stored, err := l.storedCosigned(ctx)
	if err != nil {
		return err
	}
	var kept records.Cosigned
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		if stored != nil {
			if err := matches(tx, l.next.head, stored.Checkpoint); err != nil {
				return fmt.Errorf("checking the store's cosigned checkpoint: %w", err)
			}
		}
		if kept, err = tx.CosignedUpTo(translog.MaxSize); err != nil {
			return err
		}
		s, err := l.open(kept.Last)
		if err == nil {
			err = matches(tx, l.next.head, s.Checkpoint)
		}
		if err != nil {
			return fmt.Errorf("checking the database's cosigned checkpoint: %w", err)
		}
		return nil
	})
	switch {
	case errors.Is(err, records.ErrNotFound):
		if stored == nil {
			return nil
		}
		// The database is older than the store and of the same log: from a copy
		// of a moment at which this tree was there, and not yet cosigned.
		l.cosigned.Store(&cosigned{stored.Size, stored.note})
		return nil
	case err != nil:
		return err
	case stored != nil && stored.Size > kept.Size:
		l.cosigned.Store(&cosigned{stored.Size, stored.note})
		return nil
	case stored != nil && string(stored.note) == string(kept.Last):
		l.cosigned.Store(&cosigned{kept.Size, kept.Last})
		return nil
	}
	return l.putCosigned(ctx, cosigned{kept.Size, kept.Last})
}

// storedCosigned returns the newest cosigned note that the store has, or nil.
func (l *Ledger) storedCosigned(ctx context.Context) (*signed, error) {
	return l.storedNote(ctx, NewestCosignedKey)
}

// storedNote reads a checkpoint of this log from the store, or nil.
func (l *Ledger) storedNote(ctx context.Context, key string) (*signed, error) {
	r, info, err := l.cfg.Store.Get(ctx, key, "", 0, -1)
	if errors.Is(err, objects.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q from the store: %w", key, err)
	}
	defer r.Close()
	if info.Size > translog.MaxCheckpointBytes {
		return nil, fmt.Errorf("reading %q from the store: %d bytes: %w", key, info.Size, ErrLogKey)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading %q from the store: %w", key, err)
	}
	return l.open(b)
}
