package bag_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"comity.example/comity/custody/bag"
)

// TestScanLive: what vanishes behind the listing is left out and told, and nothing
// else is: a pipe still ends the scan.
func TestScanLive(t *testing.T) {
	dir := tree(t, map[string]string{"a": "1", "c/": "", "d": "2"})
	var gone []string
	inv := bag.ScanLiveOf(t, dir, []string{"a", "b", "c", "d"}, func(path string) { gone = append(gone, path) })
	if !slices.Equal(gone, []string{"b"}) || inv.Len() != 3 || inv.Files() != 2 {
		t.Errorf("left out %q, listed %d items", gone, inv.Len())
	}
	if _, err := bag.ScanLive(filepath.Join(dir, "none"), func(string) {}); err == nil {
		t.Error("a folder that is not there was scanned")
	}
	fatalIfErr(t, os.Symlink("a", filepath.Join(dir, "link")))
	var special *bag.SpecialError
	if _, err := bag.ScanLive(dir, func(string) {}); !errors.As(err, &special) {
		t.Errorf("ScanLive = %v", err)
	}
}

// TestOpenLive opens files as they are now, whatever they were when they were listed.
func TestOpenLive(t *testing.T) {
	dir := tree(t, map[string]string{"grown": "1", "link": "1", "folder": "1", "gone": "1", "there/gone": "1"})
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	fatalIfErr(t, os.WriteFile(at("grown"), []byte("123"), 0o600))
	for _, name := range []string{"link", "folder", "gone", "there"} {
		fatalIfErr(t, os.RemoveAll(at(name)))
	}
	fatalIfErr(t, os.Symlink("grown", at("link")))
	fatalIfErr(t, os.Mkdir(at("folder"), 0o700))
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	defer src.Close()
	want := map[string]string{"link": "is a symbolic link", "folder": "is no regular file", "gone": "is gone", "there/gone": "is gone"}
	for it := range inv.Items() {
		if it.Dir {
			continue
		}
		f, now, err := src.OpenLive(it)
		var ce *bag.ChangedError
		if what, ok := want[it.Path]; ok && (!errors.As(err, &ce) || ce.What != what) {
			t.Errorf("OpenLive(%q) = %v, want %q", it.Path, err, what)
		} else if !ok {
			fatalIfErr(t, err)
			b, err := io.ReadAll(f)
			fatalIfErr(t, errors.Join(err, f.Close()))
			if string(b) != "123" || now.Size != 3 || now.ModTime.Equal(it.ModTime) {
				t.Errorf("opened %+v with %q", now, b)
			}
		}
	}
}

// TestReadSources reads the lists that an inventory writes, and refuses any other.
func TestReadSources(t *testing.T) {
	inv, err := bag.Scan(mixed(t))
	fatalIfErr(t, err)
	var list, again bytes.Buffer
	fatalIfErr(t, inv.WriteSources(&list))
	read, err := bag.ReadSources(bytes.NewReader(list.Bytes()))
	fatalIfErr(t, err)
	fatalIfErr(t, read.WriteSources(&again))
	if !bytes.Equal(list.Bytes(), again.Bytes()) || read.Bytes() != inv.Bytes() || read.Files() != inv.Files() {
		t.Error("the list that was read is another one")
	}
	for _, bad := range []string{"x", "f 1 1.1 0:0:0 \"a\"", "\n", list.String()[:list.Len()-1]} {
		if _, err := bag.ReadSources(bytes.NewReader([]byte(bad))); err == nil {
			t.Errorf("ReadSources(%q) succeeds", bad)
		}
	}
}

// FuzzReadSources: what is read is printed as it was.
func FuzzReadSources(f *testing.F) {
	f.Add([]byte("d 0 -5.999999999 0:0:0 \"a\"\nf 12 1700000000.000000001 0:7:0 \"a/b\"\n"))
	f.Fuzz(func(t *testing.T, list []byte) {
		inv, err := bag.ReadSources(bytes.NewReader(list))
		if err != nil {
			return
		}
		var again bytes.Buffer
		fatalIfErr(t, inv.WriteSources(&again))
		if !bytes.Equal(list, again.Bytes()) {
			t.Errorf("%q is printed as %q", list, again.Bytes())
		}
	})
}
