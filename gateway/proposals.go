package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

const (
	proposalLife = 7 * 24 * time.Hour
	maxProposals = 200 // open at once, of one authority

	// maxProposalBytes bounds their envelopes together: the list of them is one
	// answer, in base64 inside JSON, of at most wire.MaxJSON.
	maxProposalBytes = 5 << 20
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
		return notCarrier(s)
	}
	if err := g.proposable(r.Context(), who, s); err != nil {
		return err
	}
	p := records.Proposal{
		SHA256: s.SHA256, Record: s.Record(), Kind: s.Kind, Authority: who.Authority(), Envelope: s.Envelope,
		Expires: statement.At(g.cfg.Now().Add(proposalLife)),
	}
	if ref, ok := s.Annex(); ok {
		p.Annex = ref.SHA256
	}
	if err := g.keepProposal(r.Context(), who, s, p, form["annex"]); !errors.Is(err, errChanged) {
		if err != nil {
			return err
		}
		return admit.WriteJSON(w, proposalState(p))
	}
	return g.cosign(w, r, who, s.SHA256, s.Envelope)
}

// keepProposal stores a proposal and, before it, its annex, or returns errChanged if
// the proposal is there. It looks for room before it writes 16 MiB: what is refused
// afterwards, because others came at the same time, leaves its annex behind, unbound
// and readable by nobody, as a crash in between does.
func (g *Gateway) keepProposal(ctx context.Context, who admit.Principal, s *custody.Statement, p records.Proposal, annex []byte) error {
	if err := g.space(int64(len(annex))); err != nil {
		return err
	}
	g.annexes.RLock()
	defer g.annexes.RUnlock()
	err := g.cfg.DB.View(ctx, func(tx *records.Tx) error { return g.proposalRoom(tx, p) })
	if err != nil && !errors.Is(err, errChanged) {
		return err
	}
	if err := g.keepAnnex(ctx, who, s, annex); err != nil {
		return err
	}
	return g.insertProposal(ctx, p)
}

// space refuses what would eat into the space that the relay keeps free, as far as
// the store knows it.
func (g *Gateway) space(bytes int64) error {
	s, ok := g.cfg.Store.(objects.Spacer)
	if !ok || bytes == 0 {
		return nil
	}
	free, err := s.Free()
	if err != nil {
		return fmt.Errorf("measuring free space: %v", err)
	}
	if free-g.cfg.MinFree < bytes {
		return wire.NewProblem(wire.CodeStorage, "")
	}
	return nil
}

// proposable refuses what the rules refuse before they count signatures, and what has all
// of them and is refused. What a kind demands beyond that is asked when all have signed.
func (g *Gateway) proposable(ctx context.Context, who admit.Principal, s *custody.Statement) error {
	d, err := g.decide(ctx, who, s)
	if err == nil && d.Code == custody.CodeDuplicate {
		err = admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchRequest)
	}
	return err
}

// insertProposal adds a proposal, or returns errChanged if it is there.
func (g *Gateway) insertProposal(ctx context.Context, p records.Proposal) error {
	return g.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		if err := g.proposalRoom(tx, p); err != nil {
			return err
		}
		if err := tx.DeleteProposal(p.SHA256); err != nil { // one that has expired
			return err
		}
		return tx.PutProposal(p)
	})
}

// proposalRoom says whether a proposal may be added: errChanged if it is there. The
// statement may have been filed since the rules were asked, and nothing would remove
// its proposal then.
func (g *Gateway) proposalRoom(tx *records.Tx, p records.Proposal) error {
	if _, err := tx.ByStatement(p.SHA256); err == nil {
		d := ledger.Answer{Decision: custody.Decision{Code: custody.CodeDuplicate, Rule: "once"}}
		return admit.Deny(p.Record, custody.ActStatement, d, custody.CodeNoSuchRequest)
	} else if !errors.Is(err, records.ErrNotFound) {
		return err
	}
	old, err := tx.Proposal(p.SHA256)
	if err == nil && g.cfg.Now().Before(old.Expires.Time()) {
		return errChanged
	}
	if err != nil && !errors.Is(err, records.ErrNotFound) {
		return err
	}
	return bounded(tx, p)
}

// bounded refuses one proposal, or one signature, more than the list of an authority
// may hold. What has expired counts until the sweep of the hour.
func bounded(tx *records.Tx, p records.Proposal) error {
	n, bytes, err := tx.ProposalUsage(p.Authority, p.SHA256)
	if err != nil {
		return err
	}
	if n >= maxProposals || bytes+int64(len(p.Envelope)) > maxProposalBytes {
		return wire.NewProblem(wire.CodeBusy, "the authority has too many open proposals")
	}
	return nil
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
	return p, g.replaceProposal(ctx, p, before)
}

// replaceProposal puts an envelope in the place of the one that was there before,
// unless another agent came between. One that was filed meanwhile is gone.
func (g *Gateway) replaceProposal(ctx context.Context, p records.Proposal, before []byte) error {
	return g.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		now, err := tx.Proposal(p.SHA256)
		switch {
		case errors.Is(err, records.ErrNotFound):
			return wire.NewProblem(wire.CodeNotFound, "")
		case err != nil:
			return err
		case !bytes.Equal(now.Envelope, before):
			return errChanged
		}
		if err := bounded(tx, p); err != nil {
			return err
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
