package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// anyAgent is the duty of a session that only reads.
const anyAgent = ""

func errNotPublished(name string) error {
	return fmt.Errorf("the relay has no directory of authority %q", name)
}

// agent opens the home and starts an agent on it.
func (a *app) agent() (*agent.Agent, error) {
	h, err := a.home()
	if err != nil {
		return nil, err
	}
	return a.agentOf(h)
}

func (a *app) agentOf(h *agent.Home) (*agent.Agent, error) {
	return agent.New(&agent.Config{Home: h, Now: a.now})
}

// public runs f on a connection that proves no identity.
func (a *app) public(ctx context.Context, f func(*agent.Session) error) error {
	ag, err := a.agent()
	if err != nil {
		return err
	}
	s, err := ag.Connect(ctx, "")
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// session runs f on a connection as an agent of this home that has the duty.
func (a *app) session(ctx context.Context, duty string, f func(*agent.Session) error) error {
	ag, err := a.agent()
	if err != nil {
		return err
	}
	return a.sessionOf(ctx, ag, duty, f)
}

func (a *app) sessionOf(ctx context.Context, ag *agent.Agent, duty string, f func(*agent.Session) error) error {
	id, err := a.identity(ctx, ag, duty)
	if err != nil {
		return err
	}
	s, err := ag.Connect(ctx, id)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// identity chooses the agent to act as: the one that --as names, or the only one
// here, or the first one with the duty by the directory that the relay shows.
func (a *app) identity(ctx context.Context, ag *agent.Agent, duty string) (custody.PartyID, error) {
	own, err := ag.Home().Own(custody.RoleAgent)
	if err != nil {
		return "", err
	}
	auditors, err := ag.Home().Own(custody.RoleAuditor)
	if err != nil {
		return "", err
	}
	if duty == anyAgent { // of the two an agent sees more
		own = append(own, auditors...)
	}
	named, err := a.asRole(custody.RoleAgent, custody.RoleAuditor)
	if err != nil {
		return "", err
	}
	switch {
	case len(named) > 1:
		return "", usagef("--as names %d agents: one acts", len(named))
	case duty != anyAgent && (len(named) == 1 && named[0].Role() == custody.RoleAuditor || len(own) == 0 && len(named) == 0 && len(auditors) > 0):
		return "", hintf(errors.New("an auditor only reads"), "run this as an agent of the authority")
	case len(named) == 1 && !slices.Contains(own, named[0]):
		return "", fmt.Errorf("the keys of agent %q are not in this home", named[0])
	case len(named) == 1:
		return named[0], nil
	case len(own) == 0:
		name := ag.Home().Authority()
		return "", hintf(errors.New("this home has no agent, and an agent proves who asks"), "make one: comity agent init %s/agent/NAME > FILE, and have a registrar list it", name)
	case len(own) == 1 || duty == anyAgent:
		return own[0], nil
	}
	return a.byDuty(ctx, ag, own, duty)
}

func (a *app) byDuty(ctx context.Context, ag *agent.Agent, own []custody.PartyID, duty string) (custody.PartyID, error) {
	s, err := ag.Connect(ctx, "")
	if err != nil {
		return "", err
	}
	defer s.Close()
	duties, err := officer.Duties(ctx, s, ag.Home().Authority())
	if err != nil {
		return "", err
	}
	for _, id := range own {
		if slices.Contains(duties[id], duty) {
			return id, nil
		}
	}
	return "", hintf(fmt.Errorf("no agent of this home has the duty %s in the published directory", duty),
		"comity directory add ENROLMENT --duty %s, then sign and publish; or choose one with --as", duty)
}

// asRole returns the ids of these roles that --as names.
func (a *app) asRole(roles ...custody.Role) ([]custody.PartyID, error) {
	var list []custody.PartyID
	for _, s := range a.as {
		id, err := partyArg(s)
		if err != nil {
			return nil, err
		}
		if !id.Role().Connects() && id.Role() != custody.RoleOfficer {
			return nil, usagef("--as %q: only agents, auditors and officers act", id)
		}
		if slices.Contains(roles, id.Role()) {
			list = append(list, id)
		}
	}
	return list, nil
}
