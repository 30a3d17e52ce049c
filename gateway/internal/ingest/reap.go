package ingest

import (
	"context"
	"errors"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
)

const (
	// idleLimit is how long a reservation may go without a new part. Its sender
	// loses what it brought, so it is far more than an outage.
	idleLimit = 7 * 24 * time.Hour

	reapPause = time.Hour
)

// Tend gives abandoned reservations up, destroys the heads of recalled packages whose
// store would not let go of them, and locks what is on hold for longer, every hour until
// ctx ends. Resume does it at
// the start.
func (i *Ingest) Tend(ctx context.Context) {
	tick := time.NewTicker(reapPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := i.reap(ctx); err != nil && ctx.Err() == nil {
			i.cfg.Logger.ErrorContext(ctx, "failed to look for abandoned reservations", "error", err)
		}
		if err := i.recalls(ctx); err != nil && ctx.Err() == nil {
			i.cfg.Logger.ErrorContext(ctx, "failed to destroy heads of recalled packages", "error", err)
		}
		if err := i.holds(ctx); err != nil && ctx.Err() == nil {
			i.cfg.Logger.ErrorContext(ctx, "failed to lock what is on hold", "error", err)
		}
	}
}

// reap gives up every open reservation that nobody will finish: its grant has
// expired or was revoked, or no part of it has come for seven days. Else it would
// take room of the store for ever. What is sealed, or about to be, is never given
// up, and nothing of a request that is on hold: a part of the evidence is in it.
func (i *Ingest) reap(ctx context.Context) error {
	var list []records.Package
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.PackagesIn(records.Open)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := i.reapOne(ctx, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			i.cfg.Logger.ErrorContext(ctx, "failed to give a reservation up", "package", p.ID, "error", err)
		}
	}
	return nil
}

func (i *Ingest) reapOne(ctx context.Context, p records.Package) error {
	why, err := i.dead(ctx, p)
	if why == "" || err != nil {
		return err
	}
	moved, err := i.giveUp(ctx, p)
	if errors.Is(err, errOnHold) || err == nil && !moved {
		return nil
	}
	if err != nil {
		return err
	}
	i.cfg.Logger.InfoContext(ctx, "gave a reservation up", "package", p.ID, "why", why)
	return i.free(ctx, p) // if we crash before, the next start frees it
}

// giveUp moves a reservation from open to abandoned, unless a part of it came just now
// or the request is on hold. A hold is filed before it, or after.
func (i *Ingest) giveUp(ctx context.Context, p records.Package) (moved bool, err error) {
	i.heads.Lock()
	defer i.heads.Unlock()
	err = i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		have, err := tx.Package(p.ID)
		if err != nil || have.Touched != p.Touched { // a part came just now
			return err
		}
		if err := unheld(tx, p.Request); err != nil {
			return err
		}
		moved, err = tx.Abandon(p.ID, p.Epoch)
		return err
	})
	return moved, err
}

// dead says why a reservation will not be finished, or "".
func (i *Ingest) dead(ctx context.Context, p records.Package) (why custody.Code, err error) {
	if i.cfg.Now().Sub(p.Touched.Time()) >= idleLimit {
		return "idle", nil
	}
	d, err := i.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), partOf(p))
	if err == nil && (d.Code == custody.CodeGrantExpired || d.Code == custody.CodeGrantRevoked || d.Code == custody.CodeRequestEnded || d.Code == custody.CodeGrantLapsed) {
		why = d.Code
	}
	return why, err
}
