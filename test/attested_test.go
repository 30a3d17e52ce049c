package test_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAttestedDossier: both States' machines attest the record as they go, and a dossier
// says how far it is complete by whose word.
func TestAttestedDossier(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "unwitnessed", "de", "send", "0412", "evidence")
	w.comity(0, "unwitnessed", "nl", "fetch", "0412", "--into", "in")
	w.comity(0, "unwitnessed", "nl", "status", "0412")
	w.comity(0, "attestation filed at", "nl", "request", "attest", "0412")
	w.comity(0, "nothing new to attest", "nl", "request", "attest", "0412")
	w.comity(0, "attestation filed at", "de", "request", "attest", "0412")
	w.verified("attested by de and nl", "says that it has seen this record up to entry")
}

// TestRevokedWithoutRelay: the relay is down when a State wants its grant back. The
// officer's machine signs all the same, says in plain words what to do, and the file stops
// the other State's machine; when the relay is back, either of them files it.
func TestRevokedWithoutRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("evidence/a.txt", "evidence")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data",
		"--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	pkg := w.comity(0, "", "de", "send", "0412", "evidence")
	w.comity(0, "", "de", "status", "0412")
	w.stop()
	for _, home := range []string{"de", "nl"} { // over TCP it is told at once that nobody is there
		name := filepath.Join(w.dir, home, "comity.yaml")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w.write(filepath.Join(home, "comity.yaml"), strings.Replace(string(b), "transport: auto", "transport: h2", 1))
	}

	w.comity(5, "call nl now, and give it the file", "de", "revoke", "0412", "--reason", "error")
	w.comity(5, "the recall is signed", "de", "recall", "0412", pkg[:6], "--reason", "other", "--as", "de/officer/mla-1")
	w.comity(5, "the suspension is signed", "de", "request", "suspend", "nl", "--reason", "incident")
	if list := w.comity(0, "", "de", "alarm", "list"); !strings.Contains(list, "not-entered") {
		t.Errorf("alarms: %s", list)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "de", "notices", "*.notice"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		w.comity(0, "nothing that it stops moves on this machine any more", "nl", "request", "notice", f)
	}
	if list := w.comity(0, "", "nl", "request", "notice"); !strings.Contains(list, "revocation by de of request") {
		t.Errorf("notices: %s", list)
	}

	w.serve()
	w.comity(5, "it was stopped by a notice", "nl", "fetch", "0412", "--into", "in")
	if list, err := os.ReadDir(filepath.Join(w.dir, "in")); err == nil && len(list) > 0 {
		t.Errorf("%s was fetched", list[0].Name())
	}
	w.comity(0, "NOTICE: revocation by de", "nl", "status", "0412")
	for _, f := range files {
		w.comity(0, "the relay's log holds it", "nl", "request", "notice", f)
	}
	status := w.comity(0, "", "nl", "status", "0412", "--full")
	for _, want := range []string{"carried by nl/agent/", "revokes grant", "recalls package", "SUSPENDED by de"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
}
