package agent_test

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
)

// sendFolder sends a folder as de's lab and returns the package.
func (w *world) sendFolder(dir string) string {
	w.t.Helper()
	sent, err := w.agent("de").Send(w.t.Context(), w.connect("de", "lab-1"), w.request, dir, agent.SendOptions{Description: "two phones"})
	check(w.t, err)
	return sent.Package
}

// names lists the paths in a package and their lines in the manifest.
func (w *world) names(s *agent.Session, pkg string) (list []string) {
	w.t.Helper()
	check(w.t, w.agent("nl").List(w.t.Context(), s, w.request, pkg, nil, func(e bag.Exhibit) error {
		list = append(list, fmt.Sprintf("%s:%d", e.Path, e.Line))
		return nil
	}))
	return list
}

func tree(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		check(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// below reads all files below a folder.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	check(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		m[filepath.ToSlash(rel)] = string(b)
		return err
	}))
	return m
}

// TestExhibits: a package is listed, single files of it are fetched and receipted
// time after time, and then the whole.
func TestExhibits(t *testing.T) {
	w := newCase(t)
	w.accept()
	content := map[string]string{"a": "alpha", "phone/1.jpg": "one", "phone/2.jpg": "two", "phone/sub/3.jpg": "three", "z": "omega"}
	pkg := w.sendFolder(tree(t, content))
	s, nl := w.connect("nl", "lab-1"), w.agent("nl")
	want := []string{"a:1", "phone:0", "phone/1.jpg:2", "phone/2.jpg:3", "phone/sub:0", "phone/sub/3.jpg:4", "z:5"}
	if got := w.names(s, pkg); !slices.Equal(got, want) {
		t.Errorf("List: %q, want %q", got, want)
	}
	w.reads.count(nil)
	if got := w.names(s, pkg); !slices.Equal(got, want) || len(w.reads.all()) != 0 {
		t.Errorf("List again: %q, and calls for parts %d", got, w.reads.all())
	}

	into := t.TempDir()
	r, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"z", "phone/sub/"}, into)
	check(t, err)
	if !slices.Equal(r.Lines(), []int64{4, 5}) || r.Path != filepath.Join(into, pkg) {
		t.Errorf("Exhibits = %+v", r)
	}
	got := below(t, filepath.Join(into, pkg))
	if len(got) != 3 || got["data/z"] != "omega" || got["data/phone/sub/3.jpg"] != "three" || strings.Count(got["exhibits-sha256.txt"], "\n") != 2 {
		t.Errorf("the folder holds %q", got)
	}
	// The same once more: the files are there and receipted.
	_, err = nl.Exhibits(t.Context(), s, w.request, pkg, []string{"phone/sub", "z"}, into)
	check(t, err)
	if n := w.statementsOf(custody.KindReceipt); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
	if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("other files into the same folder: %v", err)
	}
	_, err = nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, t.TempDir())
	check(t, err)
	for _, paths := range [][]string{{"b"}, {"phone/1"}, {"../a"}, {"/a"}, {""}, {"a", "b"}} {
		other := t.TempDir()
		if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, paths, other); err == nil {
			t.Errorf("%q was fetched", paths)
		}
		empty(t, other)
	}
	rel := w.kase().Package(pkg).Released("nl/agent/lab-1")
	if !rel.Closed.IsZero() || len(rel.Singles) != 2 {
		t.Errorf("the release is %+v", rel)
	}
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	v, err := nl.Verdict(snap, w.request)
	check(t, err)
	if o := v.Packages[0].Opened; o == nil || !slices.Equal(o.Received, []int64{1, 4, 5}) {
		t.Errorf("the verdict says %+v", v.Packages[0])
	}

	list, err := nl.Fetch(t.Context(), s, w.request, t.TempDir())
	if err != nil || len(list) != 1 {
		t.Fatalf("the whole: %+v, %v", list, err)
	}
	if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"z"}, t.TempDir()); err == nil || !strings.Contains(err.Error(), string(custody.CodeAlreadyReceived.Explain())) {
		t.Errorf("a single file after the whole: %v", err)
	}
}

// TestReceiptLater: the files are there and the relay goes before it has the
// receipt. The same call files it, if they are still what they were.
func TestReceiptLater(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg := w.sendFolder(tree(t, map[string]string{"a": "alpha", "b": "beta"}))
	s, into := w.connect("nl", "lab-1"), t.TempDir()
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/v1/statements") {
			return problem(t, custody.CodeBadStatement), nil
		}
		return next(r)
	})
	if _, err := w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); err == nil || !strings.Contains(err.Error(), "the same command files it") {
		t.Fatalf("Exhibits = %v", err)
	}
	s = w.connect("nl", "lab-1")
	file := filepath.Join(into, pkg, "data", "a")
	check(t, os.WriteFile(file, []byte("other"), 0o600))
	if _, err := w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); err == nil || w.statementsOf(custody.KindReceipt) != 0 {
		t.Errorf("a file that was changed: %v", err)
	}
	check(t, os.WriteFile(file, []byte("alpha"), 0o600))
	_, err := w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into)
	check(t, err)
	if n := w.statementsOf(custody.KindReceipt); n != 1 {
		t.Errorf("%d receipts, want 1", n)
	}
}

var full = flag.Bool("full", false, "seal 20 GiB in TestExhibitOfLarge: minutes, and as much room")

// TestExhibitOfLarge takes 1 MiB out of 300 MiB, or of 20 GiB: it reads the parts that
// hold it, the index, and the last one.
func TestExhibitOfLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("seals 300 MiB")
	}
	size := int64(300 << 20)
	if *full {
		size = 20 << 30
	}
	w := newCase(t)
	w.accept()
	dir := t.TempDir()
	random := make([]byte, 1<<20)
	rand.Read(random)
	check(t, os.WriteFile(filepath.Join(dir, "m.jpg"), random, 0o600))
	for _, name := range []string{"a.img", "z.img"} { // sparse: zeros that take no room
		check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		check(t, os.Truncate(filepath.Join(dir, name), size/2))
	}
	pkg := w.sendFolder(dir)
	s, into := w.connect("nl", "lab-1"), t.TempDir()
	w.reads.count(nil)
	if got := w.names(s, pkg); len(got) != 3 {
		t.Errorf("List: %q", got)
	}
	if n := len(w.reads.all()); n > 3 { // the index may lie across two
		t.Errorf("listing read %d parts", n)
	}
	_, err := w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"m.jpg"}, into)
	check(t, err)
	if got, err := os.ReadFile(filepath.Join(into, pkg, "data", "m.jpg")); err != nil || string(got) != string(random) {
		t.Errorf("the file has %d bytes: %v", len(got), err)
	}
	parts, whole := w.reads.all(), w.kase().Package(pkg).PayloadSize
	if len(parts) > 6 {
		t.Errorf("read parts %d", parts)
	}
	if *full && int64(len(parts))*seal.PartSize > whole/100 {
		t.Errorf("read %d parts of %d bytes, more than a hundredth", len(parts), whole)
	}
	t.Logf("read %d of %d parts", len(parts), seal.Parts(whole))
}

// TestLyingExhibits: a relay spoils what an exhibit is read from. Nothing is left,
// nothing is signed, and it can be fetched again.
func TestLyingExhibits(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg := w.sendFolder(tree(t, map[string]string{"a": "alpha"}))
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for _, path := range []string{"/head", "/inner", "/payload"} {
		s, into := w.connect("nl", "lab-1"), t.TempDir()
		s.Tamper(rewrite(path, flip))
		if _, err := w.agent("nl").Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); !errors.Is(err, agent.ErrVerify) {
			t.Errorf("%s: Exhibits = %v", path, err)
		}
		empty(t, into)
	}
	if n := w.statementsOf(custody.KindReceipt) + w.statementsOf(custody.KindRejection); n != 0 {
		t.Errorf("%d receipts or rejections", n)
	}
	_, err := w.agent("nl").Exhibits(t.Context(), w.connect("nl", "lab-1"), w.request, pkg, []string{"a"}, t.TempDir())
	check(t, err)
}

// TestExhibitRecalled: a recall stops single files as it stops the whole, also when it
// comes while they are on their way and the relay does not tell.
func TestExhibitRecalled(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg := w.sendFolder(tree(t, map[string]string{"a": "alpha"}))
	s, nl, into := w.connect("nl", "lab-1"), w.agent("nl"), t.TempDir()
	w.names(s, pkg)
	done := false
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		resp, err := next(r)
		if strings.HasSuffix(r.URL.Path, "/payload") && !done {
			done = true
			w.recall(pkg)
		}
		return resp, err
	})
	if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); err == nil || !done {
		t.Errorf("recalled on the way: Exhibits = %v", err)
	}
	empty(t, into)
	if _, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, into); err == nil {
		t.Error("recalled: the file was fetched")
	}
	empty(t, into)
	if err := nl.List(t.Context(), s, w.request, pkg, nil, func(bag.Exhibit) error { return nil }); err == nil {
		t.Error("recalled: the package was listed")
	}
	if r := w.kase().Package(pkg).Released("nl/agent/lab-1"); r == nil || len(r.Singles) != 0 || r.Receipt != nil {
		t.Errorf("the release is %+v", r)
	}
}

// TestRecallAfterExhibits: single files that stand here are not called nothing.
func TestRecallAfterExhibits(t *testing.T) {
	w := newCase(t)
	w.accept()
	pkg := w.sendFolder(tree(t, map[string]string{"a": "alpha", "b": "beta"}))
	s, nl := w.connect("nl", "lab-1"), w.agent("nl")
	_, err := nl.Exhibits(t.Context(), s, w.request, pkg, []string{"a"}, t.TempDir())
	check(t, err)
	w.recall(pkg)
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	list, err := nl.Recalls(snap, w.request)
	check(t, err)
	if len(list) != 1 || !list[0].Singles || !strings.Contains(list[0].Says(), "single files of it were fetched here") || strings.Contains(list[0].Says(), "nothing of it") {
		t.Errorf("Recalls = %+v", list)
	}
}
