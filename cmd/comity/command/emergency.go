package command

import (
	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var dangerHelp = `Say that there is an imminent danger, so that the other State may grant the request
before it examines it, as far as its directory provides for that. The facts are sealed
to both authorities; that there is a danger, and which, everybody sees who reads the
record, auditors too.

  comity request danger 0412 --danger life --facts "a child is held"

Dangers:
` + codeHelp(officer.Dangers)

func (a *app) requestDanger() *cobra.Command {
	var danger, facts string
	c := &cobra.Command{
		Use: "danger REQUEST --danger CODE --facts WORDS", Short: "declare an emergency", Long: dangerHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.Dangers, "--danger", danger); err != nil {
				return err
			}
			if facts == "" {
				return hintf(usagef("--facts is missing"), "say what is known of the danger; it is sealed to both authorities")
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				return x.office.Danger(x.header(), x.kase, danger, facts)
			})
		},
	}
	c.Flags().StringVar(&danger, "danger", "", "which, see above")
	c.Flags().StringVar(&facts, "facts", "", "what is known of it, in words")
	return c
}

var orderHelp = `Order that what the other State received under a grant that was revoked or has lapsed
is destroyed, or used no more. It answers with comity request destroyed or restricted.

  comity request order 0412 --measure delete --due 7d

Measures:
` + codeHelp(officer.Measures)

func (a *app) requestOrder() *cobra.Command {
	var measure, due, words string
	c := &cobra.Command{
		Use: "order REQUEST --measure CODE --due DATE", Short: "order what was received to be destroyed, or used no more", Long: orderHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.Measures, "--measure", measure); err != nil {
				return err
			}
			by, err := when(due, a.now(), true)
			if err != nil {
				return err
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				return x.office.Order(x.header(), x.kase, measure, by, words)
			})
		},
	}
	c.Flags().StringVar(&measure, "measure", "", "what is to be done, see above")
	c.Flags().StringVar(&due, "due", "7d", "by when: a date, or a number of days")
	c.Flags().StringVar(&words, "words", "", "reasons in words")
	return c
}

const executedHelp = `Say that this State has destroyed all that it had of a package, or that it keeps it
apart and uses it no more, in answer to an order or of its own accord. Comity deletes
nothing: this is the State's signed word that somebody did.

  comity request destroyed 0412 aebagaaa
  comity request restricted 0412 aebagaaa --words "kept for the appeal"`

// requestExecuted is "destroyed" or "restricted".
func (a *app) requestExecuted(name, short string, destroyed bool) *cobra.Command {
	var words string
	c := &cobra.Command{
		Use: name + " REQUEST PACKAGE", Short: short, Long: executedHelp, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				id, err := agent.ResolvePackage(x.kase, args[1])
				if err != nil {
					return nil, hintf(err, "comity status %s lists its packages", args[0])
				}
				return x.office.Executed(x.header(), x.kase, id, destroyed, words)
			})
		},
	}
	c.Flags().StringVar(&words, "words", "", "how, or what it is kept for, in words")
	return c
}

// validate files the review of a grant in an emergency, and the validation on it.
func (a *app) validate(x *act, c *cobra.Command, r officer.ReviewDraft) error {
	if err := codeArg(officer.ReviewBodies, "--body", r.Body); err != nil {
		return err
	}
	if err := codeArg(officer.ReviewFindings, "--finding", r.Finding); err != nil {
		return err
	}
	ctx := c.Context()
	if _, err := x.office.Validation(x.header(), x.kase, custody.Digest{1}); err != nil { // before the review is filed
		return err
	}
	review, done, err := a.review(ctx, x, &officer.GrantDraft{Request: x.request, Review: &r})
	if err != nil || done {
		return err
	}
	p, err := x.office.Validation(x.header(), x.kase, review)
	if err != nil {
		return err
	}
	f, err := x.File(ctx, x.snap, p)
	if err != nil {
		return err
	}
	return a.tell(f, x.name)
}
