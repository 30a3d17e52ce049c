// Package ingest takes packages in: it reserves room under a grant, streams parts
// into the object store, completes the payload when the sender's seal arrives,
// files the seal as the deposit, and keeps the head and the inner file once the
// sender has let them go.
//
// The part table in the database is the truth about what has arrived; what the
// store lists is a hint. Each step that changes something names what the next
// start does if the process ends right after it, and [Ingest.Resume] does that
// with the very functions that the calls use.
//
// It refuses: callers with an older epoch than the reservation's; parts of another
// length or digest than announced; other bytes for a part that is here, because a
// part is sealed once, and a second version of it under the same key would tell
// who holds both what they have in common; parts after the seal; a seal whose root
// is not that of the parts; and a head before the signed unlock is in the log.
package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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

// Config is what an Ingest works on. It must not be modified after New.
type Config struct {
	DB     *records.DB
	Ledger *ledger.Ledger
	Store  objects.Store

	// Lock is how long a deposited payload stays under COMPLIANCE, and a head
	// under GOVERNANCE.
	Lock time.Duration

	// MinFree is the space in bytes below which nothing more is reserved.
	MinFree int64

	Now    func() time.Time
	Logger *slog.Logger
}

// Ingest is the receiving side of a relay. It is safe for concurrent use.
type Ingest struct {
	cfg Config

	// reserving is held from the reading of what open packages take of a grant
	// to the insertion of one more, so that two cannot both take the last room.
	reserving sync.Mutex
}

// New returns an Ingest. Call Resume before the first request.
func New(cfg Config) *Ingest { return &Ingest{cfg: cfg} }

// errRetry says that what open packages take of a grant changed under our eyes.
var errRetry = errors.New("usage of the grant has changed")

// Reserve makes room for one package under a grant. The rules decide, with all
// reservations that are still open counted against the grant.
func (i *Ingest) Reserve(ctx context.Context, who admit.Principal, in wire.Reserve) (*wire.Reservation, error) {
	if err := custody.CheckID(in.Request); err != nil {
		return nil, wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	if _, err := seal.PlainSize(in.PayloadSize); err != nil {
		return nil, wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	if err := i.space(in.PayloadSize); err != nil {
		return nil, err
	}
	var random [16]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	p := records.Package{
		ID: custody.PackageID(random), Request: in.Request, Grant: in.Grant, Agent: who.ID(), Epoch: 1, State: records.Open,
		PayloadSize: in.PayloadSize, Parts: int64(seal.Parts(in.PayloadSize)), Created: statement.At(i.cfg.Now()),
	}
	if err := i.insert(ctx, p); err != nil {
		return nil, err
	}
	// If we crash here the sender has not learned the id, and the next start
	// gives the package up, because it has no uploads.
	if err := i.begin(ctx, p); err != nil {
		return nil, errors.Join(err, i.discard(context.WithoutCancel(ctx), p, p.Epoch))
	}
	return reservation(p), nil
}

// space refuses what the medium has no room for, as far as it knows.
func (i *Ingest) space(size int64) error {
	s, ok := i.cfg.Store.(objects.Spacer)
	if !ok {
		return nil
	}
	free, err := s.Free()
	if err != nil {
		return fmt.Errorf("measuring free space: %v", err)
	}
	if free-i.cfg.MinFree < size {
		return wire.NewProblem(wire.CodeStorage, "")
	}
	return nil
}

// insert adds the row of a package if the rules allow it now.
func (i *Ingest) insert(ctx context.Context, p records.Package) error {
	i.reserving.Lock()
	defer i.reserving.Unlock()
	for range 3 {
		err := i.tryInsert(ctx, p)
		if !errors.Is(err, errRetry) {
			return err
		}
	}
	return wire.NewProblem(wire.CodeBusy, "")
}

// tryInsert decides with the usage read before. A package that was sealed in
// between counts twice then, once as open and once as deposited, which can only
// refuse too much: if the usage moved, the caller tries again.
func (i *Ingest) tryInsert(ctx context.Context, p records.Package) error {
	before, err := i.usage(ctx, p.Grant, "")
	if err != nil {
		return err
	}
	d, err := i.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), custody.Action{
		Act: custody.ActReserve, Via: p.Agent, Grant: p.Grant, Bytes: p.PayloadSize, Open: before,
	})
	if err != nil {
		return err
	}
	if !d.Allowed() && d.Code != custody.CodeGrantUsedUp {
		return admit.Hide(d, custody.CodeNoSuchRequest)
	}
	return i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		now, err := tx.OpenUsage(p.Grant, "")
		if err != nil {
			return err
		}
		if now != before {
			return errRetry
		}
		if !d.Allowed() {
			return wire.Refusal(d)
		}
		return tx.InsertPackage(p)
	})
}

func (i *Ingest) usage(ctx context.Context, grant custody.Digest, except string) (u custody.Usage, err error) {
	err = i.cfg.DB.View(ctx, func(tx *records.Tx) error {
		u, err = tx.OpenUsage(grant, except)
		return err
	})
	return u, err
}

// begin opens the uploads of a package and stores their ids.
func (i *Ingest) begin(ctx context.Context, p records.Package) error {
	var list []records.Upload
	for n, size := range objectSizes(p.PayloadSize) {
		u := records.Upload{Key: payloadKey(p.ID, n), Size: size}
		var err error
		if u.ID, err = i.cfg.Store.Begin(ctx, u.Key, size, seal.PartSize); err != nil {
			return fmt.Errorf("beginning package %q: %v", p.ID, err)
		}
		list = append(list, u)
	}
	return i.cfg.DB.Update(ctx, func(tx *records.Tx) error { return tx.SetUploads(p.ID, list) })
}

func reservation(p records.Package) *wire.Reservation {
	return &wire.Reservation{Package: p.ID, Epoch: p.Epoch, PartSize: seal.PartSize}
}

// TakeOver raises the epoch of an open package of the caller: whoever still holds
// the old one, an earlier process or a copy of the machine, is refused from now on.
func (i *Ingest) TakeOver(ctx context.Context, who admit.Principal, id string) (*wire.Reservation, error) {
	p, err := i.own(ctx, who, id)
	if err != nil {
		return nil, err
	}
	err = i.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		p.Epoch, err = tx.RaiseEpoch(id)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		return nil, wire.NewProblem(wire.CodeNotOpen, "")
	}
	if err != nil {
		return nil, err
	}
	return reservation(p), nil
}

// own returns a package that the caller reserved. Any other, and one that was
// given up, is as if it did not exist.
func (i *Ingest) own(ctx context.Context, who admit.Principal, id string) (records.Package, error) {
	p, err := i.find(ctx, id)
	if err == nil && (p.Agent != who.ID() || p.State == records.Abandoned || len(p.Uploads) == 0) {
		err = wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	return p, err
}

// find returns a package by its id.
func (i *Ingest) find(ctx context.Context, id string) (p records.Package, err error) {
	if custody.CheckID(id) != nil {
		return p, wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	err = i.cfg.DB.View(ctx, func(tx *records.Tx) error {
		p, err = tx.Package(id)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		err = wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	return p, err
}

// fence refuses who does not hold the epoch of an open package.
func fence(p records.Package, epoch int64) error {
	switch {
	case p.State != records.Open:
		return wire.NewProblem(wire.CodeNotOpen, "")
	case p.Epoch != epoch:
		return wire.NewProblem(wire.CodeStaleEpoch, "")
	}
	return nil
}
