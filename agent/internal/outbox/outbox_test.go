package outbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/internal/outbox"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newBox makes an outbox with files, each with its name as text.
func newBox(t *testing.T, files ...string) (*outbox.Box, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	b, err := outbox.Open(dir)
	check(t, err)
	for _, name := range files {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), name)
	}
	return b, dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestLook(t *testing.T) {
	b, dir := newBox(t, "0412/disk/a.img", "0412/disk.ready", "0412/disk.yaml", "0412/logs/x", "0412/.sent/old/x", "0412/notes.txt",
		"0412/early.ready", ".hidden/x/y", "stray.zip", "NL-2026-0413/disk/b")
	check(t, os.Symlink(filepath.Join(dir, "0412", "disk"), filepath.Join(dir, "0412", "link")))
	items, strays, err := b.Look()
	check(t, err)
	slices.SortFunc(items, func(x, y outbox.Found) int { return strings.Compare(x.Request+x.Name, y.Request+y.Name) })
	want := []outbox.Found{{Item: outbox.Item{Request: "0412", Name: "disk"}, Marked: true}, {Item: outbox.Item{Request: "0412", Name: "logs"}},
		{Item: outbox.Item{Request: "NL-2026-0413", Name: "disk"}}}
	if !slices.Equal(items, want) {
		t.Errorf("found %v, want %v", items, want)
	}
	if all := strings.Join(strays, "\n"); len(strays) != 4 || !strings.Contains(all, "early.ready") || !strings.Contains(all, "stray.zip") ||
		!strings.Contains(all, "link") || !strings.Contains(all, "notes.txt") {
		t.Errorf("strays are %q", strays)
	}
}

func TestCheck(t *testing.T) {
	for _, it := range []outbox.Item{{"", "a"}, {"a", ""}, {"a", ".."}, {"..", "a"}, {"a", "b/c"}, {"a", ".sent"}, {"a", "\xff"}} {
		if it.Check() == nil {
			t.Errorf("%q was taken", it)
		}
	}
	if err := (outbox.Item{Request: "a b", Name: "disk 1 ü"}).Check(); err != nil {
		t.Error(err)
	}
}

// TestFingerprint: every change shows, and a move of the folder does not.
func TestFingerprint(t *testing.T) {
	_, dir := newBox(t, "r/n/a", "r/n/sub/b")
	folder := filepath.Join(dir, "r", "n")
	of := func(folder string) outbox.Print {
		t.Helper()
		p, _, err := outbox.Fingerprint(folder)
		check(t, err)
		return p
	}
	last := of(folder)
	for what, change := range map[string]func(){
		"a file comes":     func() { write(t, filepath.Join(folder, "sub", "c"), "c") },
		"a file grows":     func() { write(t, filepath.Join(folder, "a"), "longer") },
		"a file is forged": func() { check(t, os.Chtimes(filepath.Join(folder, "a"), time.Time{}, time.Unix(1, 0))) },
		"a file goes":      func() { check(t, os.Remove(filepath.Join(folder, "sub", "b"))) },
		"a folder comes":   func() { check(t, os.Mkdir(filepath.Join(folder, "empty"), 0o700)) },
		"rights change":    func() { check(t, os.Chmod(filepath.Join(folder, "a"), 0o400)) },
	} {
		change()
		if p := of(folder); p == last {
			t.Errorf("%s: the fingerprint is the same", what)
		} else {
			last = p
		}
	}
	check(t, os.Rename(folder, folder+"2"))
	if of(folder+"2") != last {
		t.Error("the fingerprint changes when the folder moves")
	}
	check(t, os.Symlink(folder+"2", folder))
	if _, _, err := outbox.Fingerprint(folder); err == nil {
		t.Error("a link was followed")
	}
}

// TestWatch: an item settles when it has looked the same for long enough, and at
// once when it is marked; an empty one waits for its mark.
func TestWatch(t *testing.T) {
	it := outbox.Item{Request: "r", Name: "n"}
	type look struct {
		at     time.Duration
		print  byte // 0: it cannot be looked at
		names  int
		marked bool
		gone   bool
		want   bool
	}
	for what, looks := range map[string][]look{
		"still":               {{at: 0, print: 1, names: 1}, {at: 59, print: 1, names: 1}, {at: 60, print: 1, names: 1, want: true}},
		"changed":             {{at: 0, print: 1, names: 1}, {at: 59, print: 2, names: 1}, {at: 100, print: 2, names: 1}, {at: 119, print: 2, names: 1, want: true}},
		"changed and back":    {{at: 0, print: 1, names: 1}, {at: 30, print: 2, names: 1}, {at: 40, print: 1, names: 1}, {at: 99, print: 1, names: 1}, {at: 100, print: 1, names: 1, want: true}},
		"gone and back":       {{at: 0, print: 1, names: 1}, {at: 30, gone: true}, {at: 60, print: 1, names: 1}, {at: 120, print: 1, names: 1, want: true}},
		"unreadable meantime": {{at: 0, print: 1, names: 1}, {at: 30}, {at: 60, print: 1, names: 1}, {at: 120, print: 1, names: 1, want: true}},
		"marked":              {{at: 0, print: 1, names: 1}, {at: 1, print: 2, names: 1, marked: true, want: true}},
		"empty":               {{at: 0, print: 1}, {at: 1000, print: 1}, {at: 1001, print: 1, marked: true, want: true}},
	} {
		w := outbox.NewWatch(60)
		for _, l := range looks {
			var found []outbox.Found
			if !l.gone {
				found = []outbox.Found{{Item: it, Marked: l.marked}}
			}
			got := w.Look(l.at, found, func(outbox.Item) (outbox.Print, int, error) {
				if l.print == 0 {
					return outbox.Print{}, 0, errors.New("gone")
				}
				return outbox.Print{l.print}, l.names, nil
			})
			if (len(got) == 1) != l.want || l.want && got[0] != (outbox.Settled{Item: it, Print: outbox.Print{l.print}}) {
				t.Errorf("%s: at %d settled are %v, want %v", what, l.at, got, l.want)
			}
		}
	}
}

// TestMove: an item moves with what lies beside it; a move that was cut short is
// done by a second call, and a new folder of the old name stays.
func TestMove(t *testing.T) {
	b, dir := newBox(t, "r/n/a", "r/n.ready", "r/n.yaml", "r/n.acquisition.yaml")
	it := outbox.Item{Request: "r", Name: "n"}
	name, err := b.Free(it, outbox.Sent)
	check(t, err)
	check(t, b.Move(it, outbox.Sent, name, []byte("note")))
	for _, f := range []string{"n/a", "n.ready", "n.yaml", "n.acquisition.yaml", "n.json"} {
		if _, err := os.Stat(filepath.Join(dir, "r", ".sent", filepath.FromSlash(f))); err != nil {
			t.Error(err)
		}
	}
	write(t, filepath.Join(dir, "r", "n", "new"), "x")
	write(t, filepath.Join(dir, "r", "n.ready"), "x")
	check(t, b.Move(it, outbox.Sent, name, []byte("again")))
	if !b.Exists(it) {
		t.Error("the new folder was moved away")
	}
	if _, err := os.Stat(filepath.Join(dir, "r", "n.ready")); err != nil {
		t.Error(err)
	}
	if name, err = b.Free(it, outbox.Sent); err != nil || name != "n-2" {
		t.Errorf("the free name is %q, %v", name, err)
	}
	check(t, b.Move(it, outbox.Sent, name, []byte("note")))
	if b.Exists(it) {
		t.Error("the folder is still there")
	}
	check(t, b.Move(outbox.Item{Request: "r", Name: "never"}, outbox.Failed, "never", []byte("it was taken away")))
	if err := b.Move(outbox.Item{Request: "..", Name: "n"}, outbox.Sent, "n", nil); err == nil {
		t.Error("something outside was moved")
	}
}

func TestBeside(t *testing.T) {
	b, dir := newBox(t, "r/n/a", "r/n.yaml")
	it := outbox.Item{Request: "r", Name: "n"}
	if data, err := b.Beside(it, outbox.Options, 8); err != nil || string(data) != "r/n.yaml" {
		t.Errorf("Beside = %q, %v", data, err)
	}
	if _, err := b.Beside(it, outbox.Options, 7); err == nil {
		t.Error("a large file was read")
	}
	write(t, filepath.Join(dir, "r", "n.acquisition.yaml"), "")
	if data, err := b.Beside(it, outbox.Acquisition, 7); err != nil || data == nil || len(data) != 0 {
		t.Errorf("Beside of an empty file = %q, %v", data, err)
	}
	if data, err := b.Beside(outbox.Item{Request: "r", Name: "m"}, outbox.Options, 7); err != nil || data != nil {
		t.Errorf("Beside of nothing = %q, %v", data, err)
	}
}
