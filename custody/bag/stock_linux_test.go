package bag_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"comity.example/comity/custody/bag"
	"comity.example/comity/test/need"
)

// TestStockTools opens a padded bag the way a reader without Comity does:
// "tar -xif - && cd ID && sha256sum -c manifest-sha256.txt". Every line is
// OK but those of names RFC 8493 encodes.
func TestStockTools(t *testing.T) {
	for _, tool := range []string{"tar", "sha256sum"} {
		need.Program(t, tool)
	}
	content := curious()
	content[strings.Repeat(strings.Repeat("p", 250)+"/", 14)+"file"] = "below PATH_MAX, 3514 bytes"
	dir := tree(t, content)
	archive, sum := write(t, dir)
	out := t.TempDir()
	cmd := exec.Command("tar", "-xif", "-")
	cmd.Dir = out
	cmd.Stdin = bytes.NewReader(append(archive, make([]byte, 77_777)...))
	if b, err := cmd.CombinedOutput(); err != nil || len(b) > 0 {
		t.Fatalf("tar: %v\n%s", err, b)
	}
	before, err := bag.Scan(dir)
	fatalIfErr(t, err)
	after, err := bag.Scan(filepath.Join(out, id, "data"))
	fatalIfErr(t, err)
	if !reflect.DeepEqual(carried(before), carried(after)) {
		t.Errorf("inventory before %v\nafter %v", carried(before), carried(after))
	}
	lines, err := bag.ParseManifest([]byte(manifest(t, sum)))
	fatalIfErr(t, err)
	var ok, failed []string
	for i, l := range lines {
		if strings.ContainsAny(l.Path, "%\r\n") {
			written := strings.SplitAfter(manifest(t, sum), "\n")[i]
			failed = append(failed, strings.TrimSuffix(written[66:], "\n"))
		} else {
			ok = append(ok, l.Path)
		}
	}
	if len(failed) != 4 {
		t.Fatalf("the tree has %d names that are encoded, want 4", len(failed))
	}
	gotOK, gotFailed := sha256sum(t, filepath.Join(out, id), "manifest-sha256.txt")
	if !slices.Equal(gotOK, ok) || !slices.Equal(gotFailed, failed) {
		t.Errorf("sha256sum: OK %q\nfailed %q\nwant failed %q", gotOK, gotFailed, failed)
	}
	gotOK, gotFailed = sha256sum(t, filepath.Join(out, id), "tagmanifest-sha256.txt")
	if len(gotOK) != 3 || len(gotFailed) != 0 {
		t.Errorf("sha256sum of tag files: OK %q, failed %q", gotOK, gotFailed)
	}
}

// sha256sum returns the names that sha256sum -c reports.
func sha256sum(t *testing.T, dir, manifest string) (ok, failed []string) {
	t.Helper()
	cmd := exec.Command("sha256sum", "-c", manifest)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	b, err := cmd.Output()
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if name, found := strings.CutSuffix(line, ": OK"); found {
			ok = append(ok, name)
		} else if name, found := strings.CutSuffix(line, ": FAILED open or read"); found {
			failed = append(failed, name)
		} else {
			t.Errorf("sha256sum says %q", line)
		}
	}
	if (err != nil) != (len(failed) > 0) {
		t.Errorf("sha256sum: %v with %d failed", err, len(failed))
	}
	return ok, failed
}

func TestScanSpecial(t *testing.T) {
	dir := tree(t, map[string]string{"file": "x", "folder/file": "y"})
	at := func(name string) string { return filepath.Join(dir, name) }
	fatalIfErr(t, os.Symlink("file", at("link")))
	fatalIfErr(t, os.Symlink("/", at("folder/link to root")))
	fatalIfErr(t, os.Symlink("missing", at("dangling")))
	fatalIfErr(t, syscall.Mkfifo(at("pipe"), 0o600))
	fatalIfErr(t, syscall.Mknod(at("folder/socket"), syscall.S_IFSOCK|0o600, 0))
	fatalIfErr(t, os.WriteFile(at("bad \xff name"), nil, 0o600))
	fatalIfErr(t, os.Mkdir(at("folder/bad \xfe folder"), 0o700))
	fatalIfErr(t, os.WriteFile(at("folder/bad \xfe folder/inside"), nil, 0o600))
	fatalIfErr(t, os.Link(at("file"), at("hard link")))
	want := []bag.Special{
		{"bad \xff name", "name is not valid UTF-8"},
		{"dangling", "symbolic link"},
		{"folder/bad \xfe folder", "name is not valid UTF-8"},
		{"folder/link to root", "symbolic link"},
		{"folder/socket", "socket"},
		{"link", "symbolic link"},
		{"pipe", "named pipe"},
	}
	if err := syscall.Mknod(at("zero"), syscall.S_IFCHR|0o600, 1<<8|5); err == nil {
		want = append(want, bag.Special{Path: "zero", Kind: "character device"})
	} else {
		t.Logf("no device in this test: %v", err)
	}
	inv, err := bag.Scan(dir)
	se, ok := err.(*bag.SpecialError)
	if !ok || inv != nil || !slices.Equal(se.Specials, want) {
		t.Fatalf("Scan = %v, %v", inv, err)
	}
	for _, quoted := range []string{`"bad \xff name"`, `"folder/socket": socket`} {
		if !strings.Contains(se.Error(), quoted) {
			t.Errorf("the error does not hold %s: %v", quoted, se)
		}
	}
	for _, s := range want {
		fatalIfErr(t, os.RemoveAll(at(s.Path)))
	}
	inv, err = bag.Scan(dir)
	fatalIfErr(t, err)
	if inv.Files() != 3 || inv.Bytes() != 3 {
		t.Errorf("Scan = %v, want file, hard link, folder/file", inv)
	}
}

// TestScanLinkToFolder: only the folder named may be a link.
func TestScanLinkToFolder(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	fatalIfErr(t, os.Symlink(tree(t, map[string]string{"f": ""}), link))
	inv, err := bag.Scan(link)
	fatalIfErr(t, err)
	if inv.Len() != 1 {
		t.Errorf("Scan = %v", inv)
	}
}

// TestScanTooDeep: what cannot be carried is said before anything is sent.
func TestScanTooDeep(t *testing.T) {
	dir := tree(t, map[string]string{strings.Repeat("d/", bag.MaxDepth) + "f": ""})
	_, err := bag.Scan(dir)
	se, ok := err.(*bag.SpecialError)
	if !ok || len(se.Specials) != 1 || se.Specials[0].Kind != "path is too deep" {
		t.Errorf("Scan: %v", err)
	}
}

// TestWritePipe: a file replaced by a named pipe does not stall the sender.
func TestWritePipe(t *testing.T) {
	dir := tree(t, map[string]string{"f": ""})
	inv, err := bag.Scan(dir)
	fatalIfErr(t, err)
	p, err := bag.NewPlan(id, inv, nil)
	fatalIfErr(t, err)
	fatalIfErr(t, os.Remove(filepath.Join(dir, "f")))
	fatalIfErr(t, syscall.Mkfifo(filepath.Join(dir, "f"), 0o600))
	src, err := bag.OpenFolder(dir)
	fatalIfErr(t, err)
	defer src.Close()
	_, err = p.Write(&hook{}, src)
	if _, ok := err.(*bag.ChangedError); !ok {
		t.Errorf("Write: %v", err)
	}
}
