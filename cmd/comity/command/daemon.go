package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"comity.example/comity/agent"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const runHelp = `Run as a daemon for a lab: send what is put into the outbox, fetch into the inbox what
is released to a recipient of this machine, and let the keys of packages go when the
other State has accepted the conditions. Folders and rules are in comity.yaml of the
state folder:

  outbox: {folder: /srv/evidence/out}
  inbox: {folder: /srv/evidence/in}

  mkdir -p /srv/evidence/out/0412
  cp -r exhibits /srv/evidence/out/0412/disk-1    starts when it has settled, or:
  touch /srv/evidence/out/0412/disk-1.ready       starts at once

disk-1.yaml beside it may say description, examiner, handling, final, priority;
disk-1.acquisition.yaml is what comity send --acquisition takes. What was sent moves to 0412/.sent, what is refused for good to 0412/.failed, each with a
note NAME.json; nothing is deleted. What comes stands in IN/REQUEST-ID/PACKAGE-ID. A
daemon that was killed goes on where it stopped when it is started again.

  comity agent run                as a service: comity-agent.service
  comity status --watch           what it does
  comity pause; comity resume     stop all transfers, also over a restart
  comity cancel 0412/disk-1       give up what is not deposited yet`

func (a *app) agentRun() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "send and fetch as a daemon, until it is stopped", Long: runHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runDaemon(c.Context()) },
	}
}

func (a *app) runDaemon(ctx context.Context) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	if cfg := h.Config; cfg.Outbox.Folder == "" && cfg.Inbox.Folder == "" {
		a.say("comity: warning: comity.yaml names neither an outbox nor an inbox: keys that wait are let go, and that is all")
	}
	ag, err := agent.New(&agent.Config{Home: h, Now: a.now, Logger: slog.New(slog.NewTextHandler(a.stderr, nil))})
	if err != nil {
		return err
	}
	id, err := a.identity(ctx, ag, custody.DutyLab)
	if err != nil {
		return err
	}
	return ag.Run(ctx, id, func() {
		if err := notify(os.Getenv("NOTIFY_SOCKET"), "READY=1"); err != nil {
			a.say("comity: warning: the service manager was not told: %v", err)
		}
	})
}

// onDaemon runs f with the daemon of this home.
func (a *app) onDaemon(f func(*agent.Daemon) error) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	err = f(h.Daemon())
	if errors.Is(err, agent.ErrNoDaemon) {
		return hintf(fmt.Errorf("no daemon runs in %q", h.Dir()), "start it: comity agent run")
	}
	return err
}

const pauseHelp = `Stop the daemon's transfers where they are, and start none, until comity resume. It
holds over a restart. Commands like comity send are not stopped.

  comity pause`

func (a *app) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pause", Short: "stop the daemon's transfers", Long: pauseHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.onDaemon(func(d *agent.Daemon) error {
				err := d.Pause(c.Context())
				if err == nil {
					a.say("paused: comity resume goes on")
				}
				return err
			})
		},
	}
}

const resumeHelp = `Let the daemon's transfers go on after comity pause.

  comity resume`

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "let the daemon's transfers go on", Long: resumeHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.onDaemon(func(d *agent.Daemon) error {
				err := d.Resume(c.Context())
				if err == nil {
					a.say("resumed")
				}
				return err
			})
		},
	}
}

const cancelHelp = `Give up a package in the daemon's outbox that is not deposited yet, by its folder's
name, REQUEST/NAME, or its id. What the relay has of it is given back, nobody can open
it, and the folder moves to .failed. A package that is deposited stays: until the
conditions are accepted a revocation of the grant keeps its key here, afterwards the
recipient has it.

  comity cancel 0412/disk-1`

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel NAME|PACKAGE", Short: "give up what is not deposited yet", Long: cancelHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onDaemon(func(d *agent.Daemon) error {
				w, err := d.Cancel(c.Context(), args[0])
				if err != nil {
					return hintf(err, "comity status --watch says what there is")
				}
				if a.json {
					return a.printJSON(w)
				}
				a.say("cancelling %s/%s", line(w.Reference), line(w.Name))
				return nil
			})
		},
	}
}
