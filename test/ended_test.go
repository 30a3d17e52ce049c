package test_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWithdrawn tells how a request ends that nobody needs any more, while one package
// waits for the conditions and the other State still sends.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	order := w.write("order.pdf", "order")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	pkg := w.comity(0, "its key stays here", "de", "send", "0412", "evidence")

	w.comity(2, "--reason is missing", "nl", "request", "withdraw", "0412")
	w.comity(2, "unknown", "nl", "request", "withdraw", "0412", "--reason", "mood")
	w.comity(3, "not-requesting-authority", "de", "request", "withdraw", "0412", "--reason", "error")
	w.comity(3, "no-such-request", "fr", "request", "withdraw", w.request(), "--reason", "error")
	w.comity(0, "withdrawal filed at", "nl", "request", "withdraw", "0412", "--reason", "obtained-otherwise", "--words", "the provider has answered")
	w.comity(3, "request-ended", "nl", "request", "withdraw", "0412", "--reason", "error")
	w.comity(3, "request-ended", "nl", "accept", "0412")
	w.comity(3, "request-ended", "de", "send", "0412", "evidence")
	w.write("more/b.txt", "more")
	w.comity(3, "request-ended", "de", "send", "0412", "more")
	w.comity(3, "request-ended", "de", "refuse", "0412", "--ground", "sovereignty")
	w.comity(0, "revocation filed at", "de", "revoke", "0412", "--reason", "error")

	for _, who := range []string{"nl", "de"} {
		status := w.comity(0, "", who, "status", "0412")
		for _, want := range []string{"withdrawn", "nl withdraws the request: obtained-otherwise", "the request was withdrawn: nothing more moves under it"} {
			if !strings.Contains(status, want) {
				t.Errorf("status of %s lacks %q:\n%s", who, want, status)
			}
		}
		if show := w.comity(0, "", who, "request", "show", "0412"); !strings.Contains(show, "withdrawn by nl on ") || !strings.Contains(show, "the provider has answered") {
			t.Errorf("request show of %s:\n%s", who, show)
		}
	}
	if heads := glob(t, filepath.Join(w.dir, "de", "cases", "*", "packages", "*", "head")); len(heads) != 0 {
		t.Errorf("the head of package %s is still here: %q", pkg, heads)
	}
	w.verified("nl withdraws the request: obtained-otherwise; more in its annex", "de takes the grant back: error")
}

// TestClosed tells how a request ends that was executed, and what is heard of it then.
func TestClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	order := w.write("order.pdf", "order")
	w.write("evidence/a.txt", "evidence")
	w.write("late/b.txt", "late")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--ref", "NL-2026-0412")
	w.comity(3, "no-grant", "nl", "request", "close", "0412", "--outcome", "executed")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	first := w.comity(0, "", "de", "send", "0412", "evidence")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	late := w.comity(0, "", "de", "send", "0412", "late")

	w.comity(2, "--outcome is missing", "nl", "request", "close", "0412")
	w.comity(0, "will not happen any more: nl fetches package "+late[:8], "nl", "request", "close", "0412", "--outcome", "executed-in-part")
	w.comity(3, "request-ended", "nl", "fetch", "0412", "--into", "in")
	if w.files("in") != first {
		t.Errorf("the folder holds %q", w.files("in"))
	}
	w.comity(0, "recall filed at", "de", "recall", "0412", late, "--reason", "other")
	status := w.comity(0, "", "nl", "status", "0412")
	for _, want := range []string{"closed", "nl closes the request: executed-in-part", "the request was closed: nothing more moves under it", "RECALLED by de/agent/lab-1: other; nobody had taken it"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	w.verified("nl closes the request: executed-in-part", "de/agent/lab-1 recalls package "+late)
}

// verified makes the dossier of the one request, verifies it, looks for sentences in
// the verdict, and checks the relay.
func (w *world) verified(sentences ...string) {
	w.t.Helper()
	w.verifiedOf("0412", sentences...)
}

// verifiedOf is verified for a case of another name.
func (w *world) verifiedOf(name string, sentences ...string) {
	w.t.Helper()
	w.comity(0, "", "nl", "dossier", name, "-o", "case.comity")
	verdict := w.run(0, "", "comity-verify", "case.comity", "--root", "nl="+w.roots["nl"], "--root", "de="+w.roots["de"], "--relay", "relay.example="+w.roots["relay"])
	for _, want := range append(sentences, "VERIFIED") {
		if !strings.Contains(verdict, want) {
			w.t.Errorf("the verdict lacks %q:\n%s", want, verdict)
		}
	}
	w.stop()
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep")
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
