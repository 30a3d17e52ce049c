package gateway

import (
	"context"
	"errors"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
)

// lapsePause is how long a grant may have lapsed before the log says so. From the second
// on at which it lapses the rules allow nothing more under it; the entry also cuts what
// is under way, and tells both sides.
const lapsePause = time.Second

// lapse has the log say which grants have lapsed, until ctx ends.
func (g *Gateway) lapse(ctx context.Context) {
	tick := time.NewTicker(lapsePause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.fileLapses(ctx); err != nil && ctx.Err() == nil {
				g.cfg.Logger.ErrorContext(ctx, "failed to say which grants have lapsed; nothing moves under them", "error", err)
			}
		}
	}
}

// fileLapses files what is due. If we crash between the entry and the end of the work,
// the next round is told that the record says so already.
func (g *Gateway) fileLapses(ctx context.Context) error {
	var list []records.Lapse
	err := g.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.Lapses(statement.At(g.cfg.Now()))
		return err
	})
	for _, l := range list {
		err = errors.Join(err, g.fileLapse(ctx, l))
	}
	return err
}

func (g *Gateway) fileLapse(ctx context.Context, l records.Lapse) error {
	err := g.ledger.File(ctx, l.Record, &custody.Event{Lapsed: &custody.Lapsed{Grant: l.Grant}})
	var no *ledger.Refused
	if errors.As(err, &no) && (no.Decision.Code == custody.CodeGrantStands || no.Decision.Code == custody.CodeDuplicate) {
		err = nil // validated or over by now; or said before we crashed
	}
	if err != nil {
		return err
	}
	return g.cfg.DB.Update(ctx, func(tx *records.Tx) error { return tx.DropLapse(l.Grant) })
}
