package agent_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// captureEnv names the home, the request and the point to the process that kills itself
// there.
var captureEnv = []string{"COMITY_TEST_CAPTURE_HOME", "COMITY_TEST_CAPTURE_REQUEST", "COMITY_TEST_CAPTURE_AT"}

// TestKilledCapture kills a process that captures and sends, at each point of its order
// of writes. Before the capture is complete nothing is left of it by the next send;
// from then on the next process sends it, once, as the same package if one was begun,
// with the same bytes.
func TestKilledCapture(t *testing.T) {
	if os.Getenv(captureEnv[0]) != "" {
		captureToDie(t, os.Getenv(captureEnv[2]))
		return
	}
	if testing.Short() {
		t.Skip("short: processes that are killed tell the race detector nothing")
	}
	content := noise(2 * seal.PartPlain)
	for _, tt := range []struct {
		point          string
		complete, open bool
	}{
		{point: "begun"}, {point: "read"}, {point: "written"},
		{"complete", true, false}, {"reserved", true, true}, {"part", true, true}, {"sealed", true, true},
	} {
		w := newCase(t)
		w.accept()
		w.die(tt.point)
		var out bytes.Buffer
		de := w.agent("de", func(c *agent.Config) { c.Out = &out })
		list, err := w.homes["de"].Captures(w.request)
		check(t, err)
		if complete := len(list) == 1; complete != tt.complete {
			t.Fatalf("%s: the captures %+v are complete", tt.point, list)
		}
		packages := w.packages("de")
		if open := len(packages) == 1; open != tt.open {
			t.Errorf("%s: the home has the packages %q", tt.point, packages)
		}
		known := w.sums(packages)
		if tt.point == "reserved" && len(known) == 0 {
			t.Error("part 0 is on its way and not in the journal")
		}
		if !tt.complete {
			list = append(list, *w.again(de, content))
			if !strings.Contains(out.String(), "was not complete when its process ended, and is removed; nothing of it was sent") {
				t.Errorf("%s: told %q", tt.point, out.String())
			}
		}
		w.homes["de"].Config.Parallel = 1
		s := w.connect("de", "lab-1")
		s.Tamper(digests(t, known))
		sent, err := de.SendCapture(t.Context(), s, w.request, list[0].ID, nil)
		check(t, err)
		if tt.open && sent.Package != packages[0] {
			t.Errorf("%s: package %q goes on as %q", tt.point, packages[0], sent.Package)
		}
		w.waiting()
		w.keyless(sent.Package)
		if n := w.statementsOf(custody.KindSeal); n != 1 {
			t.Errorf("%s: %d seals", tt.point, n)
		}
		holds(t, filepath.Join(w.arrives(), "data", "disk.img"), content)
	}
}

// again captures once more, what the process that died was reading.
func (w *world) again(a *agent.Agent, content []byte) *agent.Captured {
	w.t.Helper()
	c, err := a.CaptureInput(w.t.Context(), w.connect("de", "lab-1"), w.request, "disk.img", bytes.NewReader(content), agent.SendOptions{})
	check(w.t, err)
	return c
}

// die runs a process that dies at a point.
func (w *world) die(point string) {
	w.t.Helper()
	p := exec.Command(os.Args[0], "-test.run=^TestKilledCapture$")
	p.Env = os.Environ()
	for i, v := range []string{w.homes["de"].Dir(), w.request, point} {
		p.Env = append(p.Env, captureEnv[i]+"="+v)
	}
	out, err := p.CombinedOutput()
	if err == nil || bytes.Contains(out, []byte("FAIL")) {
		w.t.Fatalf("%s: the process ends with %v:\n%s", point, err, out)
	}
}

// sums reads what the journal of a package knows.
func (w *world) sums(packages []string) map[int][32]byte {
	w.t.Helper()
	if len(packages) == 0 {
		return nil
	}
	path := filepath.Join(w.homes["de"].PackageDir(w.request, packages[0]), "journal")
	if _, err := os.Stat(path); err != nil {
		return nil // sealed
	}
	j, err := journal.Open(path, packages[0], 1<<20)
	check(w.t, err)
	defer j.Close()
	known, err := j.Known()
	check(w.t, err)
	return known
}

// digests fails the test if a part is sent that is not the one known before.
func digests(t *testing.T, known map[int][32]byte) func(*http.Request, call) (*http.Response, error) {
	return func(r *http.Request, next call) (*http.Response, error) {
		if _, n, ok := strings.Cut(r.URL.Path, "/parts/"); ok && n == "0" && len(known) > 0 {
			if got, want := r.Header.Get("Content-Digest"), wire.ContentDigest(known[0]); got != want {
				t.Errorf("part 0 is sent as %s, it was %s", got, want)
			}
		}
		return next(r)
	}
}

// captureToDie is the process that kills itself.
func captureToDie(t *testing.T, point string) {
	die := func() {
		p, err := os.FindProcess(os.Getpid())
		check(t, err)
		check(t, p.Kill())
		select {}
	}
	at := func(name string) {
		if point == name {
			die()
		}
	}
	h, err := agent.OpenHome(os.Getenv(captureEnv[0]))
	check(t, err)
	h.Config.Transport, h.Config.Parallel = link.H2, 1
	in := &ending{Reader: bytes.NewReader(noise(2 * seal.PartPlain)), first: func() { at("begun") }}
	a, err := agent.New(&agent.Config{Home: h, Now: func() time.Time {
		if in.ended.Load() {
			at("written")
		}
		return time.Now()
	}, Progress: func(p agent.Progress) {
		if p.Act == "capturing" && p.Done > 1<<20 {
			at("read")
		}
		if p.Act == "sending" {
			at("part")
		}
	}})
	check(t, err)
	s, err := a.Connect(t.Context(), "de/agent/lab-1")
	check(t, err)
	defer s.Close()
	s.Tamper(func(r *http.Request, next call) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/parts/") {
			at("reserved")
		}
		if strings.HasSuffix(r.URL.Path, "/seal") {
			at("sealed")
		}
		return next(r)
	})
	c, err := a.CaptureInput(t.Context(), s, os.Getenv(captureEnv[1]), "disk.img", in, agent.SendOptions{})
	check(t, err)
	in.ended.Store(false)
	at("complete")
	_, err = a.SendCapture(t.Context(), s, os.Getenv(captureEnv[1]), c.ID, nil)
	check(t, err)
	t.Errorf("FAIL: it lives behind %q", point)
}

// ending is an input that tells of its first and its last read.
type ending struct {
	io.Reader
	first func()
	ended atomic.Bool
}

func (e *ending) Read(p []byte) (int, error) {
	e.first()
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		e.ended.Store(true)
	}
	return n, err
}
