package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

const (
	proposalLife = 7 * 24 * time.Hour
	maxProposals = 200 // open at once, of one authority
)

// errChanged says that a proposal got another signature meanwhile.
var errChanged = errors.New("proposal has changed")

// postProposal keeps a statement that needs more signatures, for the agents of its
// own authority. Its signatures so far must be of those who are entitled.
func (g *Gateway) postProposal(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	form, err := readForm(r, envelopeField, annexField)
	if err != nil {
		return err
	}
	s, err := custody.ParseStatement(form["envelope"])
	if err != nil {
		return malformed(err)
	}
	if s.Header.By != who.Authority() {
		return wire.Refusal(custody.Decision{Code: custody.CodeNotCarrier, Rule: "desk-carries"})
	}
	if err := g.proposable(r.Context(), who, s); err != nil {
		return err
	}
	if err := g.keepAnnex(r.Context(), who, s, form["annex"]); err != nil {
		return err
	}
	p := records.Proposal{
		SHA256: s.SHA256, Record: s.Record(), Kind: s.Kind, Authority: who.Authority(), Envelope: s.Envelope,
		Expires: statement.At(g.cfg.Now().Add(proposalLife)),
	}
	if ref, ok := s.Annex(); ok {
		p.Annex = ref.SHA256
	}
	if err := g.insertProposal(r.Context(), p); !errors.Is(err, errChanged) {
		if err != nil {
			return err
		}
		return admit.WriteJSON(w, proposalState(p))
	}
	return g.cosign(w, r, who, s.SHA256, s.Envelope)
}

// proposable refuses what more signatures could not make acceptable.
func (g *Gateway) proposable(ctx context.Context, who admit.Principal, s *custody.Statement) error {
	d, err := g.decide(ctx, who, s)
	if err == nil && d.Code == custody.CodeDuplicate {
		err = wire.Refusal(d)
	}
	return err
}

// insertProposal adds a proposal, or returns errChanged if it is there.
func (g *Gateway) insertProposal(ctx context.Context, p records.Proposal) error {
	return g.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		if err := tx.DeleteExpired(statement.At(g.cfg.Now())); err != nil {
			return err
		}
		if _, err := tx.Proposal(p.SHA256); err == nil {
			return errChanged
		} else if !errors.Is(err, records.ErrNotFound) {
			return err
		}
		list, err := tx.Proposals(p.Authority)
		if err != nil {
			return err
		}
		if len(list) >= maxProposals {
			return wire.NewProblem(wire.CodeBusy, "the authority has too many open proposals")
		}
		return tx.PutProposal(p)
	})
}

func (g *Gateway) getProposals(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	var list []records.Proposal
	err := g.cfg.DB.View(r.Context(), func(tx *records.Tx) (err error) {
		list, err = tx.Proposals(who.Authority())
		return err
	})
	if err != nil {
		return err
	}
	out := wire.Proposals{Proposals: []wire.ProposalState{}}
	for _, p := range list {
		if g.cfg.Now().Before(p.Expires.Time()) {
			out.Proposals = append(out.Proposals, proposalState(p))
		}
	}
	return admit.WriteJSON(w, out)
}

func (g *Gateway) getProposal(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	sha, err := digestOf(r)
	if err != nil {
		return wire.NewProblem(wire.CodeNotFound, "")
	}
	p, err := g.proposal(r.Context(), who, sha)
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, proposalState(p))
}

// postSignatures adds the signatures of an envelope to a proposal.
func (g *Gateway) postSignatures(w http.ResponseWriter, r *http.Request, who admit.Principal) error {
	sha, err := digestOf(r)
	if err != nil {
		return wire.NewProblem(wire.CodeNotFound, "")
	}
	form, err := readForm(r, envelopeField)
	if err != nil {
		return err
	}
	return g.cosign(w, r, who, sha, form["envelope"])
}

// cosign merges signatures until no other agent came between.
func (g *Gateway) cosign(w http.ResponseWriter, r *http.Request, who admit.Principal, sha custody.Digest, envelope []byte) error {
	for range 5 {
		p, err := g.tryCosign(r.Context(), who, sha, envelope)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return err
		}
		return admit.WriteJSON(w, proposalState(p))
	}
	return wire.NewProblem(wire.CodeBusy, "")
}

func (g *Gateway) tryCosign(ctx context.Context, who admit.Principal, sha custody.Digest, envelope []byte) (records.Proposal, error) {
	p, err := g.proposal(ctx, who, sha)
	if err != nil {
		return p, err
	}
	before := p.Envelope
	s, err := merge(p.Envelope, envelope)
	if err != nil {
		return p, err
	}
	// All signatures are verified together: one that is wrong would spoil the
	// statement for good.
	if err := g.proposable(ctx, who, s); err != nil {
		return p, err
	}
	p.Envelope = s.Envelope
	return p, g.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		now, err := tx.Proposal(sha)
		if err != nil {
			return err
		}
		if !bytes.Equal(now.Envelope, before) {
			return errChanged
		}
		return tx.PutProposal(p)
	})
}

// merge returns the statement of an envelope with the signatures of two.
func merge(a, b []byte) (*custody.Statement, error) {
	to, err := statement.Parse(a)
	if err != nil {
		return nil, err
	}
	from, err := statement.Parse(b)
	if err != nil {
		return nil, malformed(err)
	}
	if err := to.Merge(from); err != nil {
		return nil, malformed(err)
	}
	return custody.ParseStatement(to.Marshal())
}

func proposalState(p records.Proposal) wire.ProposalState {
	return wire.ProposalState{SHA256: p.SHA256, Record: p.Record, Kind: p.Kind, Envelope: p.Envelope, Expires: p.Expires}
}
