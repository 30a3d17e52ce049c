package command

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"comity": func() { os.Exit(Main()) }})
}

// TestScripts runs the program as people do. The scripts need no relay.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("COMITY_HOME", e.WorkDir+"/home")
			e.Setenv("COMITY_PASSPHRASE_FILE", e.WorkDir+"/passphrase")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "private": private},
	})
}
