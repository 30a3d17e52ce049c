package records

import (
	"errors"
	"fmt"
)

// Cosigned is what witnesses have cosigned of one tree: the note of the first
// time that a quorum did, and of the last. The first bounds from above when the
// tree existed, the last from below when the next one came.
type Cosigned struct {
	Size        int64
	First, Last []byte // C2SP signed notes
}

// PutCosigned keeps a cosigned note of a tree: as the last one, and as the first
// if there is none yet.
func (t *Tx) PutCosigned(size int64, note []byte) error {
	_, err := t.exec("INSERT INTO cosigned (size, first_note, last_note) VALUES (?,?,?) ON CONFLICT (size) DO UPDATE SET last_note = excluded.last_note", size, note, note)
	if err != nil {
		return fmt.Errorf("keeping the cosigned checkpoint %d: %w", size, err)
	}
	return nil
}

// CosignedUpTo returns the largest tree of at most that size which was cosigned, or
// ErrNotFound.
func (t *Tx) CosignedUpTo(size int64) (Cosigned, error) {
	return t.cosigned("SELECT size, first_note, last_note FROM cosigned WHERE size <= ? ORDER BY size DESC LIMIT 1", size)
}

// CosignedFrom returns the smallest tree of at least that size which was cosigned,
// or ErrNotFound.
func (t *Tx) CosignedFrom(size int64) (Cosigned, error) {
	return t.cosigned("SELECT size, first_note, last_note FROM cosigned WHERE size >= ? ORDER BY size LIMIT 1", size)
}

func (t *Tx) cosigned(query string, size int64) (c Cosigned, err error) {
	err = t.row(query, []any{size}, &c.Size, &c.First, &c.Last)
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("reading cosigned checkpoints: %w", err)
	}
	return c, err
}
