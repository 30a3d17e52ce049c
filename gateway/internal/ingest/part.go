package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// Part is one part as its sender announces it.
type Part struct {
	Number int
	Epoch  int64
	SHA256 [32]byte
	Length int64 // bytes, or -1 if not announced

	// Body is closed if a later call brings the part, which must end a Read that
	// waits: a stalled connection cannot keep a part.
	Body io.ReadCloser
}

// PutPart streams a part into the store. It may be repeated, in any order, on any
// connection; a part that is here is not written again. Of two calls at a time the
// later goes on.
//
// The bytes are durable in the store before the row says so. If we crash in
// between the part counts as absent, and the sender brings it again.
func (i *Ingest) PutPart(ctx context.Context, who admit.Principal, id string, in Part) error {
	p, err := i.own(ctx, who, id)
	if err != nil {
		return err
	}
	size := seal.PartLen(p.PayloadSize, in.Number)
	if size == 0 || in.Length >= 0 && in.Length != size {
		return wire.NewProblem(wire.CodeMalformed, fmt.Sprintf("part %d of this package has %d bytes", in.Number, size))
	}
	if err := fence(p, in.Epoch); err != nil {
		return err
	}
	if len(p.Uploads) == 0 { // reserved by a call that did not come to its end
		return wire.NewProblem(wire.CodeNotOpen, "")
	}
	record, act := custody.RecordID(p.Request), partOf(p)
	d, err := i.cfg.Ledger.Decide(ctx, record, act)
	if err != nil {
		return err
	}
	if !d.Allowed() {
		return admit.Deny(record, custody.ActPart, d, custody.CodeNoSuchPackage)
	}
	ctx, done := i.cfg.Ledger.Watch(ctx, record, act)
	defer done()
	err = i.bring(ctx, p, size, in)
	var refused *ledger.Refused
	if err != nil && errors.As(context.Cause(ctx), &refused) {
		return admit.Deny(record, custody.ActPart, refused.Answer, custody.CodeNoSuchPackage)
	}
	return err
}

// partOf is the act of bringing a part of a package, which its reserving agent alone
// may.
func partOf(p records.Package) custody.Action {
	return custody.Action{Act: custody.ActPart, Via: p.Agent, Grant: p.Grant, Bytes: p.PayloadSize}
}

// bring waits until nobody else brings the part, and asks again then: the package
// may have been taken over, and the part may be here. So no call of an older epoch,
// and no other bytes, reach the store after the row of a part.
func (i *Ingest) bring(ctx context.Context, p records.Package, size int64, in Part) error {
	mine, done, err := i.parts.take(ctx, partKey{p.ID, in.Number})
	if errors.Is(err, errOvertaken) {
		return wire.NewProblem(wire.CodeBusy, errOvertaken.Error())
	}
	if err != nil {
		return err
	}
	defer done()
	if here, err := i.isHere(ctx, p.ID, in); here || err != nil {
		return err
	}
	part, err := i.stream(mine, p, size, in)
	if err != nil {
		return err
	}
	ledger.Crash(ledger.PartStored)
	return i.keepPart(ctx, p.ID, in.Epoch, part)
}

// isHere reports whether the part is here already. It refuses another one, and a
// caller that does not hold the epoch any more.
func (i *Ingest) isHere(ctx context.Context, id string, in Part) (here bool, err error) {
	var have objects.Part
	err = i.cfg.DB.View(ctx, func(tx *records.Tx) error {
		p, err := tx.Package(id)
		if err == nil {
			err = fence(p, in.Epoch)
		}
		if err != nil {
			return err
		}
		have, err = tx.Part(id, in.Number)
		return err
	})
	switch {
	case errors.Is(err, records.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case have.SHA256 != in.SHA256:
		return false, wire.NewProblem(wire.CodeDigestMismatch, "the part is here with another digest: a part is sealed once")
	}
	return true, nil
}

// stream puts a part into the store, and returns its row. The context is that of
// its turn.
func (i *Ingest) stream(ctx context.Context, p records.Package, size int64, in Part) (objects.Part, error) {
	stop := context.AfterFunc(ctx, func() { in.Body.Close() })
	defer stop()
	u, n := place(p, in.Number)
	part := objects.Part{Number: n, Size: size, SHA256: in.SHA256}
	body := &sent{r: in.Body}
	etag, err := i.cfg.Store.PutPart(ctx, u.Key, u.ID, part, body)
	if err != nil {
		return part, i.notStored(ctx, p.ID, in.Number, body, err)
	}
	part.ETag, part.Number = etag, in.Number
	return part, nil
}

// notStored says why the store did not take a part.
func (i *Ingest) notStored(ctx context.Context, id string, number int, body *sent, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errOvertaken):
		return wire.NewProblem(wire.CodeBusy, errOvertaken.Error())
	case body.broke.Load(): // the sender went away; it comes again
		return wire.NewProblem(wire.CodeDigestMismatch, "the body did not come to its end")
	case errors.Is(err, objects.ErrDigest):
		return wire.NewProblem(wire.CodeDigestMismatch, "")
	case errors.Is(err, objects.ErrSuperseded):
		return wire.NewProblem(wire.CodeBusy, errOvertaken.Error())
	case errors.Is(err, objects.ErrFrozen), errors.Is(err, objects.ErrNoUpload):
		return wire.NewProblem(wire.CodeNotOpen, "")
	}
	return fmt.Errorf("storing part %d of package %q: %w", number, id, err)
}

// keepPart writes the row of a part that is in the store.
func (i *Ingest) keepPart(ctx context.Context, id string, epoch int64, part objects.Part) error {
	var stored bool
	err := i.cfg.DB.Update(ctx, func(tx *records.Tx) (err error) {
		if stored, err = tx.PutPart(id, epoch, part); err != nil || !stored {
			return err
		}
		return tx.Touch(id, statement.At(i.cfg.Now()))
	})
	if err != nil {
		return err
	}
	if !stored {
		return i.whyNot(ctx, id, epoch)
	}
	ledger.Crash(ledger.PartRow)
	return nil
}

// whyNot says why a change of an open package was refused that was open before.
func (i *Ingest) whyNot(ctx context.Context, id string, epoch int64) error {
	p, err := i.find(ctx, id)
	if err != nil {
		return err
	}
	if err := fence(p, epoch); err != nil {
		return err
	}
	return wire.NewProblem(wire.CodeBusy, "")
}

// State describes a package to the parties of its request.
func (i *Ingest) State(ctx context.Context, who admit.Principal, id string) (*wire.PackageState, error) {
	p, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	d, err := i.cfg.Ledger.Decide(ctx, custody.RecordID(p.Request), custody.Action{Act: custody.ActRecord, Via: who.ID()})
	if err != nil {
		return nil, err
	}
	if !d.Allowed() {
		return nil, admit.Deny(custody.RecordID(p.Request), custody.ActRecord, d, custody.CodeNoSuchPackage)
	}
	if p.State == records.Abandoned {
		return nil, wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	var rows []objects.Part
	err = i.cfg.DB.View(ctx, func(tx *records.Tx) error {
		rows, err = tx.Parts(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return packageState(p, rows), nil
}

func packageState(p records.Package, rows []objects.Part) *wire.PackageState {
	st := &wire.PackageState{
		Package: p.ID, Request: p.Request, State: string(p.State), PayloadSize: p.PayloadSize, Parts: p.Parts,
		Present: make([]byte, (p.Parts+7)/8), Digests: make([]byte, 32*p.Parts),
	}
	for _, r := range rows {
		st.Present[r.Number/8] |= 1 << (r.Number % 8)
		copy(st.Digests[32*r.Number:], r.SHA256[:])
	}
	return st
}

// sent is the body of a part. It remembers that reading failed: that is the
// sender's or the network's doing, and no fault of the store.
type sent struct {
	r     io.Reader
	broke atomic.Bool // a store that has failed may leave a Read behind
}

func (s *sent) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.broke.Store(true)
	}
	return n, err
}
