package test_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExhibitPrograms: a lab lists what another has sent and takes two files of it,
// with names that programs get wrong; the court holds these, and no others.
func TestExhibitPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	content := map[string]string{"a.txt": "alpha", "phone/one\n100%.jpg": "one", "phone/\x1b[31mred\u202etxt.exe": "red", "z": "omega"}
	for name, text := range content {
		w.write("exhibits/"+name, text)
	}
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	pkg := w.comity(0, "", "de", "send", "0412", "exhibits", "--final")
	w.comity(5, "comity status 0412", "nl", "list", "0412")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(5, "", "nl", "list", "0412", pkg)
	w.comity(0, "", "de", "send", "0412")

	text := w.comity(0, "4 files", "nl", "list", "0412")
	if strings.ContainsAny(text, "\x1b\u202e\r") || strings.Count(text, "\n") != 4 {
		t.Errorf("the list is not one line an item, or moves the cursor:\n%q", text)
	}
	paths := map[string]int{}
	for line := range strings.Lines(w.comity(0, "", "nl", "list", "0412", pkg[:6], "--json")) {
		var x struct {
			Package, Path string
			Line          int
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil || x.Package != pkg {
			t.Errorf("line %q: %v", line, err)
		}
		paths[x.Path] = x.Line
	}
	for name := range content {
		if paths[name] == 0 {
			t.Errorf("%q is not listed: %v", name, paths)
		}
	}
	w.comity(2, "go together", "nl", "fetch", "0412", "--into", "evidence", "--package", pkg)
	w.comity(1, "holds no", "nl", "fetch", "0412", "--into", "evidence", "--package", pkg, "--exhibit", "b.txt")
	path := w.comity(0, "2 of its files", "nl", "fetch", "0412", "--into", "evidence", "--package", pkg[:4],
		"--exhibit", "z", "--exhibit", "phone/one\n100%.jpg")
	for _, name := range []string{"z", "phone/one\n100%.jpg"} {
		if b, err := os.ReadFile(filepath.Join(w.dir, path, "data", name)); err != nil || string(b) != content[name] {
			t.Errorf("%q holds %q: %v", name, b, err)
		}
	}
	if list, err := os.ReadDir(filepath.Join(w.dir, path, "data")); err != nil || len(list) != 2 {
		t.Errorf("there is more than was asked for: %v, %v", list, err)
	}
	if text := w.comity(0, "", "nl", "status", "0412"); !strings.Contains(text, "has single files of it") {
		t.Errorf("the status says:\n%s", text)
	}

	w.comity(0, "", "nl", "dossier", "0412", "-o", "case.comity")
	pins := []string{"--root", "nl=" + w.roots["nl"], "--root", "de=" + w.roots["de"], "--relay", "relay.example=" + w.roots["relay"]}
	said := w.run(0, "", append([]string{"comity-verify", "case.comity", "--exhibits", path + "/data"}, pins...)...)
	for _, want := range []string{"receipts single files of package", `"z" is in the evidence`, "nobody receipted the whole"} {
		if !strings.Contains(said, want) {
			t.Errorf("the verdict lacks %q:\n%s", want, said)
		}
	}
	w.run(4, `"a.txt" is listed by the sender's word alone`, append([]string{"comity-verify", "case.comity", "--exhibits", "exhibits"}, pins...)...)
	w.comity(0, "", "nl", "fetch", "0412", "--into", "whole")
	w.comity(0, "", "nl", "dossier", "0412", "-o", "whole.comity")
	w.run(0, "", append([]string{"comity-verify", "whole.comity", "--exhibits", "exhibits"}, pins...)...)
}
