package test_test

import (
	"strings"
	"testing"
)

// TestTwoOfficers: where the signed directory wants two officers for a grant, one
// alone proposes, and nothing is granted until the second signs at a desk of their
// own. They never share a machine.
func TestTwoOfficers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	order, facts := w.write("order.pdf", "order"), w.write("facts.pdf", "facts")
	w.write("exhibits/a.txt", "evidence")

	// A second officer with a machine of his own enrols; the threshold rises.
	w.write("mla-2.enrol", w.comity(0, "", "de2", "officer", "init", "de/officer/mla-2")+"\n")
	w.write("desk-2.enrol", w.comity(0, "", "de2", "agent", "init", "de/agent/desk-2")+"\n")
	for name, root := range map[string]string{"de": w.roots["de"], "nl": w.roots["nl"]} {
		w.comity(0, "", "de2", "trust", name, root)
	}
	w.comity(0, "", "de2", "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(0, "", "de", "directory", "add", "mla-2.enrol")
	w.comity(0, "", "de", "directory", "add", "desk-2.enrol", "--duty", "desk")
	w.comity(0, "", "de", "directory", "set", "--grant", "2")
	w.comity(0, "", "de", "directory", "sign")
	w.comity(0, "", "de", "directory", "publish")

	id := w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", facts, "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "sign", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(3, "no-grant", "de", "send", "0412", "exhibits")
	w.comity(1, "", "de", "sign", "0412") // the same officer a second time
	w.comity(3, "", "nl", "accept", "0412")

	w.comity(0, "", "de2", "sign", id)
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "exhibits")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "evidence")

	w.comity(0, "", "nl", "dossier", "0412", "-o", "case.comity")
	verdict := w.run(0, "", "comity-verify", "case.comity", "--root", "nl="+w.roots["nl"], "--root", "de="+w.roots["de"],
		"--relay", "relay.example="+w.roots["relay"])
	if !strings.Contains(verdict, "de/officer/mla-1 and de/officer/mla-2 (2 officers)") {
		t.Errorf("the verdict does not name both officers:\n%s", verdict)
	}
}

// TestUnreadConditions: an officer at a machine that cannot open the conditions in
// words does not accept them, and does where they open.
func TestUnreadConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("mla-2.enrol", w.comity(0, "", "nl2", "officer", "init", "nl/officer/mla-2")+"\n")
	w.write("desk-2.enrol", w.comity(0, "", "nl2", "agent", "init", "nl/agent/desk-2")+"\n")
	for name, root := range map[string]string{"de": w.roots["de"], "nl": w.roots["nl"]} {
		w.comity(0, "", "nl2", "trust", name, root)
	}
	w.comity(0, "", "nl2", "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(0, "", "nl", "directory", "add", "mla-2.enrol")
	w.comity(0, "", "nl", "directory", "add", "desk-2.enrol", "--duty", "desk")
	w.comity(0, "", "nl", "directory", "sign")
	w.comity(0, "", "nl", "directory", "publish")

	id := w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	draft := w.comity(0, "", "de", "grant", "0412", "--draft")
	lines := strings.Split(draft, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "conditions_text:") {
			lines[i] = "conditions_text: not in open court"
		}
	}
	w.write("g.yaml", strings.Join(lines, "\n")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(1, "nobody accepts conditions unread", "nl2", "accept", id)
	w.comity(0, "conditions in words: not in open court", "nl", "accept", "0412")
}
