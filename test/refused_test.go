package test_test

import (
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/internal/durable"
)

// TestRefused: who is not a party, not in turn, or not alone in a folder gets the
// right exit code, and nothing moves.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	order, facts := w.write("order.pdf", "order"), w.write("facts.pdf", "facts")
	w.write("exhibits/a.txt", "evidence")
	id := w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", facts, "--ref", "NL-2026-0412")

	t.Run("a stranger", func(t *testing.T) {
		w := w.in(t)
		root := w.comity(0, "", "xx", "authority", "init", "xx", "--with", "lab,desk,officer,backup")
		w.comity(0, "", "xx", "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
		w.comity(0, "", "xx", "trust", "nl", w.roots["nl"])
		w.comity(0, "", "xx", "directory", "sign")
		w.comity(3, "root-not-pinned", "xx", "directory", "publish")
		w.comity(3, "unknown-key", "xx", "status", id)
		if root == "" {
			t.Error("no fingerprint")
		}
	})
	t.Run("somebody else's request", func(t *testing.T) {
		w := w.in(t)
		w.comity(3, "no-such-request", "fr", "status", id)
		w.comity(3, "no-such-request", "fr", "send", id, "exhibits")
		// A request that does not exist is answered in the same words.
		none := strings.Repeat("a", 26)
		w.comity(3, "no-such-request", "fr", "status", none)
	})
	t.Run("out of turn", func(t *testing.T) {
		w := w.in(t)
		w.comity(3, "", "de", "send", "0412", "exhibits") // nothing is granted
		w.comity(3, "", "nl", "accept", "0412")
		draft := w.comity(0, "", "de", "grant", "0412", "--draft")
		w.write("g.yaml", draft+"\n")
		w.comity(3, "", "nl", "grant", "0412", "-f", "g.yaml") // the requesting State grants nothing to itself
		w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	})
	t.Run("before acceptance the head stays home", func(t *testing.T) {
		w := w.in(t)
		w.comity(0, "", "de", "send", "0412", "exhibits")
		w.comity(5, "", "nl", "fetch", "0412", "--into", "evidence")
		w.comity(0, "", "nl", "accept", "0412")
		w.comity(5, "", "nl", "fetch", "0412", "--into", "evidence")
		w.comity(0, "", "de", "send", "0412")
		w.comity(0, "", "nl", "fetch", "0412", "--into", "evidence")
	})
	t.Run("two processes in one folder", func(t *testing.T) {
		w := w.in(t)
		for path, args := range map[string][]string{
			"de/cases/" + id + "/lock": {"send", "0412", "exhibits"},
			"de/lock":                  {"directory", "sign"},
		} {
			lock, err := durable.LockFile(filepath.Join(w.dir, filepath.FromSlash(path)))
			if err != nil {
				t.Fatal(err)
			}
			w.comity(5, "process", "de", args...)
			lock.Unlock()
		}
		w.run(1, "process", "comity-gateway", "run", "--data", "relay")
	})
	t.Run("after revocation", func(t *testing.T) {
		w := w.in(t)
		w.comity(0, "", "de", "revoke", "0412", "--reason", "error")
		w.comity(3, "grant-revoked", "de", "send", "0412", "exhibits")
	})
	t.Run("refused with reasons", func(t *testing.T) {
		w := w.in(t)
		w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", facts, "--ref", "NL-2026-0413")
		w.comity(0, "", "de", "refuse", "0413", "--ground", "ne-bis-in-idem", "--reasons", "he was tried for it")
		if out := w.comity(0, "", "nl", "request", "show", "0413"); !strings.Contains(out, "he was tried for it") {
			t.Errorf("the reasons are not shown to who asked:\n%s", out)
		}
		w.comity(3, "already-decided", "de", "refuse", "0413", "--ground", "ne-bis-in-idem")
	})
	t.Run("wrong use", func(t *testing.T) {
		w := w.in(t)
		w.comity(2, "", "de", "grant", "0412")
		w.comity(2, "", "de", "no-such-command")
		w.comity(1, "", "de", "status", "9999")
	})
}
