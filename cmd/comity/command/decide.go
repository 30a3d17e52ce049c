package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const grantHelp = `Grant a request: first write a draft, read and change it, then file it. The file
holds senders, recipients, bounds, the window, conditions, and the review that the
grant rests on, which is filed first.

  comity grant 0412 --draft > g.yaml
  comity grant 0412 -f g.yaml

A grant that stands is amended in the same way: longer, more, another recipient. The
other State has to accept again where it promises something new.

  comity grant 0412 --amend --draft > a.yaml
  comity grant 0412 --amend -f a.yaml

In an emergency, with a danger that the other State declared and as far as the directory
provides for it, a grant comes before the review and lapses unless it is validated.

  comity grant 0412 --emergency --draft > e.yaml; comity grant 0412 -f e.yaml
  comity grant 0412 --validate --body judicial`

func (a *app) grantCommand() *cobra.Command {
	var draft, amend, emergency, validate bool
	var r officer.ReviewDraft
	var found map[string]string
	var file string
	c := &cobra.Command{
		Use: "grant REQUEST [--amend | --emergency] (--draft | -f FILE) | --validate", Short: "grant a request, or change the terms of a grant", Long: grantHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if validate {
				r.Grounds = officer.NothingFound()
				for code, words := range found {
					if err := codeArg(officer.RequestGrounds, "--found", code); err != nil {
						return err
					}
					r.Grounds[code] = words
				}
				return a.onRequest(c.Context(), args[0], func(x *act) error { return a.validate(x, c, r) })
			}
			if draft == (file != "") {
				return hintf(usagef("give --draft or -f FILE"), "comity grant %s --draft > g.yaml, read it, then comity grant %s -f g.yaml", args[0], args[0])
			}
			var g *officer.GrantDraft
			if file != "" {
				data, err := a.input(file)
				if err != nil {
					return err
				}
				if g, err = officer.ParseGrantDraft(data); err != nil {
					return err
				}
			}
			return a.onRequest(c.Context(), args[0], func(x *act) error {
				switch {
				case g == nil && amend:
					return a.draftAmendment(c.Context(), x)
				case g == nil && emergency:
					return a.draftEmergency(x)
				case g == nil:
					return a.draftGrant(x)
				case amend:
					return a.fileGrant(c.Context(), x, g, x.office.CheckAmendment, x.office.Amendment)
				}
				return a.fileGrant(c.Context(), x, g, x.office.Check, x.office.Grant)
			})
		},
	}
	c.Flags().BoolVar(&draft, "draft", false, "write a draft to standard output")
	c.Flags().BoolVar(&emergency, "emergency", false, "draft a grant that comes before the review")
	c.Flags().BoolVar(&validate, "validate", false, "validate a grant that was made in an emergency, on a review:")
	c.Flags().StringVar(&r.Body, "body", "", "who examined the request: "+strings.Join(codeNames(officer.ReviewBodies), ", "))
	c.Flags().StringVar(&r.Finding, "finding", custody.FindingNoObjection, "what was found: "+strings.Join(codeNames(officer.ReviewFindings), ", "))
	c.Flags().StringToStringVar(&found, "found", nil, "what was found about a ground of refusal, like privilege=\"a lawyer's mail\"; about all others nothing was")
	c.Flags().StringVar(&r.Text, "text", "", "more on it, sealed to the own authority alone")
	c.Flags().BoolVar(&amend, "amend", false, "change the terms of the grant that stands")
	c.MarkFlagsMutuallyExclusive("amend", "emergency", "validate")
	c.Flags().StringVarP(&file, "file", "f", "", "file the grant of this draft")
	return c
}

func (a *app) draftGrant(x *act) error {
	standing, err := officer.StandingReview(x.snap, x.request, x.Home.Authority())
	if err != nil {
		return err
	}
	g, err := x.office.DraftGrant(x.request, x.kase, standing != nil)
	if err != nil {
		return err
	}
	return a.writeDraft(x, "Grant", g)
}

func (a *app) draftEmergency(x *act) error {
	g, err := x.office.DraftEmergency(x.request, x.kase)
	if err != nil {
		return err
	}
	return a.writeDraft(x, "Grant in an EMERGENCY", g)
}

// draftAmendment writes the terms in force as a draft. If their annex opens here, its
// words are in it; else it says that they would be lost.
func (a *app) draftAmendment(ctx context.Context, x *act) error {
	g, err := x.office.DraftAmendment(x.request, x.kase)
	if err != nil {
		return err
	}
	if ref := x.kase.Live().NewestAnnex(); ref != nil {
		text, err := x.Session.OpenAnnex(ctx, *ref)
		if err != nil {
			return hintf(fmt.Errorf("the conditions in words do not open here, and an amendment replaces them: %w", err), "draft it on a machine that holds a recipient of %s", x.kase.To)
		}
		g.ConditionsText = text.Text.Conditions
	}
	return a.writeDraft(x, "Amendment of the grant", g)
}

func (a *app) writeDraft(x *act, what string, g *officer.GrantDraft) error {
	title := fmt.Sprintf(what+" of request %s: %s asks %s %s until %s.", x.request, x.kase.From, x.kase.To,
		x.kase.Request.Wants(), x.kase.Request.Expires)
	fmt.Fprint(a.stdout, safe(string(g.YAML(title))))
	return nil
}

// fileGrant files the review and the grant. If we crash between the two, the same
// command finds the review and goes on.
func (a *app) fileGrant(ctx context.Context, x *act, g *officer.GrantDraft, check func(*custody.Case, *officer.GrantDraft) error,
	paper func(custody.Header, *custody.Case, custody.Digest, *officer.GrantDraft) (*officer.Paper, error)) error {
	if g.Request != x.request {
		return fmt.Errorf("the draft is for request %q, not %q", g.Request, x.request)
	}
	// What would make the grant impossible is found before a review is filed.
	if g.Review == nil || g.Review.Finding != custody.FindingObjection {
		if err := check(x.kase, g); err != nil {
			return err
		}
	}
	var review custody.Digest
	if g.ValidateBy.IsZero() {
		sha, done, err := a.review(ctx, x, g)
		if err != nil || done {
			return err
		}
		review = sha
	}
	p, err := paper(x.header(), x.kase, review, g)
	if err != nil {
		return err
	}
	f, err := x.File(ctx, x.snap, p)
	if err != nil {
		return err
	}
	return a.tell(f, x.name)
}

// review returns the review that the grant rests on, filing it if it is new. It
// reports done where no grant can follow now.
func (a *app) review(ctx context.Context, x *act, g *officer.GrantDraft) (sha custody.Digest, done bool, err error) {
	st, err := x.Reviewed(ctx, x.snap, x.request, g.Review)
	if err != nil {
		return sha, false, err
	}
	if st != nil {
		return st.SHA256, false, nil
	}
	if g.Review == nil {
		return sha, false, hintf(fmt.Errorf("the draft has no review and the record holds none without objection"), "write a review into the draft: comity grant %s --draft shows one", x.name)
	}
	p, err := x.office.Review(x.header(), x.kase, *g.Review)
	if err != nil {
		return sha, false, err
	}
	f, err := x.File(ctx, x.snap, p)
	if err != nil {
		return sha, false, err
	}
	if f.Entry == nil || g.Review.Finding == custody.FindingObjection {
		a.sayReviewOnly(f, x)
		return sha, true, a.tell(f, x.name)
	}
	a.say("review filed at %s", f.Entry.Time)
	return f.SHA256, false, x.sync(ctx)
}

func (a *app) sayReviewOnly(f *officer.Filed, x *act) {
	if f.Entry == nil {
		a.say("the grant can follow when the review is filed: run the same command then")
		return
	}
	a.say("a review with an objection allows no grant: comity refuse %s --ground CODE", x.name)
}

var refuseHelp = `Refuse a request, on one or more grounds. Reasons in words are sealed to both
authorities.

  comity refuse 0412 --ground ne-bis-in-idem --reasons "tried in 2024"

Grounds:
` + codeHelp(officer.Grounds)

func (a *app) refuseCommand() *cobra.Command {
	var grounds []string
	var reasons string
	c := &cobra.Command{
		Use: "refuse REQUEST --ground CODE", Short: "refuse a request", Long: refuseHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(grounds) == 0 {
				return codeArg(officer.Grounds, "--ground", "")
			}
			for _, g := range grounds {
				if err := codeArg(officer.Grounds, "--ground", g); err != nil {
					return err
				}
			}
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				return x.office.Refusal(x.header(), x.kase, grounds, reasons)
			})
		},
	}
	c.Flags().StringSliceVar(&grounds, "ground", nil, "why; may be repeated")
	c.Flags().StringVar(&reasons, "reasons", "", "reasons in words")
	return c
}

// decide drafts and files one statement of a case.
func (a *app) decide(ctx context.Context, name string, draft func(*act) (*officer.Paper, error)) error {
	return a.onRequest(ctx, name, func(x *act) error {
		p, err := draft(x)
		if err != nil {
			return err
		}
		f, err := x.File(ctx, x.snap, p)
		if err != nil {
			return err
		}
		return a.tell(f, x.name)
	})
}

const acceptHelp = `Accept the conditions of the newest grant of a request, exactly as they are. They are
shown first. Only after this does the key to a package leave its sender.

  comity accept 0412`

func (a *app) acceptCommand() *cobra.Command {
	return &cobra.Command{
		Use: "accept REQUEST", Short: "accept the conditions of a grant", Long: acceptHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.decide(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				p, err := x.office.Acceptance(x.header(), x.kase)
				if err != nil {
					return nil, err
				}
				g := x.kase.Live()
				a.say("%s accepts from %s:", x.kase.From, x.kase.To)
				return p, a.conditions(c.Context(), x.Session, g)
			})
		},
	}
}

// conditions shows a grant to who accepts it, and fails if a part of it cannot be
// shown: what is signed is all of it.
func (a *app) conditions(ctx context.Context, s *agent.Session, g *custody.GrantState) error {
	a.grantWords(g.Terms, a.say)
	if ref := g.NewestAnnex(); ref != nil && a.sealedText(ctx, s, ref, a.say) == nil {
		return hintf(errors.New("the grant has a sealed part that does not open here, and nobody accepts conditions unread"),
			"run this on a machine that holds a recipient of %s", g.To)
	}
	return nil
}

var revokeHelp = `Revoke the newest grant of a request. From its entry in the log on, the relay takes
and gives out nothing under the grant. What has arrived before stays with the other
State; ask for its deletion.

  comity revoke 0412 --reason conditions-breached

Reasons:
` + codeHelp(officer.Reasons)

func (a *app) revokeCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "revoke REQUEST --reason CODE", Short: "revoke a grant", Long: revokeHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.Reasons, "--reason", reason); err != nil {
				return err
			}
			return a.stop(c.Context(), args[0], func(x *act) (*officer.Paper, error) {
				return x.office.Revocation(x.header(), x.kase, reason)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	return c
}
