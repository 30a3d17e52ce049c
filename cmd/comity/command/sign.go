package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const signHelp = `Sign, as a further officer, what another officer of the same authority proposed: the
statement is shown in words first, then signed, and filed when the signatures that
the directory asks for are there. Without a request, list what waits. The lift of a
suspension is named by the other authority, a report by this one.

  comity sign
  comity sign 0412
  comity sign fr`

func (a *app) signCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sign [REQUEST | AUTHORITY]", Short: "sign what another officer proposed", Long: signHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.desk(c.Context(), func(d *officer.Desk) error {
				list, err := d.Proposals(c.Context())
				if err != nil {
					return err
				}
				if len(args) == 0 {
					if err := a.notices(c.Context(), d.Session, nil); err != nil {
						return err
					}
					return a.listProposals(list)
				}
				return a.signRequest(c.Context(), d, list, args[0])
			})
		},
	}
}

// proposalJSON is a proposal as data.
type proposalJSON struct {
	Request string         `json:"request,omitempty"`
	With    string         `json:"with,omitempty"` // of a suspension, the other authority
	Kind    custody.Kind   `json:"kind"`
	SHA256  custody.Digest `json:"sha256"`
	What    string         `json:"what"`
	Codes   []string       `json:"codes,omitempty"`
	Expires custody.Time   `json:"expires"`
}

func (a *app) listProposals(list []officer.Proposal) error {
	data := []proposalJSON{}
	for _, p := range list {
		what, codes := officer.Say(p.Statement)
		data = append(data, proposalJSON{p.Request(), p.With(), p.Statement.Kind, p.Statement.SHA256, what, codes, p.Expires})
	}
	if a.json {
		return a.printJSON(data)
	}
	for _, p := range data {
		a.print("%-8.8s  %s (waits until %s)", cmp.Or(p.With, p.Request), officer.Sentence(p.What, p.Codes), p.Expires)
	}
	if len(data) == 0 {
		a.say("nothing waits for a signature")
	}
	return nil
}

// signRequest signs what is proposed for one request: of each kind the newest, in
// the order in which they were made.
func (a *app) signRequest(ctx context.Context, d *officer.Desk, list []officer.Proposal, name string) error {
	fits, err := a.proposalsOf(ctx, d, list, name)
	if err != nil {
		return err
	}
	if len(fits) == 0 {
		return hintf(fmt.Errorf("nothing is proposed for request %q", name), "comity sign lists what waits, comity status %s what was filed", name)
	}
	newest, older := officer.Newest(fits)
	if older > 0 {
		a.say("left aside, because newer ones replace them: %d", older)
	}
	for _, p := range newest {
		if err := a.signProposal(ctx, d, p, name); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) signProposal(ctx context.Context, d *officer.Desk, p officer.Proposal, name string) error {
	snap, err := d.State(ctx, p)
	if err != nil {
		return err
	}
	if err := a.describe(ctx, d, snap, p); err != nil {
		return err
	}
	f, err := d.CoSign(ctx, snap, p)
	if errors.Is(err, officer.ErrSigned) {
		return hintf(err, "another officer signs on another machine")
	}
	if err != nil {
		return err
	}
	return a.tell(f, name)
}

// proposalsOf finds the proposals for a request, or for a pair with an authority. One that proposes the request
// itself has no record yet, so names of requests are looked up only after that.
func (a *app) proposalsOf(ctx context.Context, d *officer.Desk, list []officer.Proposal, name string) (fits []officer.Proposal, err error) {
	pick := func(is func(string) bool) (fits []officer.Proposal) {
		for _, p := range list {
			if is(p.Request()) {
				fits = append(fits, p)
			}
		}
		return fits
	}
	for _, p := range list {
		if p.With() == name {
			fits = append(fits, p)
		}
	}
	if len(fits) > 0 {
		return fits, nil
	}
	if fits := pick(func(id string) bool { return len(name) >= 4 && strings.HasPrefix(id, name) }); len(fits) > 0 {
		for _, p := range fits {
			if p.Request() != fits[0].Request() {
				return nil, hintf(fmt.Errorf("%q names several requests", name), "give more letters of the id")
			}
		}
		return fits, nil
	}
	id, err := d.Session.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return pick(func(other string) bool { return other == id }), nil
}

// describe shows a proposal in words. It fails where conditions that would be
// accepted cannot be shown.
func (a *app) describe(ctx context.Context, d *officer.Desk, snap *agent.Snapshot, p officer.Proposal) error {
	what, codes := officer.Say(p.Statement)
	if p.With() != "" {
		a.say("to be signed: %s", officer.Sentence(what, codes))
	} else {
		a.say("to be signed for request %s: %s", p.Request(), officer.Sentence(what, codes))
	}
	a.say("  proposed, and signed so far, by %s", strings.Join(texts(p.Signed), ", "))
	switch b := p.Statement.Body.(type) {
	case *custody.Offer:
		a.grantWords(&b.Terms, a.say)
	case *custody.Grant:
		a.grantWords(&b.Terms, a.say)
	case *custody.Amendment:
		a.grantWords(&b.Terms, a.say)
	case *custody.Acceptance:
		if g := snap.Case(p.Request()).Live(); g != nil && g.Newest() == b.Grant {
			if err := a.conditions(ctx, d.Session, g); err != nil {
				return err
			}
		}
	case *custody.Request:
		a.say("  recipients: %s", strings.Join(texts(b.Recipients), ", "))
		a.say("  signed order: SHA-256 %s", b.OrderSHA256)
	}
	if ref, ok := p.Statement.Annex(); ok {
		a.sealedText(ctx, d.Session, &ref, a.say)
	}
	return nil
}
