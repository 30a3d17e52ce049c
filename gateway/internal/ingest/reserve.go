package ingest

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// errRetry says that what open packages take of a grant changed under our eyes.
var errRetry = errors.New("usage of the grant has changed")

// Reserve makes room for one package under a grant. The rules decide, with all
// other reservations that are still open counted against the grant.
//
// The agent draws the id. The same call again, because the answer was lost,
// returns the reservation that is here, under the next epoch: no two answers carry
// one epoch, so a copy of the machine that asks the same fences the other, and
// never shares with it. Once a part has come somebody has had the answer, and the
// id is refused as one that is used; so is every other use of an id, in the same
// words whosever it is.
func (i *Ingest) Reserve(ctx context.Context, who admit.Principal, in wire.Reserve) (*wire.Reservation, error) {
	if err := errors.Join(custody.CheckID(in.Request), custody.CheckID(in.Package)); err != nil {
		return nil, wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	if _, err := seal.PlainSize(in.PayloadSize); err != nil {
		return nil, wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	if n := seal.Parts(in.PayloadSize); n > wire.MaxParts {
		return nil, wire.NewProblem(wire.CodePackageSize, fmt.Sprintf("%d parts of %d bytes, at most %d", n, seal.PartSize, wire.MaxParts))
	}
	now := statement.At(i.cfg.Now())
	p, err := i.claim(ctx, records.Package{
		ID: in.Package, Request: in.Request, Grant: in.Grant, Agent: who.ID(), Epoch: 1, State: records.Open,
		PayloadSize: in.PayloadSize, Parts: int64(seal.Parts(in.PayloadSize)), Created: now,
	})
	if err != nil {
		return nil, err
	}
	ledger.Crash(ledger.ReserveRow)
	if len(p.Uploads) == 0 {
		// If this fails the row stays: the sender asks again, or gives it up.
		if err := i.begin(ctx, p, p.Epoch > 1); err != nil {
			return nil, err
		}
	}
	ledger.Crash(ledger.ReserveUploads)
	return reservation(p), nil
}

// space refuses what the medium has no room for, as far as it knows. What is
// reserved already has its room, also where the store has not taken it from the
// medium yet.
func (i *Ingest) space(ctx context.Context, p records.Package) error {
	s, ok := i.cfg.Store.(objects.Spacer)
	if !ok {
		return nil
	}
	if have, err := i.find(ctx, p.ID); err == nil && have.Agent == p.Agent {
		return nil
	}
	// In this order: a part that comes in between is counted twice, never not at all.
	var toCome int64
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		toCome, err = tx.ToCome(p.ID)
		return err
	})
	if err != nil {
		return err
	}
	free, err := s.Free()
	if err != nil {
		return fmt.Errorf("measuring free space: %v", err)
	}
	if free-i.cfg.MinFree-toCome < p.PayloadSize {
		return wire.NewProblem(wire.CodeStorage, "")
	}
	return nil
}

// claim adds the row of a package if the rules allow it now, or returns the row of
// the same reservation under a new epoch.
func (i *Ingest) claim(ctx context.Context, p records.Package) (records.Package, error) {
	i.reserving.Lock()
	defer i.reserving.Unlock()
	if err := i.space(ctx, p); err != nil {
		return p, err
	}
	for range 3 {
		claimed, err := i.tryClaim(ctx, p)
		if !errors.Is(err, errRetry) {
			return claimed, err
		}
	}
	return p, wire.NewProblem(wire.CodeBusy, "")
}

// tryClaim decides on the published log, with whatever is not in it as usage. What
// is published while the rules decide counts twice then, which can only refuse too
// much: if it did, or if the usage moved, the caller tries again.
func (i *Ingest) tryClaim(ctx context.Context, p records.Package) (records.Package, error) {
	size := i.cfg.Ledger.Size()
	var before custody.Usage
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		before, err = usage(tx, p, size)
		return err
	})
	if err != nil {
		return p, err
	}
	d, err := i.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), custody.Action{
		Act: custody.ActReserve, Via: p.Agent, Grant: p.Grant, Bytes: p.PayloadSize, Open: before,
	})
	if err != nil {
		return p, err
	}
	usedUp := d.Code == custody.CodeGrantUsedUp || d.Code == custody.CodePackagesUsedUp
	if !d.Allowed() && !usedUp {
		return p, admit.Deny(custody.RecordID(p.Request), custody.ActReserve, d, custody.CodeNoSuchRequest)
	}
	claimed := p
	err = i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		now, err := usage(tx, p, size)
		if err != nil {
			return err
		}
		if now != before || usedUp && i.cfg.Ledger.Size() != size {
			return errRetry
		}
		if usedUp {
			return admit.Deny(custody.RecordID(p.Request), custody.ActReserve, d, custody.CodeNoSuchRequest)
		}
		claimed, err = take(tx, p)
		return err
	})
	return claimed, err
}

// take inserts a package, or raises the epoch of the one that is here if it is the
// same reservation and no part of it has come.
func take(tx *records.Tx, p records.Package) (records.Package, error) {
	have, err := tx.Package(p.ID)
	if errors.Is(err, records.ErrNotFound) {
		return p, tx.InsertPackage(p)
	}
	if err != nil {
		return p, err
	}
	rows, err := tx.Parts(p.ID)
	if err != nil {
		return p, err
	}
	same := have.Agent == p.Agent && have.Request == p.Request && have.Grant == p.Grant && have.PayloadSize == p.PayloadSize
	if !same || have.State != records.Open || len(rows) > 0 {
		return p, wire.NewProblem(wire.CodeIDTaken, "")
	}
	have.Epoch, err = tx.RaiseEpoch(p.ID)
	return have, err
}

// usage returns what other packages take of the grant of p beside the deposits in
// the log of that size: those that are not deposited, and those whose entry is
// committed and comes after it.
func usage(tx *records.Tx, p records.Package, size int64) (custody.Usage, error) {
	u, err := tx.OpenUsage(p.Grant, p.ID)
	if err != nil {
		return u, err
	}
	list, err := tx.SealsSince(custody.RecordID(p.Request), size)
	if err != nil {
		return u, err
	}
	for _, envelope := range list {
		s, err := custody.ParseStatement(envelope)
		if err != nil {
			return u, fmt.Errorf("reading a seal of record %q: %v", p.Request, err)
		}
		if b := s.Body.(*custody.Seal); b.Grant == p.Grant {
			u.Bytes, u.Packages = u.Bytes+b.PayloadSize, u.Packages+1
		}
	}
	return u, nil
}

// begin opens the uploads of a package that has none, and stores their ids. If we
// crash in between, the store has uploads that no row names: who begins again ends
// them first. A call that was overtaken meanwhile, by a repetition of itself or by
// giving the package up, takes its uploads back.
func (i *Ingest) begin(ctx context.Context, p records.Package, again bool) (err error) {
	var list []records.Upload
	defer func() {
		if err != nil {
			err = errors.Join(err, i.abort(context.WithoutCancel(ctx), list))
		}
	}()
	for n, size := range objectSizes(p.PayloadSize) {
		u := records.Upload{Key: payloadKey(p.ID, n), Size: size}
		if again {
			if err := i.cfg.Store.Abort(ctx, u.Key, ""); err != nil {
				return fmt.Errorf("clearing package %q: %w", p.ID, err)
			}
		}
		if u.ID, err = i.cfg.Store.Begin(ctx, u.Key, size, seal.PartSize); err != nil {
			return fmt.Errorf("beginning package %q: %w", p.ID, err)
		}
		list = append(list, u)
	}
	ledger.Crash(ledger.ReserveBegun)
	var stored bool
	err = i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		have, err := tx.Package(p.ID)
		if err != nil || have.State != records.Open || have.Epoch != p.Epoch || len(have.Uploads) > 0 {
			return err
		}
		stored = true
		return tx.SetUploads(p.ID, list)
	})
	if err == nil && !stored {
		err = i.whyNot(ctx, p.ID, p.Epoch)
	}
	return err
}

// abort ends uploads.
func (i *Ingest) abort(ctx context.Context, list []records.Upload) error {
	var failed []error
	for _, u := range list {
		failed = append(failed, i.cfg.Store.Abort(ctx, u.Key, u.ID))
	}
	return errors.Join(failed...)
}

func reservation(p records.Package) *wire.Reservation {
	return &wire.Reservation{Package: p.ID, Epoch: p.Epoch, PartSize: seal.PartSize}
}
