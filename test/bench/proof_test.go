package bench_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "relay.example"

// tree is the hashes of a log in memory, in the order in which the relay stores them.
type tree struct {
	size   int64
	hashes []tlog.Hash
}

// leaf is the i-th of every tree here.
func leaf(i int64) (l translog.Leaf) {
	binary.BigEndian.PutUint64(l.Salted[:], uint64(i))
	l.Seq = uint64(i)
	return l
}

// grow adds leaves up to a size. Unlike tlog.StoredHashes it copies nothing.
func (t *tree) grow(size int64) {
	for ; t.size < size; t.size++ {
		h := leaf(t.size).Hash()
		t.hashes = append(t.hashes, h)
		for level, n := 0, t.size; n&1 == 1; level, n = level+1, n>>1 {
			h = tlog.NodeHash(t.hashes[tlog.StoredHashIndex(level, n-1)], h)
			t.hashes = append(t.hashes, h)
		}
	}
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		list[i] = t.hashes[n]
	}
	return list, nil
}

func (t *tree) checkpoint(tb testing.TB, size int64) translog.Checkpoint {
	tb.Helper()
	root, err := tlog.TreeHash(size, t)
	if err != nil {
		tb.Fatal(err)
	}
	return translog.Checkpoint{Origin: origin, Size: size, Root: root}
}

// BenchmarkProof makes and verifies the proof of one leaf, and that one tree extends a
// smaller one of two thirds its size, in logs of a thousand to ten million entries. A
// proof is as many hashes of 32 bytes as proof-bytes says. The largest log takes 650 MB
// and some seconds to build.
//
//	go test ./test/bench -run xxx -bench Proof
func BenchmarkProof(b *testing.B) {
	t := &tree{}
	for _, size := range []int64{1e3, 1e4, 1e5, 1e6, 1e7} {
		t.grow(size) // before b.Run, which runs its function several times
		name := fmt.Sprintf("entries=%d/", size)
		whole, part, at := t.checkpoint(b, size), t.checkpoint(b, size*2/3), size/3
		inclusion, err := translog.ProveInclusion(size, at, t)
		if err != nil {
			b.Fatal(err)
		}
		consistency, err := translog.ProveConsistency(part.Size, size, t)
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range []struct {
			name   string
			hashes int
			do     func() error
		}{
			{"inclusion/prove", len(inclusion), func() error { _, err := translog.ProveInclusion(size, at, t); return err }},
			{"inclusion/verify", len(inclusion), func() error { return translog.CheckInclusion(whole, at, leaf(at), inclusion) }},
			{"consistency/prove", len(consistency), func() error { _, err := translog.ProveConsistency(part.Size, size, t); return err }},
			{"consistency/verify", len(consistency), func() error { return translog.CheckConsistency(part, whole, consistency) }},
		} {
			b.Run(name+row.name, func(b *testing.B) {
				for b.Loop() {
					if err := row.do(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(row.hashes*tlog.HashSize), "proof-bytes")
			})
		}
	}
}

// TestTree: the trees that are measured are those of package tlog, and a proof in one
// does not verify for another leaf.
func TestTree(t *testing.T) {
	x := &tree{}
	x.grow(1000)
	var stored []tlog.Hash
	for i := range int64(1000) {
		hs, err := tlog.StoredHashesForRecordHash(i, leaf(i).Hash(), &tree{hashes: stored})
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hs...)
	}
	for i := range stored {
		if i >= len(x.hashes) || stored[i] != x.hashes[i] {
			t.Fatalf("hash %d differs", i)
		}
	}
	p, err := translog.ProveInclusion(1000, 7, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := translog.CheckInclusion(x.checkpoint(t, 1000), 7, leaf(8), p); err == nil {
		t.Error("a proof verifies for another leaf")
	}
}
