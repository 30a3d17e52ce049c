package journal_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"
)

const pkg = "aaaabbbbccccddddeeeeffffgg"

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// part is a part with recognisable fields.
func part(n int) journal.Part {
	p := journal.Part{N: n, SHA256: [32]byte{byte(n), 1}, Mark: bag.Mark{At: int64(n+1) << 23, Item: 3 * n, Hash: bytes.Repeat([]byte{byte(n)}, n%2*108)}}
	if len(p.Mark.Hash) == 0 {
		p.Mark.Hash = nil
	}
	for i := range n {
		p.Mark.Sums = append(p.Mark.Sums, [32]byte{byte(n), byte(i), 2})
	}
	return p
}

// made makes a journal with these parts, one frame each, and closes it.
func made(t *testing.T, parts ...int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Create(path, pkg, 100)
	check(t, err)
	check(t, j.TakeOver())
	for _, n := range parts {
		check(t, j.Part(part(n)))
	}
	check(t, j.Close())
	return path
}

func TestJournal(t *testing.T) {
	j, err := journal.Open(made(t, 0, 2, 1, 4), pkg, 100)
	check(t, err)
	defer j.Close()
	if _, err := journal.Open(made(t), "another", 100); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("opening the journal of another package: %v", err)
	}
	check(t, j.Part(part(2))) // again
	check(t, j.Part(part(5)))
	if j.Part(part(100)) == nil || j.Part(journal.Part{N: -1}) == nil {
		t.Error("a part that there is not was taken")
	}
	known, err := j.Known()
	check(t, err)
	want := map[int][32]byte{}
	for _, n := range []int{0, 1, 2, 4, 5} {
		want[n] = part(n).SHA256
		if !j.Has(n) {
			t.Errorf("Has(%d) = false", n)
		}
	}
	if !reflect.DeepEqual(known, want) || j.Has(3) || j.Has(-1) || j.Has(1000) {
		t.Errorf("Known = %v", known)
	}
	for n := range 4 {
		var m bag.Mark
		var sums [][32]byte
		for i := range n {
			m = part(i).Mark
			sums = append(sums, m.Sums...)
		}
		m.Sums = sums
		if got, err := j.Mark(n); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("Mark(%d) = %+v, %v, want %+v", n, got, err, m)
		}
	}
	if _, err := j.Mark(4); err == nil {
		t.Error("Mark behind a part that is not there")
	}
	check(t, j.TakeOver())
	if j.Takeovers() != 2 {
		t.Errorf("%d takeovers", j.Takeovers())
	}
}

// TestTogether writes from many goroutines: each part is durable when Part returns,
// which a second reader of the file sees.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Create(path, pkg, 100)
	check(t, err)
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			if err := j.Part(part(n)); err != nil {
				t.Error(err)
			}
			file, err := os.ReadFile(path)
			if sum := part(n).SHA256; err != nil || !bytes.Contains(file, sum[:]) {
				t.Errorf("part %d is not in the file: %v", n, err)
			}
		})
	}
	wg.Wait()
	check(t, j.Close())
	j, err = journal.Open(path, pkg, 100)
	check(t, err)
	known, err := j.Known()
	check(t, errors.Join(err, j.Close()))
	if len(known) != 50 {
		t.Errorf("%d parts are known", len(known))
	}
}

// TestTorn cuts the file at every byte, as a crash may, also with zeros behind: what
// was synced before the last frame stays, and writing goes on.
func TestTorn(t *testing.T) {
	path := made(t, 0, 1, 2)
	whole, err := os.ReadFile(path)
	check(t, err)
	check(t, os.Truncate(path, 0))
	short := made(t, 0, 1)
	before, err := os.Stat(short)
	check(t, err)
	for n := int(before.Size()); n < len(whole); n++ {
		for _, zeros := range []int{0, len(whole) - n} {
			// In place: another file would be another journal.
			check(t, os.WriteFile(path, append(slices.Clone(whole[:n]), make([]byte, zeros)...), 0o600))
			j, err := journal.Open(path, pkg, 100)
			if err != nil {
				t.Fatalf("cut at %d, %d zeros: %v", n, zeros, err)
			}
			if !j.Has(1) || j.Has(2) {
				t.Errorf("cut at %d, %d zeros: Has(1) = %t, Has(2) = %t", n, zeros, j.Has(1), j.Has(2))
			}
			check(t, j.Part(part(2)))
			check(t, j.Close())
			if file, err := os.ReadFile(path); err != nil || !bytes.Equal(file, whole) {
				t.Fatalf("cut at %d, %d zeros: the journal goes on otherwise: %v", n, zeros, err)
			}
		}
	}
}

// TestDamaged flips a bit in every byte of what was synced.
func TestDamaged(t *testing.T) {
	path := made(t, 0, 1, 2)
	whole, err := os.ReadFile(path)
	check(t, err)
	before, err := os.Stat(made(t, 0, 1))
	check(t, err)
	for n := range int(before.Size()) {
		b := slices.Clone(whole)
		b[n] ^= 0x40
		check(t, os.WriteFile(path, b, 0o600))
		if j, err := journal.Open(path, pkg, 100); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("byte %d: %v", n, err)
			j.Close()
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "name only": whole[:17], "another name": append([]byte("x"), whole[1:]...), "a frame less": append(slices.Clone(whole[:150]), whole[200:]...),
	} {
		check(t, os.WriteFile(path, b, 0o600))
		if _, err := journal.Open(path, pkg, 100); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, os.WriteFile(path, whole, 0o600))
	if _, err := journal.Open(path, pkg, 2); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a part too many: %v", err)
	}
	j, err := journal.Open(path, pkg, 3)
	check(t, err)
	check(t, j.Close())
}

// TestForeign copies the folder: the copy is refused, the original goes on. Moving it
// on one file system makes no copy.
func TestForeign(t *testing.T) {
	path := made(t, 0)
	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(filepath.Dir(path))))
	if _, err := journal.Open(filepath.Join(copied, "journal"), pkg, 100); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("opening a copy: %v", err)
	}
	moved := filepath.Join(filepath.Dir(path), "moved")
	check(t, os.Rename(path, moved))
	j, err := journal.Open(moved, pkg, 100)
	check(t, err)
	if _, err := journal.Open(moved, pkg, 100); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("opening twice: %v", err)
	}
	check(t, j.Close())
}

func FuzzRecords(f *testing.F) {
	f.Add(journal.Sample(part(0)))
	f.Add(journal.Sample(part(3)))
	f.Add([]byte{'t', 't'})
	f.Add([]byte{'p', 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := journal.Reprint(b, 100)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("%x is printed as %x", b, again)
		}
	})
}

func FuzzFrames(f *testing.F) {
	path := filepath.Join(f.TempDir(), "journal")
	j, err := journal.Create(path, pkg, 100)
	check(f, err)
	check(f, j.Part(part(3)))
	check(f, j.Close())
	whole, err := os.ReadFile(path)
	check(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(whole, make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		again, n, err := journal.Frames(file, 100)
		if err == nil || err == io.EOF && !bytes.Equal(again, file[:n]) {
			t.Errorf("%d whole bytes are sealed again as %d, %v", n, len(again), err)
		}
	})
}
