package bag_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

// tarTime is the time of the item below data/ as archive/tar reads it.
func tarTime(t *testing.T, archive []byte) time.Time {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		fatalIfErr(t, err)
		if strings.HasPrefix(h.Name, id+"/data/") && h.Name != id+"/data/" {
			return h.ModTime
		}
	}
}

// part is an entry of a forged archive: canonical with this name and
// content, or these bytes as they are.
type part struct {
	name, content string
	mtime         time.Time
	raw           []byte
}

func (p part) bytes() []byte {
	if p.raw != nil {
		return p.raw
	}
	b := bag.Header(p.name, int64(len(p.content)), p.mtime)
	b = append(b, p.content...)
	return append(b, make([]byte, -len(p.content)&511)...)
}

func tag(name, content string) part {
	return part{name: id + "/" + name, content: content, mtime: bag.Stamp()}
}

func data(name, content string) part {
	return part{name: id + "/data/" + name, content: content, mtime: time.Unix(1700000000, 5)}
}

// foreign is an entry as archive/tar writes it.
func foreign(h tar.Header, content string) part {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h.Size = int64(len(content))
	if h.Typeflag != tar.TypeXGlobalHeader {
		h.ModTime = time.Unix(1700000000, 0)
	}
	if err := w.WriteHeader(&h); err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		panic(err)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return part{raw: b.Bytes()}
}

// parts is a whole bag around these items, with everything that is computed
// fitting them.
func parts(items ...part) []part {
	files, size := 0, 0
	var manifest, tags []byte
	for _, p := range items {
		if path, ok := strings.CutPrefix(p.name, id+"/"); ok && !strings.HasSuffix(path, "/") {
			files++
			size += len(p.content)
			manifest = bag.AppendLine(manifest, bag.Line{Sum: sha256.Sum256([]byte(p.content)), Path: path})
		}
	}
	bagit, info := tag("bagit.txt", bag.BagitText), tag("bag-info.txt", fmt.Sprintf("Payload-Oxum: %d.%d\n", size, files))
	list := tag("manifest-sha256.txt", string(manifest))
	for _, p := range []part{info, bagit, list} {
		tags = bag.AppendLine(tags, bag.Line{Sum: sha256.Sum256([]byte(p.content)), Path: strings.TrimPrefix(p.name, id+"/")})
	}
	all := append([]part{tag("", ""), bagit, info, tag("data/", "")}, items...)
	return append(all, list, tag("tagmanifest-sha256.txt", string(tags)), tag("index.txt", index(all)), part{raw: make([]byte, 1024)})
}

// index is the index of these entries of an archive.
func index(all []part) string {
	b := []byte(bag.IndexHead)
	off := 0
	for _, p := range all {
		size := len(p.bytes())
		if path, ok := strings.CutPrefix(p.name, id+"/data/"); ok && path != "" {
			it := bag.Item{Path: strings.TrimSuffix(path, "/"), Dir: strings.HasSuffix(path, "/"), Size: int64(len(p.content)), ModTime: p.mtime}
			content := size - len(p.content) - -len(p.content)&511
			b = bag.AppendExhibit(b, bag.Exhibit{Item: it, Sum: sha256.Sum256([]byte(p.content)), Offset: int64(off + content)})
		}
		off += size
	}
	return string(b)
}

func join(parts []part) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p.bytes()...)
	}
	return b
}

// good is the bag that the forgeries below start from; its entries are
// 0 folder, 1 bagit.txt, 2 bag-info.txt, 3 data, 4 a, 5 d, 6 d/b,
// 7 manifest, 8 tag manifest, 9 index, 10 end.
func good() []part { return parts(data("a", "alpha"), data("d/", ""), data("d/b", "beta")) }

func TestForgeryBase(t *testing.T) {
	_, c, err := extract(t, bytes.NewReader(join(good())), bag.Limits{})
	fatalIfErr(t, err)
	if c.Files != 2 || c.Bytes != 9 || c.Folders != 1 {
		t.Errorf("Contents = %+v", c)
	}
}

// refused extracts a forgery and checks that it is refused for the reason
// wanted, and that nothing was made outside the quarantine and no link in it.
func refused(t *testing.T, archive []byte, lim bag.Limits, want string) {
	t.Helper()
	outer := t.TempDir()
	fatalIfErr(t, os.Mkdir(filepath.Join(outer, "quarantine"), 0o700))
	root, err := os.OpenRoot(filepath.Join(outer, "quarantine"))
	fatalIfErr(t, err)
	defer root.Close()
	c, err := bag.Extract(bytes.NewReader(archive), root, id, lim)
	var re *bag.RefusedError
	if !errors.As(err, &re) || !strings.Contains(err.Error(), want) || c != nil {
		t.Errorf("Extract = %v, error %v, want %q", c, err, want)
	}
	names, err := os.ReadDir(outer)
	fatalIfErr(t, err)
	if len(names) != 1 {
		t.Errorf("outside the quarantine: %v", names)
	}
	err = filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !d.Type().IsRegular() {
			t.Errorf("made %q of type %v", p, d.Type())
		}
		return err
	})
	fatalIfErr(t, err)
}

func TestExtractRefusesItems(t *testing.T) {
	sparse := map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "9999999999"}
	for _, tt := range []struct {
		name  string
		items []part
		want  string
	}{
		{"traversal", []part{data("../../evil", "x")}, ".."},
		{"traversal as folder", []part{data("../", "")}, ".."},
		{"dot", []part{data("./a", "x")}, "component"},
		{"empty component", []part{data("d/", ""), data("d//a", "x")}, "empty component"},
		{"data itself", []part{data("", "")}, "empty component"},
		{"absolute", []part{{name: "/etc/evil", content: "x", mtime: bag.Stamp()}}, "must stand"},
		{"outside the bag", []part{{name: "other/evil", content: "x", mtime: bag.Stamp()}}, "must stand"},
		{"beside data", []part{tag("evil.txt", "x")}, "must stand"},
		{"fetch.txt", []part{tag("fetch.txt", "http://example/ 1 data/a\n")}, "to be fetched"},
		{"NUL in a name", []part{data("a\x00b", "x")}, "NUL"},
		{"not UTF-8", []part{data("\xff", "x")}, "UTF-8"},
		{"too long", []part{data(strings.Repeat("x", bag.MaxPath+1), "x")}, "too long"},
		{"very long", []part{data(strings.Repeat("x", 1<<20), "x")}, "impossible size"},
		{"too deep", []part{data(strings.Repeat("x/", bag.MaxDepth)+"x", "x")}, "too deep"},
		{"duplicate", []part{data("a", "1"), data("a", "1")}, "twice"},
		{"duplicate folder", []part{data("a/", ""), data("a/", "")}, "twice"},
		{"folder then file", []part{data("a/", ""), data("a", "")}, "twice"},
		{"below a file", []part{data("a", "1"), data("a/b", "1")}, "not inside a folder"},
		{"no parent", []part{data("a/b", "1")}, "not inside a folder"},
		{"back into a folder", []part{data("a/", ""), data("b", "1"), data("a/c", "1")}, "out of order"},
		{"order", []part{data("b", "1"), data("a", "1")}, "out of order"},
		{"symbolic link", []part{foreign(tar.Header{Typeflag: tar.TypeSymlink, Name: id + "/data/l", Linkname: "/tmp"}, ""), data("l/x", "1")}, "symbolic link"},
		{"hard link", []part{foreign(tar.Header{Typeflag: tar.TypeLink, Name: id + "/data/l", Linkname: "/etc/passwd"}, "")}, "hard link"},
		{"device", []part{foreign(tar.Header{Typeflag: tar.TypeBlock, Name: id + "/data/l", Devmajor: 8}, "")}, "device"},
		{"named pipe", []part{foreign(tar.Header{Typeflag: tar.TypeFifo, Name: id + "/data/l"}, "")}, "named pipe"},
		{"global header", []part{foreign(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "evil"}}, "")}, "global header"},
		{"GNU long name", []part{foreign(tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatGNU, Name: id + "/data/" + strings.Repeat("x", 200)}, "")}, "GNU long name"},
		{"GNU dialect", []part{foreign(tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatGNU, Name: id + "/data/x"}, "")}, "another form"},
		{"owner", []part{foreign(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/x", Uid: 1000}, "")}, "another form"},
		{"mode", []part{foreign(tar.Header{Typeflag: tar.TypeReg, Mode: 0o4755, Name: id + "/data/x"}, "")}, "another form"},
		{"sparse", []part{foreign(tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Name: id + "/data/x", PAXRecords: map[string]string{"COMITY.x": "y"}}, "")}, `"COMITY.x"`},
		{"path overrides with ..", []part{pax(bag.Record("path", id+"/data/../../x"), "harmless", "x")}, ".."},
		{"path override not needed", []part{pax(bag.Record("path", id+"/data/x"), "harmless", "x")}, "another form"},
		{"path twice", []part{pax(bag.Record("path", "é")+bag.Record("path", "è"), "harmless", "x")}, "twice"},
		{"GNU sparse", []part{pax(bag.Record("GNU.sparse.major", sparse["GNU.sparse.major"]), "x", "1\n0\n")}, "GNU.sparse.major"},
		{"link path", []part{pax(bag.Record("linkpath", "/etc/passwd"), "x", "x")}, "linkpath"},
		{"size by record", []part{pax(bag.Record("size", "1"), "x", "x")}, "another form"},
		{"size by record, huge", []part{pax(bag.Record("size", "9223372036854775807"), "x", "x")}, "impossible size"},
		{"size by record, negative", []part{pax(bag.Record("size", "-1"), "x", "x")}, "impossible size"},
		{"time by record", []part{pax(bag.Record("mtime", "99999999999999"), "x", "x")}, "impossible modification time"},
		{"malformed record", []part{pax("9999 path=x\n", "x", "x")}, "malformed"},
		{"record of length 0", []part{pax("0 path=x\n", "x", "x")}, "malformed"},
		{"two extended headers", []part{{raw: bag.Extended(bag.Record("mtime", "1.5"))}, pax(bag.Record("mtime", "1.5"), "x", "")}, "second extended header"},
		{"size beyond the stream", []part{{raw: bag.Header(id+"/data/x", 1<<40, time.Unix(1, 0))}}, "truncated"},
		{"size beyond all limits", []part{{raw: bag.Header(id+"/data/x", 1<<62, time.Unix(1, 0))}}, "impossible size"},
		{"folder with content", []part{{raw: bag.Header(id+"/data/x/", 512, time.Unix(1, 0))}}, "impossible size"},
		{"padding of a file", []part{{raw: append(bag.Header(id+"/data/x", 1, time.Unix(1, 0)), bytes.Repeat([]byte("x"), 512)...)}}, "not zero"},
		{"checksum", []part{{raw: flip(data("x", "").bytes(), -512+148)}}, "another form"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, join(parts(tt.items...)), bag.Limits{}, tt.want) })
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[(i+len(b))%len(b)] ^= 1
	return b
}
