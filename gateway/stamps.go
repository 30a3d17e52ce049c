package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/stamps"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// Timestamps is an authority that the relay has stamp its checkpoints, RFC 3161.
type Timestamps struct {
	// URL is where to ask, by HTTP POST. Required.
	URL string

	// Roots are the certificates that its answers must lead to. Required.
	Roots *timestamp.Roots

	// Policy is the policy to ask for, an OID in dots. If empty, the authority's own.
	Policy string

	// Interval is how often it is asked if the log has grown. If zero, 10 minutes.
	Interval time.Duration
}

// stamper returns who asks the time stamping authorities, or nil without any.
func (g *Gateway) stamper() (*stamps.Stamper, error) {
	list := make([]stamps.Authority, len(g.cfg.Timestamps))
	if len(list) > stamps.MaxAuthorities {
		return nil, fmt.Errorf("%d time stamping authorities, more than %d", len(list), stamps.MaxAuthorities)
	}
	for i, a := range g.cfg.Timestamps {
		if a.URL == "" || a.Roots == nil {
			return nil, errors.New("a time stamping authority without URL or roots")
		}
		if a.Interval == 0 {
			a.Interval = 10 * time.Minute
		}
		list[i] = stamps.Authority(a)
	}
	return stamps.New(stamps.Config{
		DB: g.cfg.DB, Store: g.cfg.Store, Authorities: list, Newest: g.newestCheckpoint, Look: g.cfg.StampLook, Now: g.cfg.Now, Logger: g.cfg.Logger,
	}), nil
}

// newestCheckpoint returns what is to be stamped: the newest checkpoint.
func (g *Gateway) newestCheckpoint() (int64, []byte) {
	note := g.ledger.Checkpoint()
	size, err := translog.SizeOf(note)
	if err != nil {
		panic("gateway: internal error: the relay shows a checkpoint that it did not make: " + err.Error())
	}
	return size, note
}

// getTokens answers with the first token of each authority over a checkpoint that holds
// an entry, up to a size of the log. They say nothing of any case.
func (g *Gateway) getTokens(w http.ResponseWriter, r *http.Request, _ admit.Principal) error {
	index, err := number(r.URL.Query().Get("index"))
	if err != nil {
		return err
	}
	size, err := number(r.URL.Query().Get("size"))
	if err != nil {
		return err
	}
	if size == 0 || size > g.ledger.Size() {
		size = g.ledger.Size()
	}
	out := wire.Tokens{Size: size, Tokens: []wire.Token{}}
	err = g.cfg.DB.View(r.Context(), func(tx *records.Tx) error {
		list, err := tx.FirstTokens(index, size)
		for _, k := range list {
			t := wire.Token{Size: k.Size, N: k.N, Authority: k.Authority, Checkpoint: string(k.Note), Response: k.Response}
			path, err := translog.ProveConsistency(k.Size, size, tx.Hashes())
			if err != nil {
				return err
			}
			t.Proof = make([]custody.Digest, len(path))
			for i, h := range path {
				t.Proof[i] = custody.Digest(h)
			}
			out.Tokens = append(out.Tokens, t)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for tokens: %w", err)
	}
	return admit.WriteJSON(w, out)
}

// stamp has the authorities asked until ctx ends: of a relay that serves, and not of one
// that is only looked at.
func (g *Gateway) stamp(ctx context.Context) {
	for i := range g.cfg.Timestamps {
		g.tending.Go(func() { g.stamps.Run(ctx, i) })
	}
}
