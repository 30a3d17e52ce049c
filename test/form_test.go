package test_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestForm tells how a request is filled in as a form, with all that treaties ask for,
// and comes out at the other State in the form that its own system wants.
func TestForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("papers/order.pdf", "the order")
	form := w.comity(0, "", "nl", "request", "draft")
	for key, value := range map[string]string{
		"to": "de", "instrument": "eio", "categories": "[traffic-data, content-data]", "order": "order.pdf", "reference": "NL-2026-0412",
		"nature": "investigation", "offence": "computer intrusion, article 138ab Sr", "max_penalty_months": "48", "persons": "[unknown]",
		"facts": "A server in Frankfurt was used.", "language": "en",
	} {
		form = strings.Replace(strings.Replace(form, "\n"+key+": []\n", "\n"+key+":\n", 1), "\n"+key+":\n", "\n"+key+": "+value+"\n", 1)
	}
	w.write("papers/request.yaml", strings.Replace(form, "instrument: eio", "instrument: handshake", 1))
	w.comity(1, `instrument: "handshake" is unknown`, "nl", "request", "new", "-f", "papers/request.yaml")
	w.write("papers/request.yaml", form)
	w.comity(2, "--to beside -f", "nl", "request", "new", "-f", "papers/request.yaml", "--to", "de")
	w.comity(0, "", "nl", "request", "new", "-f", "papers/request.yaml")

	w.comity(2, "--time-zone is missing", "de", "directory", "set", "--holidays", w.write("holidays.txt", "2026-12-25 # Christmas\n2026-12-26\n"))
	w.comity(2, "Europe/Atlantis", "de", "directory", "set", "--time-zone", "Europe/Atlantis")
	w.comity(0, "", "de", "directory", "set", "--time-zone", "Europe/Berlin", "--holidays", "holidays.txt")
	w.comity(0, "days are counted in Europe/Berlin, free are sat, sun and 2 holidays", "de", "directory", "sign")
	w.comity(0, "", "de", "directory", "publish")
	if status := w.comity(0, "", "nl", "status", "0412"); !strings.Contains(status, "clock: de decides on recognition or execution by ") || !strings.Contains(status, "article 12(3), to be checked") {
		t.Errorf("status:\n%s", status)
	}

	w.comity(2, "--as is missing", "de", "request", "export", "0412")
	w.comity(2, `unknown form "letter"`, "de", "request", "export", "0412", "--as", "letter")
	eio := w.comity(0, "warning: the request does not state relation to an earlier order", "de", "request", "export", "0412", "--as", "eio")
	for _, want := range []string{"European Investigation Order", "offence: computer intrusion, article 138ab Sr", "D  relation to an earlier order\n   not stated", "order.pdf (SHA-256 "} {
		if !strings.Contains(eio, want) {
			t.Errorf("the export lacks %q:\n%s", want, eio)
		}
	}
	var data struct {
		Reference  string
		Categories []string
		Persons    []string
	}
	if err := json.Unmarshal([]byte(w.comity(0, "", "de", "request", "export", "0412", "--json")), &data); err != nil ||
		data.Reference != "NL-2026-0412" || len(data.Categories) != 2 || len(data.Persons) != 1 {
		t.Errorf("as data: %+v, %v", data, err)
	}
	if show := w.comity(0, "", "de", "request", "show", "0412"); !strings.Contains(show, "offence: computer intrusion") || !strings.Contains(show, "A server in Frankfurt was used.") {
		t.Errorf("request show:\n%s", show)
	}
}
