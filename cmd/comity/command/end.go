package command

import (
	"comity.example/comity/agent/officer"

	"github.com/spf13/cobra"
)

var withdrawHelp = `Withdraw a request that this authority made, granted or not. From its entry in the log
on, the relay takes and gives out nothing under it. What has arrived stays, under the
conditions that were accepted. Words are sealed to both authorities.

  comity request withdraw 0412 --reason obtained-otherwise

Reasons:
` + codeHelp(officer.WithdrawalReasons)

func (a *app) requestWithdraw() *cobra.Command {
	var reason, words string
	c := &cobra.Command{
		Use: "withdraw REQUEST --reason CODE", Short: "take a request back", Long: withdrawHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.WithdrawalReasons, "--reason", reason); err != nil {
				return err
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				a.warnUnfinished(x)
				return x.office.Withdrawal(x.header(), x.kase, reason, words)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	c.Flags().StringVar(&words, "words", "", "more, in words")
	return c
}

var closeHelp = `Close a request that was granted: nothing more is expected under it, and from its entry
in the log on nothing more moves. Words are sealed to both authorities.

  comity request close 0412 --outcome executed

Outcomes:
` + codeHelp(officer.Outcomes)

func (a *app) requestClose() *cobra.Command {
	var outcome, words string
	c := &cobra.Command{
		Use: "close REQUEST --outcome CODE", Short: "say that a request has been executed, or will not be", Long: closeHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.Outcomes, "--outcome", outcome); err != nil {
				return err
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				a.warnUnfinished(x)
				return x.office.Closure(x.header(), x.kase, outcome, words)
			})
		},
	}
	c.Flags().StringVar(&outcome, "outcome", "", "how it ended, see above")
	c.Flags().StringVar(&words, "words", "", "more, in words")
	return c
}

// warnUnfinished names the packages that the end of a request keeps from arriving,
// before anybody signs.
func (a *app) warnUnfinished(x *act) {
	for _, s := range officer.Unfinished(x.kase, x.name) {
		a.say("will not happen any more: %s %s", s.Who, s.Do)
	}
}
