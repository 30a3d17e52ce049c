package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/config"
	"comity.example/comity/crypto/translog"
)

// TestWitnessExample loads the shipped example, which is what init writes.
func TestWitnessExample(t *testing.T) {
	file := filepath.Join("testdata", "witness.yaml")
	want := config.WitnessExample("nl/witness/1", "127.0.0.1:4480")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadWitness(file, b)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != want || c.Name != "nl/witness/1" || c.Data != "testdata" || len(c.Logs) != 0 {
		t.Errorf("settings are %+v: run go test -update", c)
	}
}

func TestWitness(t *testing.T) {
	_, key, err := translog.GenerateLog("relay.example")
	if err != nil {
		t.Fatal(err)
	}
	ed, ml := key.Strings()
	entry := config.WitnessLog{Key: ed, MLDSAKey: ml}.Entry()
	base := "name: nl/witness/1\nlisten: 127.0.0.1:0\n"
	c, err := config.LoadWitness(filepath.Join("etc", "witness.yaml"), []byte(base+"data: d\ntls_certificate_file: c.pem\ntls_key_file: /k.pem\nlogs:\n"+entry+"  - key: "+ed+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != filepath.Join("etc", "d") || c.TLSCertificateFile != filepath.Join("etc", "c.pem") || c.TLSKeyFile != "/k.pem" || c.LogLevel != "info" {
		t.Errorf("settings are %+v", c)
	}
	if k, _, err := c.Logs[0].Keys(); err != nil || !k.Equal(key) {
		t.Errorf("keys of the relay: %v", err)
	}
	if k, v, err := c.Logs[1].Keys(); err != nil || k != nil || v.Name() != "relay.example" {
		t.Errorf("key of the other log: %v", err)
	}
	for _, bad := range []string{
		"", "name: x\n", "listen: 127.0.0.1:0\n", base + "more: 1\n", base + "log_level: loud\n", base + "tls_key_file: k\n",
		base + "logs:\n  - key: x\n", base + "logs:\n  - mldsa_key: " + ml + "\n", base + "logs:\n  - key: " + ml + "\n", base + "logs:\n  - key: " + ed + "\n    mldsa_key: " + ed + "\n",
	} {
		if c, err := config.LoadWitness("witness.yaml", []byte(bad)); err == nil {
			t.Errorf("%.60q loads as %+v", strings.ReplaceAll(bad, "\n", " "), c)
		}
	}
}
