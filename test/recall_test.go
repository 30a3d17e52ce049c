package test_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files lists the names in a folder of the world.
func (w *world) files(folder string) string {
	w.t.Helper()
	list, err := os.ReadDir(filepath.Join(w.dir, folder))
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// TestRecall tells what happens to packages that were sent by mistake: before their
// head leaves, before the other State fetches them, and after; by the lab, by an
// officer, and by those who may not.
func TestRecall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	order, facts := w.write("order.pdf", "order"), w.write("facts.pdf", "facts")
	w.write("right/a.txt", "evidence")
	w.write("wrong/b.txt", "of another case")
	why := w.write("why.pdf", "letters to counsel")
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", order, "--annex", facts, "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")

	early := w.comity(0, "", "de", "send", "0412", "wrong", "--final")
	w.comity(2, "--reason is missing", "de", "recall", "0412", early)
	w.comity(2, "unknown", "de", "recall", "0412", early, "--reason", "mood")
	w.comity(1, "has no package", "de", "recall", "0412", "zzzz", "--reason", "other")
	w.comity(3, "final-delivery-made", "de", "send", "0412", "right")
	w.comity(0, "recall filed at", "de", "recall", "0412", early[:8], "--reason", "wrong-package")
	w.comity(3, "package-recalled", "de", "recall", "0412", early, "--reason", "wrong-package")
	w.comity(0, "", "nl", "accept", "0412")
	right := w.comity(0, "", "de", "send", "0412", "right", "--supersedes", early[:6])
	w.comity(3, "already-superseded", "de", "send", "0412", "right", "--supersedes", early)
	late := w.comity(0, "", "de", "send", "0412", "wrong")

	for who, code := range map[string]string{"nl": "not-requested-authority", "fr": "no-such-request"} {
		w.comity(3, code, who, "recall", w.request(), late, "--reason", "wrong-package")
	}
	w.comity(0, "signed by de/officer/mla-1", "de", "recall", "0412", late, "--reason", "contains-privileged", "--annex", why, "--as", "de/officer/mla-1", "--as", "de/agent/desk-1")
	said := w.comity(0, "package "+late+" was recalled by de at ", "nl", "fetch", "0412", "--into", "evidence")
	if !strings.HasSuffix(said, filepath.Join("evidence", right)) || w.files("evidence") != right {
		t.Errorf("fetch says %q, and %q is there", said, w.files("evidence"))
	}
	w.comity(0, "recall filed at", "de", "recall", "0412", right, "--reason", "error-in-request")
	w.comity(0, "do not open it", "nl", "fetch", "0412", "--into", "evidence")
	if w.files(filepath.Join("evidence", right, "data")) != "a.txt" {
		t.Error("what had arrived is not there any more")
	}

	status := w.comity(0, "", "nl", "status", "0412")
	for _, want := range []string{
		"package " + early[:8] + "  delivery 1, final, ", "RECALLED by de/agent/lab-1: wrong-package; its key never left the sender",
		"package " + right[:8] + "  delivery 2, in place of " + early[:8] + ", ", "RECALLED by de/agent/lab-1: error-in-request; before, nl/agent/lab-1 has it, verified",
		"package " + late[:8] + "  delivery 3, ", "RECALLED by de: contains-privileged; nobody had taken it, and the relay has destroyed its key",
		"de recalls package " + late[:8] + ": contains-privileged", "do not open it; Comity deletes nothing there, an officer decides what becomes of it",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	var j struct {
		Packages []struct {
			Package, Supersedes string
			Recall              struct{ By, Reason string }
		}
		Recalled []struct{ Package, Path string }
	}
	if err := json.Unmarshal([]byte(w.comity(0, "", "nl", "status", "0412", "--json")), &j); err != nil {
		t.Fatal(err)
	}
	if len(j.Packages) != 3 || j.Packages[1].Supersedes != early || j.Packages[2].Recall.By != "de" || len(j.Recalled) != 3 ||
		!strings.HasSuffix(j.Recalled[1].Path, right) || j.Recalled[2].Path != "" {
		t.Errorf("status as data: %+v", j)
	}

	w.comity(0, "", "nl", "dossier", "0412", "-o", "case.comity")
	verdict := w.run(0, "", "comity-verify", "case.comity", "--root", "nl="+w.roots["nl"], "--root", "de="+w.roots["de"], "--relay", "relay.example="+w.roots["relay"],
		"--exhibits", "right")
	for _, want := range []string{"VERIFIED", "note: package " + right + " was recalled", `"a.txt" is in the evidence`, "; de/agent/lab-1 recalled this package at ", "by de: contains-privileged"} {
		if !strings.Contains(verdict, want) {
			t.Errorf("the verdict lacks %q:\n%s", want, verdict)
		}
	}
	w.stop()
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep")
}

// request is the id of the one request of the world.
func (w *world) request() string {
	w.t.Helper()
	var j []struct{ Request string }
	if err := json.Unmarshal([]byte(w.comity(0, "", "nl", "status", "--json")), &j); err != nil || len(j) != 1 {
		w.t.Fatalf("%+v, %v", j, err)
	}
	return j[0].Request
}
