package agent_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// files reads what de's home keeps of a package.
func (w *world) files(pkg string) map[string][]byte {
	w.t.Helper()
	dir := w.homes["de"].PackageDir(w.request, pkg)
	list, err := os.ReadDir(dir)
	check(w.t, err)
	files := map[string][]byte{}
	for _, f := range list {
		files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name()))
		check(w.t, err)
	}
	return files
}

// TestTornSeal crashes at each place of sealing packages anew, which a new directory
// asks for; whatever is there then, they arrive, and both sides keep the same inner
// statements.
func TestTornSeal(t *testing.T) {
	w := newCase(t)
	w.accept()
	written := []string{"inner.json", "inner.age", "seal.json", "package.json"}
	for range len(written) + 2 {
		ctx, s := w.crashAt("/seal")
		if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(t, 100), agent.SendOptions{}); err == nil {
			t.Fatal("the send went through")
		}
	}
	ids := w.packages("de")
	before := map[string]map[string][]byte{}
	for _, pkg := range ids {
		before[pkg] = w.files(pkg)
	}
	w.publish("nl", func(*officer.Draft) {})
	s, seals := w.connect("de", "lab-1"), map[string]int{}
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/seal") {
			if seals[r.URL.Path]++; seals[r.URL.Path] == 2 { // the one that was signed anew
				return problem(t, wire.CodeStorage), nil
			}
		}
		return next(r)
	})
	if _, err := w.agent("de").Unlock(t.Context(), s, w.request); wire.CodeOf(err) != wire.CodeStorage {
		t.Fatalf("Unlock = %v", err)
	}
	for n, pkg := range ids {
		after := w.files(pkg)
		for i, name := range written {
			if bytes.Equal(before[pkg][name], after[name]) {
				t.Fatalf("%s is the same after the package was sealed anew", name)
			}
			// Of the first package the inner statement alone is the old one; its seal
			// is good. Of the others one file more each was written before the crash.
			if n == 0 && name == "inner.json" || n > 0 && i >= n-1 {
				check(t, os.WriteFile(filepath.Join(w.homes["de"].PackageDir(w.request, pkg), name), before[pkg][name], 0o600))
			}
		}
	}
	done, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	if err != nil || len(done) != len(ids) {
		t.Errorf("unlocked %q of %q: %v", done, ids, err)
	}
	list, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir())
	if err != nil || len(list) != len(ids) {
		t.Errorf("fetched %+v: %v", list, err)
	}
	for n, pkg := range ids {
		there := filepath.Join(w.homes["nl"].PackageDir(w.request, pkg), "inner.json")
		if got, err := os.ReadFile(there); err != nil || !bytes.Equal(got, w.files(pkg)["inner.json"]) {
			t.Errorf("package %d: the two sides keep different inner statements: %v", n, err)
		}
	}
}

// TestSpoiltHead: a package whose head is not the one that was sealed is given up:
// nobody could ever open it.
func TestSpoiltHead(t *testing.T) {
	w := newCase(t)
	ctx, s := w.crashAt("/seal")
	if _, err := w.agent("de").Send(ctx, s, w.request, exhibits(t, 100), agent.SendOptions{}); err == nil {
		t.Fatal("the send went through")
	}
	check(t, os.WriteFile(filepath.Join(w.homes["de"].PackageDir(w.request, w.packages("de")[0]), "head"), []byte("x"), 0o600))
	if _, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); err == nil {
		t.Error("Unlock went through")
	}
	if n := len(w.kase().Packages); n != 0 || len(w.packages("de")) != 0 {
		t.Errorf("%d packages are deposited, %q are here", n, w.packages("de"))
	}
}

// TestEndedHead plays a crash between the note that a grant was revoked and the end
// of the head: the next run ends it.
func TestEndedHead(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	path := filepath.Join(w.homes["de"].PackageDir(w.request, pkg), "head")
	head, err := os.ReadFile(path)
	check(t, err)
	w.accept()
	w.revoke()
	s := w.connect("de", "lab-1")
	if _, err := w.agent("de").Unlock(t.Context(), s, w.request); wire.CodeOf(err) != custody.CodeGrantRevoked {
		t.Errorf("Unlock = %v", err)
	}
	check(t, os.WriteFile(path, head, 0o600))
	if done, err := w.agent("de").Unlock(t.Context(), s, w.request); err != nil || len(done) != 0 {
		t.Errorf("Unlock again = %q, %v", done, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the head of the revoked package is still here: %v", err)
	}
}

// TestHalfDropped plays a crash while a package is dropped: what is left of it is in
// nobody's way, and goes with the next one.
func TestHalfDropped(t *testing.T) {
	w := newCase(t)
	dead := filepath.Join(w.homes["de"].Dir(), "cases", w.request, "dropped", "x")
	check(t, os.MkdirAll(dead, 0o700))
	check(t, os.WriteFile(filepath.Join(dead, "package.json"), []byte("{"), 0o600))
	check(t, w.homes["de"].PlantOpen(w.request, custody.PackageID([16]byte{7}), "de/agent/lab-1", 1))
	w.send()
	if _, err := os.Stat(filepath.Dir(dead)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still here: %v", err)
	}
}
