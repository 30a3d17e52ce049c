package officer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Proposal is a statement of this authority that waits for signatures.
type Proposal struct {
	Statement *custody.Statement
	Signed    []custody.PartyID // who proposed it, and signed it since: active officers, verified
	Expires   custody.Time
}

// Request returns the id of the request that the proposal is about, or "" if it is
// about none.
func (p *Proposal) Request() string { return requestOf(p.Statement) }

// With returns the authority that a proposal about no request is named by: the other one
// of a suspension, the own one of a report; else "".
func (p *Proposal) With() string {
	switch b := p.Statement.Body.(type) {
	case *custody.Suspension:
		return b.With
	case *custody.Report:
		return b.By
	}
	return ""
}

// Proposals lists what waits for signatures of this authority. What an officer
// signed who is not active any more can never be filed and is left out; what no
// officer signed is a lie of the relay's.
func (d *Desk) Proposals(ctx context.Context) ([]Proposal, error) {
	open, err := d.Session.Proposals(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the proposals: %w", err)
	}
	snap, err := d.Session.Sync(ctx, "", d.Home.Authority())
	if err != nil {
		return nil, err
	}
	var list []Proposal
	for _, o := range open.Proposals {
		st, err := custody.ParseStatement(o.Envelope)
		if err != nil {
			return nil, fmt.Errorf("reading a proposal: %w: %w", err, agent.ErrVerify)
		}
		if st.SHA256 != o.SHA256 || st.Header.By != d.Home.Authority() {
			return nil, fmt.Errorf("the relay shows a proposal that is not what it says: %w", agent.ErrVerify)
		}
		signed, err := d.proposers(snap, st)
		if err != nil {
			return nil, err
		}
		if len(signed) > 0 {
			list = append(list, Proposal{st, signed, o.Expires})
		}
	}
	return list, nil
}

// proposers verifies the signatures of a proposal and returns who made them: the
// relay could draft a statement itself and have officers complete it. Nobody, if a
// key is not that of an active officer.
func (d *Desk) proposers(snap *agent.Snapshot, st *custody.Statement) ([]custody.PartyID, error) {
	env, err := statement.Parse(st.Envelope)
	if err != nil {
		return nil, err
	}
	officers := map[keys.ID]*custody.Member{}
	for _, m := range snap.Book.View().Authorities[d.Home.Authority()].ActiveRole(custody.RoleOfficer, statement.At(d.Now())) {
		officers[m.Key.ID()] = m
	}
	var signed []custody.PartyID
	for _, id := range env.Signers() {
		if officers[id] == nil {
			return nil, nil
		}
		signed = append(signed, officers[id].ID)
	}
	if _, err := env.Verify(func(id keys.ID) (*keys.Public, bool) { return officers[id].Key, true }); err != nil {
		return nil, fmt.Errorf("the relay shows a proposal that no officer of %q made: %w: %w", d.Home.Authority(), err, agent.ErrVerify)
	}
	slices.Sort(signed)
	return signed, nil
}

// Newest returns of each kind the proposal that was made last, in the order in
// which they were made, and how many older ones it leaves out: a second proposal
// of a kind is the correction of the first.
func Newest(list []Proposal) (newest []Proposal, older int) {
	last := map[custody.Kind]Proposal{}
	for _, p := range list {
		if o, ok := last[p.Statement.Kind]; !ok || o.issued().Before(p.issued()) {
			last[p.Statement.Kind] = p
		}
	}
	newest = slices.SortedFunc(maps.Values(last), func(a, b Proposal) int { return a.issued().Compare(b.issued()) })
	return newest, len(list) - len(newest)
}

func (p *Proposal) issued() time.Time { return p.Statement.Header.Issued.Time() }

// State reads the records that a proposal is decided by.
func (d *Desk) State(ctx context.Context, p Proposal) (*agent.Snapshot, error) {
	if both := p.Statement.Parties(); both != nil {
		return d.Session.Sync(ctx, "", both...)
	}
	switch p.Statement.Kind {
	case custody.KindSuspension, custody.KindReport:
		return d.Session.Sync(ctx, "", p.Statement.Header.By)
	}
	return d.Session.Sync(ctx, p.Request())
}

// ErrSigned is returned by CoSign where nobody here can add a signature.
var ErrSigned = errors.New("every officer whose key is here has signed it already")

// CoSign adds signatures of this home's officers to a proposal, and files it if
// they are enough now.
func (d *Desk) CoSign(ctx context.Context, snap *agent.Snapshot, p Proposal) (*Filed, error) {
	switch signed, err := d.proposers(snap, p.Statement); {
	case err != nil:
		return nil, err
	case len(signed) == 0:
		return nil, fmt.Errorf("signing the %s: no active officer of %q has proposed it", p.Statement.Kind, d.Home.Authority())
	}
	env, err := statement.Parse(p.Statement.Envelope)
	if err != nil {
		return nil, err
	}
	before := len(env.Signers())
	f, st, err := d.sign(snap, env)
	if err != nil {
		return nil, err
	}
	if err := d.allowed(snap, st); err != nil {
		return nil, err
	}
	if len(f.Signed) >= f.Need {
		return f, d.file(ctx, snap, f, st, nil) // the relay has had the annex since the proposal
	}
	if len(env.Signers()) == before {
		return nil, ErrSigned
	}
	state, err := d.Session.CoSign(ctx, st.SHA256, st.Envelope)
	if err != nil {
		return nil, fmt.Errorf("signing the proposal: %w", err)
	}
	f.Until = state.Expires
	return f, nil
}
