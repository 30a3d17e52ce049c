//go:build unix

package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"filippo.io/age"
)

const cores = 2

// BenchmarkOpen receives a package as an agent does, without the network: part
// digests, opening, unpacking, the hash of each file, on two cores. It alternates
// with age.Decrypt of the same file, whose plaintext is thrown away. x-of-age is its
// time over ours; x-of-age-cpu the same by the time that the cores worked, which
// other load on the machine does not change; B/GiB is what was allocated for each
// GiB of plaintext.
func BenchmarkOpen(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	id, r := newKey(b)
	plain := archive(b, 128<<20)
	head, payload, _ := ageFile(b, plain, r)
	digests := make([][32]byte, seal.Parts(int64(len(payload))))
	for n := range digests {
		digests[n] = sha256.Sum256(payload[n*seal.PartSize : min((n+1)*seal.PartSize, len(payload))])
	}
	into := b.TempDir()
	var ours, theirs cost
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		ours.add(func() { receive(b, head, payload, digests, id, into) })
		theirs.add(func() {
			rd, err := age.Decrypt(io.MultiReader(bytes.NewReader(head), bytes.NewReader(payload)), id)
			fatalIfErr(b, err)
			_, err = io.Copy(io.Discard, rd)
			fatalIfErr(b, err)
		})
	}
	b.ReportMetric(theirs.wall.Seconds()/ours.wall.Seconds(), "x-of-age")
	b.ReportMetric(theirs.cpu.Seconds()/(ours.cpu.Seconds()/cores), "x-of-age-cpu")
	b.ReportMetric(float64(ours.bytes)/float64(b.N)/float64(len(plain))*(1<<30), "B/GiB")
}

// cost is what something took.
type cost struct {
	wall, cpu time.Duration
	bytes     uint64 // allocated
}

func (c *cost) add(f func()) {
	var before, after runtime.MemStats
	var from, to syscall.Rusage
	runtime.ReadMemStats(&before)
	syscall.Getrusage(syscall.RUSAGE_SELF, &from)
	start := time.Now()
	f()
	c.wall += time.Since(start)
	syscall.Getrusage(syscall.RUSAGE_SELF, &to)
	runtime.ReadMemStats(&after)
	c.cpu += time.Duration(to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano())
	c.bytes += after.TotalAlloc - before.TotalAlloc
}

// archive packs one file of so many bytes.
func archive(b *testing.B, size int) []byte {
	b.Helper()
	dir := b.TempDir()
	fatalIfErr(b, os.WriteFile(filepath.Join(dir, "disk.img"), noise(size), 0o600))
	inv, err := bag.Scan(dir)
	fatalIfErr(b, err)
	plan, err := bag.NewPlan("bag", inv, nil)
	fatalIfErr(b, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(b, err)
	defer src.Close()
	var plain bytes.Buffer
	_, err = plan.Write(&plain, src)
	fatalIfErr(b, err)
	return plain.Bytes()
}

// receive verifies a payload and unpacks it below a folder.
func receive(b *testing.B, head, payload []byte, digests [][32]byte, id age.Identity, below string) {
	b.Helper()
	o, err := seal.NewOpener(head, int64(len(payload)), id)
	fatalIfErr(b, err)
	rd, err := seal.NewReader(o, cores, func(_, n int, sealed []byte) error {
		partIn(payload, n, sealed)
		if sha256.Sum256(sealed) != digests[n] {
			return errors.New("not the part that was sealed")
		}
		return nil
	})
	fatalIfErr(b, err)
	defer rd.Close()
	dir, err := os.MkdirTemp(below, "")
	fatalIfErr(b, err)
	defer os.RemoveAll(dir)
	into, err := os.OpenRoot(dir)
	fatalIfErr(b, err)
	defer into.Close()
	_, err = bag.Extract(rd, into, "bag", bag.Limits{})
	fatalIfErr(b, err)
}
