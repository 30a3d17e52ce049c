package test_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// walkthroughs are the paths that a request can take, with the States of each. Every
// one has a script in testdata/walkthrough, which reads as its documentation.
var walkthroughs = []struct {
	path   string
	states []string
	more   func(*world) // machines beside one for each State; nil if none
}{
	{"routine", []string{"nl", "de"}, nil},
	{"partial", []string{"nl", "de"}, nil},
	{"several-deliveries", []string{"nl", "de"}, nil},
	{"amended", []string{"nl", "de"}, nil},
	{"refused", []string{"nl", "de", "fr"}, nil},
	{"withdrawn", []string{"nl", "de"}, nil},
	{"emergency", []string{"nl", "de"}, func(w *world) { w.emergencyOfficer("de", "nl") }},
	{"preservation", []string{"nl", "de"}, nil},
	{"spontaneous", []string{"nl", "de"}, nil},
	{"suspended", []string{"nl", "de", "fr"}, func(w *world) { w.secondOfficer("nl") }},
	{"recalled", []string{"nl", "de"}, nil},
}

const walkthroughFolder = "testdata/walkthrough"

// TestWalkthrough plays the script of each path in a world of its own, with the real
// programs: a line names who types, then what is typed.
func TestWalkthrough(t *testing.T) {
	for _, walk := range walkthroughs {
		t.Run(walk.path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, walk.states...)
			if walk.more != nil {
				walk.more(w)
			}
			testscript.RunT(inline{t}, testscript.Params{
				Files:               []string{filepath.Join(walkthroughFolder, walk.path+".txtar")},
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Setup:               w.agreement,
				Cmds:                w.typists(),
			})
		})
	}
}

// inline runs a script as a part of its test and not as a further one, so that a world
// ends with its script, before many others begin.
type inline struct{ *testing.T }

func (inline) Parallel()                            {}
func (inline) Verbose() bool                        { return testing.Verbose() }
func (i inline) Run(_ string, f func(testscript.T)) { f(i) }

// TestWalkthroughsWhole: there is one script for each path and no other, and each goes
// to its end: something is refused, a court verifies, and the operator checks all.
func TestWalkthroughsWhole(t *testing.T) {
	var want []string
	for _, walk := range walkthroughs {
		want = append(want, walk.path+".txtar")
	}
	slices.Sort(want)
	var got []string
	files, err := os.ReadDir(walkthroughFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got = append(got, f.Name())
		text, err := os.ReadFile(filepath.Join(walkthroughFolder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"\nexits 3 ", "\ncourt comity-verify case.comity --pins agreement.pins", "\nstdout 'VERIFIED: ", "\nrelay stop\n", "\nrelay comity-gateway fsck --deep\n"} {
			if !strings.Contains(string(text), line) {
				t.Errorf("%s lacks %q", f.Name(), line)
			}
		}
	}
	if len(want) != 11 || !slices.Equal(got, want) {
		t.Errorf("the scripts are %q, want %q", got, want)
	}
}

// agreement gives a script what the States have on paper: the fingerprints of all roots.
func (w *world) agreement(e *testscript.Env) error {
	for _, v := range w.env { // the last one counts, as always
		if name, value, _ := strings.Cut(v, "="); name == "PATH" || name == "COMITY_PASSPHRASE_FILE" {
			e.Setenv(name, value)
		}
	}
	var pins strings.Builder
	for name, root := range w.roots {
		if name == "relay" {
			pins.WriteString("relay relay.example " + root + "\n")
		} else {
			pins.WriteString("root " + name + " " + root + "\n")
		}
	}
	return os.WriteFile(filepath.Join(e.WorkDir, "agreement.pins"), []byte(pins.String()), 0o600)
}

// typists are the commands of the scripts.
//
//	MACHINE COMMAND ARG…        types a command on one of the machines of the world:
//	                            nl, de, fr, nl2, de-night, relay, or court
//	exits CODE MACHINE COMMAND… the same, and wants an exit code
//	relay stop                  ends the relay
//	edit FILE OLD NEW           changes what stands in a file once; \n ends a line
//	keep NAME                   keeps what was just printed as a variable
func (w *world) typists() map[string]func(*testscript.TestScript, bool, []string) {
	cmds := map[string]func(*testscript.TestScript, bool, []string){"edit": edit, "keep": keep, "exits": w.exits}
	for _, machine := range []string{"nl", "nl2", "de", "de-night", "fr", "relay", "court"} {
		cmds[machine] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("use exits, which checks the code")
			}
			ts.Check(w.types(ts, machine, args))
		}
	}
	return cmds
}

// types runs what is typed on a machine of the world. A court has no home.
func (w *world) types(ts *testscript.TestScript, machine string, args []string) error {
	if machine == "relay" && slices.Equal(args, []string{"stop"}) {
		w.stop()
		return nil
	}
	program, home := map[string]string{"relay": "comity-gateway", "court": "comity-verify"}[machine], filepath.Join(w.dir, machine)
	if program == "" {
		program = "comity"
		if _, err := os.Stat(home); err != nil {
			ts.Fatalf("there is no machine %s: %v", machine, err)
		}
	}
	if len(args) < 2 || args[0] != program {
		ts.Fatalf("usage: %s %s ARG…", machine, program)
	}
	switch machine {
	case "court":
		home = filepath.Join(w.dir, "nothing")
	case "relay":
		args = append(args, "--data", home)
	}
	ts.Setenv("COMITY_HOME", home)
	return ts.Exec(args[0], args[1:]...)
}

// exits types a command and wants an exit code.
func (w *world) exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: exits CODE MACHINE COMMAND ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = w.types(ts, args[1], args[2:])
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// edit changes a text that stands in a file once.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text, lines := ts.ReadFile(args[0]), strings.NewReplacer(`\n`, "\n")
	was, now := lines.Replace(args[1]), lines.Replace(args[2])
	if n := strings.Count(text, was); n != 1 {
		ts.Fatalf("%s has %q %d times:\n%s", args[0], was, n, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, was, now, 1)), 0o600))
}

// keep makes a variable of what was just printed.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
