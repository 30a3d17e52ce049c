package translog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveInclusion returns the RFC 6962 audit path of the leaf at index in the
// tree of the given size. It makes at most one call to r, for stored hashes
// as numbered by tlog.StoredHashIndex.
func ProveInclusion(size, index int64, r tlog.HashReader) ([]tlog.Hash, error) {
	if index < 0 || index >= size || size > MaxSize {
		return nil, fmt.Errorf("proving inclusion: no leaf %d in a tree of %d", index, size)
	}
	p, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return nil, fmt.Errorf("proving inclusion of leaf %d in a tree of %d: %w", index, size, err)
	}
	return p, nil
}

// CheckInclusion reports as an error anything but a proof, of exactly the
// length the tree demands, that leaf stands at index in the tree of c.
func CheckInclusion(c Checkpoint, index int64, leaf Leaf, proof []tlog.Hash) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("checking inclusion: %v", err)
	}
	if index < 0 || index >= c.Size {
		return fmt.Errorf("checking inclusion: no leaf %d in a tree of %d", index, c.Size)
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Root, index, leaf.Hash()); err != nil {
		return fmt.Errorf("checking inclusion of leaf %d in a tree of %d: %v", index, c.Size, err)
	}
	return nil
}

// ProveConsistency returns the RFC 6962 proof that the tree of newSize
// continues the tree of oldSize. From an empty tree, and between equal sizes,
// the proof is empty. It makes at most one call to r.
func ProveConsistency(oldSize, newSize int64, r tlog.HashReader) ([]tlog.Hash, error) {
	if oldSize < 0 || oldSize > newSize || newSize > MaxSize {
		return nil, fmt.Errorf("proving consistency: sizes %d and %d", oldSize, newSize)
	}
	if oldSize == 0 {
		return nil, nil
	}
	p, err := tlog.ProveTree(newSize, oldSize, r)
	if err != nil {
		return nil, fmt.Errorf("proving consistency from %d to %d: %w", oldSize, newSize, err)
	}
	return p, nil
}

// CheckConsistency reports as an error anything but a proof that the tree of
// newer begins with the whole tree of older. Both must be of one origin. When
// both are signed and no proof exists, the log has rewritten its past.
func CheckConsistency(older, newer Checkpoint, proof []tlog.Hash) error {
	for _, c := range []Checkpoint{older, newer} {
		if err := c.check(); err != nil {
			return fmt.Errorf("checking consistency: %v", err)
		}
	}
	if older.Origin != newer.Origin {
		return fmt.Errorf("checking consistency: origins %q and %q", older.Origin, newer.Origin)
	}
	if older.Size > newer.Size {
		return fmt.Errorf("checking consistency: tree shrank from %d to %d", older.Size, newer.Size)
	}
	if older.Size == 0 {
		// Every tree continues the empty one; its root was checked above.
		if len(proof) != 0 {
			return fmt.Errorf("checking consistency: proof of %d hashes from an empty tree", len(proof))
		}
		return nil
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("checking consistency from %d to %d: %v", older.Size, newer.Size, err)
	}
	return nil
}
