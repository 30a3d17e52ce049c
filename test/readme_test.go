package test_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReadmeWalkthrough runs the README's walkthrough as it stands there, by a
// shell, with the real programs. Only the build and the port are the test's own.
func TestReadmeWalkthrough(t *testing.T) {
	t.Parallel()
	require(t, "sh")
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "## By hand")
	_, rest, ok2 := strings.Cut(rest, "```sh\n")
	script, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatal("README.md has no walkthrough")
	}
	build, script, _ := strings.Cut(script, "\n")
	if !strings.HasPrefix(build, "go build") {
		t.Fatalf("the walkthrough begins with %q, not with the build", build)
	}
	script = strings.ReplaceAll(script, "127.0.0.1:4433", freePort(t))
	cmd := exec.Command("sh", "-eu", "-c", script+"\nwait\n")
	cmd.Dir, cmd.Env = t.TempDir(), environment(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the walkthrough failed: %v\n%s", err, out)
	}
	for _, want := range []string{"VERIFIED: request", `"server.log" is in the evidence`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the walkthrough does not say %q:\n%s", want, out)
		}
	}
}

// TestReadmeCommands: the two commands that the README promises are the ones that
// continuous integration runs.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []string{"go run ./test/demo", "go test ./..."} {
		if !strings.Contains(string(readme), cmd) || !strings.Contains(string(ci), cmd) {
			t.Errorf("%q does not stand both in README.md and in .ci/run", cmd)
		}
	}
}
