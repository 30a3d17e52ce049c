package test_test

import (
	"strings"
	"testing"
)

// auditor gives an authority an auditor with a machine of its own, and returns its name.
func (w *world) auditor(name string) string {
	w.t.Helper()
	home := name + "-auditor"
	w.write("auditor.enrol", w.comity(0, "", home, "agent", "init", name+"/auditor/1")+"\n")
	for other, root := range w.roots {
		if other != "relay" {
			w.comity(0, "", home, "trust", other, root)
		}
	}
	w.comity(0, "", home, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(1, "has no duties", name, "directory", "add", "auditor.enrol", "--duty", "lab")
	w.comity(0, "", name, "directory", "add", "auditor.enrol")
	w.comity(0, "", name, "directory", "sign")
	w.comity(0, "", name, "directory", "publish")
	return home
}

// TestAuditor tells what the auditor of an authority sees with the commands: acts,
// counts and times of its requests; no annex, no package, and nothing of the requests of
// others; and that it does nothing.
func TestAuditor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	w.write("evidence/a.txt", "evidence")
	order := w.write("order.pdf", "order")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--ref", "NL-2026-0412", "--facts", "the secret facts")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "evidence", "--final")
	id := w.request()

	for _, of := range []string{"nl", "de"} {
		auditor := w.auditor(of)
		if list := w.comity(0, "", auditor, "request", "list"); !strings.Contains(list, id[:8]) || strings.Contains(list, "NL-2026-0412") {
			t.Errorf("requests for the auditor of %s:\n%s", of, list)
		}
		show := w.comity(0, "", auditor, "request", "show", id[:8])
		if !strings.Contains(show, "an auditor reads no annexes") || strings.Contains(show, "secret") || strings.Contains(show, "NL-2026-0412") {
			t.Errorf("the request for the auditor of %s:\n%s", of, show)
		}
		if status := w.comity(0, "", auditor, "status", id[:8], "--full"); !strings.Contains(status, "de/agent/lab-1") {
			t.Errorf("status for the auditor of %s:\n%s", of, status)
		}
		w.comity(1, "an auditor only reads", auditor, "list", id[:8])
		w.comity(1, "an auditor only reads", auditor, "fetch", id[:8], "--into", "in")
		w.comity(1, "an auditor only reads", auditor, "request", "withdraw", id[:8], "--reason", "error")
		w.comity(1, "an auditor only reads", auditor, "--as", of+"/auditor/1", "send", id[:8], "evidence")
	}
	stranger := w.auditor("fr")
	if list := w.comity(0, "no request concerns", stranger, "request", "list"); strings.Contains(list, id[:8]) {
		t.Errorf("requests for the auditor of fr:\n%s", list)
	}
	w.comity(3, "no-such-request", stranger, "status", id)
}
