package test_test

import (
	"strings"
	"testing"
)

// emergencyOfficer gives an authority an officer for emergencies with a machine of his
// own, and provides for emergencies of another.
func (w *world) emergencyOfficer(name, other string) (home string) {
	w.t.Helper()
	home = name + "-night"
	w.write("night.enrol", w.comity(0, "", home, "officer", "init", name+"/officer/night")+"\n")
	w.write("night-desk.enrol", w.comity(0, "", home, "agent", "init", name+"/agent/night-desk")+"\n")
	for a, root := range w.roots {
		if a != "relay" {
			w.comity(0, "", home, "trust", a, root)
		}
	}
	w.comity(0, "", home, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	w.comity(1, "unknown duty", name, "directory", "add", "night.enrol", "--duty", "desk")
	w.comity(0, "", name, "directory", "add", "night.enrol", "--duty", "emergency")
	w.comity(0, "", name, "directory", "add", "night-desk.enrol", "--duty", "desk")
	w.comity(0, "", name, "directory", "set", "--emergency-with", other, "--emergency-bytes", "1 GiB")
	w.comity(0, "in an emergency, "+other+" may be granted before it was examined: 1 GiB in 2 packages, to be validated within 48 hours", name, "directory", "sign")
	w.comity(0, "", name, "directory", "publish")
	return home
}

// TestEmergency tells how subscriber data moves at night, on the word of one officer, and
// how a court examines it the next morning.
func TestEmergency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	night := w.emergencyOfficer("de", "nl")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "cets-224", "--category", "subscriber-data", "--urgency", "emergency",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	id := w.request()
	w.comity(3, "no-danger", night, "grant", id, "--emergency", "--draft")
	w.comity(2, "--danger", "nl", "request", "danger", "0412", "--danger", "hurry", "--facts", "x")
	w.comity(2, "--facts is missing", "nl", "request", "danger", "0412", "--danger", "life")
	w.comity(3, "not-requesting-authority", night, "request", "danger", id, "--danger", "life", "--facts", "x")
	w.comity(0, "danger filed at", "nl", "request", "danger", "0412", "--danger", "life", "--facts", "a child is held")
	for _, who := range []string{"nl", "de"} {
		if status := w.comity(0, "", who, "status", "0412"); !strings.Contains(status, "EMERGENCY (life): decides at once") || !strings.Contains(status, "nl sees an imminent danger: EMERGENCY: life") {
			t.Errorf("status of %s:\n%s", who, status)
		}
	}

	draft := w.comity(0, "", night, "grant", id, "--emergency", "--draft")
	w.edited("wide.yaml", draft, "max_bytes: 1 GiB", "max_bytes: 2 GiB")
	w.comity(3, "beyond-emergency-caps", night, "grant", id, "-f", "wide.yaml")
	w.write("e.yaml", draft+"\n")
	w.comity(0, "grant filed at", night, "grant", id, "-f", "e.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "evidence")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	w.comity(3, "not-validated", "de", "grant", "0412", "--amend", "-f", w.amendment())
	if status := w.comity(0, "", "nl", "status", "0412"); !strings.Contains(status, "validates the grant by ") {
		t.Errorf("status:\n%s", status)
	}

	w.comity(2, "--body", "de", "grant", "0412", "--validate", "--body", "press")
	w.comity(3, "not-requested-authority", "nl", "grant", "0412", "--validate", "--body", "judicial")
	w.comity(0, "validation filed at", "de", "grant", "0412", "--validate", "--body", "judicial", "--text", "found in order", "--found", "privilege=mail of a lawyer, left out")
	if show := w.comity(0, "", "de", "request", "show", "0412"); !strings.Contains(show, "examined: privilege: mail of a lawyer, left out") || !strings.Contains(show, "examined: discrimination: nothing stands against a grant") {
		t.Errorf("request show of de:\n%s", show)
	}
	w.comity(3, "already-decided", "de", "grant", "0412", "--validate", "--body", "judicial")
	if show := w.comity(0, "", "nl", "request", "show", "0412"); !strings.Contains(show, "granted in an EMERGENCY, and validated since, by de") || !strings.Contains(show, "a child is held") {
		t.Errorf("request show:\n%s", show)
	}
	w.comity(3, "grant-stands", "de", "request", "order", "0412", "--measure", "delete")
	w.comity(0, "", "de", "revoke", "0412", "--reason", "error")
	w.comity(0, "order filed at", "de", "request", "order", "0412", "--measure", "delete", "--due", "3d")
	pkg := strings.TrimSpace(w.files("in"))
	w.comity(0, "restriction filed at", "nl", "request", "restricted", "0412", pkg[:8], "--words", "kept for the appeal")
	w.comity(0, "destruction filed at", "nl", "request", "destroyed", "0412", pkg[:8])
	w.verified("nl sees an imminent danger: life", "de grants it to nl in an emergency, before it was examined, to lapse at ", "de says that it has examined the request and stands by the grant",
		"of what moved under a grant that stands no more: delete", "nl says that it destroyed all that it had of package "+pkg)
}

// amendment writes a draft that makes the grant in force one package larger.
func (w *world) amendment() string {
	w.t.Helper()
	w.edited("amend.yaml", w.comity(0, "", "de", "grant", "0412", "--amend", "--draft"), "max_packages: 2", "max_packages: 3")
	return "amend.yaml"
}
