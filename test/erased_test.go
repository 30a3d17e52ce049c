package test_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestErased tells how a State has the relay erase what it said in a case that is over,
// what that leaves of the proofs, and what the certificate says it does not reach.
func TestErased(t *testing.T) {
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
	w.comity(0, "", "de", "send", "0412", "evidence", "--final")
	w.comity(0, "", "nl", "fetch", "0412", "--into", "in")
	w.comity(3, "request-not-ended", "de", "request", "erase", "0412", "--all-annexes", "--reason", "retention-over")
	w.comity(0, "", "nl", "request", "close", "0412", "--outcome", "executed")
	w.comity(0, "", "nl", "dossier", "0412", "-o", "before.comity")
	pins := []string{"--root", "nl=" + w.roots["nl"], "--root", "de=" + w.roots["de"], "--relay", "relay.example=" + w.roots["relay"]}
	verify := func(want int, says, file string) string {
		t.Helper()
		return w.run(want, says, append([]string{"comity-verify", file}, pins...)...)
	}

	w.comity(2, "--reason is missing", "de", "request", "erase", "0412", "--all-annexes")
	w.comity(2, "nothing is named", "de", "request", "erase", "0412", "--reason", "retention-over")
	w.comity(3, "not-erasable", "de", "request", "erase", "0412", "--entry", "0", "--reason", "retention-over")
	w.comity(3, "not-erasable", "nl", "request", "erase", "0412", "--annex", "1", "--reason", "retention-over")
	w.comity(1, "nothing of request 0412 was erased", "nl", "request", "erased", "0412")
	// The annexes alone: every proof stays.
	w.comity(0, "the erasure waits for signatures: 1 of 2", "de", "request", "erase", "0412", "--all-annexes", "--reason", "retention-over")
	w.comity(0, "erasure filed at", "de2", "sign", w.request())
	w.comity(0, "", "nl", "dossier", "0412", "-o", "annexes.comity")
	if verdict := verify(0, "", "annexes.comity"); !strings.Contains(verdict, "the relay says that it erased what it kept of this record: the annexes of entries 1") {
		t.Errorf("the verdict after the annexes went:\n%s", verdict)
	}
	w.comity(0, "", "nl", "request", "use-report", "0412", "--use", "used-in-proceedings")

	// The review whole: a gap, which verifies in part.
	w.comity(0, "what rests on entry 1 can no longer be checked", "de", "request", "erase", "0412", "--entry", "1", "--reason", "court-order")
	w.comity(0, "erasure filed at", "de2", "sign", w.request())
	for _, who := range []string{"nl", "de"} {
		show := w.comity(0, "", who, "request", "show", "0412")
		if !strings.Contains(show, "NOT WHOLE: entry 1 was erased at the relay") {
			t.Errorf("request show of %s:\n%s", who, show)
		}
		if status := w.comity(0, "", who, "status", "0412"); !strings.Contains(status, "erased at the relay: what this entry said is not known here") {
			t.Errorf("status of %s:\n%s", who, status)
		}
	}
	if list := w.comity(0, "", "nl", "request", "list"); !strings.Contains(list, "0412") {
		t.Errorf("request list: %s", list)
	}
	w.comity(0, "it verifies in part: 1 entries are withheld", "nl", "dossier", "0412", "-o", "after.comity")
	verdict := verify(5, "verified in part", "after.comity")
	for _, want := range []string{"VERIFIED IN PART: ", "\n  WITHHELD: entry 1 of the request's record", "erased, as relay relay.example says in the record", "NOT CHECKED by the rules"} {
		if !strings.Contains(verdict, want) {
			t.Errorf("the verdict lacks %q:\n%s", want, verdict)
		}
	}
	verify(0, "", "before.comity")
	verify(0, "", "annexes.comity")
	w.comity(1, "never left out", "nl", "dossier", "redact", "after.comity", "x.comity", "--without-kind", "erased", "--by", "x")

	text := w.comity(0, "", "nl", "request", "erased", "0412")
	for _, want := range []string{"signed by de/officer/mla-1 and de/officer/mla-2", "entry 1   its annex alone; the entry stays", "entry 1   statement, entry and salt", "as the relay says in entry ",
		"dossiers that were made before", "backups of the relay's database", "what both parties keep at home"} {
		if !strings.Contains(text, want) {
			t.Errorf("the certificate lacks %q:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(w.comity(0, "", "de", "--json", "request", "erased", "0412"), "\n") {
		var x struct {
			Type   string   `json:"_type"`
			Entry  int64    `json:"entry"`
			Beyond []string `json:"not_reached"`
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil || x.Type != "comity/erasure-certificate/v1" || x.Entry == 0 || len(x.Beyond) == 0 {
			t.Errorf("certificate %s: %v", line, err)
		}
	}
	// What the officers' home keeps is its own, and whole.
	kept := 0
	for _, home := range []string{"nl", "de"} {
		err := filepath.WalkDir(filepath.Join(w.dir, home), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(path, "/proven/"+w.request()+"/") {
				return err
			}
			data, err := os.ReadFile(path)
			if kept++; strings.Contains(string(data), `"gap"`) {
				t.Errorf("%s has a gap in place of what was erased at the relay", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if kept == 0 {
		t.Error("no home keeps the record")
	}
	w.stop()
	w.run(0, "", "comity-gateway", "fsck", "--data", "relay", "--deep")
}
