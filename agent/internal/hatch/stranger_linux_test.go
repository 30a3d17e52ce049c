package hatch_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"comity.example/comity/agent/internal/hatch"
	"comity.example/comity/test/need"
)

// callEnv makes the test's own program a caller of the socket that it names.
const callEnv = "COMITY_TEST_CALL"

func TestMain(m *testing.M) {
	if path := os.Getenv(callEnv); path != "" {
		resp, err := hatch.Client(path).Post("http://daemon/", "text/plain", strings.NewReader("x"))
		if err != nil || resp.StatusCode != http.StatusOK {
			os.Stdout.WriteString("refused")
			os.Exit(0)
		}
		os.Stdout.WriteString("answered")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestStranger: a process of another user is refused even if somebody opened the
// socket and its folder to all.
func TestStranger(t *testing.T) {
	if os.Getuid() != 0 {
		need.Missing(t, "only root can start a process of another user")
	}
	dir, err := os.MkdirTemp("", "hatch")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	path, program := filepath.Join(dir, "s"), filepath.Join(dir, "caller")
	open(t, path)
	check(t, os.Chmod(path, 0o666))
	self, err := os.Executable()
	check(t, err)
	text, err := os.ReadFile(self)
	check(t, err)
	check(t, os.WriteFile(program, text, 0o755))
	for uid, want := range map[uint32]string{0: "answered", 65534: "refused"} {
		cmd := exec.Command(program)
		cmd.Dir, cmd.Env = "/", append(os.Environ(), callEnv+"="+path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.Output()
		check(t, err)
		if string(out) != want {
			t.Errorf("a caller of user %d was %s, want %s", uid, out, want)
		}
	}
}
