// Package ingest takes packages in: it reserves room under a grant, streams parts
// into the object store, completes the payload when the sender's seal arrives,
// files the seal as the deposit, keeps the head and the inner file once the sender has
// let them go, and destroys them if the sending side takes the package back and nothing
// holds the request.
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
// is not that of the parts; and a head before the signed unlock is in the log, or after a recall.
package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

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
	// under GOVERNANCE, unless the terms of the grant say longer.
	Lock time.Duration

	// Destroyer deletes heads that are still locked. If nil, those of recalled
	// packages stay, handed out to nobody, until their lock ends.
	Destroyer objects.Destroyer

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

	parts turns // who brings which part

	// heads is held for reading while a head is stored, from the question whether its
	// package was recalled on, and while a hold is filed; for writing while heads are
	// destroyed, or a reservation is given up, from the question whether the request is
	// on hold on.
	heads sync.RWMutex
}

// New returns an Ingest. Call Resume before the first request.
func New(cfg Config) *Ingest {
	return &Ingest{cfg: cfg, parts: turns{held: map[partKey]*turn{}}}
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
	if err == nil && (p.Agent != who.ID() || p.State == records.Abandoned) {
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
