package command

import (
	"context"
	"strings"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"

	"github.com/spf13/cobra"
)

const statusHelp = `Show a request as the log proves it: what happened, when, by whom, the packages, and
what comes next. --full adds the hashes and the places in the log. Alarms that nobody has
acknowledged are said first. Without a request, list all that concern this authority. --watch shows instead what the daemon
of this machine does, until it is interrupted; with --json, once.

  comity status
  comity status 0412 --full
  comity status --watch`

func (a *app) statusCommand() *cobra.Command {
	var full, watch bool
	c := &cobra.Command{
		Use: "status [REQUEST] | --watch", Short: "show what happened and what comes next", Long: statusHelp, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if err := a.tellAlarms(); err != nil {
				return err
			}
			switch {
			case watch && len(args) > 0:
				return usagef("--watch shows all requests")
			case watch && a.json:
				return a.daemonStatus(ctx)
			case watch:
				return a.watch(ctx)
			case len(args) == 0:
				return a.listRequests(ctx, picked{}, false)
			}
			return a.session(ctx, anyAgent, func(s *agent.Session) error { return a.status(ctx, s, args[0], full) })
		},
	}
	c.Flags().BoolVar(&full, "full", false, "with hashes and places in the log")
	c.Flags().BoolVar(&watch, "watch", false, "show what the daemon of this machine does")
	return c
}

// statusJSON is a case as data.
type statusJSON struct {
	Request    string                `json:"request"`
	Reference  string                `json:"reference,omitempty"`
	From       string                `json:"from"`
	To         string                `json:"to"`
	Offer      bool                  `json:"offer,omitempty"` // made by to, and not asked for by from
	State      string                `json:"state"`
	Suspended  []officer.Suspended   `json:"suspended"`
	Events     []officer.Event       `json:"events"`
	Packages   []officer.PackageInfo `json:"packages"`
	Clocks     []officer.Clock       `json:"clocks"`
	Recalled   []agent.Recalled      `json:"recalled"`
	Captures   []agent.Captured      `json:"captures"`
	Next       []officer.Step        `json:"next"`
	Relay      string                `json:"relay"`
	Checkpoint custody.CheckpointRef `json:"checkpoint"`
	Witnessed  string                `json:"witnessed"` // who vouches for that log beside the relay, in words
}

func (a *app) status(ctx context.Context, s *agent.Session, name string, full bool) error {
	id, err := s.Resolve(ctx, name)
	if err != nil {
		return err
	}
	snap, err := s.Sync(ctx, id)
	if err != nil {
		return err
	}
	events, err := officer.Timeline(snap, id)
	if err != nil {
		return err
	}
	h, err := a.home()
	if err != nil {
		return err
	}
	refs, err := h.Known()
	if err != nil {
		return err
	}
	recalled, err := s.Recalls(snap, id)
	if err != nil {
		return err
	}
	captures, err := h.Captures(id)
	if err != nil {
		return err
	}
	if err := a.notices(ctx, s, snap); err != nil {
		return err
	}
	if err := a.tellNotices(h, snap, id); err != nil {
		return err
	}
	c := snap.Case(id)
	clocks, err := officer.Clocks(snap.Book.View(), c, a.now())
	if err != nil {
		return err
	}
	a.tellExpiry(agent.GrantEnd(c, id[:8]).Soon(a.now()))
	suspended := officer.Suspensions(snap.Book.View(), c)
	j := statusJSON{Request: id, Reference: refs[id], From: c.From, To: c.To, Offer: c.Offer != nil, State: officer.State(c, a.now()), Suspended: suspended, Events: events,
		Packages: officer.Packages(c), Clocks: clocks, Recalled: recalled, Captures: captures, Next: append(officer.Resume(c, suspended), officer.Next(c, name, a.now())...), Relay: s.Origin,
		Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)}, Witnessed: s.Witnessed(ctx, snap, id)}
	if a.json {
		return a.printJSON(j)
	}
	a.printStatus(j, full)
	return nil
}

func (a *app) printStatus(j statusJSON, full bool) {
	name := j.Request
	if j.Reference != "" {
		name += ", " + line(j.Reference)
	}
	if j.Offer {
		a.print("offer %s: %s offers to %s", name, j.To, j.From)
	} else {
		a.print("request %s: %s asks %s", name, j.From, j.To)
	}
	a.print("state: %s", officer.Held(j.State, j.Suspended))
	a.print("")
	for _, e := range j.Events {
		a.print("%s  %-10s  %s", moment(e.Time), e.Kind, officer.Sentence(e.What, e.Codes))
		if full && e.Event != nil {
			a.print("  signed by nobody: the relay's own word alone")
			a.print("  entry %d, log index %d", e.Seq, e.Index)
		} else if full {
			a.print("  signed by %s, carried by %s", strings.Join(texts(e.Signed), ", "), e.Via)
			a.print("  entry %d, log index %d, statement %s, envelope %s", e.Seq, e.Index, e.Statement, e.Envelope)
		}
	}
	if len(j.Clocks) > 0 {
		a.print("")
	}
	for i := range j.Clocks {
		a.print("clock: %s", j.Clocks[i].Says())
	}
	if len(j.Packages) > 0 {
		a.print("")
	}
	for _, p := range j.Packages {
		id := p.Package
		if !full {
			id = id[:8]
		}
		a.print("package %s  delivery %d%s, %s, %s", id, p.Delivery, placed(p, full), officer.About(p.Size), packageState(p))
	}
	for _, r := range j.Recalled {
		if r.Path != "" {
			a.print("%s", r.Says())
		}
	}
	for i := range j.Captures {
		a.print("%s", captureLine(&j.Captures[i], j.Request[:8]))
	}
	a.print("")
	for _, n := range j.Next {
		if n.Who == "" {
			a.print("next: %s", n.Do)
		} else {
			a.print("next: %s %s", n.Who, n.Do)
		}
	}
	a.say("proven in the log of %s up to entry %d; times are asserted by the relay alone", j.Relay, j.Checkpoint.Size)
	a.say("%s", j.Witnessed)
	if full {
		a.say("log root %s", j.Checkpoint.Root)
	}
}

// placed says what a package is among the others of the request.
func placed(p officer.PackageInfo, full bool) (s string) {
	name := func(id string) string {
		if full {
			return id
		}
		return id[:8]
	}
	if p.Final {
		s = ", final"
	}
	if p.Supersedes != "" {
		s += ", in place of " + name(p.Supersedes)
	}
	if p.SupersededBy != "" {
		s += ", replaced by " + name(p.SupersededBy)
	}
	return s
}

// packageState says how far a package is.
func packageState(p officer.PackageInfo) string {
	if r := p.Recall; r != nil {
		return "RECALLED by " + r.By + ": " + r.Reason + howFar(p)
	}
	if p.Release == custody.ReleaseOrigin && len(p.Taken) == 0 {
		return "deposited; its key is with the sender, who decides over each taking"
	}
	if p.Unlocked.IsZero() && len(p.Taken) == 0 {
		return "deposited; its key is with the sender"
	}
	if len(p.Taken) == 0 {
		return "ready to be fetched"
	}
	return takings(p)
}

// howFar says how far a package came that was taken back, and whether its key is
// known to be gone.
func howFar(p officer.PackageInfo) string {
	switch {
	case p.Unlocked.IsZero():
		return "; its key never left the sender"
	case len(p.Taken) > 0:
		return "; before, " + takings(p)
	case p.Recall.Destroyed.IsZero():
		return "; nobody had taken it"
	}
	return "; nobody had taken it, and the relay has destroyed its key"
}

// takings says who has a package.
func takings(p officer.PackageInfo) string {
	var list []string
	for _, t := range p.Taken {
		switch {
		case t.Rejected != "":
			list = append(list, string(t.By)+" rejected it: "+t.Rejected)
		case p.Release == custody.ReleaseOrigin && t.Unlocked.IsZero():
			list = append(list, string(t.By)+" asks for its key")
		case t.Closed.IsZero() && len(t.Exhibits) > 0:
			list = append(list, string(t.By)+" has single files of it, verified: "+custody.Lines(t.Exhibits)+" of its manifest")
		case t.Closed.IsZero():
			list = append(list, string(t.By)+" is fetching it")
		default:
			list = append(list, string(t.By)+" has it, verified")
		}
	}
	return strings.Join(list, "; ")
}

func moment(t custody.Time) string { return t.Time().Format(time.DateTime) + "Z" }
