package test_test

import (
	"strings"
	"testing"
)

// TestHold tells how two officers keep the relay from destroying the head of a package
// that was recalled, since the defence has asked for it, and how two let go of it later.
func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.secondOfficer("de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "grant filed at", "de2", "sign", w.request())
	w.comity(0, "", "nl", "accept", "0412")
	pkg := w.comity(0, "", "de", "send", "0412", "evidence")

	w.comity(2, "--reason is missing", "de", "request", "hold", "0412")
	w.comity(2, "unknown", "de", "request", "hold", "0412", "--reason", "no-longer-needed")
	w.comity(3, "already-decided", "de", "request", "hold", "0412", "--lift", "--reason", "error")
	w.comity(3, "not-requested-authority", "nl", "request", "hold", "0412", "--reason", "proceedings")
	w.comity(0, "the hold waits for signatures: 1 of 2", "de", "request", "hold", "0412", "--reason", "defence-request", "--words", "letter of counsel")
	w.comity(0, "hold filed at", "de2", "sign", w.request())
	w.comity(3, "already-decided", "de", "request", "hold", "0412", "--reason", "inquiry")

	w.comity(0, "recall filed at", "de", "recall", "0412", pkg, "--reason", "other")
	w.comity(0, "", "nl", "request", "close", "0412", "--outcome", "not-executed")
	for _, who := range []string{"nl", "de"} {
		show := w.comity(0, "", who, "request", "show", "0412")
		if !strings.Contains(show, "ON HOLD: nothing of it may be destroyed, by de on ") || !strings.Contains(show, "letter of counsel") {
			t.Errorf("request show of %s:\n%s", who, show)
		}
		if status := w.comity(0, "", who, "status", "0412"); strings.Contains(status, "destroyed its key") {
			t.Errorf("status of %s while on hold:\n%s", who, status)
		}
	}

	w.comity(0, "the hold waits for signatures: 1 of 2", "de", "request", "hold", "0412", "--lift", "--reason", "no-longer-needed")
	w.comity(0, "hold filed at", "de2", "sign", w.request())
	if status := w.comity(0, "", "nl", "status", "0412"); !strings.Contains(status, "the relay has destroyed its key") {
		t.Errorf("status after the lift:\n%s", status)
	}
	w.verified("de puts what the relay has of the request on hold, none of which may be destroyed: defence-request; more in its annex",
		"de lifts its hold, and what the relay has may be destroyed again: no-longer-needed", "de/officer/mla-1 and de/officer/mla-2 (2 officers)")
}
