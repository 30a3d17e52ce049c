package officer

import (
	"context"
	"slices"

	"comity.example/comity/agent"
	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/custody"
)

// Annex is the sealed part of a statement.
type Annex = annex.Annex

// StandingReview returns the newest review without objection that an authority
// has in a record, or nil: a grant may rest on it.
func StandingReview(snap *agent.Snapshot, request, authority string) (*custody.Statement, error) {
	list, err := statements(snap, request)
	if err != nil {
		return nil, err
	}
	for _, st := range slices.Backward(list) {
		if b, ok := st.Body.(*custody.Review); ok && b.By == authority && b.Finding == custody.FindingNoObjection {
			return st, nil
		}
	}
	return nil, nil
}

// statements parses the statements of a request's record.
func statements(snap *agent.Snapshot, request string) ([]*custody.Statement, error) {
	var list []*custody.Statement
	for _, l := range snap.Records[custody.RecordID(request)] {
		c := l.Custody()
		if l.Gap != nil { // erased
			continue
		}
		_, st, err := c.Parse()
		if err != nil {
			return nil, err
		}
		if st != nil { // an event of the relay's has none
			list = append(list, st)
		}
	}
	return list, nil
}

// Reviewed looks for a review in the record that says what a draft says, so that
// a command which stopped between review and grant can be run again.
func (d *Desk) Reviewed(ctx context.Context, snap *agent.Snapshot, request string, r *ReviewDraft) (*custody.Statement, error) {
	st, err := StandingReview(snap, request, d.Home.Authority())
	if st == nil || err != nil || r == nil {
		return st, err
	}
	b := st.Body.(*custody.Review)
	if b.Body != r.Body || b.Finding != r.Finding {
		return nil, nil
	}
	a, err := d.Session.OpenAnnex(ctx, b.Annex)
	if err != nil || a.Text.Reasons != r.Text || !slices.Equal(a.Text.Examined, r.examined()) {
		return nil, nil // not to be opened here, so not known to be the same: a new one does no harm
	}
	return st, nil
}
