package command

import (
	"context"
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"github.com/spf13/cobra"
)

var suspendHelp = `Suspend all transfers between this authority and another, in every request and in both
directions. From its entry in the log on, the relay takes and gives out nothing between
the two, what is on its way is cut, and no request is made, granted or accepted.
Nothing is destroyed; reviews, refusals, revocations, withdrawals and recalls are heard
still. One officer suspends. comity request resume lifts it.

  comity request suspend fr --reason incident

Reasons:
` + codeHelp(officer.SuspensionReasons)

func (a *app) requestSuspend() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "suspend AUTHORITY --reason CODE", Short: "stop all transfers with another authority", Long: suspendHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.SuspensionReasons, "--reason", reason); err != nil {
				return err
			}
			return a.turnPair(c.Context(), args[0], custody.StateSuspended, reason)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	return c
}

var liftHelp = `Lift the suspension that this authority has put on all transfers with another. It takes
as many officers as a grant. Everything goes on where it stood, unless the other
authority has suspended them too.

  comity request resume fr --reason resolved

Reasons:
` + codeHelp(officer.LiftReasons)

func (a *app) requestResume() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "resume AUTHORITY --reason CODE", Short: "lift a suspension", Long: liftHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.LiftReasons, "--reason", reason); err != nil {
				return err
			}
			return a.turnPair(c.Context(), args[0], custody.StateLifted, reason)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	return c
}

// turnPair suspends the transfers with an authority, or lifts that.
func (a *app) turnPair(ctx context.Context, with, state, reason string) error {
	if err := custody.CheckAuthority(with); err != nil {
		return usageError{err}
	}
	within, done := context.WithTimeout(ctx, agent.ProofWithin)
	defer done()
	err := a.desk(within, func(d *officer.Desk) error {
		snap, err := d.Session.Sync(within, "", d.Home.Authority(), with)
		if wire.CodeOf(err) == wire.CodeNotFound {
			return hintf(fmt.Errorf("the relay knows no authority %q: %w", with, err), "comity request list names those of your requests")
		}
		if err != nil {
			return err
		}
		p, err := d.Office(snap).Suspension(d.Session.Header(snap, ""), with, state, reason)
		if err != nil {
			return err
		}
		f, err := d.File(ctx, snap, p)
		if err != nil {
			return err
		}
		return a.tell(f, with)
	})
	if state != custody.StateSuspended || !a.unanswered(ctx, err) {
		return err
	}
	h, homeErr := a.home()
	if homeErr != nil {
		return homeErr
	}
	return a.alone(ctx, "", err, func(d *officer.Desk, snap *agent.Snapshot) error {
		p, draftErr := d.Office(snap).Suspension(d.Session.Header(snap, ""), with, state, reason)
		if draftErr != nil {
			return draftErr
		}
		return d.Alone(snap, p, err)
	}, h.Authority(), with)
}
