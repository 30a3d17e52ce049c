package test_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDaemonKilled kills the daemons of both States, at moments that a seed chooses,
// while one sends what is put into its outbox and the other fetches: every package
// arrives as it was, once, and is known to the sender as what it became.
func TestDaemonKilled(t *testing.T) {
	t.Parallel()
	packages, kills := 8, 6
	if *full {
		packages, kills = 50, 60
	}
	w := &daemonWorld{crashWorld: newCrashWorld(t), rnd: rand.New(rand.NewPCG(7, 7)), want: map[string][]byte{}}
	w.serve()
	w.set("de", `folder: ""`, "folder: out")
	w.set("nl", "  requests: []", "  requests: [NL-2026-0412]")
	w.set("nl", `folder: ""`, "folder: unused") // of the outbox
	w.set("nl", `folder: ""`, "folder: in")
	for name, files := range w.exhibits(packages) {
		w.put(name, files)
	}
	de, nl := w.daemon("de"), w.daemon("nl")
	for n := range kills {
		p, home := &de, "de"
		if n%2 == 1 {
			p, home = &nl, "nl"
		}
		<-time.After(time.Duration(w.rnd.IntN(2500)) * time.Millisecond) // the moment; nothing depends on it
		(*p).kill()
		*p = w.daemon(home)
	}
	w.wait(packages)
	w.check(packages)
	de.kill()
	nl.kill()
	w.stop()
	w.fsck("in the end")
	if said, want := w.run(0, "", "comity-gateway", "fsck", "--data", "relay"), fmt.Sprintf(" %d deposited;", packages); !strings.Contains(said, want) {
		t.Errorf("fsck does not say%q:\n%s", want, said)
	}
}

// daemonWorld is a world in which both labs run daemons.
type daemonWorld struct {
	*crashWorld
	rnd  *rand.Rand
	want map[string][]byte // by name of the package, what its file holds
}

// set replaces the first of a setting, and makes the daemon hurry.
func (w *daemonWorld) set(home, old, new string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, home, "comity.yaml"))
	if err != nil || !bytes.Contains(text, []byte(old)) {
		w.t.Fatalf("the settings of %s do not hold %q: %v\n%s", home, old, err, text)
	}
	s := strings.Replace(string(text), old, new, 1)
	s = strings.NewReplacer("settle: 1m\n", "settle: 1s\n", "rescan: 5s\n", "rescan: 200ms\n", "poll: 10m\n", "poll: 2s\n").Replace(s)
	w.write(home+"/comity.yaml", s)
}

// exhibits makes the packages' files: empty, small, around the size of a part, and
// of a few parts.
func (w *daemonWorld) exhibits(n int) map[string][]byte {
	sizes := []int{0, 1, 100, 64 << 10, 1 << 20, 8<<20 - 1, 8 << 20, 20 << 20}
	for i := range n {
		data := make([]byte, sizes[i%len(sizes)])
		for j := range data {
			data[j] = byte(w.rnd.Uint32())
		}
		w.want[fmt.Sprintf("package %d", i)] = data
	}
	return w.want
}

// put puts a package into the outbox; every other one is marked as complete.
func (w *daemonWorld) put(name string, data []byte) {
	w.t.Helper()
	w.write("de/out/0412/"+name+"/name", name)
	w.write("de/out/0412/"+name+"/data", string(data))
	if len(name)%2 == 0 || w.rnd.IntN(2) == 0 {
		w.write("de/out/0412/"+name+".ready", "")
	}
}

// process is a daemon as a process.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer
	end chan error
}

// daemon starts a daemon.
func (w *daemonWorld) daemon(home string) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: exec.Command(filepath.Join(programs, "comity"), "--home", home, "agent", "run"), end: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = w.dir, w.env, &p.log
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.end <- p.cmd.Wait() }()
	w.t.Cleanup(func() {
		p.cmd.Process.Kill()
		if w.t.Failed() {
			err := <-p.end
			p.end <- err
			w.t.Logf("the last daemon of %s ended with %v:\n%s", home, err, &p.log)
		}
	})
	return p
}

// kill kills the daemon, which must still run.
func (p *process) kill() {
	p.t.Helper()
	select {
	case err := <-p.end:
		p.t.Fatalf("the daemon ended by itself: %v\n%s", err, &p.log)
	default:
	}
	p.cmd.Process.Kill()
	err := <-p.end
	p.end <- err
}

// wait waits until all is sent, known to be unlocked, and fetched, and the queue is
// empty.
func (w *daemonWorld) wait(n int) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; <-time.After(100 * time.Millisecond) { // and look again
		arrived, _ := filepath.Glob(filepath.Join(w.dir, "nl", "in", "*", "*", "data", "name"))
		unlocked := 0
		for name := range w.want {
			if s, err := w.slip(name); err == nil && s.State == "unlocked" {
				unlocked++
			}
		}
		queued, _ := filepath.Glob(filepath.Join(w.dir, "de", "queue", "*"))
		if len(arrived) >= n && unlocked == n && len(queued) == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("of %d packages %d are unlocked, %d have arrived, and %d are in the queue", n, unlocked, len(arrived), len(queued))
		}
	}
}

type slip struct{ State, Request, Package, Reason string }

// slip reads the note beside a package that was sent.
func (w *daemonWorld) slip(name string) (s slip, err error) {
	data, err := os.ReadFile(filepath.Join(w.dir, "de", "out", "0412", ".sent", name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s, json.Unmarshal(data, &s)
}

// check checks that each package stands where its sender's note says, as it was,
// that there are no others, and that the outbox is in order.
func (w *daemonWorld) check(n int) {
	w.t.Helper()
	for name, data := range w.want {
		s, err := w.slip(name)
		if err != nil {
			w.t.Fatal(err)
		}
		dir := filepath.Join(w.dir, "nl", "in", s.Request, s.Package, "data")
		for file, want := range map[string][]byte{"name": []byte(name), "data": data} {
			if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Equal(got, want) {
				w.t.Errorf("%s of %s has not arrived as it was: %d bytes, want %d, %v", file, name, len(got), len(want), err)
			}
			if got, err := os.ReadFile(filepath.Join(w.dir, "de", "out", "0412", ".sent", name, file)); err != nil || !bytes.Equal(got, want) {
				w.t.Errorf("%s of %s is not what it was where it was sent: %v", file, name, err)
			}
		}
	}
	// What begins with a dot was never a package: a quarantine of a process that was killed.
	arrived, err := filepath.Glob(filepath.Join(w.dir, "nl", "in", "*", "[^.]*"))
	if err != nil || len(arrived) != n {
		w.t.Errorf("%d packages have arrived, want %d: %v", len(arrived), n, err)
	}
	left, err := os.ReadDir(filepath.Join(w.dir, "de", "out", "0412"))
	if err != nil || len(left) != 1 || left[0].Name() != ".sent" {
		w.t.Errorf("in the outbox are %v, %v", left, err)
	}
}
