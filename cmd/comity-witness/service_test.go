package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/test/need"
)

// TestService: the unit is one that systemd takes without a word, it starts the
// witness, and systemd rates what is left open to it at 2.0 of 10 or less.
func TestService(t *testing.T) {
	unit, err := os.ReadFile("comity-witness.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/local/bin/comity-witness"
	if !strings.Contains(string(unit), "\nExecStart="+program+" serve --data /var/lib/comity-witness\n") {
		t.Error("the unit does not start the witness")
	}
	need.Program(t, "systemd-analyze")
	self, err := os.Executable() // any program that is there
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "comity-witness.service")
	if err := os.WriteFile(path, []byte(strings.Replace(string(unit), program, self, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
