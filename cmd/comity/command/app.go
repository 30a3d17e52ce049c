package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

// app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	meter *meter // of the transfer that runs, if one does

	// Global flags.
	homeDir string
	as      []string
	json    bool
}

const rootHelp = `Comity moves electronic evidence between national authorities: end-to-end encrypted, on
one request, under a signed grant, with a record that nobody can rewrite unseen. A case:

  nl  comity request new --to de --instrument eio --category stored-data --order o.pdf --ref NL-2026-0412
  de  comity request show 0412; comity grant 0412 --draft > g.yaml; comity grant 0412 -f g.yaml
  nl  comity accept 0412
  de  comity send 0412 exhibits/ --final
  nl  comity list 0412; comity fetch 0412 --into evidence/; comity dossier 0412 -o case.comity

A request is named by its id, four letters of it, or its reference.
Exit codes: 0 done, 1 error, 2 usage, 3 refused, 4 verification failed, 5 try again later, 130 interrupted.`

// command builds the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "comity", Short: "encrypted evidence transfer between authorities", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true, DisableFlagsInUseLine: true, Args: cobra.ArbitraryArgs, RunE: needSub,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "explain", Aliases: []string{"help"}, Hidden: true, Args: cobra.ArbitraryArgs, RunE: needHelp})
	f := root.PersistentFlags()
	f.StringVar(&a.homeDir, "home", "", "state folder (default $"+homeEnv+", else in the user's configuration folder)")
	f.StringArrayVar(&a.as, "as", nil, "act as this agent or officer, of several whose keys are here")
	f.BoolVar(&a.json, "json", false, "print data as JSON")
	root.AddCommand(a.authorityCommand(), a.registrarCommand(), a.officerCommand(), a.agentCommand(), a.recipientCommand(),
		a.directoryCommand(), a.trustCommand(), a.requestCommand(), a.grantCommand(), a.refuseCommand(), a.acceptCommand(),
		a.revokeCommand(), a.recallCommand(), a.reportCommand(), a.signCommand(), a.sendCommand(), a.listCommand(), a.fetchCommand(), a.statusCommand(), a.dossierCommand(),
		a.alarmCommand(), a.pauseCommand(), a.resumeCommand(), a.cancelCommand(), a.versionCommand())
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(misused)
	wrapArgs(root)
	return root
}

// wrapArgs makes wrong arguments of every command errors of usage.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return misused(c, err)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// needSub is run by a command that only groups others.
func needSub(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misused(c, fmt.Errorf("%s: a command is missing", c.CommandPath()))
	}
	return misused(c, fmt.Errorf("unknown command %q", c.CommandPath()+" "+args[0]))
}

// misused makes an error of the command line, with where to read on.
func misused(c *cobra.Command, err error) error {
	return hintf(usageError{err}, "%s --help", c.CommandPath())
}

// needHelp is run by comity help, which has no line in the list: cobra lists whatever
// is called help, and a screen has few.
func needHelp(c *cobra.Command, args []string) error {
	sub, _, err := c.Root().Find(args)
	if err != nil {
		return misused(c.Root(), err)
	}
	return sub.Help()
}

// group makes a command that only groups others.
func group(use, short, long string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: needSub}
	c.AddCommand(subs...)
	return c
}

// run runs one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	c := a.command()
	c.SetArgs(args)
	err := c.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil {
		a.say("comity: interrupted")
		return exitInterrupted
	}
	a.report(err)
	return exitCode(err)
}

// homeEnv names the environment variable with the state folder.
const homeEnv = "COMITY_HOME"

// homePath returns the state folder.
func (a *app) homePath() (string, error) {
	for _, dir := range []string{a.homeDir, os.Getenv(homeEnv)} {
		if dir != "" {
			return dir, nil
		}
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the state folder: %v", err)
	}
	return filepath.Join(dir, "comity"), nil
}

// home opens the state folder.
func (a *app) home() (*agent.Home, error) {
	dir, err := a.homePath()
	if err != nil {
		return nil, err
	}
	return agent.OpenHome(dir)
}

// locked opens the state folder, creating it for an authority if that is not
// empty, and keeps other processes out while f changes it.
func (a *app) locked(authority string, f func(*agent.Home) error) error {
	dir, err := a.homePath()
	if err != nil {
		return err
	}
	var h *agent.Home
	if authority != "" {
		h, err = agent.CreateHome(dir, authority)
	} else {
		h, err = agent.OpenHome(dir)
	}
	if err != nil {
		return err
	}
	unlock, err := h.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	// Once more, behind the lock: another process may have changed the pins.
	if h, err = agent.OpenHome(dir); err != nil {
		return err
	}
	return f(h)
}

// say prints a sentence for people to standard error. What came from elsewhere
// is made safe for terminals here, once, for all.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.stderr, safe(fmt.Sprintf(format, args...)))
}

// print prints a line of data for people to standard output.
func (a *app) print(format string, args ...any) {
	fmt.Fprintln(a.stdout, strings.TrimRight(safe(fmt.Sprintf(format, args...)), " "))
}

// partyArg reads a party's id from the command line.
func partyArg(s string) (custody.PartyID, error) {
	id, err := custody.ParsePartyID(s)
	if err != nil {
		return "", usageError{err}
	}
	return id, nil
}
