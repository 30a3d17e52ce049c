package translog

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrFork means that a record has two leaves of one sequence number: the
	// relay has told two stories about it.
	ErrFork = errors.New("fork of the record")

	// ErrGap means that a record's leaf comes before one it must follow.
	ErrGap = errors.New("gap in the record")
)

// Watch collects the leaves of one record during a Scan of the log and finds
// forks and gaps. After a Scan that failed, go on with a Clone made before it:
// a Watch that has seen leaves of a failed Scan would call them forks when
// they come again. It is not safe for concurrent use.
type Watch struct {
	tag   Tag
	found []Found
}

// Found is a leaf and its place in the log.
type Found struct {
	Index int64
	Leaf  Leaf
}

// NewWatch returns a Watch for the record that tag stands for.
func NewWatch(tag Tag) *Watch { return &Watch{tag: tag} }

// Clone returns a copy that shares nothing with w.
func (w *Watch) Clone() *Watch { return &Watch{tag: w.tag, found: slices.Clone(w.found)} }

// Visit takes the next leaf of the log; it is made to be the visit function
// of Scan. It ignores leaves of other records. The error wraps ErrFork or
// ErrGap; a second leaf that is equal to the first is a fork as well, because
// an honest relay appends each entry once. A leaf in error is not collected.
func (w *Watch) Visit(index int64, leaf Leaf) error {
	if leaf.Tag != w.tag {
		return nil
	}
	next := uint64(len(w.found))
	switch {
	case leaf.Seq < next:
		return fmt.Errorf("leaf %d of record %v at %d and at %d: %w", leaf.Seq, w.tag, w.found[leaf.Seq].Index, index, ErrFork)
	case leaf.Seq > next:
		return fmt.Errorf("leaf %d of record %v at %d, want leaf %d: %w", leaf.Seq, w.tag, index, next, ErrGap)
	}
	w.found = append(w.found, Found{Index: index, Leaf: leaf})
	return nil
}

// Found returns the leaves collected; the place in the slice is the sequence
// number. The slice is the caller's.
func (w *Watch) Found() []Found { return slices.Clone(w.found) }
