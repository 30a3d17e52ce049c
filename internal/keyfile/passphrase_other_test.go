//go:build !windows

package keyfile

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// noTerminalEnv makes the test binary ask for a passphrase and print the error.
const noTerminalEnv = "COMITY_TEST_NO_TERMINAL"

func TestMain(m *testing.M) {
	if os.Getenv(noTerminalEnv) != "" {
		_, err := Passphrase("nl/officer/mla-2")
		os.Stdout.WriteString(err.Error())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestNoTerminal asks in a new session, which has no terminal even if the
// tests are run at one.
func TestNoTerminal(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), noTerminalEnv+"=1", PassphraseEnv+"=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), PassphraseEnv) {
		t.Errorf("without a terminal: %q, %v, want a hint to %s", out, err, PassphraseEnv)
	}
}
