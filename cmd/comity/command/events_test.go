package command

import (
	"bytes"
	"strings"
	"testing"

	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// TestStatusEvent: nobody is named as the signer of what the relay says of itself.
func TestStatusEvent(t *testing.T) {
	ev := &custody.Event{Denied: &custody.Denied{By: "nl/agent/lab-1", Act: custody.ActPart, Code: custody.CodeGrantRevoked, Rule: "live-grant"}}
	var out, say bytes.Buffer
	a := &app{stdout: &out, stderr: &say}
	a.printStatus(statusJSON{Events: []officer.Event{{Seq: 7, Index: 12, Kind: custody.KindDenied, What: ev.Says(), Event: ev}}}, true)
	for _, want := range []string{
		"denied      the relay says that it refused to let nl/agent/lab-1 bring a part of a package: the grant has been revoked\n",
		"signed by nobody: the relay's own word alone\n", "entry 7, log index 12\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "carried by") || strings.Contains(out.String(), "statement 00") {
		t.Errorf("status shows a statement that is none:\n%s", out.String())
	}
}
