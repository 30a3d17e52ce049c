package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/config"
	"comity.example/comity/crypto/seal"
)

var update = flag.Bool("update", false, "write config/testdata anew")

// TestGatewayExample loads the shipped example, which is what init writes.
func TestGatewayExample(t *testing.T) {
	file := filepath.Join("testdata", "gateway.yaml")
	if *update {
		_, recipient, err := seal.GenerateIdentity()
		if err != nil {
			t.Fatal(err)
		}
		text := config.GatewayExample("relay.example", "127.0.0.1:4433", recipient, nil, nil)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadGateway(file, b)
	if err != nil {
		t.Fatal(err)
	}
	if want := config.GatewayExample(c.Origin, c.Listen, c.RecoveryRecipient, nil, nil); string(b) != want {
		t.Errorf("%s is not what init writes: run go test -update", file)
	}
	if c.Data != "testdata" || c.LogFile != "" || c.Lock() != 30*24*time.Hour || c.MinFree() != 1<<30 {
		t.Errorf("settings are %+v", c)
	}
	if _, err := c.Recovery(); err != nil {
		t.Error(err)
	}
}

// minimal returns the three keys that a relay needs.
func minimal(t *testing.T) string {
	t.Helper()
	_, recipient, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return "origin: relay.example\nlisten: 127.0.0.1:0\nrecovery_recipient: " + recipient + "\n"
}

func TestGatewayDefaults(t *testing.T) {
	c, err := config.LoadGateway(filepath.Join("etc", "gateway.yaml"), []byte(minimal(t)+"data: d\nlog_file: relay.log\npolicy: policy\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join("etc", "d"); c.Data != want || c.LogFile != filepath.Join(want, "relay.log") {
		t.Errorf("data %q, log file %q, want both below %q", c.Data, c.LogFile, want)
	}
	if want := filepath.Join("etc", "policy"); c.Policy != want {
		t.Errorf("policy %q, want %q", c.Policy, want)
	}
	if c.LogLevel != "info" || c.LockDays != 30 || c.MaxRetention() != 400*24*time.Hour || c.Memory() != 256<<20 || c.Windows() != 512<<20 {
		t.Errorf("settings are %+v", c)
	}
}

func TestGatewayRefuses(t *testing.T) {
	ok := minimal(t)
	for _, row := range []struct{ name, text, want string }{
		{"unknown key", ok + "bypass: true\n", "bypass"},
		{"repeated key", ok + "listen: 127.0.0.1:1\n", "already defined"},
		{"second document", ok + "---\norigin: other\n", "more than one document"},
		{"empty", "", "origin is missing"},
		{"no address", strings.Replace(ok, "127.0.0.1:0", "here", 1), "not host:port"},
		{"classic recipient", "origin: a\nlisten: 127.0.0.1:0\nrecovery_recipient: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n", "recovery_recipient"},
		{"log level", ok + "log_level: loud\n", "log_level"},
		{"max retention days", ok + "max_retention_days: 3651\n", "max_retention_days"},
		{"lock days", ok + "lock_days: -1\n", "lock_days"},
		{"too little memory for a statement", ok + "memory_mib: 127\n", "memory_mib"},
		{"negative memory", ok + "memory_mib: -1\n", "memory_mib"},
		{"too little memory for a connection", ok + "windows_mib: 31\n", "windows_mib"},
		{"number as text", ok + "lock_days: thirty\n", "cannot unmarshal"},
	} {
		_, err := config.LoadGateway("gateway.yaml", []byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
}

func FuzzLoadGateway(f *testing.F) {
	f.Add([]byte("origin: relay.example\nlisten: 127.0.0.1:0\n"))
	f.Add([]byte("{origin: a, listen: \"[::1]:0\", lock_days: 1}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.LoadGateway("gateway.yaml", data)
		if err == nil && (c.Origin == "" || c.LockDays < 1) {
			t.Errorf("accepted %+v", c)
		}
	})
}
