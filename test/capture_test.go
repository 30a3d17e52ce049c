package test_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// granted is a world with a request that is granted and accepted.
func granted(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "nl", "de")
	text, err := os.ReadFile(filepath.Join(w.dir, "de", "comity.yaml"))
	if err != nil || !bytes.Contains(text, []byte("\ntransport: auto\n")) {
		t.Fatalf("the settings: %v\n%s", err, text)
	}
	// Over TCP each side hears at once that the other was killed.
	w.write("de/comity.yaml", strings.Replace(string(text), "\ntransport: auto\n", "\ntransport: h2\n", 1))
	w.comity(0, "", "nl", "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	return w
}

// piping is a send that reads from this test.
type piping struct {
	w    *world
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Reader
	err  bytes.Buffer // what it said until now
}

func (w *world) pipe(args ...string) *piping {
	w.t.Helper()
	p := &piping{w: w, cmd: exec.Command(filepath.Join(programs, "comity"), append([]string{"--home", "de"}, args...)...)}
	p.cmd.Dir, p.cmd.Env = w.dir, w.env
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	p.said = bufio.NewReader(io.TeeReader(stderr, &p.err))
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// feed writes to the pipe, which takes more than it holds only while it is read.
func (p *piping) feed(b []byte) {
	p.w.t.Helper()
	if _, err := p.in.Write(b); err != nil {
		p.w.t.Fatalf("feeding the pipe: %v\n%s", err, &p.err)
	}
}

// says waits for a line with these words.
func (p *piping) says(words string) string {
	p.w.t.Helper()
	for {
		line, err := p.said.ReadString('\n')
		if strings.Contains(line, words) {
			return strings.TrimSpace(line)
		}
		if err != nil {
			p.w.t.Fatalf("it did not say %q: %v\n%s", words, err, &p.err)
		}
	}
}

// ends waits for the end and returns the exit code, -1 after a signal.
func (p *piping) ends() int {
	p.w.t.Helper()
	io.Copy(io.Discard, p.said)
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.w.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// captures lists what is left of captures in de's home.
func (w *world) captures() []string {
	w.t.Helper()
	list, err := filepath.Glob(filepath.Join(w.dir, "de", "cases", "*", "captures", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// TestCapturePrograms pipes an image into a send that is killed when all of it is
// captured, while the relay is away. The command that it named sends it, and what
// arrives is what was piped, for the court, too.
func TestCapturePrograms(t *testing.T) {
	t.Parallel()
	w := granted(t)
	image := make([]byte, 9<<20) // two parts
	rand.NewChaCha8([32]byte{4}).Read(image)

	p := w.pipe("send", "0412", "-", "--name", "laptop/disk.img", "--description", "piped", "--final")
	p.feed(image)
	w.stop() // permission was asked for before the first byte was read
	p.in.Close()
	line := p.says("captured laptop/disk.img, 9.0 MiB")
	_, command, _ := strings.Cut(line, "it goes on with: ")
	p.cmd.Process.Kill()
	p.ends()
	args := strings.Fields(command)
	if len(args) != 5 || len(w.captures()) != 1 {
		t.Fatalf("it said %q, and left %q", line, w.captures())
	}

	w.serve()
	if said := w.comity(0, "", "de", "status", "0412"); !strings.Contains(said, "capture "+args[4]+"  laptop/disk.img, 9.0 MiB, ") {
		t.Errorf("the status says\n%s", said)
	}
	if said := w.comity(0, "", "de", "status"); strings.Count(said, "not sent to its end: comity send ") != 1 {
		t.Errorf("the list says\n%s", said)
	}
	var status struct {
		Captures []struct {
			Capture, Name string
			Bytes         int
		}
	}
	if err := json.Unmarshal([]byte(w.comity(0, "", "de", "status", "0412", "--json")), &status); err != nil ||
		len(status.Captures) != 1 || status.Captures[0].Capture != args[4] || status.Captures[0].Bytes != len(image) {
		t.Errorf("the status as data: %+v, %v", status, err)
	}
	pkg := w.comity(0, "1 files, 9.0 MiB", "de", args[1:]...)
	w.comity(1, "no capture", "de", args[1:]...)
	if left := w.captures(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if said := w.comity(0, "", "de", "status", "0412"); strings.Contains(said, "capture") {
		t.Errorf("the status says\n%s", said)
	}

	path := w.comity(0, "all verified", "nl", "fetch", "0412", "--into", "evidence")
	if b, err := os.ReadFile(filepath.Join(path, "data", "laptop", "disk.img")); err != nil || !bytes.Equal(b, image) {
		t.Errorf("%d bytes arrived: %v", len(b), err)
	}
	w.comity(0, "", "nl", "dossier", "0412", "-o", "case.comity")
	said := w.run(0, "", "comity-verify", "case.comity", "--exhibits", path+"/data",
		"--root", "nl="+w.roots["nl"], "--root", "de="+w.roots["de"], "--relay", "relay.example="+w.roots["relay"])
	if !strings.Contains(said, pkg) || !strings.Contains(said, `"laptop/disk.img" is in the evidence`) {
		t.Errorf("the verdict says\n%s", said)
	}
}

// TestCaptureStopped interrupts one send and kills another while their input still
// comes. Nothing of either is left, at once and by the next send, and that one's
// command is not changed by it.
func TestCaptureStopped(t *testing.T) {
	t.Parallel()
	w := granted(t)
	half := make([]byte, 1<<20)

	p := w.pipe("send", "0412", "-", "--name", "disk.img")
	p.feed(half)
	p.cmd.Process.Signal(os.Interrupt)
	p.says("the capture was interrupted after")
	if code := p.ends(); code != 130 || len(w.captures()) > 0 {
		t.Errorf("interrupted: exit code %d, left %q\n%s", code, w.captures(), &p.err)
	}

	p = w.pipe("send", "0412", "-", "--name", "disk.img")
	p.feed(half)
	p.cmd.Process.Kill()
	p.ends()
	if len(w.captures()) != 1 {
		t.Errorf("killed: %q is left", w.captures())
	}
	if said := w.comity(0, "", "de", "status", "0412"); strings.Contains(said, "capture") {
		t.Errorf("half of an input waits:\n%s", said)
	}

	w.write("logs/nginx/access.log", "GET /\n")
	w.write("logs/empty", "")
	w.comity(0, "was not complete when its process ended, and is removed; nothing of it was sent", "de", "send", "0412", "logs", "--live")
	if left := w.captures(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	path := w.comity(0, "all verified", "nl", "fetch", "0412", "--into", "evidence")
	if b, err := os.ReadFile(filepath.Join(path, "data", "nginx", "access.log")); err != nil || string(b) != "GET /\n" {
		t.Errorf("the log arrived as %q: %v", b, err)
	}
}

// TestCaptureKept: a send that is refused behind the capture names the two commands
// that are left, and both do what they say.
func TestCaptureKept(t *testing.T) {
	t.Parallel()
	w := granted(t)
	sum := strings.Repeat("0", 32)
	w.write("a.yaml", "examiner: e\nacquisitions: [{device: {kind: d}, tool: {name: t}, files: [{path: disk.img, md5: "+sum+"}]}]\n")
	p := w.pipe("send", "0412", "-", "--name", "disk.img", "--acquisition", "a.yaml")
	p.feed([]byte("content"))
	p.in.Close()
	hint := p.says("comity: hint: ")
	if code := p.ends(); code != 4 || !strings.Contains(p.err.String(), "the examiner gives "+sum) {
		t.Errorf("exit code %d:\n%s", code, &p.err)
	}
	_, rest, _ := strings.Cut(hint, "what was captured is kept: ")
	command, _, _ := strings.Cut(rest, " sends it, and with --discard destroys it")
	args := strings.Fields(command)
	if len(args) != 5 {
		t.Fatalf("the hint is %q", hint)
	}
	w.comity(4, "the examiner gives", "de", args[1:]...)
	w.comity(0, "capture "+args[4]+" is destroyed", "de", append(args[1:], "--discard")...)
	if left := w.captures(); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}
