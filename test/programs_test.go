package test_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/test/need"
)

// programs is the folder with the built programs, and with the age of go.mod.
var programs string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "comity-programs-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-tags", "comitytest", "-o", dir+string(filepath.Separator), "../cmd/...", "./demo", "filippo.io/age/cmd/age")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
			return 1
		}
		programs = dir
		return m.Run()
	}())
}

// passphrase protects the keys of officers.
const passphrase = "a passphrase of several words"

// environment returns the environment of a program: ours, with the programs first
// in PATH and a passphrase for officers.
func environment(t *testing.T) []string {
	t.Helper()
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "PATH="+programs+string(filepath.ListSeparator)+os.Getenv("PATH"), "COMITY_PASSPHRASE_FILE="+pass)
}

// require skips, or fails where nothing may be skipped, a test that lacks a tool.
func require(t *testing.T, tools ...string) {
	t.Helper()
	for _, name := range tools {
		need.Program(t, name)
	}
}

// freePort returns an address of the loopback that is free for UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		u, err := net.ListenPacket("udp", address)
		l.Close()
		if err == nil {
			u.Close()
			return address
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return ""
}

// world is a folder in which programs run.
type world struct {
	t       *testing.T
	dir     string
	env     []string
	address string
	roots   map[string]string // fingerprints, "relay" among them
	stop    func()            // ends the relay; the end of the test does it too
	relay   *os.Process       // while it runs
}

// run runs a program, wants an exit code, and returns its standard output. What it
// said on standard error must hold the words given.
func (w *world) run(want int, says string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = w.dir, w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatalf("%v: %v", args, err)
	}
	if code != want || !strings.Contains(stderr.String(), says) {
		w.t.Fatalf("%v: exit code %d, want %d, saying %q; it said:\n%s%s", args, code, want, says, &stdout, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// comity runs comity in the home of an authority.
func (w *world) comity(want int, says, home string, args ...string) string {
	w.t.Helper()
	return w.run(want, says, append([]string{"comity", "--home", home}, args...)...)
}

// newWorld makes a relay that runs and authorities that it knows, each of which
// has pinned all others and published its directory.
func newWorld(t *testing.T, authorities ...string) *world {
	t.Helper()
	return newWorldOn(t, nil, authorities...)
}

// newWorldOn is newWorld with a relay that init makes with more arguments.
func newWorldOn(t *testing.T, init []string, authorities ...string) *world {
	t.Helper()
	w := prepare(t, init, authorities...)
	w.open(authorities...)
	return w
}

// prepare makes the relay and the authorities that it knows. The relay does not run
// yet.
func prepare(t *testing.T, init []string, authorities ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), env: environment(t), address: freePort(t), roots: map[string]string{}}
	w.roots["relay"] = w.run(0, "", append([]string{"comity-gateway", "init", "--origin", "relay.example", "--listen", w.address, "--data", "relay"}, init...)...)
	for _, name := range authorities {
		w.roots[name] = w.comity(0, "", name, "authority", "init", name, "--with", "lab,desk,officer,backup")
		w.run(0, "", "comity-gateway", "trust", name, w.roots[name], "--data", "relay")
	}
	return w
}

// open runs the relay, and has the authorities pin each other and publish.
func (w *world) open(authorities ...string) {
	w.t.Helper()
	w.serve()
	for _, name := range authorities {
		w.comity(0, "", name, "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
		for _, other := range authorities {
			if other != name {
				w.comity(0, "", name, "trust", other, w.roots[other])
			}
		}
		w.comity(0, "", name, "directory", "sign")
		w.comity(0, "", name, "directory", "publish")
	}
}

// in returns the world for a subtest.
func (w *world) in(t *testing.T) *world {
	n := *w
	n.t = t
	return &n
}

// serve runs the relay until the test ends or stops it.
func (w *world) serve() {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, "comity-gateway"), "run", "--data", "relay")
	cmd.Dir, cmd.Env = w.dir, w.env
	log, err := os.Create(filepath.Join(w.dir, "relay", "relay.log"))
	if err != nil {
		w.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.relay = cmd.Process
	w.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			said, _ := os.ReadFile(log.Name())
			w.t.Errorf("the relay ended badly: %v\n%s", err, said[max(0, len(said)-2000):])
		}
		log.Close()
	})
	w.t.Cleanup(w.stop)
}

// write writes a file of the world.
func (w *world) write(name, data string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}
