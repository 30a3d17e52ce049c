package command

import (
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var useReportHelp = `Tell the other State what use was made of what it sent: of one package, or of all that
was received. It may have made that a condition; the account is owed after the request
has ended too. Words are sealed to both authorities.

  comity request use-report 0412 --use used-in-proceedings --words "judgment of 4 May"

Uses:
` + codeHelp(officer.Uses)

func (a *app) requestUseReport() *cobra.Command {
	var n officer.UseSpec
	var pkg, date string
	c := &cobra.Command{
		Use: "use-report REQUEST --use CODE", Short: "tell what use was made of what was received", Long: useReportHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := codeArg(officer.Uses, "--use", n.Use); err != nil {
				return err
			}
			if n.Use == custody.UseOther && n.Words == "" {
				return hintf(usagef("--words is missing"), "tell in words what use was made of it")
			}
			n.Date = a.now()
			if date != "" {
				if n.Date, err = when(date, a.now(), false); err != nil {
					return err
				}
				if n.Date.After(a.now()) {
					return usageError{fmt.Errorf("--date %s is not past", date)}
				}
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				spec := n
				if pkg != "" {
					if spec.Package, err = agent.ResolvePackage(x.kase, pkg); err != nil {
						return nil, err
					}
				}
				return x.office.UseReport(x.header(), x.kase, spec)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&n.Use, "use", "", "what use was made of it, see above")
	f.StringVar(&pkg, "package", "", "of this package (default all that was received)")
	f.StringVar(&date, "date", "", "when it was used; of not-used, up to when (default now)")
	f.StringVar(&n.Words, "words", "", "more, in words")
	return c
}
