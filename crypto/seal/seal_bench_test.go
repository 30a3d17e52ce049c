//go:build unix

package seal_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"filippo.io/age"
)

// BenchmarkSeal packs and seals a folder as an agent does, without the network: the
// hash of each file, tar, sealing and part digests, on two cores. It alternates with
// age.Encrypt of the same file, which does neither, and of the same bytes that are in
// memory already, which does not even read. The metrics are those of BenchmarkOpen, the
// second comparison's with "memory" in their names.
func BenchmarkSeal(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	_, r := newKey(b)
	plain := noise(256 << 20)
	dir := b.TempDir()
	disk := filepath.Join(dir, "disk.img")
	fatalIfErr(b, os.WriteFile(disk, plain, 0o600))
	var ours, theirs, memory cost
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		ours.add(func() { sealFolder(b, dir, r) })
		theirs.add(func() {
			f, err := os.Open(disk)
			fatalIfErr(b, err)
			defer f.Close()
			encrypt(b, f, r)
		})
		memory.add(func() { encrypt(b, bytes.NewReader(plain), r) })
	}
	b.ReportMetric(theirs.wall.Seconds()/ours.wall.Seconds(), "x-of-age")
	b.ReportMetric(theirs.cpu.Seconds()/(ours.cpu.Seconds()/cores), "x-of-age-cpu")
	b.ReportMetric(memory.wall.Seconds()/ours.wall.Seconds(), "x-of-age-memory")
	b.ReportMetric(memory.cpu.Seconds()/(ours.cpu.Seconds()/cores), "x-of-age-memory-cpu")
	b.ReportMetric(float64(ours.bytes)/float64(b.N)/float64(len(plain))*(1<<30), "B/GiB")
}

// encrypt is all that the stock library does.
func encrypt(b *testing.B, from io.Reader, r age.Recipient) {
	b.Helper()
	w, err := age.Encrypt(io.Discard, r)
	fatalIfErr(b, err)
	_, err = io.Copy(w, from)
	fatalIfErr(b, err)
	fatalIfErr(b, w.Close())
}

// sealFolder packs a folder into a Pipe, with marks.
func sealFolder(b *testing.B, dir string, r *age.HybridRecipient) {
	b.Helper()
	inv, err := bag.Scan(dir)
	fatalIfErr(b, err)
	plan, err := bag.NewPlan("bag", inv, nil)
	fatalIfErr(b, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(b, err)
	defer src.Close()
	s, err := seal.NewSealer(plan.Size(), r)
	fatalIfErr(b, err)
	p, err := seal.NewPipe(s, 0, cores, func(int, seal.SealedPart) error { return nil })
	fatalIfErr(b, err)
	_, err = plan.WriteFrom(p, src, bag.Mark{}, seal.PartPlain, func(bag.Mark) {})
	fatalIfErr(b, err)
	fatalIfErr(b, p.Close())
	_, err = s.PayloadRoot()
	fatalIfErr(b, err)
}
