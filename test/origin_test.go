package test_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOrigin tells how evidence goes to two recipients under release: origin: each signs,
// each is answered by the lab that keeps the key, and what was let go for one opens
// nothing for the other. A revocation then stops who was not answered yet.
func TestOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	// The backup recipient is held by the desk agent, on a machine of its own.
	w.comity(0, "keeps its keys", "nl", "directory", "add", "nl/enrolments/nl/agent/desk-1.json", "--duty", "desk,lab")
	w.comity(0, "", "nl", "directory", "sign")
	w.comity(0, "", "nl", "directory", "publish")
	w.twin("nl", "vault")
	lab := func(want int, says string, args ...string) {
		w.comity(want, says, "nl", append([]string{"--as", "nl/agent/lab-1"}, args...)...)
	}
	vault := func(want int, says string, args ...string) {
		w.comity(want, says, "vault", append([]string{"--as", "nl/agent/desk-1"}, args...)...)
	}
	w.write("first/a.txt", "first")
	w.write("second/a.txt", "second")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	draft := w.comity(0, "", "de", "grant", "0412", "--draft")
	w.edited("g.yaml", draft, "# release: origin", "release: recipient")
	w.comity(1, `release "recipient"`, "de", "grant", "0412", "-f", "g.yaml")
	w.edited("g.yaml", draft, "# release: origin", "release: origin")
	w.comity(0, "grant filed at", "de", "grant", "0412", "-f", "g.yaml")

	first := w.comity(0, "goes to each recipient that has signed its release", "de", "send", "0412", "first")
	w.comity(5, "1 package waits for the acceptance", "de", "send", "0412")
	lab(5, "", "fetch", "0412", "--into", "in")
	w.comity(0, "release: origin (the sender decides over each taking", "nl", "accept", "0412")
	w.comity(5, "1 package waits for a recipient to sign its release", "de", "send", "0412")

	lab(5, "its sender decides over each one", "fetch", "0412", "--into", "in")
	lab(5, "its sender decides over each one", "fetch", "0412", "--into", "in")
	if status := w.comity(0, "", "de", "status", "0412"); !strings.Contains(status, "nl/agent/lab-1 asks for its key") || !strings.Contains(status, "go to nl/agent/lab-1: comity send") {
		t.Errorf("status:\n%s", status)
	}
	w.comity(0, "its key is with the relay, for nl/agent/lab-1 alone", "de", "send", "0412")
	vault(5, "its sender decides over each one", "fetch", "0412", "--into", "kept")
	if got := w.files("kept"); got != "" {
		t.Errorf("the vault has %q before it was answered", got)
	}
	lab(0, "", "fetch", "0412", "--into", "in")
	w.comity(0, "for nl/agent/desk-1 alone", "de", "send", "0412")
	vault(0, "", "fetch", "0412", "--into", "kept")
	for _, folder := range []string{"in", "kept"} {
		if got := w.files(folder); !strings.Contains(got, first) {
			t.Errorf("%q holds %q, want %s", folder, got, first)
		}
	}
	// Everybody has it: the key has no more use, and is gone from the lab.
	w.comity(0, "", "de", "send", "0412")
	if list, _ := filepath.Glob(filepath.Join(w.dir, "de", "cases", "*", "packages", first, "head")); len(list) > 0 {
		t.Errorf("the sender still has %q", list)
	}

	w.comity(3, "release-fixed", "de", "grant", "0412", "--amend", "-f", w.amended("\nrelease: origin", "\n# release:"))
	second := w.comity(0, "", "de", "send", "0412", "second")
	lab(5, "its sender decides over each one", "fetch", "0412", "--into", "in")
	w.comity(0, "", "de", "revoke", "0412", "--reason", "no-longer-justified")
	w.comity(3, "grant-revoked", "de", "send", "0412")
	if list, _ := filepath.Glob(filepath.Join(w.dir, "de", "cases", "*", "packages", second, "head")); len(list) > 0 {
		t.Errorf("after the revocation the sender still has %q", list)
	}
	lab(0, "", "fetch", "0412", "--into", "in")
	if got := w.files("in"); strings.Contains(got, second) {
		t.Errorf("what was never let go is in %q", got)
	}
	w.verified("its head goes to each taker by an unlock of its own", "lets the head of package "+first+" go for the release ", "by the sender's unlock for this one", "for this one: ")
}

// amended writes an amendment in which one thing of the terms was changed.
func (w *world) amended(old, now string) string {
	w.t.Helper()
	w.edited("amended.yaml", w.comity(0, "", "de", "grant", "0412", "--amend", "--draft"), old, now)
	return "amended.yaml"
}

// twin copies a home to a second machine.
func (w *world) twin(home, name string) {
	w.t.Helper()
	to := filepath.Join(w.dir, name)
	if err := os.CopyFS(to, os.DirFS(filepath.Join(w.dir, home))); err != nil {
		w.t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600) // a copy is readable by all, and keys are refused then
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
