package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/test/env"
)

// TestAlarmCommands: an alarm is told by status, shown with both signed checkpoints,
// exported byte for byte, and acknowledged with words, once.
func TestAlarmCommands(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	dir := t.TempDir()
	h, err := agent.CreateHome(filepath.Join(dir, "home"), "nl")
	must(err)
	must(h.Trust.PinRelay(s.Origin, s.Pins().Relays[s.Origin], []string{"127.0.0.1:1"}))
	x := alarm.Alarm{Kind: alarm.KindTwoRoots, Relay: s.Origin, Found: statement.At(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)), Words: "two trees of one size",
		Descriptor: s.Lines[custody.RelayRecord][0].Envelope}
	for i, to := range []*string{&x.Seen, &x.Shown} {
		b, err := translog.Sign(translog.Checkpoint{Origin: s.Origin, Size: 9, Root: [32]byte{byte(i + 1)}}, s.LogSigner, s.Now().Time())
		must(err)
		*to = string(b)
	}
	must(os.MkdirAll(filepath.Join(h.Dir(), "alarms"), 0o700))
	must(os.WriteFile(filepath.Join(h.Dir(), "alarms", x.ID()), x.Marshal(), 0o600))
	out := filepath.Join(dir, "fork.alarm")
	for _, tt := range []struct {
		args string
		code int
		want []string
	}{
		{"status", exitError, []string{"ALARM " + x.ID()[:8] + " of "}}, // and then that this home has no agent
		{"alarm list", 0, []string{x.ID()[:8], "two-roots", "two trees of one size"}},
		{"alarm list --json", 0, []string{`"forked": true`}},
		{"alarm show " + x.ID()[:4], 0, []string{x.Seen, x.Shown, "the log has signed two different trees of 9 entries", "not acknowledged: nothing is sent or taken here"}},
		{"alarm show zzzz", exitError, []string{"has no alarm"}},
		{"alarm export " + x.ID() + " -o " + out, 0, nil},
		{"alarm export " + x.ID() + " -o " + out, exitError, []string{"exists already"}},
		{"alarm acknowledge " + x.ID(), exitUsage, []string{"--words is missing"}},
		{"alarm acknowledge " + x.ID() + " --words called", 0, []string{"is acknowledged"}},
		{"alarm acknowledge " + x.ID() + " --words again", exitError, []string{"acknowledged already"}},
		{"alarm list", 0, []string{"  acknowledged"}},
		{"alarm show " + x.ID(), 0, []string{": called"}},
	} {
		var b bytes.Buffer
		a := &app{stdout: &b, stderr: &b, now: time.Now}
		if got := a.run(context.Background(), append([]string{"--home", h.Dir()}, strings.Fields(tt.args)...)); got != tt.code {
			t.Errorf("comity %s: exit code %d, want %d\n%s", tt.args, got, tt.code, b.String())
		}
		for _, w := range tt.want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("comity %s lacks %q:\n%s", tt.args, w, b.String())
			}
		}
	}
	if b, err := os.ReadFile(out); err != nil || !bytes.Equal(b, x.Marshal()) {
		t.Errorf("the export differs: %v", err)
	}
}
