package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway/records"
	"golang.org/x/mod/sumdb/tlog"
)

// recover loads the state, checks that database and store tell one history, and
// publishes what the store lacks.
func (l *Ledger) recover(ctx context.Context) error {
	stored, err := l.storedCheckpoint(ctx)
	if err != nil {
		return err
	}
	kept, err := l.loadChecked(ctx, stored)
	if err != nil {
		return err
	}
	if kept != nil && stored == nil {
		if err := l.notEmptied(ctx); err != nil {
			return err
		}
	}
	if err := l.checkCosigned(ctx); err != nil {
		return err
	}
	l.compareClock(ctx)
	from, head := sizeOf(stored), l.next.head.Size
	if sizeOf(kept) > from || kept != nil && stored == nil {
		// Acknowledged entries were in the store. Their tiles and copies follow
		// from the database; whether payloads are missing, a check must tell.
		l.cfg.Logger.WarnContext(ctx, "the store has lost its newest checkpoints: publishing again", "stored", from, "published", kept.Size)
	}
	if kept == nil || stored == nil || kept.Size != head || from != head {
		l.shown.Store(&snapshot{front: l.next.front, size: from})
		return l.publish(ctx)
	}
	l.show(kept.note)
	return nil
}

// maxAhead is by how much the newest entry may be ahead of the clock unsaid.
const maxAhead = 10 * time.Minute

// compareClock says so if the newest entry is dated ahead of the clock: while one was
// made the clock was far ahead, or it is behind now. The time of the log stands still
// until the clock has caught up. It is not refused, because no jump can be told from
// a long rest when it happens: an idle relay has gaps of weeks, and one that was
// suspended finds its clock hours ahead.
func (l *Ledger) compareClock(ctx context.Context) {
	now, last := l.cfg.Now(), l.next.head.Last.Time()
	if last.Sub(now) > maxAhead {
		l.cfg.Logger.ErrorContext(ctx, "the newest entry is dated ahead of the clock: set the clock, or grants and directories end early",
			"clock", now.UTC(), "newest", last)
	}
}

// notEmptied refuses a store that has nothing of a log whose packages and annexes
// were in it: a folder that is not mounted, another bucket. To publish the log there
// would make a second store that looks whole, and all files would be missing.
func (l *Ledger) notEmptied(ctx context.Context) error {
	for _, err := range l.cfg.Store.List(ctx, logPrefix) {
		if err != nil {
			return fmt.Errorf("looking for the log in the store: %w", err)
		}
		return nil
	}
	var files bool
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		files, err = tx.HasFiles()
		return err
	})
	if err == nil && files {
		err = ErrEmptied
	}
	return err
}

// signed is a checkpoint and the note it was signed in.
type signed struct {
	translog.Checkpoint
	note []byte
}

func sizeOf(c *signed) int64 {
	if c == nil {
		return 0
	}
	return c.Size
}

// storedCheckpoint returns the checkpoint that the store shows, or nil.
func (l *Ledger) storedCheckpoint(ctx context.Context) (*signed, error) {
	return l.storedNote(ctx, checkpointKey)
}

// open verifies a checkpoint of this log.
func (l *Ledger) open(b []byte) (*signed, error) {
	c, err := translog.Open(b, l.cfg.Origin, l.cfg.LogKey.Key())
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrLogKey)
	}
	return &signed{c, b}, nil
}

// loadChecked loads the state and checks its root and both checkpoints against
// the hashes in the database. It returns the newest checkpoint that the database
// keeps, or nil.
func (l *Ledger) loadChecked(ctx context.Context, stored *signed) (kept *signed, err error) {
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		if l.next, err = load(tx, l.cfg.Origin); err != nil {
			return err
		}
		head := l.next.head
		if err := matches(tx, head, translog.Checkpoint{Size: head.Size, Root: head.Root}); err != nil {
			return fmt.Errorf("checking the log head: %w", err)
		}
		c, err := tx.NewestCheckpoint()
		switch {
		case err == nil:
			if kept, err = l.open(c.Note); err != nil {
				return fmt.Errorf("checking the database's checkpoint: %w", err)
			}
			if err := matches(tx, head, kept.Checkpoint); err != nil {
				return fmt.Errorf("checking the database's checkpoint: %w", err)
			}
		case !errors.Is(err, records.ErrNotFound):
			return err
		}
		if stored == nil {
			return nil
		}
		if err := matches(tx, head, stored.Checkpoint); err != nil {
			return fmt.Errorf("checking the store's checkpoint: %w", err)
		}
		return nil
	})
	return kept, err
}

// matches checks that a checkpoint is of the log in the database.
func matches(tx *records.Tx, head records.Head, c translog.Checkpoint) error {
	if c.Size > head.Size {
		return fmt.Errorf("size %d, the database has %d entries: %w", c.Size, head.Size, ErrAhead)
	}
	root, err := tlog.TreeHash(c.Size, tx.Hashes())
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("root of %d entries differs: %w", c.Size, ErrFork)
	}
	return nil
}
