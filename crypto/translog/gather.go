package translog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Gatherer keeps of a log that is read once, leaf by leaf, what proofs about it need: the
// roots at some sizes and the hashes for some paths. It holds no more than these, and the
// right edge of the tree. It checks nothing: whether the leaves are those of a signed tree
// its caller sees from RootAt. It is not safe for concurrent use.
type Gatherer struct {
	front  Frontier
	roots  map[int64]tlog.Hash // by size; asked for, zero until read
	hashes map[int64]tlog.Hash // by tlog.StoredHashIndex; likewise
	edge   [64]tlog.Hash       // of complete subtrees that wait for a sibling, by level
}

// NewGatherer returns one that will know the roots at these sizes.
func NewGatherer(sizes ...int64) *Gatherer {
	g := &Gatherer{roots: map[int64]tlog.Hash{}, hashes: map[int64]tlog.Hash{}}
	for _, n := range sizes {
		g.roots[n] = tlog.Hash{}
	}
	return g
}

// ForConsistency has it keep what ProveConsistency asks for. Call it before Append.
func (g *Gatherer) ForConsistency(oldSize, newSize int64) error {
	_, err := ProveConsistency(oldSize, newSize, asker(g.hashes))
	return err
}

// ForInclusion has it keep what ProveInclusion asks for. Call it before Append.
func (g *Gatherer) ForInclusion(size, index int64) error {
	_, err := ProveInclusion(size, index, asker(g.hashes))
	return err
}

// asker notes which hashes a proof is made of.
type asker map[int64]tlog.Hash

// ReadHashes implements tlog.HashReader with zeros.
func (a asker) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	for _, i := range indexes {
		a[i] = tlog.Hash{}
	}
	return make([]tlog.Hash, len(indexes)), nil
}

// Append takes the next leaf.
func (g *Gatherer) Append(leaf Leaf) {
	h := leaf.Hash()
	n := g.front.Size()
	g.front.Append(h)
	for level := 0; ; level++ {
		if i := tlog.StoredHashIndex(level, n); wanted(g.hashes, i) {
			g.hashes[i] = h
		}
		if n&1 == 0 { // it waits for its right sibling
			g.edge[level] = h
			break
		}
		h = tlog.NodeHash(g.edge[level], h)
		n >>= 1
	}
	if size := g.front.Size(); wanted(g.roots, size) {
		g.roots[size] = g.front.Root()
	}
}

func wanted(m map[int64]tlog.Hash, k int64) bool { _, ok := m[k]; return ok }

// Size returns the number of leaves taken.
func (g *Gatherer) Size() int64 { return g.front.Size() }

// RootAt returns the root at a size that NewGatherer was asked for and that was reached.
func (g *Gatherer) RootAt(size int64) (root tlog.Hash, ok bool) {
	if size == 0 {
		return emptyRoot(), true
	}
	root, ok = g.roots[size]
	return root, ok && size <= g.front.Size()
}

// ReadHashes implements tlog.HashReader for the proofs that were announced.
func (g *Gatherer) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for k, i := range indexes {
		h, ok := g.hashes[i]
		if !ok || h == (tlog.Hash{}) {
			return nil, fmt.Errorf("hash %d was not gathered", i)
		}
		list[k] = h
	}
	return list, nil
}
