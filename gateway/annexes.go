package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// ageHeader begins every age file (c2sp.org/age).
var ageHeader = []byte("age-encryption.org/v1\n")

// keepAnnex checks that the annex is the one that a statement binds, and stores
// it. It may be left out if the relay has it from a proposal of this statement.
// That it is sealed to the right recipients only they can tell: the relay sees
// that it is an age file.
func (g *Gateway) keepAnnex(ctx context.Context, who admit.Principal, s *custody.Statement, annex []byte) error {
	ref, bound := s.Annex()
	mismatch := wire.NewProblem(wire.CodeAnnexMismatch, "")
	switch {
	case !bound && annex == nil:
		return nil
	case !bound:
		return mismatch
	case annex == nil:
		return g.hasAnnex(ctx, who, s, ref)
	case int64(len(annex)) != ref.Size || custody.Digest(sha256.Sum256(annex)) != ref.SHA256 || !bytes.HasPrefix(annex, ageHeader):
		return mismatch
	}
	info, err := g.cfg.Store.Put(ctx, deliver.AnnexKey(ref.SHA256), annex, objects.Create)
	if errors.Is(err, objects.ErrExist) && info.Digest == ref.SHA256 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storing annex %s: %w", ref.SHA256, err)
	}
	return nil
}

// hasAnnex accepts a statement without its annex if the caller's authority brought
// it with the proposal. Nobody can make an annex of others readable by naming it.
func (g *Gateway) hasAnnex(ctx context.Context, who admit.Principal, s *custody.Statement, ref custody.AnnexRef) error {
	p, err := g.proposal(ctx, who, s.SHA256)
	if wire.CodeOf(err) == wire.CodeNotFound || err == nil && p.Annex != ref.SHA256 {
		return wire.NewProblem(wire.CodeAnnexMismatch, "the annex is missing")
	}
	return err
}

// scope lists the authorities that may read the annex of a statement: of a review
// its own, because the findings are for that State alone, else both parties.
func (g *Gateway) scope(ctx context.Context, s *custody.Statement) ([]string, error) {
	if p := s.Parties(); p != nil {
		return p, nil
	}
	if s.Kind == custody.KindReview {
		return []string{s.Header.By}, nil
	}
	var list []string
	err := g.ledger.Read(ctx, s.Record(), func(r *custody.Record) error {
		if c := r.Case(); c != nil {
			list = []string{c.From, c.To}
		}
		return nil
	})
	return list, err
}

// proposal returns an open proposal of the caller's authority. Any other is as if
// it did not exist.
func (g *Gateway) proposal(ctx context.Context, who admit.Principal, sha custody.Digest) (p records.Proposal, err error) {
	err = g.cfg.DB.View(ctx, func(tx *records.Tx) error {
		p, err = tx.Proposal(sha)
		return err
	})
	if errors.Is(err, records.ErrNotFound) || err == nil && (p.Authority != who.Authority() || !g.cfg.Now().Before(p.Expires.Time())) {
		err = wire.NewProblem(wire.CodeNotFound, "")
	}
	return p, err
}
