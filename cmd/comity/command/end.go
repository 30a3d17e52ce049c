package command

import (
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

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
			return a.stop(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
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

var consentHelp = `Consent that the other State passes on what it received, to one authority or body and
for one purpose, by a day. Only the State that the evidence is from consents. No program
keeps anybody from passing on without it; the record shows what there was consent for.

  comity request consent 0412 --to be --purpose related-proceedings --until 90d

Purposes:
` + codeHelp(officer.ConsentPurposes)

func (a *app) requestConsent() *cobra.Command {
	var n officer.ConsentSpec
	var until string
	c := &cobra.Command{
		Use: "consent REQUEST --to AUTHORITY --purpose CODE --until DATE", Short: "let the other State pass on what it received", Long: consentHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if n.To != custody.ConsentOrganization {
				if err := custody.CheckAuthority(n.To); err != nil {
					return usageError{fmt.Errorf("--to: %v", err)}
				}
			} else if n.Words == "" {
				return hintf(usagef("--words is missing"), "name the organization in words, like --words \"International Criminal Court\"")
			}
			if err := codeArg(officer.ConsentPurposes, "--purpose", n.Purpose); err != nil {
				return err
			}
			if until == "" {
				return hintf(usagef("--until is missing"), "for example --until 90d")
			}
			if n.Expires, err = when(until, a.now(), true); err != nil {
				return err
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				spec := n
				spec.Packages = nil
				for _, name := range n.Packages {
					id, err := agent.ResolvePackage(x.kase, name)
					if err != nil {
						return nil, err
					}
					spec.Packages = append(spec.Packages, id)
				}
				return x.office.Consent(x.header(), x.kase, spec)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&n.To, "to", "", "who may get it: an authority, or the word organization")
	f.StringVar(&n.Purpose, "purpose", "", "what for, see above")
	f.StringSliceVar(&n.Packages, "package", nil, "one package; may be repeated (default all that can be passed on)")
	f.StringVar(&until, "until", "", "by when: a date, or a number of days")
	f.StringVar(&n.Words, "words", "", "conditions, or who the organization is, in words")
	return c
}

// warnUnfinished names the packages that the end of a request keeps from arriving,
// before anybody signs.
func (a *app) warnUnfinished(x *act) {
	for _, s := range officer.Unfinished(x.kase, x.name) {
		a.say("will not happen any more: %s %s", s.Who, s.Do)
	}
}
