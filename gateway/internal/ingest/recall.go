package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// maxVersions bounds how many versions of a head are looked for, one below the
// other. A relay writes one; more come from a lost answer, or from who can write to
// the bucket behind it.
const maxVersions = 100

// Recalled destroys head and inner file of a package whose recall is in the log, and
// then has the log say so: not before, since a crash in between would leave a word
// that is not true. Nobody has been handed them since the entry of the recall, so a
// store that keeps them locked, or does not answer, or a hold of the request, costs no
// safety: they stay on the
// list of what is to be done, and Tend and Resume try again. That is logged, and no
// error: the recall itself has succeeded.
func (i *Ingest) Recalled(ctx context.Context, id string) {
	ctx = context.WithoutCancel(ctx)
	ledger.Crash(ledger.RecallEntry)
	err := i.destroyRecalled(ctx, id)
	switch {
	case errors.Is(err, errOnHold):
		i.cfg.Logger.InfoContext(ctx, "the head of a recalled package stays while the request is on hold, and is handed out to nobody", "package", id)
	case errors.Is(err, objects.ErrLocked):
		i.cfg.Logger.WarnContext(ctx, "the head of a recalled package stays locked, and is handed out to nobody", "package", id, "error", err)
	case err != nil:
		i.cfg.Logger.ErrorContext(ctx, "failed to destroy the head of a recalled package; it is handed out to nobody", "package", id, "error", err)
	}
	ledger.Crash(ledger.RecallDone)
}

// recalls destroys what is left of earlier recalls. One that cannot be does not keep
// the others from it. What a lock or a hold still keeps was logged when it was recalled.
func (i *Ingest) recalls(ctx context.Context) error {
	var list []string
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.Recalled()
		return err
	})
	for _, id := range list {
		if failed := i.destroyRecalled(ctx, id); !errors.Is(failed, objects.ErrLocked) && !errors.Is(failed, errOnHold) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// destroyRecalled destroys the files of one package that is on the list. While it
// runs no unlock stores any: one that is in the log already, and whose files come
// again, would put them back.
func (i *Ingest) destroyRecalled(ctx context.Context, id string) error {
	i.heads.Lock()
	defer i.heads.Unlock()
	var p records.Package
	var list []string
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		if list, err = tx.Recalled(); err != nil {
			return err
		}
		if p, err = tx.Package(id); err != nil {
			return err
		}
		return unheld(tx, p.Request)
	})
	if err != nil || !slices.Contains(list, id) { // not there: an earlier call did it
		return err
	}
	if err := i.destroy(ctx, HeadKey(id)); err != nil {
		return err
	}
	ledger.Crash(ledger.HeadDestroyed)
	if err := i.destroy(ctx, InnerKey(id)); err != nil {
		return err
	}
	ledger.Crash(ledger.InnerDestroyed)
	err = i.cfg.Ledger.File(ctx, custody.RecordID(p.Request), &custody.Event{Destroyed: &custody.Destroyed{Package: id}})
	var no *ledger.Refused
	if errors.As(err, &no) && (no.Decision.Code == custody.CodeDuplicate || no.Decision.Code == custody.CodeNotUnlocked) {
		err = nil // it was said before we crashed; or the head never came, and there is nothing to say
	}
	if err != nil {
		return err
	}
	ledger.Crash(ledger.DestroyedEntry)
	return i.cfg.DB.Update(ctx, func(tx *records.Tx) error { return tx.DropRecalled(id) })
}

// destroy deletes every version of an object that the store shows.
func (i *Ingest) destroy(ctx context.Context, key string) error {
	for range maxVersions {
		info, err := i.cfg.Store.Stat(ctx, key, "")
		if errors.Is(err, objects.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = i.erase(ctx, key, info.Version)
		}
		if err != nil {
			return fmt.Errorf("destroying %q: %w", key, err)
		}
	}
	return fmt.Errorf("destroying %q: more than %d versions were deleted, and it is still there", key, maxVersions)
}

// erase deletes a version by the destroyer, if the relay has one; else its lock has
// to have ended.
func (i *Ingest) erase(ctx context.Context, key, version string) error {
	if i.cfg.Destroyer != nil {
		return i.cfg.Destroyer.Destroy(ctx, key, version)
	}
	return i.cfg.Store.Delete(ctx, key, version)
}

// unrecalled refuses to go on with an unlock that is in the log and was followed by
// a recall: its sender did not hear of either, and brings the head again.
func (i *Ingest) unrecalled(ctx context.Context, s *custody.Statement) error {
	id, recalled := s.Package(), false
	err := i.cfg.Ledger.Read(ctx, s.Record(), func(r *custody.Record) error {
		p := r.Case().Package(id)
		recalled = p != nil && p.Recall != nil
		return nil
	})
	if err == nil && recalled {
		d := ledger.Answer{Decision: custody.Decision{Code: custody.CodePackageRecalled, Rule: "unlock"}}
		err = admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchPackage)
	}
	return err
}
