package durable_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/internal/durable"
)

// holdEnv makes the test binary a program that holds the lock it names.
const holdEnv = "COMITY_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdEnv); path != "" {
		os.Exit(hold(path))
	}
	os.Exit(m.Run())
}

// hold takes the lock, says so, and keeps it until standard input ends.
func hold(path string) int {
	l, err := durable.LockFile(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin)
	if err := l.Unlock(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// holder starts a process that holds the lock. Closing stdin ends it.
func holder(t *testing.T, path string) (cmd *exec.Cmd, stdin io.Closer) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	in, err := cmd.StdinPipe()
	fatalIfErr(t, err)
	out, err := cmd.StdoutPipe()
	fatalIfErr(t, err)
	fatalIfErr(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, in
}

// checkLocked fails unless the lock is held by the process pid.
func checkLocked(t *testing.T, path string, pid int) {
	t.Helper()
	_, err := durable.LockFile(path)
	if !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("by process %d", pid)) {
		t.Errorf("LockFile = %v, want locked by process %d", err, pid)
	}
}

func TestLockTwoHandles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		l, err := durable.LockFile(path)
		fatalIfErr(t, err)
		checkLocked(t, path, os.Getpid())
		checkLocked(t, path, os.Getpid()) // the failed attempt released nothing
		fatalIfErr(t, l.Unlock())
		if l.Unlock() == nil {
			t.Error("a second Unlock succeeded")
		}
	}
}

func TestLockOtherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd, stdin := holder(t, path)
	checkLocked(t, path, cmd.Process.Pid)
	fatalIfErr(t, stdin.Close())
	fatalIfErr(t, cmd.Wait())
	l, err := durable.LockFile(path)
	fatalIfErr(t, err)
	fatalIfErr(t, l.Unlock())
}

// TestLockKilled: a process that was killed holds nothing, though its id is
// still in the file.
func TestLockKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd, _ := holder(t, path)
	fatalIfErr(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	l, err := durable.LockFile(path)
	fatalIfErr(t, err)
	checkLocked(t, path, os.Getpid())
	fatalIfErr(t, l.Unlock())
}

func TestLockErrors(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none", "lock"), dir} {
		if _, err := durable.LockFile(path); err == nil || errors.Is(err, durable.ErrLocked) {
			t.Errorf("LockFile(%q) = %v", path, err)
		}
	}
}
