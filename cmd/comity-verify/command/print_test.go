package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"comity.example/comity/custody/dossier"
)

// TestPrintHostile: no name that a sender chose reaches the terminal with a control
// character or one that turns the direction of writing, in text, JSON or errors;
// and none is lost.
func TestPrintHostile(t *testing.T) {
	const name = "data/\u009b2J\u202egpj.exe\x7f\x1b]0;x\a"
	v := &dossier.Verdict{
		Acts:     []dossier.Act{{By: name, Says: name}},
		Packages: []dossier.Package{{ID: name, Supersedes: name, SupersededBy: name, Recalled: &dossier.Recall{By: name, Reason: name}, Opened: &dossier.Opened{Description: name, Examiner: name, Handling: []string{name}, Why: name}}},
	}
	r := &report{
		Verdict:  v,
		Exhibits: []exhibit{{File: name, Status: statusHeld, Held: []dossier.Exhibit{{Package: name, Path: name, Why: name}}}},
		Sealed:   []sealedFile{{Package: name, File: name, Status: statusMissing}},
	}
	var text, asJSON, diag bytes.Buffer
	if err := errors.Join(r.print(&text, false), r.print(&asJSON, true)); err != nil {
		t.Fatal(err)
	}
	fail(&diag, hintError{name, name}, exitError)
	r.explain(&diag)
	r.Verdict = &dossier.Verdict{Failed: &dossier.Failure{Check: name, Why: name}}
	r.explain(&diag)
	if err := r.print(&diag, false); err != nil {
		t.Fatal(err)
	}
	for what, out := range map[string]string{"text": text.String(), "JSON": asJSON.String(), "errors": diag.String()} {
		for _, bad := range []string{"\u009b", "\u202e", "\x7f", "\x1b", "\a", "\x9b"} {
			if strings.Contains(strings.ToValidUTF8(out, "\x9b"), bad) {
				t.Errorf("the %s holds %+q:\n%+q", what, bad, out)
			}
		}
		if !strings.Contains(out, `\u202e`) {
			t.Errorf("the %s lost the name:\n%s", what, out)
		}
	}
	var back report
	if err := json.Unmarshal(asJSON.Bytes(), &back); err != nil || back.Exhibits[0].Held[0].Path != name {
		t.Errorf("the JSON %+q reads back with %v", asJSON.String(), err)
	}
}
