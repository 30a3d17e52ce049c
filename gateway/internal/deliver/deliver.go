// Package deliver hands out what the store holds: heads, inner files, payloads
// and annexes to those whom the rules allow it, the published log to everyone.
//
// It refuses whatever the rule book refuses at the moment of the request: bytes
// of a package go to an agent whose signed release is in the log, and no longer
// once the grant is revoked, the package is recalled or the agent does not hold the
// recipient, not even the rest of an answer that has begun; and bytes that are not
// those of the deposit. Whoever
// writes to the bucket behind the relay can put a newer version over an object: of a
// payload the version is read that the entry names, and head and inner file, whose
// versions no row keeps, must have the SHA-256 that the seal names. Reading changes
// no record. What belongs to others is answered as if it did not exist.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// Config is what a Deliver reads. It must not be modified after New.
type Config struct {
	DB     *records.DB
	Ledger *ledger.Ledger
	Store  objects.Store
	Now    func() time.Time
}

// Deliver is the sending side of a relay. It is safe for concurrent use.
type Deliver struct {
	cfg Config
}

// New returns a Deliver.
func New(cfg Config) *Deliver { return &Deliver{cfg} }

// Head returns a released package's head.
func (d *Deliver) Head(ctx context.Context, who admit.Principal, id string) ([]byte, error) {
	return d.small(ctx, who, id, ingest.HeadKey(id), wire.MaxHead, func(b *custody.Seal) custody.Digest { return b.HeadSHA256 })
}

// Inner returns a released package's inner file.
func (d *Deliver) Inner(ctx context.Context, who admit.Principal, id string) ([]byte, error) {
	return d.small(ctx, who, id, ingest.InnerKey(id), wire.MaxInner, func(b *custody.Seal) custody.Digest { return b.InnerSHA256 })
}

func (d *Deliver) small(ctx context.Context, who admit.Principal, id, key string, most int64, want func(*custody.Seal) custody.Digest) ([]byte, error) {
	p, err := d.released(ctx, who, id, custody.ActHead)
	if err != nil {
		return nil, err
	}
	s, err := sealOf(p)
	if err != nil {
		return nil, err
	}
	b, err := d.read(ctx, key, most)
	if errors.Is(err, objects.ErrNotExist) {
		// The unlock is in the log and the sender has not brought the file yet.
		return nil, wire.NewProblem(wire.CodeBusy, "the sender has not brought this file yet")
	}
	if err != nil {
		return nil, err
	}
	if custody.HashOf(b) != want(s.Body.(*custody.Seal)) {
		return nil, fmt.Errorf("reading %q: the newest version is not the file that the seal names", key)
	}
	return b, nil
}

// sealOf reads the stored seal of a package that is in the log.
func sealOf(p records.Package) (*custody.Statement, error) {
	s, err := custody.ParseStatement(p.Seal)
	if err == nil && s.Kind != custody.KindSeal {
		err = fmt.Errorf("it is a %s", s.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stored seal of package %q: %v", p.ID, err)
	}
	return s, nil
}

// released returns a package if the rules let the caller read it now.
func (d *Deliver) released(ctx context.Context, who admit.Principal, id string, act custody.Act) (p records.Package, err error) {
	missing := wire.NewProblem(custody.CodeNoSuchPackage, "")
	if custody.CheckID(id) != nil {
		return p, missing
	}
	err = d.cfg.DB.View(ctx, func(tx *records.Tx) error {
		p, err = tx.Package(id)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		return p, missing
	}
	if err != nil {
		return p, err
	}
	dec, err := d.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), custody.Action{Act: act, Via: who.ID(), Package: id})
	if err != nil {
		return p, err
	}
	if !dec.Allowed() {
		return p, admit.Deny(custody.RecordID(p.Request), act, dec, custody.CodeNoSuchPackage)
	}
	return p, nil
}

// read returns a whole small object.
func (d *Deliver) read(ctx context.Context, key string, most int64) ([]byte, error) {
	r, info, err := d.cfg.Store.Get(ctx, key, "", 0, -1)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", key, err)
	}
	defer r.Close()
	if info.Size > most {
		return nil, fmt.Errorf("reading %q: it has %d bytes, more than %d", key, info.Size, most)
	}
	b := make([]byte, info.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("reading %q: %w", key, err)
	}
	return b, nil
}

// Annex returns an annex to an agent of an authority that it is for: of a review,
// the authority that made it; of all others, the parties of the request.
func (d *Deliver) Annex(ctx context.Context, who admit.Principal, sha custody.Digest) ([]byte, error) {
	var list []records.Annex
	var open []records.Proposal
	err := d.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		if list, err = tx.Annexes(sha); err != nil {
			return err
		}
		open, err = tx.Binding(sha)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Who is asked to sign a proposal has to read what it binds.
	for _, p := range open {
		if p.Authority == who.Authority() && d.cfg.Now().Before(p.Expires.Time()) {
			return d.read(ctx, AnnexKey(sha), wire.MaxAnnex)
		}
	}
	for _, a := range list {
		if !slices.Contains(a.Scope, who.Authority()) {
			continue
		}
		dec, err := d.cfg.Ledger.Decide(ctx, a.Record, custody.Action{Act: custody.ActAnnex, Via: who.ID()})
		if err != nil {
			return nil, err
		}
		if dec.Allowed() {
			return d.read(ctx, AnnexKey(sha), wire.MaxAnnex)
		}
	}
	return nil, wire.NewProblem(custody.CodeNoSuchRequest, "")
}

// AnnexKey returns the key of an annex in the store.
func AnnexKey(sha custody.Digest) string { return ingest.AnnexKey(sha) }

// Tile returns a file of the published log by its C2SP path (tlog-tiles), such as
// "tile/0/x001/067".
func (d *Deliver) Tile(ctx context.Context, path string) ([]byte, error) {
	if _, err := translog.ParseTilePath(path); err != nil {
		return nil, wire.NewProblem(wire.CodeNotFound, "")
	}
	b, err := d.read(ctx, "log/"+path, 64<<10)
	if errors.Is(err, objects.ErrNotExist) {
		return nil, wire.NewProblem(wire.CodeNotFound, "")
	}
	return b, err
}
