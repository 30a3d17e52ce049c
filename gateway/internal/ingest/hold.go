package ingest

import (
	"context"
	"errors"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// errOnHold is why something is not destroyed now. It is tried again when the hold is
// lifted, and every hour.
var errOnHold = errors.New("the request is on hold")

// FileHold files a hold, or its lift, with file, while nothing is destroyed or given up:
// what is destroyed already is so in the log before the hold, and what comes after it
// finds it in the database. Then it locks what is held for longer, or destroys what had
// to wait. Both are in the list of holds that the entry wrote, so if we crash in between,
// or the store does not answer, Resume and Tend do it; that is logged, and no error.
func (i *Ingest) FileHold(ctx context.Context, s *custody.Statement, file func() (*wire.Proof, error)) (*wire.Proof, error) {
	proof, err := i.whileHere(file)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if s.Body.(*custody.Hold).State == custody.StateHeld {
		err = i.keepHeld(ctx, s.Record())
	} else {
		err = i.recalls(ctx)
	}
	if err != nil {
		i.cfg.Logger.ErrorContext(ctx, "failed to do what follows from a hold or its lift", "request", s.Record(), "error", err)
	}
	return proof, nil
}

func (i *Ingest) whileHere(file func() (*wire.Proof, error)) (*wire.Proof, error) {
	i.heads.RLock()
	defer i.heads.RUnlock()
	return file()
}

// holds locks what is on hold for longer. One request that cannot be does not keep the
// others from it.
func (i *Ingest) holds(ctx context.Context) error {
	var list []custody.RecordID
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.Holds()
		return err
	})
	for _, id := range list {
		err = errors.Join(err, i.keepHeld(ctx, id))
	}
	return err
}

// keepHeld locks the payloads of a request, and the heads and inner files that are here,
// by one transport window from now, as soon as half of one is left. So a store that an
// operator cleans up keeps them, and what a hold locked it does not lock for ever.
func (i *Ingest) keepHeld(ctx context.Context, id custody.RecordID) error {
	var packages []*custody.PackageState
	err := i.cfg.Ledger.Read(ctx, id, func(r *custody.Record) error {
		if c := r.Case(); c.OnHold() { // not lifted since
			packages = append(packages, c.Packages...)
		}
		return nil
	})
	for _, p := range packages {
		err = errors.Join(err, i.keepPackage(ctx, p.SHA256, p.Package))
	}
	return err
}

func (i *Ingest) keepPackage(ctx context.Context, seal custody.Digest, id string) error {
	var row records.Entry
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		row, err = tx.ByStatement(seal)
		return err
	})
	if err != nil {
		return err
	}
	e, err := custody.ParseEntry(row.Entry)
	if err != nil || e.Deposit == nil {
		return err
	}
	for _, o := range e.Deposit.Objects {
		err = errors.Join(err, i.keepLocked(ctx, o.Key, o.Version, objects.Compliance))
	}
	for _, key := range []string{HeadKey(id), InnerKey(id)} {
		err = errors.Join(err, i.keepLocked(ctx, key, "", objects.Governance))
	}
	return err
}

// keepLocked locks a version, or the newest, for longer. A head that is not here was not
// let go yet, or was destroyed before the hold.
func (i *Ingest) keepLocked(ctx context.Context, key, version string, mode objects.Mode) error {
	info, err := i.cfg.Store.Stat(ctx, key, version)
	if errors.Is(err, objects.ErrNotExist) && version == "" {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode == mode && info.RetainUntil.Sub(i.cfg.Now()) > i.cfg.Lock/2 {
		return nil
	}
	return i.lock(ctx, key, info.Version, mode, statement.At(i.cfg.Now().Add(i.cfg.Lock)))
}

// unheld fails with errOnHold if a request is on hold. What it reads is committed with
// the entry of the hold, whether or not that is published yet.
func unheld(tx *records.Tx, request string) error {
	held, err := tx.OnHold(custody.RecordID(request))
	if err == nil && held {
		err = errOnHold
	}
	return err
}
