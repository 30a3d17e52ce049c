package test_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestReport tells how an authority publishes statistics of its requests, how its
// auditor makes them again from the log, and how one that was made up is found out.
func TestReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de", "fr")
	order := w.write("order.pdf", "order")
	ask := func(from, to, ref, category string) {
		w.comity(0, "", from, "request", "new", "--to", to, "--instrument", "ets-185", "--category", category, "--order", order, "--ref", ref)
	}
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		ask("nl", "de", "NL-"+n, "traffic-data")
	}
	ask("fr", "de", "FR-1", "stored-data")
	for _, n := range []string{"1", "2", "3", "4", "5", "6"} {
		w.comity(0, "", "de", "refuse", "NL-"+n, "--ground", "proportionality")
	}
	w.comity(0, "", "nl", "request", "withdraw", "NL-7", "--reason", "error")
	auditor := w.auditor("nl")

	// The list finds what fits all that is asked for, and says when there is nothing.
	for args, want := range map[string]int{
		"": 7, "nl-3": 1, "NL- TRAFFIC": 7, "--state refused": 6, "--state withdrawn": 1, "--with de --direction sent": 7, "--with fr": 0, "--direction received": 0,
		"--category traffic-data": 7, "--category stored-data": 0, "--since 2020-01-01": 7, "--until 2020-01-01": 0, "--state refused nl-7": 0, "--fresh": 7,
	} {
		out := w.comity(0, "", "nl", append([]string{"request", "list"}, strings.Fields(args)...)...)
		if got := strings.Count(out, "nl to de"); got != want {
			t.Errorf("request list %s: %d requests, want %d:\n%s", args, got, want, out)
		}
	}
	if list := w.comity(0, "", "nl", "request", "list", "--state", "refused", "nl-3"); !strings.Contains(list, "NL-3") {
		t.Errorf("the one that was looked for:\n%s", list)
	}
	w.comity(2, "want sent or received", "nl", "request", "list", "--direction", "up")
	w.comity(2, "unknown", "nl", "request", "list", "--category", "everything")

	w.comity(2, "has not ended", "nl", "report", "transparency", "--from", "2026-01-01", "--to", "2999-01-01", "--publish")
	w.comity(2, "exclude each other", "nl", "report", "transparency", "--period", "2026", "--from", "2026-01-01")
	w.comity(2, "malformed --period", "nl", "report", "transparency", "--period", "2026-Q5")
	w.comity(2, "takes --below from the report", "nl", "report", "transparency", "--check", "x", "--below", "2")
	if last := w.comity(0, "", "nl", "report", "transparency"); !strings.Contains(last, "requests sent: 0") {
		t.Errorf("a year without requests:\n%s", last)
	}

	text := w.comity(0, "", "nl", "report", "transparency", "--from", "2020-01-01", "--to", "now")
	for _, want := range []string{"requests sent: 7", "requests received: 0", "counterpart de", "<5"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	for _, l := range strings.Split(text, "\n") { // one of seven was withdrawn: as that is not told, the six refused are not
		if f := strings.Fields(l); len(f) > 0 && (f[0] == "all" || f[0] == "counterpart") && !strings.Contains(l, " *") {
			t.Errorf("the report tells by subtraction what it does not tell:\n%s", text)
		}
	}
	low := w.comity(0, "", "nl", "report", "transparency", "--from", "2020-01-01", "--to", "now", "--below", "2", "--json")
	var j struct {
		LeavesCounted int64 `json:"leaves_counted"`
		LeavesOthers  int64 `json:"leaves_others"`
		Sent          struct{ Requests string }
	}
	const leaves = 20 // 7 requests, 6 refusals, a withdrawal, and what de attested as it refused
	if err := json.Unmarshal([]byte(low), &j); err != nil || j.Sent.Requests != "7" || j.LeavesCounted != leaves || j.LeavesOthers == 0 {
		t.Errorf("the report as data: %+v, %v\n%s", j, err, low)
	}

	published := w.comity(0, "the report is ", "nl", "report", "transparency", "--from", "2020-01-01", "--to", "now", "--publish")
	if !strings.Contains(published, "requests sent: 7") {
		t.Errorf("what was published:\n%s", published)
	}
	var list []struct {
		SHA256 string
		Report json.RawMessage
	}
	if err := json.Unmarshal([]byte(w.comity(0, "", "fr", "report", "list", "nl", "--json")), &list); err != nil || len(list) != 1 {
		t.Fatalf("reports of nl for fr: %v, %v", list, err)
	}
	sha := list[0].SHA256
	ask("nl", "fr", "NL-8", "stored-data") // afterwards
	w.comity(0, "is published in the record of nl: "+sha, auditor, "report", "transparency", "--check", sha)
	file := w.write("report.json", string(list[0].Report))
	w.comity(0, "exactly what follows from", auditor, "report", "transparency", "--check", file)
	w.comity(1, "no report", auditor, "report", "transparency", "--check", strings.Repeat("0", 64))
	w.comity(1, "is of \"nl\"", "fr", "report", "transparency", "--check", file)
	w.comity(1, "an auditor only reads", auditor, "report", "transparency", "--publish")

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"more requests":     {`"requests": "7"`, `"requests": "70"`},
		"another category":  {`"traffic-data"`, `"stored-data"`},
		"leaves moved":      {`"leaves_counted": 20`, `"leaves_counted": 20, "leaves_own": 0`},
		"a number for none": {`"name": "bytes"`, `"name": "octets"`},
	} {
		forged := strings.Replace(string(data), change[0], change[1], 1)
		if forged == string(data) {
			t.Fatalf("%s: the report has no %s:\n%s", name, change[0], data)
		}
		code, says := 4, "does not tell what the log holds"
		if name == "leaves moved" || name == "a number for none" { // not even a report
			code, says = 1, ""
		}
		w.comity(code, says, auditor, "report", "transparency", "--check", w.write("forged.json", forged))
	}
	w.comity(0, "covers a part of this period", "nl", "report", "transparency", "--from", "2020-01-01", "--to", "now", "--publish")
}
