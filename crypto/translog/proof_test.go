package translog_test

import (
	"testing"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

func TestInclusion(t *testing.T) {
	l := newLog(t, 300)
	for _, size := range []int{1, 2, 3, 7, 8, 9, 64, 255, 256, 257, 300} {
		c := l.checkpoint(t, size)
		for i := range size {
			p, err := translog.ProveInclusion(int64(size), int64(i), l)
			fatalIfErr(t, err)
			if err := translog.CheckInclusion(c, int64(i), l.leaves[i], p); err != nil {
				t.Fatalf("size %d, leaf %d: %v", size, i, err)
			}
			if size > 1 {
				other := l.leaves[(i+1)%size]
				if translog.CheckInclusion(c, int64(i), other, p) == nil {
					t.Fatalf("size %d: proof of leaf %d accepts another leaf", size, i)
				}
			}
		}
	}
}

// mutations returns every copy of p with one bit of one byte flipped, and
// copies that are too short and too long.
func mutations(p []tlog.Hash) [][]tlog.Hash {
	var all [][]tlog.Hash
	for i := range p {
		for j := range p[i] {
			m := append([]tlog.Hash(nil), p...)
			m[i][j] ^= 1 << (j % 8)
			all = append(all, m)
		}
		all = append(all, p[:i])
	}
	longer := append([]tlog.Hash(nil), p...)
	return append(all, append(longer, tlog.Hash{}), append([]tlog.Hash{{}}, p...))
}

func TestInclusionMutated(t *testing.T) {
	l := newLog(t, 257)
	for _, size := range []int{1, 6, 257} {
		c := l.checkpoint(t, size)
		for _, i := range []int{0, size / 2, size - 1} {
			p, err := translog.ProveInclusion(int64(size), int64(i), l)
			fatalIfErr(t, err)
			for n, m := range mutations(p) {
				if translog.CheckInclusion(c, int64(i), l.leaves[i], m) == nil {
					t.Errorf("size %d, leaf %d: mutation %d passes", size, i, n)
				}
			}
			if size > 1 && translog.CheckInclusion(c, int64((i+1)%size), l.leaves[i], p) == nil {
				t.Errorf("size %d: proof of leaf %d passes at another index", size, i)
			}
		}
	}
}

func TestInclusionRange(t *testing.T) {
	l := newLog(t, 5)
	for _, c := range []struct{ size, index int64 }{
		{0, 0}, {5, 5}, {5, -1}, {-1, -2}, {1 << 62, 0}, {1<<63 - 1, 1}, {translog.MaxSize + 1, 0},
	} {
		if _, err := translog.ProveInclusion(c.size, c.index, l); err == nil {
			t.Errorf("ProveInclusion(%d, %d) succeeded", c.size, c.index)
		}
		cp := translog.Checkpoint{Origin: origin, Size: c.size}
		if translog.CheckInclusion(cp, c.index, l.leaves[0], nil) == nil {
			t.Errorf("CheckInclusion(%d, %d) succeeded", c.size, c.index)
		}
	}
}

func TestConsistency(t *testing.T) {
	l := newLog(t, 300)
	for newer := 0; newer <= 300; newer += 12 {
		for older := 0; older <= newer; older++ {
			p, err := translog.ProveConsistency(int64(older), int64(newer), l)
			fatalIfErr(t, err)
			a, b := l.checkpoint(t, older), l.checkpoint(t, newer)
			if err := translog.CheckConsistency(a, b, p); err != nil {
				t.Fatalf("%d to %d: %v", older, newer, err)
			}
		}
	}
}

func TestConsistencyRefusals(t *testing.T) {
	l := newLog(t, 257)
	for _, sizes := range [][2]int{{0, 9}, {1, 2}, {4, 8}, {5, 5}, {6, 257}, {256, 257}} {
		a, b := l.checkpoint(t, sizes[0]), l.checkpoint(t, sizes[1])
		p, err := translog.ProveConsistency(a.Size, b.Size, l)
		fatalIfErr(t, err)
		for n, m := range mutations(p) {
			if translog.CheckConsistency(a, b, m) == nil {
				t.Errorf("%v: mutation %d passes", sizes, n)
			}
		}
		if a.Size < b.Size && translog.CheckConsistency(b, a, p) == nil {
			t.Errorf("%v: a shrinking tree passes", sizes)
		}
		forged := a
		forged.Root[0] ^= 1
		if translog.CheckConsistency(forged, b, p) == nil {
			t.Errorf("%v: another old root passes", sizes)
		}
		other := a
		other.Origin = "other.example"
		if translog.CheckConsistency(other, b, p) == nil {
			t.Errorf("%v: another origin passes", sizes)
		}
	}
	for _, sizes := range [][2]int64{{-1, 2}, {3, 2}, {1, 1 << 62}, {1, translog.MaxSize + 1}} {
		if _, err := translog.ProveConsistency(sizes[0], sizes[1], l); err == nil {
			t.Errorf("ProveConsistency(%v) succeeded", sizes)
		}
		a := translog.Checkpoint{Origin: origin, Size: sizes[0]}
		b := translog.Checkpoint{Origin: origin, Size: sizes[1]}
		if translog.CheckConsistency(a, b, nil) == nil {
			t.Errorf("CheckConsistency(%v) succeeded", sizes)
		}
	}
}
