package capture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody/bag"

	"filippo.io/age"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func identity(t testing.TB) *age.HybridIdentity {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	check(t, err)
	return id
}

var (
	begin = statement.At(time.Unix(1_800_000_000, 0))
	end   = statement.At(time.Unix(1_800_000_060, 0))
)

// begun begins a capture of files, a name that ends with a slash being a folder.
func begun(t testing.TB, dir string, id *age.HybridIdentity, names []string, content map[string]string) *Writer {
	t.Helper()
	w, err := Create(dir, id.Recipient(), Info{Folder: "/srv", Started: begin})
	check(t, err)
	for _, name := range names {
		path, folder := strings.CutSuffix(name, "/")
		if !folder {
			check(t, w.Copy(t.Context(), strings.NewReader(content[name]), 1<<40, nil))
		}
		w.Add(bag.Item{Path: path, Dir: folder, ModTime: end.Time()})
	}
	return w
}

// captured is a complete capture of three files of random bytes, the middle one empty.
func captured(t testing.TB) (dir string, id *age.HybridIdentity, content map[string]string) {
	t.Helper()
	dir, id = filepath.Join(t.TempDir(), "one"), identity(t)
	b := make([]byte, 400_000)
	rand.NewChaCha8([32]byte{1}).Read(b)
	content = map[string]string{"a": string(b[:150_000]), "b/empty": "", "b/z": string(b[150_000:])}
	w := begun(t, dir, id, []string{"a", "b/", "b/empty", "b/z"}, content)
	i, err := w.Complete(t.Context(), end)
	check(t, err)
	if !i.Complete || i.Files != 3 || i.Bytes != 400_000 || i.Started != begin || i.Ended != end {
		t.Errorf("captured %+v", i)
	}
	return dir, id, content
}

// readAll reads each file of a capture.
func readAll(c *Capture) (map[string]string, error) {
	got := map[string]string{}
	for it := range c.Inventory().Items() {
		if it.Dir {
			continue
		}
		f, err := c.Open(it)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		got[it.Path] = string(b)
	}
	return got, nil
}

// TestCapture reads back what was captured, from the beginning and from elsewhere.
func TestCapture(t *testing.T) {
	dir, id, content := captured(t)
	c, err := Open(dir, id)
	check(t, err)
	defer c.Close()
	got, err := readAll(c)
	check(t, err)
	if len(got) != len(content) {
		t.Errorf("%d files came back", len(got))
	}
	for name, b := range content {
		if got[name] != b {
			t.Errorf("%q came back otherwise", name)
		}
	}
	for it := range c.Inventory().Items() {
		f, err := c.Open(it)
		check(t, err)
		from := it.Size / 3
		_, err = f.Seek(from, io.SeekStart)
		check(t, err)
		if b, err := io.ReadAll(f); err != nil || string(b) != content[it.Path][from:] {
			t.Errorf("%q from %d came back otherwise: %v", it.Path, from, err)
		}
	}
	for _, name := range []string{fileInfo, fileItems, fileSpool} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		if bytes.Contains(b, []byte(content["a"][1000:1032])) {
			t.Errorf("%s holds plaintext", name)
		}
	}
}

// TestRange: what lies before a place is not read. A chunk that was changed is found
// when it is read, and not before.
func TestRange(t *testing.T) {
	dir, id, content := captured(t)
	spool := filepath.Join(dir, fileSpool)
	b, err := os.ReadFile(spool)
	check(t, err)
	b[len(b)-390_000] ^= 1 // in the first chunk, which holds the first 64 KiB of "a"
	check(t, os.WriteFile(spool, b, 0o600))
	c, err := Open(dir, id)
	check(t, err)
	defer c.Close()
	for it := range c.Inventory().Items() {
		f, err := c.Open(it)
		check(t, err)
		if it.Path != "a" {
			continue
		}
		_, err = f.Seek(64<<10, io.SeekStart)
		check(t, err)
		if b, err := io.ReadAll(f); err != nil || string(b) != content["a"][64<<10:] {
			t.Errorf("behind the chunk: %v", err)
		}
		_, err = f.Seek(0, io.SeekStart)
		check(t, err)
		if b, err := io.ReadAll(f); !errors.Is(err, ErrDamaged) || len(b) > 0 {
			t.Errorf("read %d bytes of a chunk that was changed: %v", len(b), err)
		}
	}
}

// TestDamaged changes each file of a capture. Nothing of what was changed is read.
func TestDamaged(t *testing.T) {
	dir, id, content := captured(t)
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	replace := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	}
	for _, tt := range []struct {
		name, file string
		change     func([]byte) []byte
	}{
		{"header", fileSpool, flip(100)}, {"first chunk", fileSpool, flip(-399_000)}, {"last chunk", fileSpool, flip(-1)},
		{"one byte less", fileSpool, cut}, {"one byte more", fileSpool, func(b []byte) []byte { return append(b, 0) }},
		{"half", fileSpool, func(b []byte) []byte { return b[:len(b)/2] }}, {"nothing", fileSpool, func([]byte) []byte { return nil }},
		{"another name", fileItems, replace(`"a"`, `"A"`)}, {"half a line", fileItems, cut}, {"no list", fileItems, func([]byte) []byte { return nil }},
		{"no line of it", fileItems, replace("f ", "x ")}, {"another size", fileInfo, replace("400000", "400001")},
	} {
		path := filepath.Join(dir, tt.file)
		was, err := os.ReadFile(path)
		check(t, err)
		check(t, os.WriteFile(path, tt.change(bytes.Clone(was)), 0o600))
		c, err := Open(dir, id)
		if err == nil {
			_, err = readAll(c)
			c.Close()
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", tt.name, err)
		}
		check(t, os.WriteFile(path, was, 0o600))
	}
	if _, err := Open(dir, identity(t)); !errors.Is(err, ErrDamaged) {
		t.Errorf("with another key: %v", err)
	}
	c, err := Open(dir, id)
	check(t, err)
	defer c.Close()
	if got, err := readAll(c); err != nil || got["a"] != content["a"] {
		t.Errorf("as it was: %v", err)
	}
}

// TestPlaces refuses a list whose files do not stand one behind the other.
func TestPlaces(t *testing.T) {
	for _, list := range []string{
		"f 5 1.000000000 0:5:0 \"a\"\n", "f 5 1.000000000 0:0:1 \"a\"\n", "f 5 1.000000000 1:0:0 \"a\"\n",
		"f -5 1.000000000 0:0:0 \"a\"\nf 10 1.000000000 0:-5:0 \"b\"\n",
		"f 3 1.000000000 0:0:0 \"a\"\nf 2 1.000000000 0:2:0 \"b\"\n",
	} {
		path := filepath.Join(t.TempDir(), fileItems)
		check(t, os.WriteFile(path, []byte(list), 0o600))
		i := &Info{Files: int64(strings.Count(list, "f ")), Bytes: 5, Items: hash(list)}
		if _, err := readItems(path, i); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// TestIncomplete: what a process left that died before the last step cannot be opened,
// and can be removed, also in two steps.
func TestIncomplete(t *testing.T) {
	dir, id := filepath.Join(t.TempDir(), "one"), identity(t)
	w := begun(t, dir, id, []string{"a"}, map[string]string{"a": "content"})
	if _, err := Open(dir, id); !errors.Is(err, ErrIncomplete) {
		t.Errorf("Open = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Complete(ctx, end); !errors.Is(err, context.Canceled) {
		t.Errorf("Complete after an interrupt = %v", err)
	}
	if i, err := Load(dir); err != nil || i.Complete {
		t.Errorf("Load = %+v, %v", i, err)
	}
	check(t, os.Remove(filepath.Join(dir, fileInfo)))
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v", err)
	}
	check(t, w.Abort())
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is still here: %v", dir, err)
	}
}

// TestCopy takes no more than it is asked for, ends with its context, and hands errors
// of the input on.
func TestCopy(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "one"), identity(t).Recipient(), Info{Name: "a", Started: begin})
	check(t, err)
	check(t, w.Copy(t.Context(), strings.NewReader("12345"), 3, nil))
	if w.Bytes() != 3 {
		t.Errorf("took %d bytes of 3", w.Bytes())
	}
	broken := errors.New("broken")
	if err := w.Copy(t.Context(), io.MultiReader(strings.NewReader("1"), errorReader{broken}), 10, nil); !errors.Is(err, broken) || w.Bytes() != 4 {
		t.Errorf("Copy = %v, %d bytes", err, w.Bytes())
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := w.Copy(ctx, zeros{}, 1<<40, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("Copy = %v", err)
	}
	check(t, w.Abort())
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestMemory: four times the bytes take no more memory, neither there nor back.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("short: hundreds of MiB")
	}
	id := identity(t)
	most := func(size int64) (peak uint64) {
		look := func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		dir := filepath.Join(t.TempDir(), "one")
		w, err := Create(dir, id.Recipient(), Info{Name: "a", Started: begin})
		check(t, err)
		n := 0
		each := func() {
			if n++; n%64 == 0 { // each 16 MiB
				look()
			}
		}
		runtime.GC()
		check(t, w.Copy(t.Context(), zeros{}, size, each))
		w.Add(bag.Item{Path: "a", ModTime: end.Time()})
		_, err = w.Complete(t.Context(), end)
		check(t, err)
		c, err := Open(dir, id)
		check(t, err)
		defer c.Close()
		for it := range c.Inventory().Items() {
			f, err := c.Open(it)
			check(t, err)
			for b := make([]byte, 256<<10); ; each() {
				if _, err := f.Read(b); errors.Is(err, io.EOF) {
					break
				} else {
					check(t, err)
				}
			}
		}
		return peak
	}
	small, large := most(64<<20), most(256<<20)
	t.Logf("64 MiB: %d KiB of heap; 256 MiB: %d KiB", small>>10, large>>10)
	if large > small+16<<20 {
		t.Errorf("256 MiB take %d bytes of heap, 64 MiB %d", large, small)
	}
}

func hash(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// FuzzInfo: what is read of a capture is printed as it was.
func FuzzInfo(f *testing.F) {
	f.Add(statement.Encode(Info{Name: "disk.img", Started: begin}))
	f.Add(statement.Encode(Info{Complete: true, Folder: "/srv", Started: begin, Ended: end, Files: 1, Bytes: 2, Items: hash("")}))
	path := filepath.Join(f.TempDir(), fileInfo)
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, os.WriteFile(path, data, 0o600))
		i, err := Load(filepath.Dir(path))
		if err != nil {
			return
		}
		check(t, os.WriteFile(path, statement.Encode(i), 0o600))
		if again, err := Load(filepath.Dir(path)); err != nil || *again != *i {
			t.Errorf("%+v is read again as %+v: %v", i, again, err)
		}
	})
}
