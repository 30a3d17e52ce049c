package gateway

import (
	"context"
	"errors"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// expiryPause is how long an expired proposal may lie before it is removed.
const expiryPause = time.Hour

// expire removes expired proposals every hour until ctx ends. The start did it once.
func (g *Gateway) expire(ctx context.Context) {
	tick := time.NewTicker(expiryPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.removeExpired(ctx)
			g.erase(ctx) // what a hold or a lock kept when it was due
		}
	}
}

// erase does what erasures want that are not done yet. Nobody binds an annex meanwhile.
func (g *Gateway) erase(ctx context.Context) {
	g.annexes.Lock()
	defer g.annexes.Unlock()
	g.ingest.Erase(ctx)
}

// removeExpired removes the proposals whose time is up with the annexes that they
// alone bind: 16 MiB each would else stay for ever.
func (g *Gateway) removeExpired(ctx context.Context) {
	var list []records.Proposal
	err := g.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.Expired(statement.At(g.cfg.Now()))
		return err
	})
	for _, p := range list {
		err = errors.Join(err, g.removeProposal(ctx, p))
	}
	if err != nil && ctx.Err() == nil {
		g.cfg.Logger.ErrorContext(ctx, "failed to remove expired proposals", "error", err)
	}
}

// removeProposal removes the annex before the row: if we crash in between, the row
// brings the next sweep back here. While it looks who else binds the annex, nobody
// can begin to: who finds the file in the store need not bring it.
func (g *Gateway) removeProposal(ctx context.Context, p records.Proposal) error {
	g.annexes.Lock()
	defer g.annexes.Unlock()
	bound, gone, err := g.binds(ctx, p)
	if err != nil || gone {
		return err
	}
	if !bound {
		if err := g.removeAnnex(ctx, p.Annex); err != nil {
			return err
		}
	}
	return g.cfg.DB.Update(ctx, func(tx *records.Tx) error { return tx.DeleteProposal(p.SHA256) })
}

// binds says whether an expired proposal binds no annex of its own, and whether it
// is gone or has been made again.
func (g *Gateway) binds(ctx context.Context, p records.Proposal) (bound, gone bool, err error) {
	err = g.cfg.DB.View(ctx, func(tx *records.Tx) error {
		now, err := tx.Proposal(p.SHA256)
		if errors.Is(err, records.ErrNotFound) || err == nil && now.Expires != p.Expires {
			gone = true
			return nil
		}
		if err != nil {
			return err
		}
		others, err := tx.Binding(p.Annex)
		if err != nil {
			return err
		}
		filed, err := tx.Annexes(p.Annex)
		bound = p.Annex.IsZero() || len(others) > 1 || len(filed) > 0
		return err
	})
	return bound, gone, err
}

func (g *Gateway) removeAnnex(ctx context.Context, sha custody.Digest) error {
	key := deliver.AnnexKey(sha)
	info, err := g.cfg.Store.Stat(ctx, key, "")
	if errors.Is(err, objects.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return g.cfg.Store.Delete(ctx, key, info.Version)
}
