package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// Seal completes a package with the sender's signed seal and returns the proof of
// its entry, which is the deposit. The same seal again returns the same proof.
//
// Once the part list is frozen the work goes on without the caller: a connection
// that breaks must not leave a package between two states.
func (i *Ingest) Seal(ctx context.Context, who admit.Principal, id string, epoch int64, envelope []byte) (*wire.Proof, error) {
	s, err := parse(envelope, custody.KindSeal, id)
	if err != nil {
		return nil, err
	}
	p, err := i.own(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if s.Record() != custody.RecordID(p.Request) {
		return nil, wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	if p.State == records.Open {
		if err := i.freeze(ctx, p, s, epoch); err != nil {
			return nil, err
		}
	} else if !bytes.Equal(p.Seal, envelope) {
		return nil, sealedBefore(p)
	}
	ledger.Crash(ledger.SealFrozen)
	return i.finish(context.WithoutCancel(ctx), id)
}

func sealedBefore(p records.Package) error {
	if p.State == records.Sealed {
		return wire.NewProblem(custody.CodeAlreadySealed, "")
	}
	return wire.NewProblem(wire.CodeNotOpen, "")
}

// parse reads the statement of a package's route.
func parse(envelope []byte, kind custody.Kind, id string) (*custody.Statement, error) {
	s, err := custody.ParseStatement(envelope)
	switch {
	case err != nil:
		return nil, wire.Unreadable(err)
	case s.Kind != kind:
		return nil, wire.NewProblem(wire.CodeWrongRoute, "")
	case s.Package() != id:
		return nil, wire.NewProblem(custody.CodeBadStatement, "the statement is about another package")
	}
	return s, nil
}

// freeze is the first transaction of a deposit: the parts are all here and have
// the seal's root, the package goes from open to sealing, its part list is frozen
// and the seal is stored. Nothing changes if the seal does not fit.
//
// If we crash after it, the next start finishes the deposit.
func (i *Ingest) freeze(ctx context.Context, p records.Package, s *custody.Statement, epoch int64) error {
	if err := fence(p, epoch); err != nil {
		return err
	}
	b := s.Body.(*custody.Seal)
	if b.PayloadSize != p.PayloadSize || b.Parts != p.Parts || b.Grant != p.Grant {
		return wire.NewProblem(custody.CodeBadStatement, "the seal does not fit what was reserved")
	}
	// The rules answer before anything is frozen, and again with the entry.
	if err := i.allowed(ctx, p, s); err != nil {
		return err
	}
	var frozen bool
	err := i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		rows, err := tx.Parts(p.ID)
		if err != nil {
			return err
		}
		if err := checkRoot(rows, b); err != nil {
			return err
		}
		frozen, err = tx.Freeze(p.ID, epoch, s.Envelope)
		return err
	})
	if err != nil || frozen {
		return err
	}
	return i.whyNot(ctx, p.ID, epoch)
}

// allowed asks the rules on the published log. What other packages have reserved
// counts when the entry is made: here one that is deposited meanwhile would count
// twice, and this one has its room since its reservation.
func (i *Ingest) allowed(ctx context.Context, p records.Package, s *custody.Statement) error {
	d, err := i.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), custody.Action{Act: custody.ActStatement, Via: p.Agent, Statement: s})
	if err != nil {
		return err
	}
	if !d.Allowed() {
		return admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchPackage)
	}
	return nil
}

// checkRoot compares the part table with the seal.
func checkRoot(rows []objects.Part, b *custody.Seal) error {
	if int64(len(rows)) != b.Parts {
		return wire.NewProblem(wire.CodeIncomplete, fmt.Sprintf("%d of %d parts are here", len(rows), b.Parts))
	}
	var root seal.Root
	for _, r := range rows {
		root.Add(r.SHA256)
	}
	if custody.Digest(root.Sum()) != b.PayloadRoot {
		return wire.NewProblem(wire.CodeRootMismatch, "")
	}
	return nil
}

// errMoved means that a package was no longer in the state that the deposit began
// with; the entry is not written.
var errMoved = errors.New("package is not frozen with this seal any more")

// finish drives a frozen package on until its seal is in the log and its payload
// is locked. It is what a call does and what a start does, any number of times.
func (i *Ingest) finish(ctx context.Context, id string) (*wire.Proof, error) {
	p, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	s, err := custody.ParseStatement(p.Seal)
	if err != nil {
		return nil, fmt.Errorf("reading the stored seal of package %q: %v", id, err)
	}
	dep, err := i.complete(ctx, p)
	if errors.Is(err, objects.ErrParts) || errors.Is(err, objects.ErrNoUpload) || errors.Is(err, objects.ErrExist) {
		err = i.reopen(ctx, p, err)
	}
	if err != nil {
		return nil, err
	}
	// If we crash here the object is whole and in no record. The next start
	// comes here again: completing twice is completing once.
	ledger.Crash(ledger.SealReadBack)
	proof, err := i.submit(ctx, p, s, dep)
	if err != nil {
		return nil, err
	}
	// If we crash here the deposit is in the log and the payload not locked.
	// The next start locks it; the sender, who has no proof yet, asks again.
	ledger.Crash(ledger.SealEntry)
	if err := i.lockPayload(ctx, p, proof.Line.Entry); err != nil {
		return nil, err
	}
	ledger.Crash(ledger.SealLocked)
	return proof, nil
}

// complete makes the uploads objects, and reads back what the store has.
func (i *Ingest) complete(ctx context.Context, p records.Package) (*custody.Deposit, error) {
	var rows []objects.Part
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		rows, err = tx.Parts(p.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	dep := &custody.Deposit{}
	for n, u := range p.Uploads {
		parts := partsOf(rows, n)
		made, err := i.cfg.Store.Complete(ctx, u.Key, u.ID, parts)
		if err != nil {
			return nil, fmt.Errorf("completing package %q: %w", p.ID, lost(n, len(parts), err))
		}
		ledger.Crash(ledger.SealCompleted)
		read, err := i.cfg.Store.Stat(ctx, u.Key, made.Version)
		if err != nil {
			return nil, fmt.Errorf("reading back package %q: %v", p.ID, err)
		}
		if read.Size != u.Size || made.Digest != objects.Composite(parts) || read.Digest != made.Digest && read.Digest != [32]byte{} {
			return nil, fmt.Errorf("reading back package %q: object %q has %d bytes and digest %x", p.ID, u.Key, read.Size, read.Digest)
		}
		dep.Size += read.Size
		dep.Objects = append(dep.Objects, custody.StoredPayload{Key: u.Key, Version: made.Version, Size: read.Size})
	}
	return dep, nil
}

// submit is the second transaction: decision, entry, leaf and the state sealed,
// together, and only if the package is still in the state it was frozen in. If
// the rules say no by now (the grant was revoked meanwhile, another delivery came
// first) the package is open again, and its sender may bring another seal.
func (i *Ingest) submit(ctx context.Context, p records.Package, s *custody.Statement, dep *custody.Deposit) (*wire.Proof, error) {
	proof, err := i.cfg.Ledger.Submit(ctx, ledger.Submission{
		Statement: s, Via: p.Agent, Deposit: dep,
		Open: func(tx *records.Tx) (custody.Usage, error) { return tx.OpenUsage(p.Grant, p.ID) },
		In: func(tx *records.Tx) error {
			moved, err := tx.Unfreeze(p.ID, p.Seal, records.Sealed)
			if err == nil && !moved {
				err = errMoved
			}
			return err
		},
	})
	var refused *ledger.Refused
	if !errors.As(err, &refused) {
		return proof, err
	}
	err = i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		_, err := tx.Unfreeze(p.ID, p.Seal, records.Open)
		return err
	})
	if err != nil {
		return nil, err
	}
	return nil, admit.Deny(s.Record(), custody.ActStatement, refused.Answer, custody.CodeNoSuchPackage)
}

// lockPayload locks the payload from its deposit on, for the transport window or for as
// long as the terms say under which it was sealed, and checks what the store says about it
// afterwards.
func (i *Ingest) lockPayload(ctx context.Context, p records.Package, entry []byte) error {
	e, err := custody.ParseEntry(entry)
	if err != nil {
		return err
	}
	if e.Deposit == nil {
		return nil
	}
	kept, err := i.kept(ctx, e.Record, p.ID)
	if err != nil {
		return err
	}
	until := e.Time.Time().Add(kept)
	if !until.After(i.cfg.Now()) {
		return nil
	}
	for _, o := range e.Deposit.Objects {
		if err := i.lock(ctx, o.Key, o.Version, objects.Compliance, statement.At(until)); err != nil {
			return fmt.Errorf("locking package %q: %w", p.ID, err)
		}
	}
	return nil
}

// kept returns how long a deposited package stays locked.
func (i *Ingest) kept(ctx context.Context, request custody.RecordID, id string) (d time.Duration, err error) {
	err = i.cfg.Ledger.Read(ctx, request, func(r *custody.Record) error {
		p := r.Case().Package(id)
		if p == nil {
			return fmt.Errorf("package %q is not in the published log", id)
		}
		d = p.Kept(i.cfg.Lock)
		return nil
	})
	return d, err
}

func (i *Ingest) lock(ctx context.Context, key, version string, mode objects.Mode, until custody.Time) error {
	info, err := i.cfg.Store.Stat(ctx, key, version)
	if err != nil {
		return err
	}
	if info.Mode == mode && !info.RetainUntil.Before(until.Time()) {
		return nil
	}
	if info, err = i.cfg.Store.Lock(ctx, key, version, mode, until.Time()); err != nil {
		return err
	}
	if info.Mode != mode || info.RetainUntil.Before(until.Time()) {
		return fmt.Errorf("the store says %s until %s, asked for %s until %s", info.Mode, info.RetainUntil, mode, until)
	}
	return nil
}
