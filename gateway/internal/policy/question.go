package policy

import (
	"time"

	"comity.example/comity/custody"
)

// Action is one of the five acts that a policy is asked about.
type Action string

// The actions.
const (
	ActionRequest Action = "request"
	ActionReserve Action = "reserve"
	ActionPart    Action = "part"
	ActionSeal    Action = "seal"
	ActionRelease Action = "release"
)

// Question is one act with all that a policy may know of it: what schema.cedarschema
// lists, and no content, no name of a file or a person.
type Question struct {
	Action  Action
	Agent   custody.PartyID
	Duties  []string // of the agent, by its directory
	Request *custody.Request
	ID      custody.RecordID // of the request

	// The fields below are of all but ActionRequest.

	Terms        *custody.Terms // of the grant
	UsedBytes    int64          // deposited under it before
	UsedPackages int64
	Bytes        int64 // of the package

	Delivery  int64           // of ActionSeal and ActionRelease
	Final     bool            // likewise
	Recipient custody.PartyID // of ActionRelease

	Now time.Time
}

// Ask makes the question of an action that custody.Decide has allowed, in the same
// record and view. Ok is false of everything that no policy is asked about.
func Ask(r *custody.Record, v *custody.View, a custody.Action, now custody.Time) (q *Question, ok bool) {
	q = &Question{Agent: a.Via, ID: r.ID, Now: now.Time(), Bytes: a.Bytes}
	if m, ok := v.Authorities[a.Via.Authority()].Active(a.Via, now); ok {
		q.Duties = m.Duties
	}
	if a.Act == custody.ActStatement {
		switch b := a.Statement.Body.(type) {
		case *custody.Request:
			q.Action, q.Request = ActionRequest, b
			return q, true
		case *custody.Offer:
			q.Action, q.Request = ActionRequest, asIfAsked(b)
			return q, true
		}
	}
	c := r.Case()
	if c == nil {
		return nil, false
	}
	if q.Request = c.Request; c.Offer != nil {
		q.Request = asIfAsked(c.Offer)
	}
	switch a.Act {
	case custody.ActReserve:
		q.Action = ActionReserve
		q.under(grant(c, a.Grant))
	case custody.ActPart:
		q.Action = ActionPart
		q.under(grant(c, a.Grant))
	case custody.ActStatement:
		return q, q.statement(c, a.Statement)
	default:
		return nil, false
	}
	return q, true
}

// asIfAsked is an offer as a policy is asked about it: as if the State that it is for had
// asked for what is offered. What an operator keeps from moving between two authorities
// does not move because nobody has asked.
func asIfAsked(b *custody.Offer) *custody.Request {
	return &custody.Request{Header: custody.Header{By: b.To}, To: b.By, Instrument: b.Instrument, Assistance: custody.AssistanceDisclosure,
		Categories: b.Categories, Sensitive: b.Sensitive, Urgency: "routine", Recipients: b.Recipients, Expires: b.Expires}
}

// statement fills in what is asked about a statement on a package, and reports whether
// it is one that a policy is asked about.
func (q *Question) statement(c *custody.Case, s *custody.Statement) bool {
	switch b := s.Body.(type) {
	case *custody.Seal:
		q.Action = ActionSeal
		q.under(grant(c, b.Grant))
		q.Bytes, q.Delivery, q.Final = b.PayloadSize, b.Delivery, b.Final
	case *custody.Release:
		q.Action, q.Recipient = ActionRelease, b.Recipient
		if p := c.Package(b.Package); p != nil {
			q.under(p.Grant)
			q.Bytes, q.Delivery, q.Final = p.PayloadSize, p.Delivery, p.Final
		}
	default:
		return false
	}
	return true
}

func (q *Question) under(g *custody.GrantState) {
	if g != nil {
		q.Terms, q.UsedBytes, q.UsedPackages = g.Terms, g.Bytes, g.Packages
	}
}

func grant(c *custody.Case, sha custody.Digest) *custody.GrantState {
	for _, g := range c.Grants {
		if g.SHA256 == sha {
			return g
		}
	}
	return nil
}
