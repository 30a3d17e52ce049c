package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
	"comity.example/comity/test/need"
	"comity.example/comity/test/tsa"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"comity-verify": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/*.txt. Each script finds these files: good.dossier
// with contents and unopened.dossier without, of the same request; pins and
// other.pins; src, the exhibits as they were sent; sealed, the package's files.
// $DE, $NL and $RELAY are the fingerprints, $PKG is the package's id.
func TestScripts(t *testing.T) {
	world := t.TempDir()
	s := build(t, world)
	pins := s.Pins()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DE", pins.Authorities["de"].String())
			e.Setenv("NL", pins.Authorities["nl"].String())
			e.Setenv("RELAY", pins.Relays["relay.example"].String())
			e.Setenv("PKG", s.Packages[0].Seal.Package)
			return os.CopyFS(e.WorkDir, os.DirFS(world))
		},
	})
}

// build plays a story and writes its files into dir.
func build(t *testing.T, dir string) *env.Story {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string, data []byte) {
		t.Helper()
		must(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		must(os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	file("src/disk.img", bytes.Repeat([]byte("evidence "), 1<<20)) // two parts
	file("src/mail/1.eml", []byte("Subject: hello\n"))
	file("src/mail/copy of 1.eml", []byte("Subject: hello\n"))
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	must(s.Play(filepath.Join(dir, "src")))
	authority := tsa.New(tsa.Options{Name: "Court TSA"})
	for name, opened := range map[string]bool{"good.dossier": true, "unopened.dossier": false} {
		d, err := s.Dossier(opened)
		must(err)
		must(stamp(s, d, authority))
		var b bytes.Buffer
		must(dossier.Write(&b, d))
		file(name, b.Bytes())
	}
	file("tsa.pem", authority.Roots)
	pins := s.Pins()
	file("pins", []byte("# on paper\n"+pins.String()))
	stranger, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	others := stranger.Pins()
	file("other.pins", []byte(others.String()))
	must(os.Mkdir(filepath.Join(dir, "sealed"), 0o700))
	must(s.Packages[0].Save(filepath.Join(dir, "sealed")))
	return s
}

// TestNoSocket: the verifier makes no network call of any kind (fault A12), also
// where the environment names a proxy.
func TestNoSocket(t *testing.T) {
	strace := need.Program(t, "strace")
	dir := t.TempDir()
	build(t, dir)
	bin := filepath.Join(dir, "comity-verify")
	if out, err := exec.Command("go", "build", "-o", bin, "..").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command(strace, "-f", "-e", "trace=network", "-o", trace,
		bin, "good.dossier", "--pins", "pins", "--tsa", "tsa.pem", "--exhibits", "src", "--sealed", "sealed")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("VERIFIED")) {
		t.Fatalf("comity-verify below strace: %v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "+++ exited with 0 +++") {
		t.Fatalf("strace saw no end of the program:\n%s", text)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "(") {
			t.Errorf("a network call: %s", line)
		}
	}
}

// TestUsageFits: the help fits a screen of 30 lines and 80 columns.
func TestUsageFits(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(usage, "\n"), "\n")
	if len(lines) > 30 {
		t.Errorf("the usage text has %d lines, more than 30", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("the usage line %q has %d columns, more than 80", l, len(l))
		}
	}
}
