package command

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

// listedJSON is a line of request list as data.
type listedJSON struct {
	Request   string              `json:"request"`
	Reference string              `json:"reference,omitempty"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Wants     []string            `json:"categories"`
	Urgency   string              `json:"urgency"`
	Filed     custody.Time        `json:"filed"`
	Expires   custody.Time        `json:"expires"`
	State     string              `json:"state"`
	Suspended []officer.Suspended `json:"suspended"`
	Captures  []agent.Captured    `json:"captures,omitempty"` // on this machine
}

const requestListHelp = `List the requests of this authority, or those that fit all that is asked for. A word is
looked for in the id, the reference, the authorities, the categories, the urgency and the
state; upper and lower case are one.

  comity request list
  comity request list 0412
  comity request list --state "waits for" --direction received --since 2026-07-01

The list is kept on this machine and brought up to date from the relay's log. --fresh
makes it again from nothing.`

// picked is what a list is to hold; empty fields pick all.
type picked struct {
	words                            []string
	state, with, direction, category string
	since, until                     time.Time
}

func (a *app) requestList() *cobra.Command {
	var p picked
	var since, until string
	var fresh bool
	c := &cobra.Command{
		Use: "list [WORD...]", Short: "list the requests of this authority, or find some", Long: requestListHelp, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) (err error) {
			p.words = args
			if p.direction != "" && p.direction != "sent" && p.direction != "received" {
				return usagef("--direction %q: want sent or received", p.direction)
			}
			if p.category != "" {
				if err := codeArg(officer.Categories, "--category", p.category); err != nil {
					return err
				}
			}
			if p.since, err = optionalWhen(since, a.now(), false); err != nil {
				return err
			}
			if p.until, err = optionalWhen(until, a.now(), true); err != nil {
				return err
			}
			return a.listRequests(c.Context(), p, fresh)
		},
	}
	f := c.Flags()
	f.StringVar(&p.state, "state", "", "a part of the state, as the list shows it")
	f.StringVar(&p.with, "with", "", "the other authority")
	f.StringVar(&p.direction, "direction", "", "sent or received")
	f.StringVar(&p.category, "category", "", "a category of data that is asked for")
	f.StringVar(&since, "since", "", "filed at this date or later")
	f.StringVar(&until, "until", "", "filed at this date or earlier")
	f.BoolVar(&fresh, "fresh", false, "make the list again from nothing")
	return c
}

func (a *app) listRequests(ctx context.Context, p picked, fresh bool) error {
	ag, err := a.agent()
	if err != nil {
		return err
	}
	return a.sessionOf(ctx, ag, anyAgent, func(s *agent.Session) error {
		x, err := s.Index(ctx, officer.State, fresh)
		if x == nil {
			return err
		}
		if err != nil {
			a.say("comity: warning: not all requests could be read: %s", errorText(err))
		}
		list, err := a.pick(ag.Home(), x, p)
		if err != nil {
			return err
		}
		if err := a.notices(ctx, s, nil); err != nil {
			return err
		}
		if err := a.printListed(list); err != nil || a.json {
			return err
		}
		switch {
		case len(x.Requests) == 0:
			a.say("no request concerns this authority")
		case len(list) == 0:
			a.say("none of the %d requests of this authority fits", len(x.Requests))
		}
		return nil
	})
}

func (a *app) printListed(list []listedJSON) error {
	if a.json {
		return a.printJSON(list)
	}
	for _, r := range list {
		a.print("%s  %-16s %s to %s  %-16s %s", r.Request[:8], line(r.Reference), r.From, r.To, strings.Join(r.Wants, ","), officer.Held(r.State, r.Suspended))
		for i := range r.Captures {
			a.print("  %s", captureLine(&r.Captures[i], r.Request[:8]))
		}
	}
	return nil
}

// pick lists the requests of an index that fit, by reference.
func (a *app) pick(h *agent.Home, x *agent.Index, p picked) ([]listedJSON, error) {
	list := []listedJSON{}
	for _, r := range x.Requests {
		state := r.State(a.now())
		if !p.fits(r, state, h.Authority()) {
			continue
		}
		l := listedJSON{Request: r.Request, Reference: r.Reference, From: r.From, To: r.To, Wants: r.Categories, Urgency: r.Urgency, Filed: r.Filed,
			Expires: r.Expires, State: state, Suspended: []officer.Suspended{}}
		for _, h := range x.Of(r.From, r.To) {
			l.Suspended = append(l.Suspended, officer.Suspended{By: h.By, Since: h.Since, Reason: h.Reason})
		}
		var err error
		if l.Captures, err = h.Captures(r.Request); err != nil {
			return nil, err
		}
		a.tellExpiry(r.Grant.Soon(a.now()))
		list = append(list, l)
	}
	slices.SortFunc(list, func(x, y listedJSON) int {
		return cmp.Or(strings.Compare(x.Reference, y.Reference), strings.Compare(x.Request, y.Request))
	})
	return list, nil
}

func (p *picked) fits(r *agent.Indexed, state, own string) bool {
	filed := r.Filed.Time()
	switch {
	case p.state != "" && !holds(state, p.state),
		p.with != "" && (r.From == own && r.To != p.with || r.From != own && r.From != p.with),
		p.direction != "" && (r.From == own) != (p.direction == "sent"),
		p.category != "" && !slices.Contains(r.Categories, p.category),
		!p.since.IsZero() && filed.Before(p.since), !p.until.IsZero() && filed.After(p.until):
		return false
	}
	for _, w := range p.words {
		if !holds(r.Request, w) && !holds(r.Reference, w) && !holds(r.From, w) && !holds(r.To, w) && !holds(state, w) && !holds(r.Urgency, w) &&
			!slices.ContainsFunc(r.Categories, func(c string) bool { return holds(c, w) }) {
			return false
		}
	}
	return true
}

// holds reports whether a text has a part, upper and lower case being one.
func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
