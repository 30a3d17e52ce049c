package bag_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

// claims is what a sender signs of a bag that it wrote.
func claims(archive []byte, s *bag.Summary) bag.Claims {
	return bag.Claims{Index: s.Index, TagManifestSHA256: s.TagManifestSHA256, ArchiveSize: int64(len(archive)), Files: int64(s.Files), Bytes: s.Bytes}
}

// signed is what a sender signs of a forged bag: whatever it is, index at i.
func signed(ps []part, i int) bag.Claims {
	c := bag.Claims{ArchiveSize: int64(len(join(ps)))}
	c.Index = bag.IndexRef{Offset: int64(len(join(ps[:i])) + 512), Size: int64(len(ps[i].content)), SHA256: sha256.Sum256([]byte(ps[i].content))}
	c.TagManifestSHA256 = sha256.Sum256([]byte(ps[i-1].content))
	for _, p := range ps {
		if strings.HasPrefix(p.name, id+"/data/") && !strings.HasSuffix(p.name, "/") {
			c.Files++
			c.Bytes += int64(len(p.content))
		}
	}
	return c
}

// list reads an index into a slice.
func list(ra io.ReaderAt, c bag.Claims) (xs []bag.Exhibit, tags []byte, err error) {
	tags, err = bag.ReadIndex(ra, id, c, func(x bag.Exhibit) error {
		xs = append(xs, x)
		return nil
	})
	return xs, tags, err
}

// single extracts some items of an archive into a new folder.
func single(t testing.TB, ra io.ReaderAt, xs []bag.Exhibit) (string, error) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	fatalIfErr(t, err)
	defer root.Close()
	return dir, bag.ExtractExhibits(ra, root, id, xs)
}

// TestIndex lists a bag of everything that is awkward, and takes each item out by
// itself.
func TestIndex(t *testing.T) {
	content := curious()
	dir := tree(t, content)
	archive, s := write(t, dir, bag.Field{Label: "A", Value: "b"})
	if end := s.Index.Offset + s.Index.Size; end > int64(len(archive))-1024 || end < int64(len(archive))-1024-511 {
		t.Errorf("the index ends at byte %d of %d: it is not the last member", end, len(archive))
	}
	xs, tags, err := list(bytes.NewReader(archive), claims(archive, s))
	fatalIfErr(t, err)
	if !bytes.Equal(tags, s.TagManifest) {
		t.Error("ReadIndex returned another tag manifest")
	}
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	items := carried(inv)
	if len(xs) != len(items) {
		t.Fatalf("%d lines, want %d", len(xs), len(items))
	}
	lines := strings.SplitAfter(manifest(t, s), "\n")
	for i, x := range xs {
		if x.Item != items[i] || x.Dir != (x.Line == 0) || !x.Dir && string(x.ManifestLine()) != lines[x.Line-1] {
			t.Errorf("line %d is of %+v, want %+v", x.Line, x.Item, items[i])
		}
		if x.Dir || len(x.Path) > 3000 {
			continue
		}
		at, err := single(t, bytes.NewReader(archive), xs[i:i+1])
		if err != nil {
			t.Errorf("extracting %q: %v", x.Path, err)
			continue
		}
		file := filepath.Join(at, id, "data", filepath.FromSlash(x.Path))
		got, err := os.ReadFile(file)
		if err != nil || string(got) != content[x.Path] {
			t.Errorf("%q has %d bytes, want %d: %v", x.Path, len(got), len(content[x.Path]), err)
		}
		if fi, err := os.Stat(file); err != nil || !fi.ModTime().Equal(x.ModTime) {
			t.Errorf("%q has another time than its index says: %v", x.Path, err)
		}
		sums, err := os.ReadFile(filepath.Join(at, id, "exhibits-sha256.txt"))
		if err != nil || !strings.Contains(manifest(t, s), string(sums)) {
			t.Errorf("exhibits-sha256.txt says %q: %v", sums, err)
		}
	}
}

// counter is an archive that counts what is read of it.
type counter struct {
	io.ReaderAt
	n int64
}

func (c *counter) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(b, at)
	c.n += int64(n)
	return n, err
}

// TestIndexReadsLittle: an item costs its own bytes, its header, and the index.
func TestIndexReadsLittle(t *testing.T) {
	archive, s := write(t, tree(t, map[string]string{"a": strings.Repeat("a", 9<<20), "d/b": "little", "z": strings.Repeat("z", 9<<20)}))
	ra := &counter{ReaderAt: bytes.NewReader(archive)}
	xs, _, err := list(ra, claims(archive, s))
	fatalIfErr(t, err)
	_, err = single(t, ra, xs[2:3])
	fatalIfErr(t, err)
	if want := s.Index.Size + 4096; ra.n > want {
		t.Errorf("read %d bytes of %d for one file of 6, want at most %d", ra.n, len(archive), want)
	}
}

func TestIndexEmpty(t *testing.T) {
	archive, s := write(t, t.TempDir())
	if xs, _, err := list(bytes.NewReader(archive), claims(archive, s)); err != nil || len(xs) != 0 {
		t.Errorf("the index of nothing lists %v, %v", xs, err)
	}
}

// TestIndexHostile: a sender signs an index that says something else than the
// archive or the manifest. Listing it, or taking the item out, fails; and whoever
// takes the whole archive refuses it too.
func TestIndexHostile(t *testing.T) {
	edit := func(old, new string) func([]part) {
		return func(ps []part) {
			if !strings.Contains(ps[9].content, old) {
				panic(fmt.Sprintf("no %q in the index:\n%s", old, ps[9].content))
			}
			ps[9].content = strings.Replace(ps[9].content, old, new, 1)
		}
	}
	sum := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	a, b, at := sum("alpha"), sum("beta"), time.Unix(1700000000, 5)
	for _, tt := range []struct {
		name   string
		change func([]part)
		want   string
	}{
		{"offset elsewhere", edit(" 4608 5 ", " 4609 5 "), "begins at byte"},
		{"offset of the other file", edit(" 8192 4 ", " 4608 4 "), "begins at byte"},
		{"all offsets moved", func(ps []part) {
			ps[9].content = index(append([]part{tag("", ""), {raw: make([]byte, 512)}}, ps[:9]...))
		}, "where its items end"},
		{"length longer", edit(" 5 1700000000.000000005 data/a", " 6 1700000000.000000005 data/a"), "files of"},
		{"length over the next", edit(" 5 1700000000.000000005 data/a", " 2000 1700000000.000000005 data/a"), "begins at byte"},
		{"negative length", edit(" 5 1700000000.000000005 data/a", " -5 1700000000.000000005 data/a"), "impossible size"},
		{"length beyond int64", edit(" 5 1700000000.000000005 data/a", " 99999999999999999999 1700000000.000000005 data/a"), "not in the form"},
		{"hash of other content", edit(a, b), "other files than the manifest"},
		{"other name", edit("data/a", "data/A"), "other files than the manifest"},
		{"file as folder", edit("f "+a+" 4608 5", "d - 4608 0"), "begins at byte"},
		{"folder with a size", edit("d - ", "d "+a+" "), "not in the form"},
		{"line missing", func(ps []part) { ps[9].content = index(slices.Delete(slices.Clone(ps[:9]), 4, 5)) }, ""},
		{"line more", func(ps []part) {
			ps[9].content += string(bag.AppendExhibit(nil, bag.Exhibit{Item: bag.Item{Path: "z", ModTime: at}, Offset: 9728}))
		}, ""},
		{"twice", func(ps []part) { l := strings.SplitAfter(ps[9].content, "\n"); ps[9].content += l[1] }, "twice or out of order"},
		{"traversal", edit("data/a", "data/../../a"), "component"},
		{"absolute", edit("data/a", "/data/a"), "below data/"},
		{"the manifest as an exhibit", edit("data/a", "manifest-sha256.txt"), "below data/"},
		{"no parent", edit("data/d/b", "data/e/b"), "not inside a folder"},
		{"bare escape", edit("data/a", "data/%41"), "not in the form"},
		{"time of another form", edit(".000000005 data/a", ".0000000050 data/a"), "not in the form"},
		{"other version", edit("/v1 ", "/v2 "), "begins with"},
		{"no first line", func(ps []part) { _, ps[9].content, _ = strings.Cut(ps[9].content, "\n") }, "begins with"},
		{"no line end", func(ps []part) { ps[9].content = strings.TrimSuffix(ps[9].content, "\n") }, "no end"},
		{"a line without end", func(ps []part) { ps[9].content += strings.Repeat("x", 1<<20) }, "too long"},
		{"garbage", func(ps []part) { ps[9].content = strings.Repeat("x\n", 100) }, "begins with"},
		{"empty", func(ps []part) { ps[9].content = "" }, "files of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ps := good()
			tt.change(ps)
			archive := join(ps)
			_, _, err := list(bytes.NewReader(archive), signed(ps, 9))
			var re *bag.RefusedError
			if !errors.As(err, &re) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadIndex: %v, want %q", err, tt.want)
			}
			refused(t, archive, bag.Limits{}, "")
		})
	}
}

// TestArchiveAgainstIndex: index, manifest and claims agree, and the archive has
// something else at the item's place.
func TestArchiveAgainstIndex(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(archive []byte, at int64)
		want   string
	}{
		{"content", func(b []byte, at int64) { b[at] ^= 1 }, "another SHA-256"},
		{"name", func(b []byte, at int64) { b[at-512+20] ^= 1 }, "is not there, or not as the index"},
		{"a link", func(b []byte, at int64) { b[at-512+156] = '2' }, "is not there, or not as the index"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ps := good()
			archive := join(ps)
			xs, _, err := list(bytes.NewReader(archive), signed(ps, 9))
			fatalIfErr(t, err)
			tt.change(archive, xs[0].Offset)
			var re *bag.RefusedError
			if _, err := single(t, bytes.NewReader(archive), xs[:1]); !errors.As(err, &re) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ExtractExhibits: %v, want %q", err, tt.want)
			}
			refused(t, archive, bag.Limits{}, "")
		})
	}
}

// TestIndexClaims: nothing that the sender signed of a bag may differ.
func TestIndexClaims(t *testing.T) {
	archive, s := write(t, tree(t, map[string]string{"a": "alpha", "d/b": "beta"}))
	for _, tt := range []struct {
		name   string
		change func(*bag.Claims)
	}{
		{"index hash", func(c *bag.Claims) { c.Index.SHA256[0] ^= 1 }},
		{"index offset", func(c *bag.Claims) { c.Index.Offset += 512 }},
		{"index offset, as much less of it", func(c *bag.Claims) { c.Index.Offset += 512; c.Index.Size -= 512 }},
		{"negative offset", func(c *bag.Claims) { c.Index.Offset = -1 }},
		{"offset at 0", func(c *bag.Claims) { c.Index.Offset, c.ArchiveSize = 0, c.ArchiveSize-c.Index.Offset }},
		{"huge offset", func(c *bag.Claims) { c.Index.Offset = 1<<63 - 1 }},
		{"index size", func(c *bag.Claims) { c.Index.Size-- }},
		{"negative size", func(c *bag.Claims) { c.Index.Size = -c.Index.Size }},
		{"huge size", func(c *bag.Claims) { c.Index.Size = 1<<63 - 1 }},
		{"tag manifest", func(c *bag.Claims) { c.TagManifestSHA256[0] ^= 1 }},
		{"archive size", func(c *bag.Claims) { c.ArchiveSize += 512 }},
		{"files", func(c *bag.Claims) { c.Files++ }},
		{"bytes", func(c *bag.Claims) { c.Bytes-- }},
	} {
		c := claims(archive, s)
		tt.change(&c)
		var re *bag.RefusedError
		if _, _, err := list(bytes.NewReader(archive), c); !errors.As(err, &re) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	var re *bag.RefusedError
	if _, _, err := list(bytes.NewReader(archive[:s.Index.Offset+10]), claims(archive, s)); !errors.As(err, &re) {
		t.Errorf("truncated: %v", err)
	}
}

// TestExhibitsInUsedFolder: like Extract, it writes into an empty folder only.
func TestExhibitsInUsedFolder(t *testing.T) {
	root, err := os.OpenRoot(tree(t, map[string]string{"old": ""}))
	fatalIfErr(t, err)
	defer root.Close()
	if err := bag.ExtractExhibits(bytes.NewReader(nil), root, id, nil); err == nil || !strings.Contains(err.Error(), `"old"`) {
		t.Errorf("ExtractExhibits into a used folder: %v", err)
	}
}

// FuzzReadIndex: a sender signs any text as an index. What is listed is exactly what
// would be written again, and every item can be taken out, but where the whole archive
// would be refused as well: the time of a folder stands in no manifest, and shows to be
// another one when its header is read.
func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(good()[9].content))
	f.Add([]byte(bag.IndexHead))
	f.Add([]byte(bag.IndexHead + "d - 0 0 0 data/z\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ps := good()
		ps[9].content = string(b)
		archive := join(ps)
		xs, _, err := list(bytes.NewReader(archive), signed(ps, 9))
		if err != nil {
			return
		}
		again := []byte(bag.IndexHead)
		for _, x := range xs {
			again = bag.AppendExhibit(again, x)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("listed an index that would not be written: %q", b)
		}
		if _, err := single(t, bytes.NewReader(archive), xs); err != nil {
			if _, _, whole := extract(t, bytes.NewReader(archive), bag.Limits{}); whole == nil {
				t.Errorf("an item of an archive that is accepted is refused: %v", err)
			}
		}
	})
}
