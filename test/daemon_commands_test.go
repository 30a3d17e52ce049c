package test_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDaemonCommands: people see what the daemon does, and stop it, by the commands;
// those that need a request get their turn beside it.
func TestDaemonCommands(t *testing.T) {
	t.Parallel()
	w := &daemonWorld{crashWorld: newCrashWorld(t), want: map[string][]byte{}}
	w.serve()
	w.set("de", `folder: ""`, "folder: out")
	ready := w.manager()
	de := w.daemon("de")
	ready()
	watch := w.watch("de")
	watch.says("daemon of de/agent/lab-1, process ")
	w.comity(5, "another comity agent run works in this home", "de", "agent", "run")

	w.comity(0, "paused: comity resume goes on", "de", "pause")
	watch.says("paused: comity resume goes on")
	w.write("de/out/0412/disk-1/a", "evidence")
	w.write("de/out/0412/disk-1.ready", "")
	w.write("de/out/0412/notes.txt", "")
	watch.says("sending NL-2026-0412/disk-1: queued")
	watch.says(`in the outbox: "0412/notes.txt" is not the folder of a package`)
	if out := w.comity(0, "", "de", "status", "--watch", "--json"); !strings.Contains(out, `"paused": true`) || !strings.Contains(out, `"state": "queued"`) {
		t.Errorf("as data: %s", out)
	}

	w.comity(1, `nothing in the queue is called "disk-2"`, "de", "cancel", "disk-2")
	w.comity(0, "cancelling 0412/disk-1", "de", "cancel", "0412/disk-1")
	watch.says("sending disk-1: failed: cancelled")

	// A command works as ever, in a pause as well.
	w.comity(0, "its key is with the relay", "de", "send", "0412", "exhibits")
	w.write("de/out/0412/disk-2/a", "evidence")
	w.write("de/out/0412/disk-2.ready", "")
	watch.says("sending NL-2026-0412/disk-2: queued")
	w.comity(0, "resumed", "de", "resume")
	watch.says("sending disk-2: sent, package ")
	w.comity(0, "1 files, 8 bytes, all verified", "nl", "fetch", "0412", "--into", "evidence")

	de.terminate()
	watch.end("no daemon runs in ")
	w.comity(1, "hint: start it: comity agent run", "de", "pause")
}

// manager plays the service manager of the daemons that are started from now on. The
// function that it returns waits until one says that it is ready.
func (w *daemonWorld) manager() (ready func()) {
	w.t.Helper()
	if runtime.GOOS == "windows" {
		return func() {}
	}
	path := filepath.Join(w.dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	w.env = append(w.env, "NOTIFY_SOCKET="+path)
	return func() {
		w.t.Helper()
		l.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 64)
		if n, err := l.Read(b); err != nil || string(b[:n]) != "READY=1" {
			w.t.Fatalf("the service manager is told %q, %v", b[:n], err)
		}
	}
}

// terminate asks the daemon to stop, as a service manager does, and wants it to end
// as one that has done what it was to do.
func (p *process) terminate() {
	p.t.Helper()
	if runtime.GOOS == "windows" {
		p.kill()
		return
	}
	p.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-p.end:
		p.end <- err
		if err != nil {
			p.t.Errorf("the daemon ended with %v:\n%s", err, &p.log)
		}
	case <-time.After(patience):
		p.t.Fatalf("the daemon does not end:\n%s", &p.log)
	}
}

// watcher is comity status --watch on its way.
type watcher struct {
	t     *testing.T
	lines chan string
	seen  []string
	cmd   *exec.Cmd
}

func (w *daemonWorld) watch(home string) *watcher {
	w.t.Helper()
	v := &watcher{t: w.t, lines: make(chan string, 1000), cmd: exec.Command(filepath.Join(programs, "comity"), "--home", home, "status", "--watch")}
	v.cmd.Dir, v.cmd.Env = w.dir, w.env
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	v.cmd.Stderr = v.cmd.Stdout
	if err := v.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { v.cmd.Process.Kill() })
	go func() {
		defer close(v.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			v.lines <- s.Text()
		}
	}()
	return v
}

// says waits until the watcher has printed a line, at any time.
func (v *watcher) says(words string) {
	v.t.Helper()
	late := time.After(patience)
	for !slices.ContainsFunc(v.seen, func(l string) bool { return strings.Contains(l, words) }) {
		select {
		case l, ok := <-v.lines:
			v.seen = append(v.seen, l)
			if !ok {
				v.t.Fatalf("the watcher ended before it said %q; it said:\n%s", words, strings.Join(v.seen, "\n"))
			}
		case <-late:
			v.t.Fatalf("the watcher does not say %q; it said:\n%s", words, strings.Join(v.seen, "\n"))
		}
	}
}

// end waits until the watcher ends, with these words.
func (v *watcher) end(words string) {
	v.t.Helper()
	v.says(words)
	for range v.lines {
	}
	if err := v.cmd.Wait(); err == nil {
		v.t.Error("the watcher ended well")
	}
}
