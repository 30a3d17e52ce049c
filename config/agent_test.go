package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"comity.example/comity/config"
)

// TestAgentExample loads the shipped example, which is what init writes, and finds
// the settings of a file that names the authority alone.
func TestAgentExample(t *testing.T) {
	file := filepath.Join("testdata", "comity.yaml")
	if *update {
		if err := os.WriteFile(file, []byte(config.AgentExample("nl")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != config.AgentExample("nl") {
		t.Errorf("%s is not what init writes: run go test -update", file)
	}
	c, err := config.LoadAgent(file, b)
	if err != nil {
		t.Fatal(err)
	}
	zero, err := config.LoadAgent("least", []byte("authority: nl\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.Inbox.Requests, c.Inbox.Authorities, c.Verifiers = nil, nil, nil // written as empty lists
	if !reflect.DeepEqual(c, zero) {
		t.Errorf("the example says %+v, zero values are %+v", c, zero)
	}
	if c.Transfers != 2 || c.Outbox.Settle != time.Minute || c.Outbox.Rescan != 5*time.Second || c.Inbox.Poll != 10*time.Minute {
		t.Errorf("the settings are %+v", c)
	}
}

func TestAgentRefused(t *testing.T) {
	for text, want := range map[string]string{
		"transfers: 9":              "transfers 9 is not 1 to 8",
		"outbox: {settle: 10ms}":    "settle 10ms is not 1s",
		"outbox: {rescan: -1s}":     "rescan -1s is not 100ms",
		"outbox: {folders: x}":      "field folders not found",
		"inbox: {poll: 25h}":        "poll 25h0m0s is not 1s",
		"inbox: {requests: {a: b}}": "cannot unmarshal",
	} {
		if _, err := config.LoadAgent("comity.yaml", []byte("authority: nl\n"+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("LoadAgent(%q) = %v, want %q", text, err, want)
		}
	}
}

func TestPackage(t *testing.T) {
	file := filepath.Join("testdata", "package.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := config.LoadPackage(file, b)
	if err != nil || p.Description == "" || p.Examiner == "" || len(p.Handling) != 1 || !p.Final || p.Priority != 10 {
		t.Errorf("LoadPackage = %+v, %v", p, err)
	}
	if p, err := config.LoadPackage("empty", nil); err != nil || !reflect.DeepEqual(p, &config.Package{}) {
		t.Errorf("LoadPackage of nothing = %+v, %v", p, err)
	}
	if p, err := config.LoadPackage("next", bytes.Replace(b, []byte("# supersedes"), []byte("supersedes"), 1)); err != nil || p.Supersedes != "k3vq7mno" {
		t.Errorf("LoadPackage of one in place of another = %+v, %v", p, err)
	}
	for _, text := range []string{"priority: 101", "recipients: [x]", "final: perhaps", "final: true\nfinal: true", "--- {}\n--- {}"} {
		if p, err := config.LoadPackage("bad", []byte(text)); err == nil {
			t.Errorf("LoadPackage(%q) = %+v", text, p)
		}
	}
}

func FuzzPackage(f *testing.F) {
	f.Add([]byte("description: x\nfinal: true\npriority: -3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := config.LoadPackage("fuzz", data); err == nil && (p.Priority < -100 || p.Priority > 100) {
			t.Errorf("took priority %d", p.Priority)
		}
	})
}
