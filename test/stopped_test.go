package test_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var stoppedMiB = flag.Int64("stopped", 0, "size in MiB of the package that TestStoppedOnTheWay stops; 0: not at all")

// TestStoppedOnTheWay revokes a grant, and suspends a pair, while a large package goes up
// and while it comes down: from the entry in the log to the end of the command on the
// other machine it takes at most two seconds. gateway TestStoppedMidPart and
// TestStoppedMidAnswer show the same of single parts and answers in every run.
func TestStoppedOnTheWay(t *testing.T) {
	if *stoppedMiB == 0 {
		t.Skip("takes some GiB: test/soak/run stopped")
	}
	for _, row := range []struct {
		name string
		code string
		exit int
		stop []string
	}{
		{"revocation", "grant-revoked", 3, []string{"de", "revoke", "0412", "--reason", "error"}},
		{"suspension", "pair-suspended", 5, []string{"de", "request", "suspend", "nl", "--reason", "incident"}},
	} {
		for _, way := range []string{"up", "down"} {
			t.Run(row.name+" "+way, func(t *testing.T) {
				w := newWorld(t, "nl", "de")
				w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
				w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
				w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
				w.comity(0, "", "nl", "accept", "0412")
				w.random("evidence/disk.img", *stoppedMiB<<20)
				moving := w.begin("de", "send", "0412", "evidence")
				where := filepath.Join(w.dir, "relay")
				if way == "down" {
					moving.wait(t, 0, "")
					moving, where = w.begin("nl", "fetch", "0412", "--into", "in"), filepath.Join(w.dir, "in")
				}
				for size(t, where) < *stoppedMiB<<20/64 {
					if moving.over() {
						t.Fatalf("it ended before it was stopped: %s", moving.said())
					}
				}
				begun := time.Now()
				w.comity(0, "filed at", row.stop[0], row.stop[1:]...)
				filed, moved := time.Now(), size(t, where)
				moving.wait(t, row.exit, row.code)
				if took := time.Since(filed); took > 2*time.Second {
					t.Errorf("it went on for %s after the entry", took)
				} else {
					t.Logf("signed and filed in %s, the other side's command ended %s later, %d MiB of %d had moved", filed.Sub(begun), took, moved>>20, *stoppedMiB)
				}
				if moved >= *stoppedMiB<<20 {
					t.Errorf("all of it had moved before: nothing was stopped on its way")
				}
				for _, path := range glob(t, filepath.Join(w.dir, "in", "*")) {
					if !strings.HasSuffix(path, ".landing") { // ciphertext, to go on from when the suspension is lifted
						t.Errorf("%q is there", path)
					}
				}
				w.stop()
				w.run(0, "", "comity-gateway", "fsck", "--data", "relay")
			})
		}
	}
}

// random writes a file that nothing can make smaller.
func (w *world) random(name string, n int64) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	b, r := make([]byte, 1<<20), rand.NewChaCha8([32]byte{1})
	for ; n > 0; n -= int64(len(b)) {
		r.Read(b)
		if _, err := f.Write(b); err != nil {
			w.t.Fatal(err)
		}
	}
}

// running is a command that runs beside the test.
type running struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
	err  error
}

// begin runs comity in the home of an authority.
func (w *world) begin(home string, args ...string) *running {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "comity"), append([]string{"--home", home}, args...)...)
	r := &running{cmd: cmd, out: new(bytes.Buffer), done: make(chan struct{})}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, r.out, r.out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		r.err = cmd.Wait()
		close(r.done)
	}()
	return r
}

func (r *running) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// said returns what the command said, once it is over.
func (r *running) said() string { return r.out.String() }

func (r *running) wait(t *testing.T, exit int, says string) {
	t.Helper()
	<-r.done
	if code := r.cmd.ProcessState.ExitCode(); code != exit || !strings.Contains(r.said(), says) {
		t.Fatalf("exit code %d, want %d, saying %q; it said:\n%s", code, exit, says, r.said())
	}
}

// size returns the bytes that the files below a folder take on the disk, where a file that
// is made at its full length has holes; of a folder that is not there, 0.
func size(t *testing.T, folder string) int64 {
	t.Helper()
	out, _ := exec.Command("du", "-sk", folder).Output() // what vanishes while it looks makes it complain
	text, _, _ := strings.Cut(string(out), "\t")
	n, _ := strconv.ParseInt(text, 10, 64)
	return n << 10
}
