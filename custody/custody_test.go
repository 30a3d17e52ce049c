package custody_test

import (
	"testing"

	"comity.example/comity/custody"
)

// TestWholePath tells a case from request to receipt and reads the state after.
func TestWholePath(t *testing.T) {
	s := told(t, path...)
	c := s.kase()
	p := c.Package(s.pkg)
	if p == nil || p.Unlocked.IsZero() || len(p.Releases) != 1 || p.Releases[0].Receipt == nil || p.Releases[0].Closed.IsZero() {
		t.Fatalf("package after the whole path: %+v", p)
	}
	g := c.Live()
	if g.Bytes != payloadSize || g.Packages != 1 || g.Final || g.Revoked || g.Acceptance != s.sha(custody.KindAcceptance) {
		t.Errorf("grant after the whole path: %+v", g)
	}
	if d := s.act(custody.ActHead, "fr/agent/lab-1", custody.Action{Package: s.pkg}); !d.Allowed() {
		t.Errorf("reading the head: %s", d)
	}
	s.replay(t)
}

func TestParsePartyID(t *testing.T) {
	for in, ok := range map[string]bool{
		"nl/agent/lab-1": true, "de-bund/officer/mla-2": true, "nl/registrar/1": true, "nl/recipient/backup": true,
		"": false, "nl": false, "nl/agent": false, "nl/agent/": false, "/agent/x": false, "nl//x": false, "nl/agent/x/y": false,
		"nl/Agent/x": false, "NL/agent/x": false, "nl/witness/1": true, "nl/notary/1": false, "nl/root/1": false, "nl/agent/lab_1": false, "nl/agent/-x": false,
		"nl/agent/lab-1\n": false, "nl/agent/..": false, "n/agent/x": false, "nl/agent/é": false, " nl/agent/x": false,
	} {
		id, err := custody.ParsePartyID(in)
		if (err == nil) != ok {
			t.Errorf("ParsePartyID(%q) = %q, %v, want ok %t", in, id, err, ok)
		}
	}
	id := custody.PartyID("nl/agent/lab-1")
	if id.Authority() != "nl" || id.Role() != custody.RoleAgent {
		t.Errorf("parts of %q: %q, %q", id, id.Authority(), id.Role())
	}
}

func TestParseRecordID(t *testing.T) {
	id := custody.PackageID([16]byte{15: 1})
	for in, ok := range map[string]bool{
		"relay": true, "authority/nl": true, id: true,
		"": false, "authority/": false, "authority/NL": false, "authority/nl/x": false, "Relay": false,
		id[:25]: false, id + "a": false, id[:25] + "b": false, id[:25] + "\n": false, "A" + id[1:]: false, id + "\n": false,
	} {
		if _, err := custody.ParseRecordID(in); (err == nil) != ok {
			t.Errorf("ParseRecordID(%q): %v, want ok %t", in, err, ok)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for in, ok := range map[string]bool{
		"relay.example": true, "relay.example/log": true,
		"": false, "Relay.example": false, "relay.example/a/b": false, "relay.example/": false, "relay.example/..": false, "https://x": false, "-x": false, "a b": false,
	} {
		if err := custody.CheckOrigin(in); (err == nil) != ok {
			t.Errorf("CheckOrigin(%q): %v, want ok %t", in, err, ok)
		}
	}
}
