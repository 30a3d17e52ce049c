package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/internal/durable"

	"github.com/spf13/cobra"
)

// app is one run of the program.
type app struct {
	stdout, stderr io.Writer
	now            func() time.Time
	hangup         <-chan os.Signal // asks run to read the policy again; nil: SIGHUP does

	// Global flags.
	data, config string
}

// The exit codes, as the help lists them.
const (
	exitDone   = 0
	exitError  = 1
	exitUsage  = 2
	exitVerify = 4
)

const rootHelp = `comity-gateway is a relay: it stands between the agents of two authorities and
keeps sealed packages and a record that nobody can rewrite unseen. It reads no
content, no file names, no case text.

  comity-gateway init --origin relay.example --listen 0.0.0.0:4433 \
      --address relay.example:4433 --data /var/lib/comity
  comity-gateway trust nl FINGERPRINT --data /var/lib/comity
  comity-gateway trust de FINGERPRINT --data /var/lib/comity
  comity-gateway check --data /var/lib/comity
  comity-gateway run --data /var/lib/comity
  comity-gateway fsck --data /var/lib/comity        (stopped: recompute everything)
  comity-gateway policy test cases.yaml --policy policy/    (before it is put in force)

The authorities pin the relay by the fingerprint that init prints:
  comity trust relay relay.example FINGERPRINT

Exit codes: 0 done, 1 error, 2 usage, 4 the log does not fit the store, fsck
found differences, or policy test did.`

// usageError is a wrong command line.
type usageError struct{ error }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

// command builds the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "comity-gateway", Short: "a relay for encrypted evidence transfer", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true, Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("a command is missing: see --help")}
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	f := root.PersistentFlags()
	f.StringVar(&a.data, "data", "", "folder with keys, database, store and gateway.yaml")
	f.StringVar(&a.config, "config", "", "path of gateway.yaml (default: the one in the data folder)")
	root.AddCommand(a.initCommand(), a.trustCommand(), a.checkCommand(), a.runCommand(), a.fsckCommand(), a.policyCommand(), a.databaseCommand())
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

func noArgs(c *cobra.Command, args []string) error { return wantArgs(0)(c, args) }

// wantArgs makes a wrong number of arguments an error of usage.
func wantArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s: %d arguments, want %d: %s", c.CommandPath(), len(args), n, c.UseLine())}
		}
		return nil
	}
}

// run runs one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	c := a.command()
	c.SetArgs(args)
	err := seal.FIPSRefusal()
	if err == nil {
		err = c.ExecuteContext(ctx)
	}
	if err == nil {
		return exitDone
	}
	a.say("comity-gateway: error: %s", strings.ReplaceAll(strings.TrimRight(err.Error(), ".\n "), "\n", "; "))
	if h := hintFor(err); h != "" {
		a.say("comity-gateway: hint: %s", h)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, gateway.ErrHistory), errors.Is(err, errFindings), errors.Is(err, errCases):
		return exitVerify
	}
	return exitError
}

// hintFor says what to do about an error, as far as is known.
func hintFor(err error) string {
	var h hinted
	var p *gateway.PolicyError
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.As(err, &p):
		return p.Hint
	case errors.Is(err, durable.ErrLocked):
		return "one process at a time uses a data folder: stop the relay first"
	case errors.Is(err, gateway.ErrEmptied):
		return "is the store mounted, and is it the right one? if it is lost, restore it from a copy before the relay starts"
	case errors.Is(err, gateway.ErrHistory):
		return "database and store are not of one moment: restore the newer database; never delete the store's checkpoint"
	case errors.Is(err, postgres.ErrOwned):
		return "one relay at a time uses a database: stop the other one first"
	case errors.Is(err, postgres.ErrLost):
		return "start it again: it goes on from what the database holds"
	case errors.Is(err, postgres.ErrSchema):
		return "run comity-gateway database schema as the owner of the database, and grant the relay's user what docs/operating.md lists"
	case errors.Is(err, records.ErrNotEmpty):
		return "import into a new database: drop this one and create it again, if it is not another relay's"
	case errors.Is(err, records.ErrPinned):
		return "its new root, signed by the old and the new keys, changes the fingerprint: the authority publishes it"
	}
	return ""
}

// say prints a sentence for people to standard error.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

// print prints a line of data to standard output.
func (a *app) print(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }
