package bag_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/bag"
)

const id = "pkg-7f3a"

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes files and folders below a new folder: a path that ends with a
// slash is a folder, everything else a file with the given content. Every
// path component is made relative to its parent, so paths may be longer
// than the system's PATH_MAX.
func tree(t testing.TB, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for p := range content {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, bag.Compare)
	root, err := os.OpenRoot(dir)
	fatalIfErr(t, err)
	defer root.Close()
	for i, p := range paths {
		fatalIfErr(t, root.MkdirAll(filepath.Dir(p), 0o755))
		if strings.HasSuffix(p, "/") {
			fatalIfErr(t, root.MkdirAll(strings.TrimSuffix(p, "/"), 0o755))
			continue
		}
		fatalIfErr(t, root.WriteFile(p, []byte(content[p]), 0o640))
		fatalIfErr(t, root.Chtimes(p, time.Time{}, time.Unix(1700000000+int64(i), 123456700)))
	}
	return dir
}

// carried is what a bag carries of an inventory: all but the fingerprints.
func carried(inv *bag.Inventory) (list []bag.Item) {
	for it := range inv.Items() {
		it.Fingerprint = bag.Fingerprint{}
		list = append(list, it)
	}
	return list
}

// write makes the bag of dir and checks that its size was known before.
func write(t testing.TB, dir string, info ...bag.Field) ([]byte, *bag.Summary) {
	t.Helper()
	return writeWith(t, dir, nil, info)
}

// writeWith is write with an acquisition record.
func writeWith(t testing.TB, dir string, acquisition []byte, info []bag.Field) ([]byte, *bag.Summary) {
	t.Helper()
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	inv.Acquisition = acquisition
	p, err := bag.NewPlan(id, inv, info)
	fatalIfErr(t, err)
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	defer src.Close()
	var b bytes.Buffer
	s, err := p.Write(&b, src)
	fatalIfErr(t, err)
	if int64(b.Len()) != p.Size() {
		t.Fatalf("wrote %d bytes, Size() = %d", b.Len(), p.Size())
	}
	return b.Bytes(), s
}

// extract extracts into a new quarantine and returns its path.
func extract(t testing.TB, r io.Reader, lim bag.Limits) (string, *bag.Contents, error) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	fatalIfErr(t, err)
	defer root.Close()
	c, err := bag.Extract(r, root, id, lim)
	return dir, c, err
}

// inventory is an inventory of these items, good or not.
func inventory(items ...bag.Item) *bag.Inventory {
	var inv bag.Inventory
	for _, it := range items {
		inv.Add(it)
	}
	return &inv
}

// manifest is the manifest of a bag that was written.
func manifest(t testing.TB, s *bag.Summary) string {
	t.Helper()
	var b strings.Builder
	fatalIfErr(t, s.WriteManifest(&b))
	return b.String()
}

// curious is a tree of everything that is awkward but allowed.
func curious() map[string]string {
	m := map[string]string{
		"plain.txt":               "hello\n",
		"empty":                   "",
		"empty folder/":           "",
		"only/one/empty/":         "",
		"photos.zip":              "zip",
		"photos/1.jpg":            "jpg",
		"photos-2":                "2",
		"Zürich/Straße/ファイル.txt":  "unicode",
		"decomposed-u\u0308":      "nfd",
		strings.Repeat("n", 255):  "255 bytes",
		strings.Repeat("й", 127):  "254 bytes",
		"-rf":                     "dash",
		"--help/-v":               "dashes",
		" leading space":          "s",
		"fetch.txt":               "only special beside data",
		"exactly 512":             strings.Repeat("x", 512),
		"block and one":           strings.Repeat("x", 513),
		"large":                   strings.Repeat("0123456789abcdef", 3<<16),
		strings.Repeat("d/", 100): "",
	}
	if runtime.GOOS != "windows" {
		m["line\nbreak"] = "lf"
		m["carriage\rreturn"] = "cr"
		m["100%"] = "percent"
		m["%0A and %25/50%"] = "percents"
		m[`back\slash\`] = "backslashes"
		m["tab\there \"quoted\" 'name' *?"] = "shell"
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	content := curious()
	deep := strings.Repeat(strings.Repeat("p", 250)+"/", 21) // 5271 bytes
	content[deep+"file"] = "beyond PATH_MAX"
	content[deep+"empty folder/"] = ""
	dir := tree(t, content)
	info := []bag.Field{{"Source-Organization", "Parquet de Zürich"}, {"Bagging-Date", "2026-11-02"}}
	archive, sum := write(t, dir, info...)

	padded := append(slices.Clone(archive), make([]byte, 100_001)...)
	q, got, err := extract(t, bytes.NewReader(padded), bag.Limits{})
	fatalIfErr(t, err)
	if got.ArchiveSize != int64(len(archive)) {
		t.Errorf("ArchiveSize = %d, want %d", got.ArchiveSize, len(archive))
	}
	if got.Files != sum.Files || got.Bytes != sum.Bytes || got.TagManifestSHA256 != sum.TagManifestSHA256 ||
		got.Index != sum.Index || !bytes.Equal(got.TagManifest, sum.TagManifest) {
		t.Errorf("Extract = %+v, Write = %+v", got, sum)
	}
	if !slices.Equal(got.Info, info) {
		t.Errorf("Info = %v, want %v", got.Info, info)
	}
	before, err := bag.Scan(dir)
	fatalIfErr(t, err)
	after, err := bag.Scan(filepath.Join(q, id, "data"))
	fatalIfErr(t, err)
	if !reflect.DeepEqual(carried(before), carried(after)) {
		t.Errorf("inventory before %v\nafter %v", carried(before), carried(after))
	}
	if got.Folders+got.Files != before.Len() || before.Files() != got.Files || before.Bytes() != got.Bytes {
		t.Errorf("%d folders and %d files of %d bytes, inventory has %d items", got.Folders, got.Files, got.Bytes, before.Len())
	}
	again, _ := write(t, filepath.Join(q, id, "data"), info...)
	if !bytes.Equal(archive, again) {
		t.Error("the bag of the extracted files has other bytes")
	}
	checkTags(t, filepath.Join(q, id), got)
	if b, err := os.ReadFile(filepath.Join(q, id, "manifest-sha256.txt")); err != nil || string(b) != manifest(t, sum) {
		t.Errorf("the manifest on disk is another one than was written: %v", err)
	}
}

// checkTags checks the tag files on disk against what was reported.
func checkTags(t *testing.T, dir string, c *bag.Contents) {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"bagit.txt", "bag-info.txt", "manifest-sha256.txt"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		fatalIfErr(t, err)
		files[name] = b
	}
	fatalIfErr(t, bag.VerifyTagManifest(c.TagManifest, files))
	lines, err := bag.ParseManifest(files["manifest-sha256.txt"])
	fatalIfErr(t, err)
	if len(lines) != c.Files {
		t.Errorf("manifest has %d lines for %d files", len(lines), c.Files)
	}
}

func TestEmptyFolder(t *testing.T) {
	archive, sum := write(t, t.TempDir())
	if sum.Files != 0 || sum.Bytes != 0 || manifest(t, sum) != "" {
		t.Errorf("Summary = %+v, want nothing", sum)
	}
	_, got, err := extract(t, bytes.NewReader(archive), bag.Limits{})
	fatalIfErr(t, err)
	if got.Files != 0 || got.Folders != 0 {
		t.Errorf("Contents = %+v, want nothing", got)
	}
}

// TestArchiveTar reads an archive with another implementation.
func TestArchiveTar(t *testing.T) {
	content := curious()
	archive, sum := write(t, tree(t, content))
	r := tar.NewReader(bytes.NewReader(archive))
	files := 0
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		fatalIfErr(t, err)
		b, err := io.ReadAll(r)
		fatalIfErr(t, err)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Mode != 0o644 && h.Typeflag == tar.TypeReg {
			t.Errorf("header of %q carries more than it should: %+v", h.Name, h)
		}
		path, ok := strings.CutPrefix(h.Name, id+"/data/")
		if !ok || h.Typeflag == tar.TypeDir {
			continue
		}
		files++
		if content[path] != string(b) {
			t.Errorf("content of %q is %d bytes, want %d", path, len(b), len(content[path]))
		}
		if h.ModTime.Nanosecond() != 123456700 {
			t.Errorf("time of %q is %v", path, h.ModTime)
		}
	}
	if files != sum.Files {
		t.Errorf("%d files, want %d", files, sum.Files)
	}
}

func TestScanOrder(t *testing.T) {
	inv, err := bag.Scan(tree(t, map[string]string{"a-b": "", "a/c": "", "a.zip": "", "a/b/z": "", "b": "", "a0": ""}))
	fatalIfErr(t, err)
	var got []string
	for it := range inv.Items() {
		got = append(got, it.Path)
	}
	want := []string{"a", "a/b", "a/b/z", "a/c", "a-b", "a.zip", "a0", "b"}
	if !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

func TestScanNotAFolder(t *testing.T) {
	file := filepath.Join(tree(t, map[string]string{"f": ""}), "f")
	if inv, err := bag.Scan(file); err == nil {
		t.Errorf("Scan of a file = %v", inv)
	}
	if _, err := bag.Scan(file + "-missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Scan of nothing: %v", err)
	}
}

func TestNewPlanRefuses(t *testing.T) {
	now := time.Unix(1700000000, 0)
	file := func(p string) bag.Item { return bag.Item{Path: p, ModTime: now} }
	dir := func(p string) bag.Item { return bag.Item{Path: p, Dir: true, ModTime: now} }
	for _, tt := range []struct {
		name  string
		id    string
		items []bag.Item
		info  []bag.Field
		want  string
	}{
		{"no id", "", nil, nil, "package id"},
		{"id with slash", "a/b", nil, nil, "package id"},
		{"id with dots", "..", nil, nil, "package id"},
		{"id with dash", "-x", nil, nil, "package id"},
		{"order", id, []bag.Item{file("b"), file("a")}, nil, "out of order"},
		{"twice", id, []bag.Item{file("a"), file("a")}, nil, "twice"},
		{"no parent", id, []bag.Item{file("a/b")}, nil, "not inside a folder"},
		{"below a file", id, []bag.Item{file("a"), file("a/b")}, nil, "not inside a folder"},
		{"dots", id, []bag.Item{dir("..")}, nil, "component"},
		{"absolute", id, []bag.Item{file("/a")}, nil, "empty component"},
		{"NUL", id, []bag.Item{file("a\x00")}, nil, "NUL"},
		{"not UTF-8", id, []bag.Item{file("\xff")}, nil, "UTF-8"},
		{"long", id, []bag.Item{file(strings.Repeat("a", bag.MaxPath+1))}, nil, "too long"},
		{"deep", id, []bag.Item{file(strings.Repeat("a/", bag.MaxDepth) + "a")}, nil, "too deep"},
		{"negative", id, []bag.Item{{Path: "a", Size: -1, ModTime: now}}, nil, "size"},
		{"overflow", id, []bag.Item{{Path: "a", Size: 1 << 61, ModTime: now}, {Path: "b", Size: 1 << 61, ModTime: now}}, nil, "size"},
		{"year 1", id, []bag.Item{{Path: "a"}}, nil, "time"},
		{"label", id, nil, []bag.Field{{"a:b", "c"}}, "colon"},
		{"line break", id, nil, []bag.Field{{"a", "c\nPayload-Oxum: 0.0"}}, "control"},
		{"oxum", id, nil, []bag.Field{{"payload-oxum", "1.1"}}, "computed"},
		{"no value", id, nil, []bag.Field{{"a", ""}}, "empty"},
		{"large info", id, nil, []bag.Field{{"a", strings.Repeat("x", 70_000)}}, "at most"},
	} {
		_, err := bag.NewPlan(tt.id, inventory(tt.items...), tt.info)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}
