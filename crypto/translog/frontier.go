package translog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// emptyRoot is the root of a tree without leaves, SHA-256 of nothing.
func emptyRoot() tlog.Hash { return sha256.Sum256(nil) }

// Frontier is the right edge of a tree: enough to append leaves and to know
// the root, in memory that grows with the logarithm of the size. The zero
// value is the empty tree. It is not safe for concurrent use.
type Frontier struct {
	size int64
	// One hash for each bit set in size, of the perfect subtree of that many
	// leaves, from the largest (leftmost) to the smallest.
	edge []tlog.Hash
}

// Append adds a leaf by its RFC 6962 leaf hash, as Leaf.Hash returns it.
func (f *Frontier) Append(leaf tlog.Hash) {
	// As with a carry in binary addition, each full subtree of the same
	// height as what we hold is merged into one of twice the size.
	h := leaf
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.edge) - 1
		h = tlog.NodeHash(f.edge[last], h)
		f.edge = f.edge[:last]
	}
	f.edge = append(f.edge, h)
	f.size++
}

// Size returns the number of leaves appended.
func (f *Frontier) Size() int64 { return f.size }

// Root returns the RFC 6962 root of the leaves appended.
func (f *Frontier) Root() tlog.Hash {
	if f.size == 0 {
		return emptyRoot()
	}
	last := len(f.edge) - 1
	h := f.edge[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(f.edge[i], h)
	}
	return h
}

// clone returns a copy that shares nothing with f.
func (f *Frontier) clone() *Frontier {
	return &Frontier{size: f.size, edge: slices.Clone(f.edge)}
}

// ErrRoot means that the entries a log serves do not hash to the root it has
// signed: one of the two is a lie.
var ErrRoot = errors.New("entries do not lead to the signed root")

// Scan reads the leaves of the log from f.Size() to c.Size and calls visit for
// each in order. A new Frontier scans the whole log; one that a former Scan
// returned without error continues there.
//
// fetch returns the n-th entry bundle of the log, cut to its first width
// entries if the log answers with a wider one. It is called in order, once
// for each bundle.
//
// What visit has seen holds only if Scan returns nil. Otherwise f is
// unchanged and the error is that of fetch or visit, wrapped; or of a bundle
// that cannot be read; or it wraps ErrRoot, when the tree of all leaves is not
// that of c: then the log shows different entries to different readers, or
// has left one out.
func Scan(f *Frontier, c Checkpoint, fetch func(n int64, width int) ([]byte, error), visit func(index int64, leaf Leaf) error) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("scanning log: %v", err)
	}
	if f.size > c.Size {
		return fmt.Errorf("scanning log: at leaf %d, beyond the tree of %d", f.size, c.Size)
	}
	g := f.clone()
	for g.size < c.Size {
		if err := g.scanBundle(c.Size, fetch, visit); err != nil {
			return err
		}
	}
	if g.Root() != c.Root {
		return fmt.Errorf("scanning log %q to %d: %w", c.Origin, c.Size, ErrRoot)
	}
	*f = *g
	return nil
}

// scanBundle appends what is new in the bundle that holds the next leaf.
func (f *Frontier) scanBundle(size int64, fetch func(int64, int) ([]byte, error), visit func(int64, Leaf) error) error {
	n := f.size / TileWidth
	width := int(min(size-n*TileWidth, TileWidth))
	b, err := fetch(n, width)
	if err != nil {
		return fmt.Errorf("fetching entries %q: %w", EntriesPath(n, width), err)
	}
	leaves, err := DecodeEntries(b, width)
	if err != nil {
		return fmt.Errorf("scanning %q: %v", EntriesPath(n, width), err)
	}
	for _, l := range leaves[f.size%TileWidth:] {
		if err := visit(f.size, l); err != nil {
			return fmt.Errorf("scanning leaf %d: %w", f.size, err)
		}
		f.Append(l.Hash())
	}
	return nil
}
