package test_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity.example/comity/internal/wire"
)

// step is one line of a runbook in docs/operating.md: what is typed on which machine,
// and what the text says is seen.
type step struct {
	machine string
	args    []string
	file    string // that its output goes to; empty if none
	exit    int
	says    string
}

var stepPattern = regexp.MustCompile(`^    ([a-z0-9]+)\$ (comity(?:-gateway)? [^>#]*?)(?: > (\S+))?(?:\s+# (?:exit ([0-9]): )?(.+))?$`)

// runbooks reads the runbooks of a chapter of docs/operating.md, by title.
func runbooks(t *testing.T, chapter string) (titles []string, steps map[string][]step) {
	t.Helper()
	data, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), "\n## "+chapter+"\n")
	if !found {
		t.Fatalf("docs/operating.md has no chapter %q", chapter)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	steps = map[string][]step{}
	for _, section := range strings.Split(text, "\n### ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		if !strings.Contains(body, "\n    ") {
			continue // nothing is typed
		}
		titles = append(titles, title)
		for _, line := range strings.Split(body, "\n") {
			if !strings.HasPrefix(line, "    ") {
				continue
			}
			m := stepPattern.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("the runbook %q has a line that nobody can type: %q", title, line)
			}
			exit, _ := strconv.Atoi(m[4]) // a digit, or nothing
			steps[title] = append(steps[title], step{m[1], strings.Fields(m[2]), m[3], exit, m[5]})
		}
	}
	return titles, steps
}

// play types the steps of a runbook. Words of theirs that stand for something else are
// given in pairs.
func (w *world) play(t *testing.T, steps []step, words ...string) {
	t.Helper()
	if len(steps) == 0 {
		t.Fatal("there is no such runbook")
	}
	for _, s := range steps {
		replace := strings.NewReplacer(append(words, "NL-FP", w.roots["nl"], "NL2-FP", w.roots["nl-2"], "DE-FP", w.roots["de"], "RELAY-FP", w.roots["relay"], "relay.example:4433", w.address)...)
		args := []string{s.args[0], "--home", s.machine}
		if s.args[0] == "comity-gateway" { // pins are read at the start
			args = []string{s.args[0], "--data", "relay"}
			w.stop()
		}
		for _, a := range s.args[1:] {
			args = append(args, replace.Replace(a))
		}
		out := w.in(t).shows(s.exit, s.says, args...)
		if s.args[0] == "comity-gateway" {
			w.serve()
		}
		if s.file != "" {
			w.write(s.file, out)
		}
		if name, isRoot := strings.CutSuffix(s.file, ".fp"); isRoot {
			w.roots[name] = strings.TrimSpace(out)
		}
	}
}

// shows runs a program, wants an exit code and that either of its outputs holds the
// words, and returns its standard output.
func (w *world) shows(want int, says string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = w.dir, w.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		w.t.Fatalf("%v: %v", args, err)
	}
	code := cmd.ProcessState.ExitCode()
	if code != want || !strings.Contains(stdout.String()+stderr.String(), says) {
		w.t.Fatalf("%v: exit code %d, want %d, showing %q; it showed:\n%.2000s%s", args, code, want, says, &stdout, &stderr)
	}
	return stdout.String()
}

// TestRunbooks types the runbooks of the life of a directory as docs/operating.md has
// them, one after the other, on the machines that it names, and looks between them
// whether what they promise of thieves, leavers and deputies holds.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "de")
	titles, steps := runbooks(t, "The life of a directory")
	played := map[string]func(*testing.T, []step){
		"Set up on several machines": w.runbook,
		"A deputy":                   w.runDeputy,
		"Somebody leaves":            w.runLeaver,
		"A stolen machine":           w.runTheft,
		"A lost identity":            w.runLostIdentity,
		"A registrar is ill":         w.runIllRegistrar,
		"A root rotation":            w.runRotation,
		"A lost root":                w.runLostRoot,
	}
	for _, title := range titles {
		play := played[title]
		delete(played, title)
		if play == nil {
			t.Fatalf("the runbook %q has no test", title)
		}
		if !t.Run(title, func(t *testing.T) { play(t, steps[title]) }) {
			return // the next ones go on from it
		}
	}
	for title := range played {
		t.Errorf("docs/operating.md has no runbook %q", title)
	}
}

func (w *world) runbook(t *testing.T, steps []step) { w.play(t, steps) }

// newRequest files a request by an officer on a machine.
func (w *world) newRequest(want int, says, machine, ref string) {
	w.t.Helper()
	w.comity(want, says, machine, "request", "new", "--to", "de", "--instrument", "ets-185", "--category", "stored-data", "--order", w.write("order.pdf", "order"), "--ref", ref)
}

// runDeputy: before the first day the deputy signs nothing that counts, from it on he
// does.
func (w *world) runDeputy(t *testing.T, steps []step) {
	v := w.in(t)
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	w.play(t, steps, "FROM", day(2), "TO", day(14))
	v.newRequest(1, "no key of an active officer", "deputy", "NL-2026-0400")
	w.play(t, steps, "FROM", day(0), "TO", day(14))
	v.newRequest(0, "", "deputy", "NL-2026-0401")
}

// runLeaver: what somebody signed before he left, and files afterwards, is refused.
func (w *world) runLeaver(t *testing.T, steps []step) {
	v := w.in(t)
	w.play(t, steps)
	v.newRequest(3, "", "deputy", "NL-2026-0402")
	// The draft of one registrar alone is worth nothing but a revocation.
	v.comity(0, "", "r3", "directory", "reset")
	v.comity(0, "", "r3", "directory", "add", "mla-2.enrol")
	v.comity(0, "signed by nl/registrar/3; needed: 2", "r3", "directory", "sign")
	v.comity(1, "1 of 2 registrars have signed", "r3", "directory", "publish")
}

func (w *world) runTheft(t *testing.T, steps []step) {
	v := w.in(t)
	w.play(t, steps)
	v.comity(3, "", "lab", "status") // the thief has all keys of the machine
	if show := v.comity(0, "", "de", "directory", "show", "nl"); !strings.Contains(show, "nl/agent/lab-1               revoked") {
		t.Errorf("what de sees:\n%s", show)
	}
}

// runLostIdentity: the lab's new machine is gone before it fetched.
func (w *world) runLostIdentity(t *testing.T, steps []step) {
	v := w.in(t)
	w.write("exhibits/a.txt", "evidence")
	v.newRequest(0, "", "desk", "NL-2026-0412")
	v.write("g.yaml", v.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	v.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	v.comity(0, "", "desk", "accept", "0412")
	v.comity(0, "", "de", "send", "0412", "exhibits")
	if err := os.RemoveAll(filepath.Join(w.dir, "lab2")); err != nil {
		t.Fatal(err)
	}
	w.play(t, steps)
	var found bool
	filepath.WalkDir(filepath.Join(w.dir, "evidence"), func(path string, d os.DirEntry, err error) error {
		found = found || err == nil && d.Name() == "a.txt"
		return nil
	})
	if !found {
		t.Error("the vault has not fetched the exhibit")
	}
}

// runIllRegistrar: who was left out of the root signs nothing that counts.
func (w *world) runIllRegistrar(t *testing.T, steps []step) {
	v := w.in(t)
	w.play(t, steps)
	v.comity(0, "", "r1", "directory", "reset")
	v.comity(0, "", "r1", "directory", "revoke", "nl/agent/lab-2")
	v.comity(4, "verif", "r1", "directory", "sign")
}

// runRotation: a root that only the new keys have signed goes nowhere, and who pinned
// the first root follows the third.
func (w *world) runRotation(t *testing.T, steps []step) {
	v := w.in(t)
	// A thief of the offline machine's papers, without its keys.
	if err := os.CopyFS(filepath.Join(w.dir, "thief"), os.DirFS(filepath.Join(w.dir, "offline"))); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, "thief", "keys")); err != nil {
		t.Fatal(err)
	}
	half := v.comity(0, "signed by 0 of 1 keys of the old root and 1 of 1 of the new one", "thief", "authority", "rotate", "--root-keys", "1/1")
	var file wire.AuthorityState
	if err := json.Unmarshal([]byte(v.comity(0, "", "thief", "authority", "roots")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Roots) != 2 {
		t.Fatalf("the thief has %d roots", len(file.Roots))
	}
	file.Roots = append(file.Roots, []byte(half+"\n"))
	forged, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	v.write("thief.roots", string(forged))
	v.comity(4, "below-threshold", "r2", "directory", "reset", "--roots", "thief.roots")
	w.play(t, steps)
	v.newRequest(0, "", "desk", "NL-2026-0413")
	v.comity(0, "", "de", "request", "list")
}

// runLostRoot: nobody else gets a root of the old name into force either, not with the
// help of the relay's operator.
func (w *world) runLostRoot(t *testing.T, steps []step) {
	v := w.in(t)
	if err := os.RemoveAll(filepath.Join(w.dir, "offline", "keys", "nl", "root")); err != nil {
		t.Fatal(err)
	}
	twin := v.comity(0, "", "twin", "authority", "init", "nl", "--with", "lab,desk,officer,backup")
	v.comity(0, "", "twin", "trust", "relay", "relay.example", w.roots["relay"], "--address", w.address)
	v.comity(0, "", "twin", "directory", "sign")
	v.comity(3, "", "twin", "directory", "publish")
	v.comity(1, "a pin is never replaced", "de", "trust", "nl", twin)
	w.stop()
	v.run(1, "already recorded under another fingerprint", "comity-gateway", "trust", "nl", twin, "--data", "relay")
	w.serve()
	w.play(t, steps)
	v.newRequest(3, "", "desk", "NL-2026-0414")
	v.newRequest(0, "", "new", "NL-2026-0415")
}

// TestBackupOnOneMachine: where one machine carries a whole authority, the desk holds
// the backup recipient, and opens packages with it once the directory lets it.
func TestBackupOnOneMachine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "nl", "de")
	w.write("exhibits/a.txt", "evidence")
	w.newRequest(0, "", "nl", "NL-2026-0412")
	w.write("g.yaml", w.comity(0, "", "de", "grant", "0412", "--draft")+"\n")
	w.comity(0, "", "de", "grant", "0412", "-f", "g.yaml")
	w.comity(0, "", "nl", "accept", "0412")
	w.comity(0, "", "de", "send", "0412", "exhibits")
	if err := os.Remove(filepath.Join(w.dir, "nl", "keys", "nl", "recipient", "lab.key")); err != nil {
		t.Fatal(err)
	}
	w.comity(3, "recipient-not-granted", "nl", "--as", "nl/agent/desk-1", "fetch", "0412", "--into", "evidence")
	w.comity(0, "keeps its keys", "nl", "directory", "add", "nl/enrolments/nl/agent/desk-1.json", "--duty", "desk,lab")
	w.comity(0, "", "nl", "directory", "sign")
	w.comity(0, "", "nl", "directory", "publish")
	w.comity(0, "verified", "nl", "--as", "nl/agent/desk-1", "fetch", "0412", "--into", "evidence")
}
