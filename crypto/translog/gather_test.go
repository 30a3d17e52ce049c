package translog_test

import (
	"testing"

	"comity.example/comity/crypto/translog"
)

// TestGatherer makes every proof of small trees from one reading of the leaves.
func TestGatherer(t *testing.T) {
	l := newLog(t, 70)
	for size := int64(1); size <= 70; size += 3 {
		g := translog.NewGatherer()
		for old := range size + 1 {
			fatalIfErr(t, g.ForConsistency(old, size))
			if old < size {
				fatalIfErr(t, g.ForInclusion(size, old))
			}
		}
		for _, leaf := range l.leaves[:size] {
			g.Append(leaf)
		}
		c := l.checkpoint(t, int(size))
		for old := range size + 1 {
			p, err := translog.ProveConsistency(old, size, g)
			fatalIfErr(t, err)
			fatalIfErr(t, translog.CheckConsistency(l.checkpoint(t, int(old)), c, p))
			if old < size {
				p, err := translog.ProveInclusion(size, old, g)
				fatalIfErr(t, err)
				fatalIfErr(t, translog.CheckInclusion(c, old, l.leaves[old], p))
			}
		}
	}
}

// TestGathererRoots: roots at the sizes asked for, once they are reached, and no others.
func TestGathererRoots(t *testing.T) {
	l := newLog(t, 300)
	g := translog.NewGatherer(0, 1, 128, 129, 300, 301)
	for _, leaf := range l.leaves {
		g.Append(leaf)
	}
	for _, size := range []int64{0, 1, 128, 129, 300} {
		if root, ok := g.RootAt(size); !ok || root != l.checkpoint(t, int(size)).Root {
			t.Errorf("the root at %d is %v, %t", size, root, ok)
		}
	}
	for _, size := range []int64{2, 301} {
		if _, ok := g.RootAt(size); ok {
			t.Errorf("a root at %d", size)
		}
	}
	if _, err := translog.ProveInclusion(300, 5, g); err == nil {
		t.Error("it makes a proof that was not announced")
	}
}
