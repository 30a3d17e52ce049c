package bag_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

// mixed is a folder in which marks fall everywhere: into contents, headers, padding,
// the lists at the end.
func mixed(t testing.TB) string {
	content := map[string]string{"big": strings.Repeat("0123456789abcde\n", 3000), "empty": "", "c/": "", "odd": strings.Repeat("z", 513)}
	for i := range 40 {
		content[fmt.Sprintf("small/%s %d", strings.Repeat("n", 4*i), i)] = strings.Repeat("y", 37*i)
	}
	return tree(t, content)
}

// planOf returns the plan of a folder, and the folder.
func planOf(t testing.TB, dir string) (*bag.Plan, *bag.Folder) {
	t.Helper()
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	p, err := bag.NewPlan(id, inv, []bag.Field{{Label: "A", Value: "b"}})
	fatalIfErr(t, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	t.Cleanup(func() { src.Close() })
	return p, src
}

// TestWriteFrom writes the rest of an archive from every mark, with nothing but what
// the marks say; what is complete before the mark is not read.
func TestWriteFrom(t *testing.T) {
	dir := mixed(t)
	whole, sum := write(t, dir, bag.Field{Label: "A", Value: "b"})
	for _, every := range []int64{512, 1000, 40_000, int64(len(whole)), 2 * int64(len(whole))} {
		p, src := planOf(t, dir)
		var marks []bag.Mark
		var b bytes.Buffer
		_, err := p.WriteFrom(&b, src, bag.Mark{}, every, func(m bag.Mark) { marks = append(marks, m) })
		fatalIfErr(t, err)
		if !bytes.Equal(b.Bytes(), whole) {
			t.Errorf("every %d: the archive with marks is another", every)
		}
		if want := (int64(len(whole)) + every - 1) / every; int64(len(marks)) != want {
			t.Errorf("every %d: %d marks, want %d", every, len(marks), want)
		}
		var sums [][32]byte
		for i, m := range marks {
			sums = append(sums, m.Sums...)
			from := m
			from.Sums = slices.Clone(sums)
			var rest bytes.Buffer
			n := 0
			s, err := p.WriteFrom(&rest, src, from, every, func(again bag.Mark) {
				n++
				if w := marks[i+n]; again.At != w.At || again.Item != w.Item || !bytes.Equal(again.Hash, w.Hash) || !slices.Equal(again.Sums, w.Sums) {
					t.Errorf("every %d from %d: mark %+v, want %+v", every, m.At, again, w)
				}
			})
			if err != nil || !bytes.Equal(rest.Bytes(), whole[min(m.At, int64(len(whole))):]) {
				t.Fatalf("every %d from %d: %d bytes, %v", every, m.At, rest.Len(), err)
			}
			if s.TagManifestSHA256 != sum.TagManifestSHA256 || s.Index != sum.Index || manifest(t, s) != manifest(t, sum) {
				t.Fatalf("every %d from %d: other manifests", every, m.At)
			}
		}
	}
}

// TestWriteFromReadsNoMore: files before the mark are not opened.
func TestWriteFromReadsNoMore(t *testing.T) {
	dir := mixed(t)
	p, src := planOf(t, dir)
	var marks []bag.Mark
	_, err := p.WriteFrom(&bytes.Buffer{}, src, bag.Mark{}, 64<<10, func(m bag.Mark) { marks = append(marks, m) })
	fatalIfErr(t, err)
	fatalIfErr(t, os.Remove(filepath.Join(dir, "big")))
	if _, err = p.WriteFrom(&bytes.Buffer{}, src, marks[0], 64<<10, func(bag.Mark) {}); err != nil {
		t.Errorf("WriteFrom behind the file that is gone: %v", err)
	}
	var ce *bag.ChangedError
	if _, err = p.WriteFrom(&bytes.Buffer{}, src, bag.Mark{}, 64<<10, func(bag.Mark) {}); !errors.As(err, &ce) {
		t.Errorf("WriteFrom before it: %v", err)
	}
}

func TestWriteFromRefuses(t *testing.T) {
	dir := mixed(t)
	p, src := planOf(t, dir)
	var marks []bag.Mark
	_, err := p.WriteFrom(&bytes.Buffer{}, src, bag.Mark{}, 40_000, func(m bag.Mark) { marks = append(marks, m) })
	fatalIfErr(t, err)
	good := marks[0] // in the content of big
	for name, change := range map[string]func(*bag.Mark){
		"no hash":       func(m *bag.Mark) { m.Hash = nil },
		"damaged hash":  func(m *bag.Mark) { m.Hash = m.Hash[1:] },
		"a sum more":    func(m *bag.Mark) { m.Sums = append(slices.Clone(m.Sums), [32]byte{}) },
		"an item more":  func(m *bag.Mark) { m.Item++ },
		"many items":    func(m *bag.Mark) { m.Item = 1000 },
		"all items":     func(m *bag.Mark) { m.Item = 46 },
		"negative item": func(m *bag.Mark) { m.Item = -1 },
		"negative":      func(m *bag.Mark) { m.At = -1 },
	} {
		m := good
		change(&m)
		if _, err := p.WriteFrom(&bytes.Buffer{}, src, m, 40_000, func(bag.Mark) {}); err == nil {
			t.Errorf("%s: WriteFrom succeeded", name)
		}
	}
}

// TestForgedTimes: a file is written to while it is sent, and its times are set back.
// The stretch between two marks that has it never comes out to its end: whoever sends
// only whole stretches sends nothing of it.
func TestForgedTimes(t *testing.T) {
	dir := tree(t, map[string]string{"disk": strings.Repeat("x", 4<<20)})
	p, src := planOf(t, dir)
	if !bag.TellsChange(t, dir) {
		t.Skip("NOT TESTED: this system does not tell when a file was changed")
	}
	const every = 1 << 20
	var out bytes.Buffer
	n := 0
	_, err := p.WriteFrom(&out, src, bag.Mark{}, every, func(m bag.Mark) {
		if n++; n != 2 {
			return
		}
		name := filepath.Join(dir, "disk")
		fi, err := os.Stat(name)
		fatalIfErr(t, err)
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		fatalIfErr(t, err)
		_, err = f.WriteAt([]byte{0xee}, 2<<20+5000)
		fatalIfErr(t, errors.Join(err, f.Close(), os.Chtimes(name, time.Time{}, fi.ModTime())))
	})
	var ce *bag.ChangedError
	if !errors.As(err, &ce) || ce.Path != "disk" {
		t.Errorf("WriteFrom = %v", err)
	}
	if out.Len() >= 3*every {
		t.Errorf("%d bytes came out", out.Len())
	}
}

func TestCompareSources(t *testing.T) {
	path := func(dir, name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name       string
		change     func(dir string) error
		path, what string
	}{
		{"nothing", func(string) error { return nil }, "", ""},
		{"grown", func(d string) error { return os.WriteFile(path(d, "b"), []byte("longer"), 0) }, "b", "has grown"},
		{"shrunk", func(d string) error { return os.Truncate(path(d, "b"), 1) }, "b", "has become shorter"},
		{"touched", func(d string) error { return os.Chtimes(path(d, "b"), time.Time{}, time.Unix(1, 5)) }, "b", "has another modification time"},
		{"gone at the end", func(d string) error { return os.Remove(path(d, "z \"\n")) }, "z \"\n", "is gone"},
		{"gone", func(d string) error { return os.Remove(path(d, "b")) }, "b", "is gone"},
		{"new", func(d string) error { return os.WriteFile(path(d, "aa"), nil, 0o600) }, "aa", "has appeared"},
		{"new at the end", func(d string) error { return os.WriteFile(path(d, "zz"), nil, 0o600) }, "zz", "has appeared"},
		{"folder", func(d string) error { return errors.Join(os.Remove(path(d, "b")), os.Mkdir(path(d, "b"), 0o700)) }, "b", "is no regular file"},
		{"replaced", func(d string) error {
			fi, err := os.Stat(path(d, "b"))
			return errors.Join(err, os.WriteFile(path(d, "new"), []byte("bb"), 0o600), os.Chtimes(path(d, "new"), time.Time{}, fi.ModTime()), os.Rename(path(d, "new"), path(d, "b")))
		}, "b", "was replaced by another file"},
		{"times forged", func(d string) error {
			fi, err := os.Stat(path(d, "b"))
			return errors.Join(err, os.WriteFile(path(d, "b"), []byte("xx"), 0), os.Chtimes(path(d, "b"), time.Time{}, fi.ModTime()))
		}, "b", "was written to or had its attributes changed"},
	} {
		dir := tree(t, map[string]string{"a": "", "b": "bb", "c/d": "1", "z \"\n": ""})
		inv, err := bag.Scan(dir)
		fatalIfErr(t, err)
		var list bytes.Buffer
		fatalIfErr(t, inv.WriteSources(&list))
		fatalIfErr(t, tt.change(dir))
		inv, err = bag.Scan(dir)
		fatalIfErr(t, err)
		err = inv.Compare(&list)
		if tt.path == "" {
			fatalIfErr(t, err)
			continue
		}
		var ce *bag.ChangedError
		if !errors.As(err, &ce) || ce.Path != tt.path || ce.What != tt.what {
			if strings.Contains(tt.what, "was ") && !bag.TellsChange(t, dir) {
				continue
			}
			t.Errorf("%s: Compare = %v, want %q %s", tt.name, err, tt.path, tt.what)
		}
	}
}

func FuzzSource(f *testing.F) {
	f.Add("f 12 1700000000.000000001 1:2:-3 \"a \\n\\\"b\"\n")
	f.Add("d 0 -5.999999999 0:0:0 \"ü\"\n")
	f.Add("f 1 1.1 1:2:3 \"a\"\n")
	f.Fuzz(func(t *testing.T, line string) {
		if again, err := bag.ReprintSource(line); err == nil && again != line {
			t.Errorf("%q is printed as %q", line, again)
		}
	})
}
