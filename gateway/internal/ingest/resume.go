package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// lookBack is how long after its reservation a package may still need something
// from a start, beyond the relay's own window. A start locks payloads that a crash left
// unlocked within that time, however long they are kept; of a relay that comes up later
// fsck names them.
const lookBack = 60 * 24 * time.Hour

// Resume gives up what nobody will finish, and then finishes what an earlier
// process left: deposits between their two transactions, reservations without
// uploads, payloads that were not locked yet, uploads of packages that were given
// up, heads of packages that were recalled, what is to be erased. It is called before the first request. A package that cannot be driven on is logged and left for the
// next start: one broken package must not keep a relay down.
func (i *Ingest) Resume(ctx context.Context) error {
	if err := i.reap(ctx); err != nil {
		return err
	}
	for _, state := range []records.State{records.Sealing, records.Open, records.Sealed, records.Abandoned} {
		var list []records.Package
		err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
			list, err = tx.PackagesIn(state)
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range list {
			if err := i.resume(ctx, p); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				i.cfg.Logger.ErrorContext(ctx, "failed to drive a package on", "package", p.ID, "state", p.State, "error", err)
			}
		}
	}
	if err := i.holds(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i.cfg.Logger.ErrorContext(ctx, "failed to lock what is on hold", "error", err)
	}
	if err := i.recalls(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i.cfg.Logger.ErrorContext(ctx, "failed to destroy heads of recalled packages", "error", err)
	}
	i.Erase(ctx)
	return i.cfg.DB.Scrub(ctx) // what an erasure left in it that a crash cut short
}

func (i *Ingest) resume(ctx context.Context, p records.Package) error {
	old := p.Created.Time().Add(i.cfg.Lock + lookBack).Before(i.cfg.Now())
	switch {
	case p.State == records.Sealing:
		_, err := i.finish(ctx, p.ID)
		i.cfg.Logger.InfoContext(ctx, "drove a deposit on", "package", p.ID, "code", wire.CodeOf(err))
		return err
	case p.State == records.Open && len(p.Uploads) == 0:
		return i.begin(ctx, p, true)
	case p.State == records.Sealed && !old:
		return i.relock(ctx, p)
	case p.State == records.Abandoned && !old:
		return i.free(ctx, p)
	}
	return nil
}

// relock locks the payload of a deposit, if it is not locked already.
func (i *Ingest) relock(ctx context.Context, p records.Package) error {
	s, err := custody.ParseStatement(p.Seal)
	if err != nil {
		return err
	}
	var e records.Entry
	err = i.cfg.DB.View(ctx, func(tx *records.Tx) error {
		e, err = tx.ByStatement(s.SHA256)
		return err
	})
	if err != nil {
		return err
	}
	return i.lockPayload(ctx, p, e.Entry)
}

// Abandon gives an open package of the caller up and frees its space. Nothing
// that is sealed can be given up.
func (i *Ingest) Abandon(ctx context.Context, who admit.Principal, id string, epoch int64) error {
	p, err := i.own(ctx, who, id)
	if err != nil {
		return err
	}
	if err := fence(p, epoch); err != nil {
		return err
	}
	return i.discard(context.WithoutCancel(ctx), p, epoch)
}

// discard moves a package from open to abandoned and then frees its space. If we
// crash in between, the next start frees it.
func (i *Ingest) discard(ctx context.Context, p records.Package, epoch int64) error {
	var moved bool
	err := i.cfg.DB.Update(ctx, func(tx *records.Tx) (err error) {
		moved, err = tx.Abandon(p.ID, epoch)
		return err
	})
	if err != nil {
		return err
	}
	if !moved {
		return i.whyNot(ctx, p.ID, epoch)
	}
	ledger.Crash(ledger.AbandonRow)
	return i.free(ctx, p)
}

// free ends the uploads of an abandoned package. A payload that was completed for
// a seal which the rules then refused is in no record, and deleted.
func (i *Ingest) free(ctx context.Context, p records.Package) error {
	for n := range objectSizes(p.PayloadSize) {
		key := payloadKey(p.ID, n)
		if err := i.cfg.Store.Abort(ctx, key, ""); err != nil {
			return fmt.Errorf("freeing package %q: %w", p.ID, err)
		}
		info, err := i.cfg.Store.Stat(ctx, key, "")
		if err == nil {
			err = i.cfg.Store.Delete(ctx, key, info.Version)
		}
		if err != nil && !errors.Is(err, objects.ErrNotExist) {
			return fmt.Errorf("freeing package %q: %w", p.ID, err)
		}
	}
	return nil
}
