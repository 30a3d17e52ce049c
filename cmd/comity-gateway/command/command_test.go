package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/config"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// run runs one command line.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{stdout: &out, stderr: &errs, now: time.Now}
	code = a.run(t.Context(), args)
	return code, out.String(), errs.String()
}

// made returns the folder of a new relay and its fingerprint.
func made(t *testing.T) (data, fingerprint string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	code, out, errs := run(t, "init", "--origin", "relay.example", "--listen", "127.0.0.1:0", "--address", "127.0.0.1:4433", "--data", data)
	if code != exitDone {
		t.Fatalf("init: %d %s", code, errs)
	}
	return data, strings.TrimSpace(out)
}

func TestInit(t *testing.T) {
	data, fp := made(t)
	if len(fp) != 64 {
		t.Errorf("standard output is %q, want a fingerprint", fp)
	}
	b, err := os.ReadFile(filepath.Join(data, "gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadGateway(filepath.Join(data, "gateway.yaml"), b)
	if err != nil || c.Origin != "relay.example" || c.Data != data {
		t.Errorf("gateway.yaml is %+v, %v", c, err)
	}
	identity, err := os.ReadFile(filepath.Join(data, "recovery", "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(identity)), "\n")
	id, err := seal.ParseIdentity(lines[len(lines)-1])
	if err != nil || id.Recipient().String() != c.RecoveryRecipient {
		t.Errorf("the recovery identity does not open what is sealed to the recipient: %v", err)
	}
	code, _, errs := run(t, "init", "--origin", "relay.example", "--listen", "127.0.0.1:1", "--data", data)
	if code != exitError || !strings.Contains(errs, "comity-gateway: hint: ") {
		t.Errorf("second init: %d %s", code, errs)
	}
}

// TestCheck lists a relay, also one whose root key was moved away.
func TestCheck(t *testing.T) {
	data, fp := made(t)
	code, _, errs := run(t, "trust", "nl", strings.Repeat("ab", 32), "--data", data)
	if code != exitDone {
		t.Fatalf("trust: %d %s", code, errs)
	}
	if err := os.Remove(filepath.Join(data, "keys", "root")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(data, "recovery")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "check", "--config", filepath.Join(data, "gateway.yaml"))
	if code != exitDone {
		t.Fatalf("check: %d %s", code, errs)
	}
	for _, want := range []string{fp, "2 entries, checkpoint verified", "nl: pinned, nothing published"} {
		if !strings.Contains(out, want) {
			t.Errorf("check says %s, not %q", out, want)
		}
	}
}

// TestWrongCommandLines: errors of usage, each one sentence, with exit code 2.
func TestWrongCommandLines(t *testing.T) {
	data, _ := made(t)
	for _, args := range [][]string{
		{}, {"fly"}, {"run", "--force"}, {"run"}, {"run", "x", "--data", data}, {"init"},
		{"init", "--origin", "Relay", "--listen", "127.0.0.1:1", "--data", data + "x"},
		{"init", "--origin", "relay.example", "--listen", "127.0.0.1:0", "--data", data + "x"},
		{"init", "--origin", "relay.example", "--listen", "0.0.0.0:4433", "--data", data + "x"},
		{"init", "--origin", "relay.example", "--listen", "here", "--data", data + "x"},
		{"trust", "nl", "--data", data}, {"trust", "NL", strings.Repeat("ab", 32), "--data", data}, {"trust", "nl", "abc", "--data", data},
	} {
		code, out, errs := run(t, args...)
		if code != exitUsage || out != "" || !strings.HasPrefix(errs, "comity-gateway: error: ") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
	if _, err := os.Stat(data + "x"); !os.IsNotExist(err) {
		t.Error("a wrong init left a folder behind")
	}
}

// TestWrongData: folders that are no relay's, or not this one's.
func TestWrongData(t *testing.T) {
	data, _ := made(t)
	other, _ := made(t)
	if code, _, errs := run(t, "check", "--data", t.TempDir()); code != exitError || !strings.Contains(errs, "hint: make a relay") {
		t.Errorf("empty folder: %d %s", code, errs)
	}
	b, err := os.ReadFile(filepath.Join(other, "descriptor.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "descriptor.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "check", "--data", data); code != exitError || !strings.Contains(errs, "another hybrid key") {
		t.Errorf("descriptor of another relay: %d %s", code, errs)
	}
}

// TestHistory: a store that is ahead of the database is not continued.
func TestHistory(t *testing.T) {
	data, _ := made(t)
	if code, _, errs := run(t, "check", "--data", data); code != exitDone {
		t.Fatalf("check: %d %s", code, errs)
	}
	if err := os.Remove(filepath.Join(data, "relay.db")); err != nil {
		t.Fatal(err)
	}
	code, _, errs := run(t, "check", "--data", data)
	if code != exitVerify || !strings.Contains(errs, "hint: ") {
		t.Errorf("check without the database: %d %s", code, errs)
	}
}

// firstLine is standard output that tells when its first line is there.
type firstLine struct {
	mu    sync.Mutex // guards text
	text  string
	first chan string
}

func (s *firstLine) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.Contains(s.text, "\n")
	s.text += string(p)
	if line, _, ok := strings.Cut(s.text, "\n"); ok && !before {
		s.first <- line
	}
	return len(p), nil
}

// TestRun runs a relay, finds it by the line that it prints, and ends it. While it
// runs no other process gets at its folder.
func TestRun(t *testing.T) {
	data, _ := made(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &firstLine{first: make(chan string, 1)}
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		a := &app{stdout: out, stderr: &errs, now: time.Now}
		ended <- a.run(ctx, []string{"run", "--data", data})
	}()
	var addr string
	select {
	case line := <-out.first:
		var ok bool
		if addr, ok = strings.CutPrefix(line, "relay.example listens on "); !ok {
			t.Fatalf("it prints %q", line)
		}
	case code := <-ended:
		t.Fatalf("it ended with %d: %s", code, errs.String())
	}
	text, err := os.ReadFile(filepath.Join(data, "keys", "tls"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := parseTLS(text)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := link.SPKI(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	conn, err := link.Dial(t.Context(), link.DialConfig{Addrs: []string{addr}, ServerSPKI: [][32]byte{spki}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.NewClient(conn).Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
	conn.Close()
	if code, _, said := run(t, "trust", "nl", strings.Repeat("ab", 32), "--data", data); code != exitError || !strings.Contains(said, "by process ") || !strings.Contains(said, "hint: ") {
		t.Errorf("trust beside a running relay: %d %s", code, said)
	}
	if code, out, said := run(t, "fsck", "--data", data); code != exitError || out != "" || !strings.Contains(said, "by process ") {
		t.Errorf("fsck beside a running relay: %d %s", code, said)
	}
	cancel()
	if code := <-ended; code != exitDone {
		t.Errorf("it ended with %d: %s", code, errs.String())
	}
}

// TestHelp fits a screen.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"init", "--help"}, {"run", "--help"}, {"trust", "--help"}, {"check", "--help"}, {"fsck", "--help"},
		{"policy", "--help"}, {"policy", "test", "--help"}, {"policy", "explain", "--help"}} {
		code, out, _ := run(t, args...)
		lines := strings.Split(out, "\n")
		if code != exitDone || len(lines) > 40 {
			t.Errorf("%q: %d, %d lines", args, code, len(lines))
		}
		for _, l := range lines {
			if len(l) > 100 {
				t.Errorf("%q: a line of %d characters: %s", args, len(l), l)
			}
		}
	}
}

// TestRunInterrupted: who ends a relay while it opens its folder ends it well, at whatever
// moment, and the folder opens again.
func TestRunInterrupted(t *testing.T) {
	data, _ := made(t)
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		out := &firstLine{first: make(chan string, 1)}
		var errs bytes.Buffer
		// Each time a moment later, as work of this machine, not as time: the first
		// before anything, the last far into the opening.
		go func() {
			for range i * 100_000 {
				runtime.Gosched()
			}
			cancel()
		}()
		a := &app{stdout: out, stderr: &errs, now: time.Now}
		if code := a.run(ctx, []string{"run", "--data", data}); code != exitDone {
			t.Errorf("interrupted the %dth time it ends with %d: %s", i, code, errs.String())
		}
	}
	if code, _, errs := run(t, "check", "--data", data); code != exitDone {
		t.Errorf("afterwards: %d %s", code, errs)
	}
}
