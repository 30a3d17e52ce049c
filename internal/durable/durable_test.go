package durable_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"comity.example/comity/internal/durable"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkFile fails unless path holds want.
func checkFile(t testing.TB, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%q holds %q, %v, want %q", path, got, err, want)
	}
}

// checkNames fails unless the folder holds exactly the names, in order, and
// so no temporary file.
func checkNames(t testing.TB, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	fatalIfErr(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(names) {
		t.Fatalf("folder holds %q, want %q", got, names)
	}
	for i := range names {
		if got[i] != names[i] {
			t.Errorf("folder holds %q, want %q", got, names)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, data := range []string{"first", "", "second, longer"} {
		fatalIfErr(t, durable.WriteFile(path, []byte(data), 0o640))
		checkFile(t, path, data)
	}
	checkNames(t, dir, "a")
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	fatalIfErr(t, err)
	if info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v, want at most 0640", info.Mode())
	}
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	err := durable.WriteFile(filepath.Join(dir, "none", "a"), nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile in a missing folder = %v", err)
	}
	fatalIfErr(t, os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o700))
	if err := durable.WriteFile(filepath.Join(dir, "folder"), []byte("x"), 0o600); err == nil {
		t.Error("WriteFile replaced a folder")
	}
	checkNames(t, dir, "folder")
}

// TestWriteFileReaders reads while the file is replaced: a reader sees one
// whole content.
func TestWriteFileReaders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a file that is open for reading cannot be replaced")
	}
	path := filepath.Join(t.TempDir(), "a")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 64<<10) }
	fatalIfErr(t, durable.WriteFile(path, content(0), 0o600))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				b, err := os.ReadFile(path)
				if err != nil || len(b) != 64<<10 || b[0] != b[len(b)-1] {
					t.Errorf("read %d bytes: %v", len(b), err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 30 {
		fatalIfErr(t, durable.WriteFile(path, content(i), 0o600))
	}
	close(done)
	readers.Wait()
}

func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	fatalIfErr(t, durable.WriteNew(path, []byte("first"), 0o600))
	if err := durable.WriteNew(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("WriteNew over a file = %v, want %v", err, fs.ErrExist)
	}
	checkFile(t, path, "first")
	fatalIfErr(t, os.Mkdir(filepath.Join(dir, "b"), 0o700))
	if err := durable.WriteNew(filepath.Join(dir, "b"), nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("WriteNew over a folder = %v, want %v", err, fs.ErrExist)
	}
	checkNames(t, dir, "a", "b")
	if err := os.Symlink("nowhere", filepath.Join(dir, "c")); err != nil {
		return // this system or user may make no links
	}
	if err := durable.WriteNew(filepath.Join(dir, "c"), nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("WriteNew over a dangling link = %v, want %v", err, fs.ErrExist)
	}
}

func TestWriteNewRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var won atomic.Int32
	var content atomic.Value
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			data := string(bytes.Repeat([]byte{byte('a' + i)}, 10000))
			err := durable.WriteNew(path, []byte(data), 0o600)
			if err == nil {
				won.Add(1)
				content.Store(data)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Errorf("WriteNew = %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d callers created the file", won.Load())
	}
	checkFile(t, path, content.Load().(string))
	checkNames(t, dir, "a")
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	fatalIfErr(t, durable.MkdirAll(from, 0o700))
	fatalIfErr(t, durable.MkdirAll(to, 0o700))
	fatalIfErr(t, durable.WriteFile(filepath.Join(from, "a"), []byte("new"), 0o600))
	fatalIfErr(t, durable.WriteFile(filepath.Join(to, "b"), []byte("old"), 0o600))
	fatalIfErr(t, durable.Rename(filepath.Join(from, "a"), filepath.Join(to, "b")))
	checkFile(t, filepath.Join(to, "b"), "new")
	checkNames(t, from)
	fatalIfErr(t, durable.Rename(filepath.Join(to, "b"), filepath.Join(to, "c")))
	checkNames(t, to, "c")
	fatalIfErr(t, durable.Rename(to, filepath.Join(from, "folder")))
	checkFile(t, filepath.Join(from, "folder", "c"), "new")
	if err := durable.Rename(to, from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Rename of a missing file = %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	fatalIfErr(t, durable.WriteFile(path, nil, 0o600))
	fatalIfErr(t, durable.Remove(path))
	checkNames(t, dir)
	if err := durable.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove of a missing file = %v", err)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		fatalIfErr(t, durable.MkdirAll(path, 0o700))
		checkNames(t, filepath.Join(dir, "a", "b"), "c")
	}
	fatalIfErr(t, durable.MkdirAll(filepath.Join(dir, "trailing")+string(filepath.Separator), 0o700))
	file := filepath.Join(dir, "file")
	fatalIfErr(t, durable.WriteFile(file, nil, 0o600))
	for _, bad := range []string{file, filepath.Join(file, "x"), filepath.Join(file, "x", "y")} {
		if durable.MkdirAll(bad, 0o700) == nil {
			t.Errorf("MkdirAll(%q) succeeded", bad)
		}
	}
	t.Chdir(dir)
	fatalIfErr(t, durable.MkdirAll(filepath.Join("r", "s"), 0o700))
	fatalIfErr(t, durable.WriteFile("plain", []byte("x"), 0o600))
	checkNames(t, "r", "s")
}

func TestMkdirAllRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "c", "d")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := durable.MkdirAll(path, 0o700); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	checkNames(t, path)
}

func TestIsTemp(t *testing.T) {
	for name, want := range map[string]bool{".tmp-ABC": true, "a": false, ".tmp": false, "x.tmp-": false} {
		if durable.IsTemp(name) != want {
			t.Errorf("IsTemp(%q) = %v", name, !want)
		}
	}
}

// TestWriteStream: what a function writes replaces the file; if it fails, the file
// is as it was and nothing else is left.
func TestWriteStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	fatalIfErr(t, durable.WriteFile(path, []byte("old"), 0o600))
	broken := errors.New("broken")
	err := durable.WriteStream(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return broken
	}, 0o600)
	if !errors.Is(err, broken) {
		t.Errorf("WriteStream: %v", err)
	}
	checkFile(t, path, "old")
	fatalIfErr(t, durable.WriteStream(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	}, 0o600))
	checkFile(t, path, "new")
	checkNames(t, filepath.Dir(path), "file")
	another := func(w io.Writer) error {
		_, err := io.WriteString(w, "another")
		return err
	}
	if err := durable.WriteNewStream(path, another, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("WriteNewStream over a file: %v", err)
	}
	checkFile(t, path, "new")
	checkNames(t, filepath.Dir(path), "file")
}
