package command

import (
	"context"
	"fmt"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

var recallHelp = `Take back one package that should not have been sent; the grant and the other
packages stay. The lab that sealed it does this alone, and so does one officer of its
authority. From its entry in the log on, the relay gives out nothing of the package and
destroys its key. An agent that was fetching it removes what came. What has arrived
stays with the other State, which is told: ask for its deletion.

The package still counts against the grant. If it was the final one, others may follow.
comity status 0412 lists the packages; four letters of a name are enough.

  comity recall 0412 k3vq --reason wrong-package
  comity recall 0412 k3vq --reason contains-privileged --annex why.pdf
  comity send 0412 corrected/ --supersedes k3vq

Reasons:
` + codeHelp(officer.RecallReasons)

func (a *app) recallCommand() *cobra.Command {
	var reason string
	var files []string
	c := &cobra.Command{
		Use: "recall REQUEST PACKAGE --reason CODE", Short: "take back a package", Long: recallHelp, Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := codeArg(officer.RecallReasons, "--reason", reason); err != nil {
				return err
			}
			var docs []officer.Attachment
			for _, name := range files {
				d, err := attachment(name)
				if err != nil {
					return err
				}
				docs = append(docs, d)
			}
			return a.recall(c.Context(), args[0], args[1], reason, docs)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, see above")
	c.Flags().StringArrayVar(&files, "annex", nil, "a document that says why, sealed to both authorities; may be repeated")
	return c
}

// recall takes a package back: by the lab agent that sealed it if its keys are here,
// which needs no passphrase, and else by an officer.
func (a *app) recall(ctx context.Context, request, pkg, reason string, docs []officer.Attachment) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	var sender custody.PartyID
	var id string
	within, done := context.WithTimeout(ctx, agent.ProofWithin)
	defer done()
	err = a.session(within, anyAgent, func(s *agent.Session) (err error) {
		id, sender, err = sealedBy(within, s, request, pkg)
		return err
	})
	if a.unanswered(ctx, err) { // an officer may recall it all the same
		id, err = a.lastSealed(ctx, h, request, pkg, err)
	}
	if err != nil {
		return err
	}
	officers, err := a.asRole(custody.RoleOfficer)
	if err != nil {
		return err
	}
	if h.Has(sender) && len(officers) == 0 {
		return a.recallAs(ctx, sender, request, id, agent.RecallSpec{Reason: reason}, docs)
	}
	return a.stop(ctx, request, func(x *act) (*officer.Paper, error) {
		return x.office.Recall(x.header(), x.kase, id, reason, docs)
	})
}

// sealedBy finds a package and the agent that sealed it.
func sealedBy(ctx context.Context, s *agent.Session, request, name string) (id string, by custody.PartyID, err error) {
	r, err := s.Resolve(ctx, request)
	if err != nil {
		return "", "", err
	}
	snap, err := s.Sync(ctx, r)
	if err != nil {
		return "", "", err
	}
	c := snap.Case(r)
	if id, err = agent.ResolvePackage(c, name); err != nil {
		return "", "", hintf(err, "comity status %s lists its packages", request)
	}
	return id, c.Package(id).Sender, nil
}

// lastSealed finds a package in the record as it was last proven here.
func (a *app) lastSealed(ctx context.Context, h *agent.Home, request, pkg string, why error) (id string, err error) {
	name, err := h.Request(request)
	if err != nil {
		return "", fmt.Errorf("%w; and without the relay: %w", why, err)
	}
	err = a.alone(ctx, name, why, func(_ *officer.Desk, snap *agent.Snapshot) (err error) {
		id, err = agent.ResolvePackage(snap.Case(name), pkg)
		return err
	})
	return id, err
}

// recallAs takes a package back as the agent that sealed it.
func (a *app) recallAs(ctx context.Context, by custody.PartyID, request, pkg string, spec agent.RecallSpec, docs []officer.Attachment) error {
	a.as = []string{string(by)}
	return a.transfer(ctx, request, func(ag *agent.Agent, s *agent.Session, id string) error {
		snap, err := s.Sync(ctx, id)
		if err != nil {
			return err
		}
		o := officer.Office{Authority: ag.Home().Authority(), View: snap.Book.View(), Now: a.now()}
		if spec.File, spec.Annex, err = o.RecallAnnex(snap.Case(id), docs); err != nil {
			return err
		}
		e, err := ag.Recall(ctx, s, id, pkg, spec)
		if err != nil {
			return err
		}
		return a.tell(&officer.Filed{Kind: e.Kind, Request: id, SHA256: e.Statement, Signed: []custody.PartyID{by}, Need: 1, Entry: e}, request)
	})
}
