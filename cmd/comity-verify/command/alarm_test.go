package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/test/env"
)

// TestVerifyAlarm: the fingerprint of the relay is all that a third person needs to see
// that its log has forked. Without it, or of what is no contradiction, the status is 4.
func TestVerifyAlarm(t *testing.T) {
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(size int64, root byte) string {
		b, err := translog.Sign(translog.Checkpoint{Origin: s.Origin, Size: size, Root: [32]byte{root}}, s.LogSigner, s.Now().Time())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	dir := t.TempDir()
	for name, notes := range map[string][2]string{"fork": {sign(9, 1), sign(9, 2)}, "none": {sign(9, 1), sign(9, 1)}} {
		a := alarm.Alarm{Kind: alarm.KindTwoRoots, Relay: s.Origin, By: "de/agent/lab-1", Found: statement.At(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)),
			Words: "two trees\x1b[2J", Descriptor: s.Lines[custody.RelayRecord][0].Envelope, Seen: notes[0], Shown: notes[1]}
		if err := os.WriteFile(filepath.Join(dir, name), a.Marshal(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	pin := "relay.example=" + s.Pins().Relays["relay.example"].String()
	for _, tt := range []struct {
		args   []string
		want   int
		stdout string
		stderr string
	}{
		{[]string{"--alarm", at("fork"), "--relay", pin}, 0, "PROVED: the log of relay relay.example has forked\n  the log has signed two different trees of 9 entries", ""},
		{[]string{"--alarm", at("fork"), "--relay", pin, "--json"}, 0, `"fork_proved": true`, ""},
		{[]string{"--alarm", at("fork")}, 4, "CONSISTENT, ORIGIN NOT CHECKED", "origin not checked"},
		{[]string{"--alarm", at("fork"), "--relay", "relay.example=" + strings.Repeat("1", 64)}, 4, "", "pinned is"},
		{[]string{"--alarm", at("none"), "--relay", pin}, 4, "NOT PROVED", "do not contradict each other"},
		{[]string{"--alarm", at("bad"), "--relay", pin}, 4, "", "reading alarm"},
		{[]string{"--alarm", at("absent"), "--relay", pin}, 1, "", "reading alarm"},
		{[]string{"--alarm", at("fork"), at("fork")}, 2, "", "goes with pins"},
	} {
		var out, diag bytes.Buffer
		if got := run(tt.args, &out, &diag); got != tt.want || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(diag.String(), tt.stderr) {
			t.Errorf("comity-verify %q: status %d, want %d\n%s%s", tt.args, got, tt.want, out.String(), diag.String())
		}
		if strings.Contains(out.String()+diag.String(), "\x1b") {
			t.Errorf("comity-verify %q prints what moves the cursor", tt.args)
		}
	}
}
