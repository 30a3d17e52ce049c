package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"github.com/spf13/cobra"
)

// listedJSON is a line of request list as data.
type listedJSON struct {
	Request   string              `json:"request"`
	Reference string              `json:"reference,omitempty"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Wants     []string            `json:"categories"`
	Expires   custody.Time        `json:"expires"`
	State     string              `json:"state"`
	Suspended []officer.Suspended `json:"suspended"`
	Captures  []agent.Captured    `json:"captures,omitempty"` // on this machine
}

func (a *app) requestList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the requests of this authority", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.listRequests(c.Context()) },
	}
}

func (a *app) listRequests(ctx context.Context) error {
	ag, err := a.agent()
	if err != nil {
		return err
	}
	return a.sessionOf(ctx, ag, anyAgent, func(s *agent.Session) error {
		list, err := a.known(ctx, ag.Home(), s)
		if err != nil {
			return err
		}
		if err := a.notices(ctx, s, nil); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(list)
		}
		for _, r := range list {
			a.print("%s  %-16s %s to %s  %-16s %s", r.Request[:8], line(r.Reference), r.From, r.To, strings.Join(r.Wants, ","), officer.Held(r.State, r.Suspended))
			for i := range r.Captures {
				a.print("  %s", captureLine(&r.Captures[i], r.Request[:8]))
			}
		}
		if len(list) == 0 {
			a.say("no request concerns this authority")
		}
		return nil
	})
}

// known lists the requests that concern this authority, each proven in the log.
func (a *app) known(ctx context.Context, h *agent.Home, s *agent.Session) ([]listedJSON, error) {
	if err := s.Discover(ctx); err != nil {
		a.say("comity: warning: not all requests could be read: %s", errorText(err))
	}
	refs, err := h.Known()
	if err != nil {
		return nil, err
	}
	list := []listedJSON{}
	for id, ref := range refs {
		snap, err := s.Sync(ctx, id)
		if wire.CodeOf(err) == custody.CodeNoSuchRequest {
			continue // a proposal that its officers have not signed yet
		}
		if err != nil {
			return nil, fmt.Errorf("reading request %q: %w", id, err)
		}
		captures, err := h.Captures(id)
		if err != nil {
			return nil, err
		}
		c := snap.Case(id)
		a.tellExpiry(agent.ExpiringGrant(c, id[:8], a.now()))
		list = append(list, listedJSON{id, ref, c.From, c.To, c.Request.Categories, c.Request.Expires, officer.State(c, a.now()),
			officer.Suspensions(snap.Book.View(), c), captures})
	}
	slices.SortFunc(list, func(x, y listedJSON) int { return strings.Compare(x.Reference+x.Request, y.Reference+y.Request) })
	return list, nil
}
