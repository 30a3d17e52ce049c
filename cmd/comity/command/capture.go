package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody/bag"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// standardInput is the name of what is no folder.
const standardInput = "-"

// sendFlags are the flags of send.
type sendFlags struct {
	opt         agent.SendOptions
	acquisition string

	name    string // of the file that standard input becomes
	live    bool
	capture string
	discard bool
}

// check refuses flags that do not go together.
func (f *sendFlags) check(args []string) error {
	input := len(args) == 2 && args[1] == standardInput
	switch {
	case f.capture != "" && len(args) == 2:
		return usagef("--capture sends what was captured: no folder goes with it")
	case f.discard && f.capture == "":
		return usagef("--discard needs --capture")
	case f.capture != "" && (f.live || f.name != ""):
		return usagef("--capture sends what was captured: --live and --name were said then")
	case input && f.live:
		return usagef("--live is for a folder")
	case input && f.name == "":
		return hintf(usagef("--name is missing: what is the file to be called"), "SOME-TOOL | comity send %s - --name disk.img", args[0])
	case !input && f.name != "":
		return hintf(usagef("--name is for standard input: files of a folder have names"), "comity send %s - --name %s < FILE", args[0], f.name)
	case f.live && len(args) == 1:
		return usagef("--live needs a folder")
	case len(args) == 2 && !input:
		if info, err := os.Stat(args[1]); err != nil || !info.IsDir() {
			return hintf(usagef("%q is not a folder", args[1]), "one file is sent as comity send %s - --name NAME < FILE", args[0])
		}
	}
	if input {
		if err := bag.CheckPath(f.name); err != nil {
			return usagef("--name: %v, which no package carries", err)
		}
	}
	return nil
}

// reword says of a capture what these flags say, and leaves the rest.
func (f *sendFlags) reword(c *cobra.Command) func(*agent.SendOptions) {
	return func(o *agent.SendOptions) {
		for name, set := range map[string]func(){
			"final":       func() { o.Final = f.opt.Final },
			"supersedes":  func() { o.Supersedes = f.opt.Supersedes },
			"description": func() { o.Description = f.opt.Description },
			"examiner":    func() { o.Examiner = f.opt.Examiner },
			"handling":    func() { o.Handling = f.opt.Handling },
			"acquisition": func() { o.Acquisition = f.opt.Acquisition },
		} {
			if c.Flags().Changed(name) {
				set()
			}
		}
	}
}

// piped refuses a terminal as input: what is typed is no exhibit.
func piped(in io.Reader, request, name string) error {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return hintf(usagef("standard input is a terminal"), "SOME-TOOL | comity send %s - --name %s", request, name)
	}
	return nil
}

// captured captures, and sends what was captured.
func (a *app) captured(ctx context.Context, ag *agent.Agent, s *agent.Session, id string, args []string, f *sendFlags) error {
	var c *agent.Captured
	var err error
	if f.live {
		c, err = ag.CaptureFolder(ctx, s, id, args[1], f.opt)
	} else {
		c, err = ag.CaptureInput(ctx, s, id, f.name, a.stdin, f.opt)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return hintf(err, "the disk of the state folder must have room for all that is captured")
	}
	if err != nil {
		return err
	}
	a.say("captured %s; if its sending stops, it goes on with: %s", captureText(c), resend(args[0], c.ID))
	return a.sendCapture(ctx, ag, s, id, args[0], c.ID, nil)
}

// sendCapture sends what was captured. If that stops, the last words say how it goes on.
func (a *app) sendCapture(ctx context.Context, ag *agent.Agent, s *agent.Session, id, name, capture string, reword func(*agent.SendOptions)) error {
	p, err := ag.SendCapture(ctx, s, id, capture, reword)
	if err = a.outcome(p, err, name); err == nil || p != nil {
		return err
	}
	list, listErr := ag.Home().Captures(id)
	i := slices.IndexFunc(list, func(c agent.Captured) bool { return c.ID == capture })
	if listErr != nil || i < 0 {
		return err
	}
	says := fmt.Sprintf("what was captured is kept: %s sends it, and with --discard destroys it", resend(name, capture))
	if errors.Is(err, agent.ErrDamaged) {
		says = fmt.Sprintf("the input has to be captured again: %s --discard destroys this one", resend(name, capture))
	}
	if ctx.Err() != nil { // then nobody reads the hint
		a.say("%s", says)
		return err
	}
	if h := hintFor(err); h != "" {
		says = h + "; " + says
	}
	return hintf(err, "%s", says)
}

func (a *app) discard(ctx context.Context, ag *agent.Agent, s *agent.Session, id, capture string) error {
	gone, err := ag.DiscardCapture(ctx, s, id, capture)
	a.settle()
	if gone != "" {
		a.say("capture %s is destroyed", gone)
	}
	return err
}

// resend is the command that sends a capture.
func resend(name, capture string) string {
	return fmt.Sprintf("comity send %s --capture %s", name, capture)
}

// captureText says what was captured.
func captureText(c *agent.Captured) string {
	if c.Name != "" {
		return fmt.Sprintf("%s, %s", line(c.Name), officer.About(c.Bytes))
	}
	return fmt.Sprintf("%s, %d files, %s", line(c.Folder), c.Files, officer.About(c.Bytes))
}

// captureLine is a line of the status.
func captureLine(c *agent.Captured, name string) string {
	if c.Trouble != "" {
		return fmt.Sprintf("capture %s cannot be read: %s; destroy: %s --discard", c.ID, line(c.Trouble), resend(name, c.ID))
	}
	return fmt.Sprintf("capture %s  %s, %s, not sent to its end: %s", c.ID, captureText(c), moment(c.Ended), resend(name, c.ID))
}
