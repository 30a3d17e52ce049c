package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

const (
	checkpointKey = "log/checkpoint"
	logPrefix     = "log/"     // and a C2SP path
	copyPrefix    = "records/" // see copyKey

	// publishStep is how many entries are published at a time when many wait, a
	// multiple of the width of a tile.
	publishStep = 16 * translog.TileWidth

	putters = 8 // calls of Store.Put at a time
)

// TileKey returns the key in the store of a resource of the log by its C2SP path,
// which must be one that translog.ParseTilePath accepts, or "checkpoint".
func TileKey(path string) string { return logPrefix + path }

// publish brings the store up to the committed head and shows the result to
// readers. It can be repeated from any point: what it writes follows from the
// database, and nothing that a published checkpoint covers changes.
func (l *Ledger) publish(ctx context.Context) error {
	st := l.next
	for from := l.Size(); from < st.head.Size; {
		to := min(st.head.Size, (from/publishStep+1)*publishStep)
		if err := l.putRange(ctx, from, to); err != nil {
			return err
		}
		from = to
	}
	c := translog.Checkpoint{Origin: l.cfg.Origin, Size: st.head.Size, Root: st.head.Root}
	note, err := l.sign(ctx, c)
	if err != nil {
		return err
	}
	if _, err := l.cfg.Store.Put(ctx, checkpointKey, note, objects.Replace); err != nil {
		return err
	}
	// If we crash here, the store shows a checkpoint that the database does not
	// keep yet. The next Open finds it to be of the log that it holds, signs
	// the same tree again, replaces it and keeps that.
	Crash(EntrySigned)
	err = l.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		return tx.PutCheckpoint(records.Checkpoint{Size: c.Size, Note: note})
	})
	if err != nil {
		return err
	}
	Crash(EntryPublished)
	l.show(note)
	return nil
}

// sign returns the note of a checkpoint that is kept, or signs one. Two notes of
// one tree would do no harm, but who compares store and database sees one.
func (l *Ledger) sign(ctx context.Context, c translog.Checkpoint) ([]byte, error) {
	var kept records.Checkpoint
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		kept, err = tx.Checkpoint(c.Size)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		return translog.Sign(c, l.cfg.LogKey, l.cfg.Now())
	}
	return kept.Note, err
}

// putRange stores copies and tiles of the entries from to to-1.
func (l *Ledger) putRange(ctx context.Context, from, to int64) error {
	if err := l.putCopies(ctx, from, to); err != nil {
		return err
	}
	// If we crash here, or between two of the objects before or after, the store
	// holds copies and tiles that no checkpoint covers. The next Open writes
	// them again from the same entries.
	Crash(EntryCopied)
	if err := l.putTiles(ctx, from, to); err != nil {
		return err
	}
	// If we crash here, all of the new tree is in the store and nothing says so.
	// The next Open writes it again and signs.
	Crash(EntryTiled)
	return nil
}

// show makes the committed state the published one and wakes who waits for it.
func (l *Ledger) show(note []byte) {
	st := l.next
	clear(l.copies)
	l.shown.Store(&snapshot{front: st.front, size: st.head.Size, last: st.head.Last, note: note})
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// object is one small object to store.
type object struct {
	key  string
	data []byte
}

// putCopies stores the sealed copies of the entries from to to-1. With the
// recovery identity they give the entries back when the database is lost.
func (l *Ledger) putCopies(ctx context.Context, from, to int64) error {
	var weights []int64
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		weights, err = tx.Weights(from, to)
		return err
	})
	for from < to && err == nil {
		n := fit(weights)
		var lines []custody.Line
		err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
			list, err := tx.Range(from, from+n)
			for _, e := range list {
				lines = append(lines, e.Line)
			}
			return err
		})
		for _, run := range unerased(lines) {
			if err == nil {
				err = l.putCopy(ctx, run)
			}
		}
		from, weights = from+n, weights[min(n, int64(len(weights))):]
	}
	return err
}

// unerased returns the runs of lines between those that were erased, of which there are
// no copies.
func unerased(lines []custody.Line) (runs [][]custody.Line) {
	from := 0
	for i := 0; i <= len(lines); i++ {
		if i < len(lines) && lines[i].Gap == nil {
			continue
		}
		if i > from {
			runs = append(runs, lines[from:i])
		}
		from = i + 1
	}
	return runs
}

// fit returns how many of the next entries go into one object: at least one.
func fit(weights []int64) (n int64) {
	var sum int64
	for _, w := range weights {
		if n == maxBatch || n > 0 && sum+w > maxBatchBytes {
			break
		}
		n, sum = n+1, sum+w
	}
	return max(n, 1)
}

func (l *Ledger) putCopy(ctx context.Context, lines []custody.Line) error {
	list := make([]*sealing, len(lines))
	for i, line := range lines {
		if list[i] = l.copies[line.Index]; list[i] == nil || list[i].salt != line.Salt {
			list[i] = startSealing(line, l.cfg.Recovery)
		}
	}
	data, err := join(lines, list)
	if err != nil {
		return err
	}
	// Replace, because a crash before the checkpoint can leave copies of entries
	// that a restored database then does not have.
	_, err = l.cfg.Store.Put(ctx, copyKey(lines[0].Index, len(lines)), data, objects.Replace)
	return err
}

// copyKey names the object that holds the copies of n entries from index on.
func copyKey(index int64, n int) string {
	return fmt.Sprintf("%s%010d/%016d.%d", copyPrefix, index/10000, index, n)
}

// putTiles stores what a checkpoint of size to needs after one of size from.
func (l *Ledger) putTiles(ctx context.Context, from, to int64) error {
	tiles, err := translog.NewTiles(from, to)
	if err != nil {
		return err
	}
	var list []object
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		for _, t := range tiles {
			data, err := tile(tx, t)
			if err != nil {
				return err
			}
			list = append(list, object{TileKey(t.Path()), data})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.putAll(ctx, list)
}

func tile(tx *records.Tx, t translog.Tile) ([]byte, error) {
	if t.Level != translog.Entries {
		return translog.TileData(t, tx.Hashes())
	}
	first := t.N * translog.TileWidth
	leaves, err := tx.Leaves(first, first+int64(t.Width))
	if err != nil {
		return nil, err
	}
	return translog.EncodeEntries(leaves), nil
}

// putAll stores objects, some at a time; their order does not matter.
func (l *Ledger) putAll(ctx context.Context, list []object) error {
	errs := make([]error, len(list))
	free := make(chan struct{}, putters)
	var wg sync.WaitGroup
	for i, o := range list {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			// No published checkpoint covers these tiles yet, so what may be
			// there is the rest of a publication that broke off.
			_, errs[i] = l.cfg.Store.Put(ctx, o.key, o.data, objects.Replace)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
