package translog_test

import (
	"errors"
	"slices"
	"testing"

	"comity.example/comity/crypto/translog"
)

func TestFrontier(t *testing.T) {
	l := newLog(t, 600)
	var f translog.Frontier
	for size := 0; size <= 600; size++ {
		if c := l.checkpoint(t, size); f.Size() != c.Size || f.Root() != c.Root {
			t.Fatalf("at %d: size %d, root %v, want %v", size, f.Size(), f.Root(), c.Root)
		}
		if size < 600 {
			f.Append(l.leaves[size].Hash())
		}
	}
}

// fetch reads bundles from s, as an agent does over the network.
func (s store) fetch(n int64, width int) ([]byte, error) {
	b, ok := s[translog.EntriesPath(n, width)]
	if !ok {
		return nil, errors.New("not found")
	}
	return b, nil
}

func TestScan(t *testing.T) {
	l := newLog(t, 600)
	s := store{}
	f := new(translog.Frontier)
	var seen []translog.Leaf
	visit := func(index int64, leaf translog.Leaf) error {
		if index != int64(len(seen)) {
			t.Fatalf("leaf %d visited at %d", index, len(seen))
		}
		seen = append(seen, leaf)
		return nil
	}
	// One frontier goes on from size to size; each time a new one reads all.
	old := 0
	for _, size := range []int{0, 1, 200, 200, 256, 257, 512, 600} {
		l.publish(t, s, old, size)
		old = size
		c := l.checkpoint(t, size)
		fatalIfErr(t, translog.Scan(f, c, s.fetch, visit))
		if !slices.Equal(seen, l.leaves[:size]) {
			t.Fatalf("at %d: visited %d other leaves", size, len(seen))
		}
		all := 0
		fatalIfErr(t, translog.Scan(new(translog.Frontier), c, s.fetch, func(int64, translog.Leaf) error { all++; return nil }))
		if all != size {
			t.Fatalf("a whole scan of %d visits %d leaves", size, all)
		}
	}
	if err := translog.Scan(f, l.checkpoint(t, 599), s.fetch, visit); err == nil {
		t.Error("Scan went back")
	}
}

func TestScanRefuses(t *testing.T) {
	l := newLog(t, 300)
	errStop := errors.New("stop")
	none := func(int64, translog.Leaf) error { return nil }
	for _, c := range []struct {
		name   string
		break_ func(store)
		visit  func(int64, translog.Leaf) error
		want   error
	}{
		{"a changed leaf", func(s store) { s["tile/entries/001.p/44"][50] ^= 1 }, none, translog.ErrRoot},
		{"a changed first leaf", func(s store) { s["tile/entries/000"][2] ^= 1 }, none, translog.ErrRoot},
		{"swapped leaves", func(s store) {
			b := s["tile/entries/000"]
			copy(b, slices.Concat(b[58:116], b[:58]))
		}, none, translog.ErrRoot},
		{"a short bundle", func(s store) { s["tile/entries/000"] = s["tile/entries/000"][58:] }, none, nil},
		{"a missing bundle", func(s store) { delete(s, "tile/entries/000") }, none, nil},
		{"a visitor's error", func(store) {}, func(int64, translog.Leaf) error { return errStop }, errStop},
	} {
		s := store{}
		l.publish(t, s, 0, 300)
		c.break_(s)
		f := new(translog.Frontier)
		err := translog.Scan(f, l.checkpoint(t, 300), s.fetch, c.visit)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: Scan = %v, want %v", c.name, err, c.want)
		}
		if f.Size() != 0 || f.Root() != new(translog.Frontier).Root() {
			t.Errorf("%s: a failed scan moved the frontier to %d", c.name, f.Size())
		}
	}
	huge := translog.Checkpoint{Origin: origin, Size: translog.MaxSize + 1}
	if translog.Scan(new(translog.Frontier), huge, store{}.fetch, none) == nil {
		t.Error("Scan took a tree above MaxSize")
	}
}

func TestWatch(t *testing.T) {
	l := newLog(t, 300)
	s := store{}
	l.publish(t, s, 0, 300)
	w := translog.NewWatch(l.leaves[3].Tag)
	fatalIfErr(t, translog.Scan(new(translog.Frontier), l.checkpoint(t, 300), s.fetch, w.Visit))
	found := w.Found()
	if len(found) != 43 {
		t.Fatalf("found %d leaves, want 43", len(found))
	}
	for i, f := range found {
		if f.Index != int64(3+7*i) || f.Leaf != l.leaves[f.Index] {
			t.Errorf("found %+v at %d", f, i)
		}
	}
}

func TestWatchForkAndGap(t *testing.T) {
	tag := translog.NewTag([32]byte{1})
	other := translog.Leaf{Tag: translog.NewTag([32]byte{2}), Seq: 9}
	leaf := func(seq uint64, salted byte) translog.Leaf {
		return translog.Leaf{Tag: tag, Seq: seq, Salted: [32]byte{salted}}
	}
	for _, c := range []struct {
		name   string
		leaves []translog.Leaf
		want   error
	}{
		{"in order", []translog.Leaf{leaf(0, 0), other, leaf(1, 1), other, leaf(2, 2)}, nil},
		{"fork", []translog.Leaf{leaf(0, 0), leaf(1, 1), leaf(1, 2)}, translog.ErrFork},
		{"fork of the first", []translog.Leaf{leaf(0, 0), leaf(1, 1), leaf(0, 2)}, translog.ErrFork},
		{"the same twice", []translog.Leaf{leaf(0, 0), other, leaf(0, 0)}, translog.ErrFork},
		{"gap", []translog.Leaf{leaf(0, 0), leaf(2, 2)}, translog.ErrGap},
		{"no first", []translog.Leaf{leaf(1, 0)}, translog.ErrGap},
		{"far", []translog.Leaf{leaf(1<<64-1, 0)}, translog.ErrGap},
	} {
		w := translog.NewWatch(tag)
		var err error
		for i, l := range c.leaves {
			if err = w.Visit(int64(i), l); err != nil {
				break
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestWatchClone goes on after a scan that broke off.
func TestWatchClone(t *testing.T) {
	l := newLog(t, 300)
	s := store{}
	l.publish(t, s, 0, 300)
	second := s["tile/entries/001.p/44"]
	delete(s, "tile/entries/001.p/44")
	w, f, c := translog.NewWatch(l.leaves[0].Tag), new(translog.Frontier), l.checkpoint(t, 300)
	before := w.Clone()
	if translog.Scan(f, c, s.fetch, w.Visit) == nil {
		t.Fatal("Scan did without a bundle")
	}
	s["tile/entries/001.p/44"] = second
	if err := translog.Scan(f, c, s.fetch, w.Visit); !errors.Is(err, translog.ErrFork) {
		t.Errorf("the spoilt watch says %v, want a fork", err)
	}
	fatalIfErr(t, translog.Scan(f, c, s.fetch, before.Visit))
	if len(before.Found()) != 43 {
		t.Errorf("found %d leaves, want 43", len(before.Found()))
	}
}
