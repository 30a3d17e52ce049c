package test_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSuspended tells how an authority suspends all transfers with another while a
// package waits, what both are told, and how two officers on two machines lift that.
func TestSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	w.secondOfficer("nl")
	w.write("evidence/a.txt", "evidence")
	w.write("more/b.txt", "more")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "its key stays here", "de", "send", "0412", "evidence")
	w.comity(0, "", "nl", "accept", "0412")

	w.comity(2, "--reason is missing", "nl", "request", "suspend", "de")
	w.comity(2, "unknown", "nl", "request", "suspend", "de", "--reason", "resolved")
	w.comity(1, "knows no authority \"xx\"", "nl", "request", "suspend", "xx", "--reason", "incident")
	w.comity(1, "want another authority", "nl", "request", "suspend", "nl", "--reason", "incident")
	w.comity(3, "already-decided", "nl", "request", "resume", "de", "--reason", "error")
	w.comity(0, "suspension filed at", "nl", "request", "suspend", "de", "--reason", "incident")
	w.comity(3, "already-decided", "nl", "request", "suspend", "de", "--reason", "other")

	w.comity(5, "pair-suspended", "de", "send", "0412", "evidence") // its head
	w.comity(5, "pair-suspended", "de", "send", "0412", "more")
	w.comity(5, "pair-suspended", "de", "request", "new", "--to", "nl", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "DE-1")
	w.comity(0, "", "fr", "request", "new", "--to", "nl", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "FR-1")
	w.heldUp("nl", "de")

	w.comity(0, "the suspension waits for signatures: 1 of 2", "nl", "request", "resume", "de", "--reason", "resolved")
	w.comity(5, "pair-suspended", "de", "send", "0412", "more")
	if waits := w.comity(0, "", "nl2", "sign"); !strings.Contains(waits, "de        nl lifts its suspension of all transfers with de: resolved") {
		t.Errorf("what waits:\n%s", waits)
	}
	w.comity(0, "suspension filed at", "nl2", "sign", "de")

	w.comity(0, "", "de", "send", "0412", "evidence")
	w.comity(0, "", "de", "send", "0412", "more")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	if status := w.comity(0, "", "nl", "status", "0412"); strings.Contains(status, "SUSPENDED") {
		t.Errorf("status after the lift:\n%s", status)
	}
	w.verified("note: transfers between nl and de were suspended by nl from ", "nl suspends all transfers between it and de: incident\n      signed by nl/officer/mla-1 (1 officer)\n",
		"nl/officer/mla-1 and nl/officer/mla-2 (2 officers)")
}

// heldUp checks what status and list tell the two of a pair that nl has suspended.
func (w *world) heldUp(names ...string) {
	w.t.Helper()
	for _, who := range names {
		for _, args := range [][]string{{"status", "0412"}, {"request", "list"}, {"request", "show", "0412"}} {
			if out := w.comity(0, "", who, args...); !strings.Contains(out, "SUSPENDED by nl since 20") || !strings.Contains(out, ": incident") {
				w.t.Errorf("%s of %s:\n%s", args, who, out)
			}
		}
		if out := w.comity(0, "", who, "status", "0412"); !strings.Contains(out, "next: nl has suspended all transfers with de") {
			w.t.Errorf("status of %s:\n%s", who, out)
		}
		var list []struct{ Suspended []struct{ By, Reason string } }
		if err := json.Unmarshal([]byte(w.comity(0, "", who, "request", "list", "--json")), &list); err != nil {
			w.t.Fatal(err)
		}
		n := 0
		for _, r := range list {
			n += len(r.Suspended)
		}
		if n != 1 {
			w.t.Errorf("request list of %s: %+v", who, list)
		}
	}
}

// secondOfficer gives an authority a second officer with a machine of his own, and has
// two sign grants, and lifts.
func (w *world) secondOfficer(name string) {
	w.t.Helper()
	second := name + "2"
	w.write("mla-2.enrol", w.comity(0, "", second, "officer", "init", name+"/officer/mla-2")+"\n")
	w.write("desk-2.enrol", w.comity(0, "", second, "agent", "init", name+"/agent/desk-2")+"\n")
	for other, root := range w.roots {
		if other != "relay" {
			w.comity(0, "", second, "trust", other, root)
		}
	}
	w.comity(0, "", second, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(0, "", name, "directory", "add", "mla-2.enrol")
	w.comity(0, "", name, "directory", "add", "desk-2.enrol", "--duty", "desk")
	w.comity(0, "", name, "directory", "set", "--grant", "2")
	w.comity(0, "", name, "directory", "sign")
	w.comity(0, "", name, "directory", "publish")
}
