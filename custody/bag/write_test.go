package bag_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

// hook is a writer that does something at its first write.
type hook struct {
	do     func()
	blocks []int
}

func (h *hook) Write(b []byte) (int, error) {
	if len(h.blocks) == 0 && h.do != nil {
		h.do()
	}
	h.blocks = append(h.blocks, len(b))
	return len(b), nil
}

// TestChanged changes a source after its inventory was made: before the
// writing starts, or when the first MiB of "big" is written.
func TestChanged(t *testing.T) {
	big := strings.Repeat("x", 3<<20)
	appendTo := func(dir, name, s string) error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(s)
		return errors.Join(err, f.Close())
	}
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		path   string
		what   string
	}{
		{"grown", func(dir string) error { return appendTo(dir, "big", "y") }, "big", "has grown"},
		{"shrunk", func(dir string) error { return os.Truncate(filepath.Join(dir, "big"), 2<<20) }, "big", "shorter"},
		{"touched", func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "big"), time.Time{}, time.Unix(1, 0))
		}, "big", "modification time"},
		{"later file removed", func(dir string) error { return os.Remove(filepath.Join(dir, "c/later")) }, "c/later", "gone"},
		{"later folder removed", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "c")) }, "c", "gone"},
		{"later file grown", func(dir string) error { return appendTo(dir, "c/later", "y") }, "c/later", "has grown"},
		{"later file now a folder", func(dir string) error {
			p := filepath.Join(dir, "c/later")
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o755))
		}, "c/later", "no regular file"},
		{"later folder now a file", func(dir string) error {
			p := filepath.Join(dir, "c")
			return errors.Join(os.RemoveAll(p), os.WriteFile(p, nil, 0o644))
		}, "c", "no folder"},
	} {
		for _, during := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/during=%v", tt.name, during), func(t *testing.T) {
				dir := tree(t, map[string]string{"big": big, "c/later": "z"})
				inv, err := bag.Scan(dir)
				fatalIfErr(t, err)
				p, err := bag.NewPlan(id, inv, nil)
				fatalIfErr(t, err)
				src, err := bag.OpenFolder(dir)
				fatalIfErr(t, err)
				defer src.Close()
				w := &hook{}
				if during {
					w.do = func() { fatalIfErr(t, tt.change(dir)) }
				} else {
					fatalIfErr(t, tt.change(dir))
				}
				_, err = p.Write(w, src)
				var ce *bag.ChangedError
				if !errors.As(err, &ce) || ce.Path != tt.path || !strings.Contains(ce.What, tt.what) {
					t.Errorf("Write: %v, want %q %s", err, tt.path, tt.what)
				}
			})
		}
	}
}

func TestWriteBlocks(t *testing.T) {
	content := map[string]string{"big": strings.Repeat("x", 5<<20+17)}
	for i := range 2000 {
		content[fmt.Sprintf("small/%d", i)] = strings.Repeat("y", i)
	}
	dir := tree(t, content)
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	p, err := bag.NewPlan(id, inv, nil)
	fatalIfErr(t, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	defer src.Close()
	w := &hook{}
	_, err = p.Write(w, src)
	fatalIfErr(t, err)
	for i, n := range w.blocks[:len(w.blocks)-1] {
		if n < 256<<10 {
			t.Errorf("write %d of %d has only %d bytes", i, len(w.blocks), n)
		}
	}
}

func TestDeterministic(t *testing.T) {
	a, _ := write(t, tree(t, map[string]string{"f": "1", "g": "2"}))
	b, _ := write(t, tree(t, map[string]string{"f": "1", "g": "2"}))
	if !bytes.Equal(a, b) {
		t.Error("two folders with the same files, times and content give different bytes")
	}
	c, _ := write(t, tree(t, map[string]string{"f": "1", "g": "3"}))
	if bytes.Equal(a, c) {
		t.Error("other content gives the same bytes")
	}
}

// TestWriteTimes carries times on both sides of what eleven octal digits and
// whole seconds can say.
func TestWriteTimes(t *testing.T) {
	times := []time.Time{
		time.Unix(0, 0), time.Unix(1, 1), time.Unix(-1, 0), time.Unix(-2, 500_000_000), time.Unix(-1, 999_999_999),
		time.Unix(1<<33-1, 0), time.Unix(1<<33-1, 1), time.Unix(1<<33, 0), time.Unix(0, 1<<62), time.Unix(0, -1<<62),
	}
	for _, m := range times {
		p, err := bag.NewPlan(id, inventory(bag.Item{Path: "d", Dir: true, ModTime: m}), nil)
		fatalIfErr(t, err)
		dir := tree(t, map[string]string{"d/": ""})
		src, err := bag.OpenFolder(dir)
		fatalIfErr(t, err)
		defer src.Close()
		var b bytes.Buffer
		_, err = p.Write(&b, src)
		fatalIfErr(t, err)
		if int64(b.Len()) != p.Size() {
			t.Errorf("time %v: wrote %d bytes, Size() = %d", m, b.Len(), p.Size())
		}
		if got := tarTime(t, b.Bytes()); !got.Equal(m) {
			t.Errorf("time %v reads as %v", m, got)
		}
		if _, _, err := extract(t, &b, bag.Limits{}); err != nil {
			t.Errorf("time %v: %v", m, err)
		}
	}
}

// TestSizeHuge plans files beyond what eleven octal digits can say.
func TestSizeHuge(t *testing.T) {
	now := time.Unix(1700000000, 0)
	size := func(n int64) int64 {
		p, err := bag.NewPlan(id, inventory(bag.Item{Path: "a", Size: n, ModTime: now}), nil)
		fatalIfErr(t, err)
		return p.Size()
	}
	small := size(1<<33 - 512)
	if got := size(1 << 33); got != small+512+1024 {
		t.Errorf("a file of 8 GiB makes %d bytes more, want its block and an extended header", got-small)
	}
}

func TestWriteError(t *testing.T) {
	dir := tree(t, map[string]string{"a": strings.Repeat("x", 3<<20)})
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	p, err := bag.NewPlan(id, inv, nil)
	fatalIfErr(t, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	defer src.Close()
	r, w := io.Pipe()
	broken := errors.New("line is down")
	r.CloseWithError(broken)
	if _, err := p.Write(w, src); !errors.Is(err, broken) {
		t.Errorf("Write: %v, want %v", err, broken)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, bm := range []struct {
		name  string
		files int
		size  int
	}{{"large", 1, 64 << 20}, {"small", 2000, 4000}} {
		b.Run(bm.name, func(b *testing.B) {
			content := map[string]string{}
			for i := range bm.files {
				content[fmt.Sprintf("folder %d/file %d", i%20, i)] = strings.Repeat("x", bm.size)
			}
			dir := tree(b, content)
			inv, err := bag.Scan(dir)
			fatalIfErr(b, err)
			p, err := bag.NewPlan(id, inv, nil)
			fatalIfErr(b, err)
			src, err := bag.OpenFolder(dir)
			fatalIfErr(b, err)
			defer src.Close()
			b.SetBytes(p.Size())
			b.ReportAllocs()
			for b.Loop() {
				_, err := p.Write(io.Discard, src)
				fatalIfErr(b, err)
			}
		})
	}
}
