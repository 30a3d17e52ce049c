// Package command is the program comity-witness as a function, so that tests can
// run it too.
//
// It refuses what the program refuses: see cmd/comity-witness.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/witness"

	"github.com/spf13/cobra"
)

// Main is the program: it reads os.Args, stops in good order at the first signal
// and at once at the second, and returns the exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now)
}

// Run runs one command line and returns the exit status: 0 done, 1 error, 2 usage,
// 4 a note did not verify.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, now func() time.Time) int {
	a := &app{stdout: stdout, stderr: stderr, now: now}
	c := a.command()
	c.SetArgs(args)
	err := c.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	a.say("comity-witness: error: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	if h := hintFor(err); h != "" {
		a.say("comity-witness: hint: %s", h)
	}
	return exitCode(err)
}

const (
	exitDone   = 0
	exitError  = 1
	exitUsage  = 2
	exitVerify = 4
)

// app is one run of the program.
type app struct {
	stdout, stderr io.Writer
	now            func() time.Time
	data           string
}

const rootHelp = `comity-witness watches over relays for a State: it cosigns the tree heads of their
logs, each only if it continues all that it has cosigned before. It sees sizes and
hashes, no entries.

  comity-witness init nl/witness/1 --listen 127.0.0.1:4480 --data DIR > witness.enrol
  comity-witness log descriptor.json --fingerprint FP >> DIR/witness.yaml
  comity-witness serve --data DIR
  comity-witness show --data DIR                  (its keys, and the lines of a policy)
  comity-witness catchup note.txt --data DIR      (after its state was restored)

A registrar of the authority lists it: comity directory add witness.enrol. The
operator of each relay adds it to the witness policy, with its address.

Exit codes: 0 done, 1 error, 2 usage, 4 a descriptor or note did not verify.`

// usageError is a wrong command line.
type usageError struct{ error }

// verifyError is something signed that does not verify.
type verifyError struct{ error }

func (e verifyError) Unwrap() error { return e.error }

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "comity-witness", Short: "a witness of transparency logs", Long: rootHelp, SilenceErrors: true, SilenceUsage: true, Args: wantArgs(0),
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("a command is missing: see --help")}
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&a.data, "data", "", "folder with keys, state and witness.yaml")
	root.AddCommand(a.initCommand(), a.logCommand(), a.serveCommand(), a.showCommand(), a.catchupCommand())
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// wantArgs makes a wrong number of arguments an error of usage.
func wantArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s: %d arguments, want %d: %s", c.CommandPath(), len(args), n, c.UseLine())}
		}
		return nil
	}
}

func exitCode(err error) int {
	var usage usageError
	var verify verifyError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &verify):
		return exitVerify
	}
	return exitError
}

// hintFor says what to do about an error, as far as is known.
func hintFor(err error) string {
	switch {
	case errors.Is(err, durable.ErrLocked):
		return "one process at a time uses a data folder: stop the witness first"
	case errors.Is(err, witness.ErrNoState):
		return "if the state is lost, retire this witness and make another with new keys: see docs/operating.md"
	}
	return ""
}

func (a *app) say(format string, args ...any)   { fmt.Fprintf(a.stderr, format+"\n", args...) }
func (a *app) print(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }
