package command

import (
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var holdHelp = `Put what the relay has of a request on hold: it destroys nothing of it, neither after a
recall nor for its age, and keeps it locked in its store. This authority must be the one
that the evidence is from. A hold neither moves anything nor stops anything from moving,
and binds the relay only. Two officers sign, whatever the directory says, and two lift
it with --lift. Words are sealed to both authorities.

  comity request hold 0412 --reason defence-request
  comity request hold 0412 --lift --reason no-longer-needed

Reasons:
` + codeHelp(officer.HoldReasons) + `
Reasons to lift it:
` + codeHelp(officer.HoldLiftReasons)

func (a *app) requestHold() *cobra.Command {
	var reason, words string
	var lift bool
	c := &cobra.Command{
		Use: "hold REQUEST [--lift] --reason CODE", Short: "keep what the relay has from being destroyed", Long: holdHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			state, reasons := custody.StateHeld, officer.HoldReasons
			if lift {
				state, reasons = custody.StateLifted, officer.HoldLiftReasons
			}
			if err := codeArg(reasons, "--reason", reason); err != nil {
				return err
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				return x.office.Hold(x.header(), x.kase, state, reason, words)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	c.Flags().StringVar(&words, "words", "", "more, in words")
	c.Flags().BoolVar(&lift, "lift", false, "lift the hold")
	return c
}
