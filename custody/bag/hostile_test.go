package bag_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"comity.example/comity/custody/bag"
)

// pax is an entry whose extended header says something else than its block.
func pax(records, name, content string) part {
	b := bag.Extended(records)
	return part{raw: append(b, part{name: name, content: content, mtime: time.Unix(1, 0)}.bytes()...)}
}

// TestExtractRefusesBags changes a good bag as a whole.
func TestExtractRefusesBags(t *testing.T) {
	set := func(i int, p part) func([]part) []part {
		return func(ps []part) []part { ps[i] = p; return ps }
	}
	without := func(i int) func([]part) []part {
		return func(ps []part) []part { return slices.Delete(ps, i, i+1) }
	}
	insert := func(i int, p part) func([]part) []part {
		return func(ps []part) []part { return slices.Insert(ps, i, p) }
	}
	edit := func(i int, f func(string) string) func([]part) []part {
		return func(ps []part) []part { ps[i].content = f(ps[i].content); return ps }
	}
	lines := func(f func([]string) []string) func(string) string {
		return func(s string) string { return strings.Join(f(strings.SplitAfter(s, "\n")), "") }
	}
	evil := bag.Line{Path: "data/evil"}
	for _, tt := range []struct {
		name   string
		change func([]part) []part
		want   string
	}{
		{"empty stream", func([]part) []part { return nil }, "truncated"},
		{"zeros only", func([]part) []part { return []part{{raw: make([]byte, 4096)}} }, "ends before"},
		{"garbage", func([]part) []part { return []part{{raw: bytes.Repeat([]byte("garbage "), 1000)}} }, "neither a regular file"},
		{"other id", set(0, part{name: "pkg-other/", mtime: bag.Stamp()}), "must stand"},
		{"no bag folder", without(0), "must stand"},
		{"no bagit.txt", without(1), "must stand"},
		{"no bag-info.txt", without(2), "must stand"},
		{"no data folder", without(3), "must stand"},
		{"no manifest", without(7), "must stand"},
		{"no tag manifest", without(8), "must stand"},
		{"no index", without(9), "ends before"},
		{"no end", without(10), "truncated"},
		{"one zero block", set(10, part{raw: make([]byte, 512)}), "truncated"},
		{"bag-info.txt first", func(ps []part) []part { ps[1], ps[2] = ps[2], ps[1]; return ps }, "must stand"},
		{"time of bagit.txt", func(ps []part) []part { ps[1].mtime = time.Unix(5, 0); return ps }, "modification time"},
		{"other version", edit(1, func(s string) string { return strings.Replace(s, "1.0", "0.9", 1) }), "does not fit"},
		{"bagit.txt longer", edit(1, func(s string) string { return s + "\n" }), "goes on"},
		{"bagit.txt shorter", edit(1, func(s string) string { return s[:10] }), "ends before"},
		{"no oxum", edit(2, func(string) string { return "A: b\n" }), "no Payload-Oxum"},
		{"empty info", edit(2, func(string) string { return "" }), "no Payload-Oxum"},
		{"wrong oxum bytes", edit(2, func(string) string { return "Payload-Oxum: 8.2\n" }), `"8.2"`},
		{"wrong oxum files", edit(2, func(string) string { return "Payload-Oxum: 9.3\n" }), `"9.3"`},
		{"two oxums", edit(2, func(string) string { return "Payload-Oxum: 9.2\nPayload-Oxum: 9.2\n" }), "last one"},
		{"info folded", edit(2, func(s string) string { return "A: b\n c\n" + s }), "label"},
		{"info with CR", edit(2, func(s string) string { return "A: b\r\n" + s }), "bag-info line"},
		{"info without line end", edit(2, func(s string) string { return s[:len(s)-1] }), "no line end"},
		{"info too large", edit(2, func(s string) string { return "A: " + strings.Repeat("x", 70_000) + "\n" + s }), "at most"},
		{"other info", edit(2, func(s string) string { return "A: b\n" + s }), "tagmanifest"},
		{"other content", edit(4, func(string) string { return "ALPHA" }), "does not list what the bag holds"},
		{"extra file", insert(7, data("e", "")), `"9.2"`},
		{"file missing", without(4), `"9.2"`},
		{"folder missing", without(5), "not inside a folder"},
		{"manifest line missing", edit(7, lines(func(l []string) []string { return l[1:] })), "does not list what the bag holds"},
		{"last manifest line missing", edit(7, lines(func(l []string) []string { return l[:1] })), "does not list what the bag holds"},
		{"manifest line more", edit(7, func(s string) string { return s + string(bag.AppendLine(nil, evil)) }), "does not list what the bag holds"},
		{"manifest order", edit(7, lines(func(l []string) []string { return []string{l[1], l[0]} })), "does not list what the bag holds"},
		{"wrong hash", edit(7, func(s string) string { return "0" + s[1:] }), "does not list what the bag holds"},
		{"manifest in capitals", edit(7, strings.ToUpper), "does not list what the bag holds"},
		{"empty manifest", edit(7, func(string) string { return "" }), "does not list what the bag holds"},
		{"wrong tag hash", edit(8, func(s string) string { return "g" + s[1:] }), "bag-info.txt"},
		{"tag line missing", edit(8, lines(func(l []string) []string { return l[:2] })), "ends before"},
		{"tag line more", edit(8, func(s string) string { return s + string(bag.AppendLine(nil, evil)) }), "goes on"},
		{"index of another content", edit(9, func(s string) string { return strings.Replace(s, "f 8", "f 9", 1) }), "index.txt"},
		{"index with another offset", edit(9, func(s string) string { return strings.Replace(s, " 4608 ", " 4609 ", 1) }), "index.txt"},
		{"index line missing", edit(9, lines(func(l []string) []string { return l[1:] })), "index.txt"},
		{"index line more", edit(9, func(s string) string { return s + "d - 0 0 0 data/z\n" }), "index.txt"},
		{"empty index", edit(9, func(string) string { return "" }), "index.txt"},
		{"time of the index", func(ps []part) []part { ps[9].mtime = time.Unix(5, 0); return ps }, "modification time"},
		{"index twice", insert(9, tag("index.txt", "")), "index.txt"},
		{"fetch.txt before data", insert(3, tag("fetch.txt", "")), "to be fetched"},
		{"fetch.txt at the end", insert(10, tag("fetch.txt", "")), "after the last entry"},
		{"file after the manifest", insert(8, data("z", "")), "must stand"},
		{"file after the tag manifest", insert(9, data("z", "")), "must stand"},
		{"file after the index", insert(10, data("z", "")), "after the last entry"},
		{"second manifest", insert(8, tag("manifest-sha512.txt", "")), "must stand"},
		{"padding", insert(11, part{raw: append(make([]byte, 200_000), 1)}), "after the end"},
		{"padding at once", insert(11, part{raw: []byte{1}}), "after the end"},
		{"second zero block", set(10, part{raw: append(make([]byte, 1023), 1)}), "after the end"},
		{"second archive", func(ps []part) []part { return append(ps, good()...) }, "after the end"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, join(tt.change(good())), bag.Limits{}, tt.want) })
	}
}

func TestExtractTruncated(t *testing.T) {
	archive := join(good())
	for n := range len(archive) {
		if n%97 == 0 || n%512 < 2 {
			refused(t, archive[:n], bag.Limits{}, "")
		}
	}
}

// TestExtractFlippedBit flips a bit all over a small bag: whatever
// it hits, the bag is refused, or the item has another time and no more.
func TestExtractFlippedBit(t *testing.T) {
	archive := join(good())
	want, err := bag.ParseManifest([]byte(good()[7].content))
	fatalIfErr(t, err)
	for i := 0; i < len(archive); i += 29 {
		dir, _, err := extract(t, bytes.NewReader(flip(archive, i)), bag.Limits{})
		if err != nil {
			continue
		}
		b, err := os.ReadFile(dir + "/" + id + "/manifest-sha256.txt")
		fatalIfErr(t, err)
		got, err := bag.ParseManifest(b)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("bit in byte %d: extracted %q, %v", i, got, err)
		}
	}
}

func TestExtractLimits(t *testing.T) {
	archive := join(good())
	if _, _, err := extract(t, bytes.NewReader(archive), bag.Limits{Items: 3, Bytes: 9, Names: 1000}); err != nil {
		t.Errorf("within the limits: %v", err)
	}
	refused(t, archive, bag.Limits{Items: 2}, "more than 2 items")
	refused(t, archive, bag.Limits{Bytes: 8}, "more than 8 bytes")
	refused(t, archive, bag.Limits{Names: 100}, "more than 100 bytes")
}

// TestExtractNames lists every name that cannot be, and goes on to the end.
func TestExtractNames(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("names that linux cannot hold; checkNames has a table for the others")
	}
	long := strings.Repeat("x", 256)
	items := []part{data("a", "alpha"), data(long+"/", ""), data(long+"/b", "beta"), data(long+"y", "gamma")}
	_, _, err := extract(t, bytes.NewReader(join(parts(items...))), bag.Limits{})
	var ne *bag.NamesError
	if !errors.As(err, &ne) || len(ne.Problems) != 2 || ne.Problems[0].Path != long || ne.Problems[1].Path != long+"y" {
		t.Fatalf("Extract: %v", err)
	}
	if !strings.Contains(ne.Error(), fmt.Sprintf("%q", long+"y")) {
		t.Errorf("the error does not name the file: %v", ne)
	}
}

// TestExtractReaderError: an error of the reader, also at the very end where
// an encrypted stream proves to be whole, comes through.
func TestExtractReaderError(t *testing.T) {
	archive := join(good())
	broken := errors.New("decrypting chunk 7")
	for _, n := range []int{0, 1, 512, 2000, len(archive) - 1, len(archive)} {
		r := io.MultiReader(bytes.NewReader(archive[:n]), iotest.ErrReader(broken))
		if _, c, err := extract(t, r, bag.Limits{}); !errors.Is(err, broken) || c != nil {
			t.Errorf("after %d bytes: %v, error %v", n, c, err)
		}
	}
	if _, _, err := extract(t, iotest.OneByteReader(bytes.NewReader(archive)), bag.Limits{}); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
	if _, _, err := extract(t, iotest.DataErrReader(bytes.NewReader(archive)), bag.Limits{}); err != nil {
		t.Errorf("end together with data: %v", err)
	}
}

func TestExtractNotEmpty(t *testing.T) {
	root, err := os.OpenRoot(tree(t, map[string]string{"old": ""}))
	fatalIfErr(t, err)
	defer root.Close()
	if _, err := bag.Extract(bytes.NewReader(join(good())), root, id, bag.Limits{}); err == nil || !strings.Contains(err.Error(), `"old"`) {
		t.Errorf("Extract into a used folder: %v", err)
	}
}

// FuzzExtract: what is accepted is exactly what would be written again.
func FuzzExtract(f *testing.F) {
	f.Add(join(good()))
	f.Add(join(parts()))
	f.Add(join(parts(data(strings.Repeat("é", 60)+"/", ""))))
	f.Add(append(join(good()), 0))
	with, _ := writeWith(f, f.TempDir(), []byte("{}\n"), nil)
	f.Add(with)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		fatalIfErr(t, err)
		defer root.Close()
		c, err := bag.Extract(bytes.NewReader(b), root, id, bag.Limits{Items: 50})
		if err != nil {
			return
		}
		again, s := writeWith(t, dir+"/"+id+"/data", c.Acquisition, c.Info)
		if s.TagManifestSHA256 != c.TagManifestSHA256 || int64(len(again)) != c.ArchiveSize || !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("accepted an archive that would not be written")
		}
	})
}
