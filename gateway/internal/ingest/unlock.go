package ingest

import (
	"context"
	"crypto/sha256"
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

// Unlock files the sender's signed unlock and then keeps the head and the inner
// file. The order is the point: no byte of a head is stored before the log holds
// who let it go, and under which acceptance.
//
// If we crash between the two, the package is unlocked and its head not here. The
// sender has no answer and calls again with the same unlock, which is in the log
// already; the head is stored then.
func (i *Ingest) Unlock(ctx context.Context, who admit.Principal, id string, envelope, head, inner []byte) (*wire.Proof, error) {
	s, err := parse(envelope, custody.KindUnlock, id)
	if err != nil {
		return nil, err
	}
	p, err := i.own(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if p.State != records.Sealed {
		return nil, wire.NewProblem(custody.CodeNoSuchPackage, "the package is not sealed")
	}
	if err := checkHead(p, head, inner); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	i.heads.RLock()
	defer i.heads.RUnlock()
	proof, err := i.file(ctx, who, s)
	if err != nil {
		return nil, err
	}
	if err := i.unrecalled(ctx, s); err != nil {
		return nil, err
	}
	ledger.Crash(ledger.UnlockEntry)
	kept, err := i.kept(ctx, s.Record(), id)
	if err != nil {
		return nil, err
	}
	if err := i.keep(ctx, HeadKey(id), head, kept, ledger.HeadStored); err != nil {
		return nil, err
	}
	ledger.Crash(ledger.HeadLocked)
	if err := i.keep(ctx, InnerKey(id), inner, kept, ledger.InnerStored); err != nil {
		return nil, err
	}
	ledger.Crash(ledger.InnerLocked)
	return proof, nil
}

// checkHead compares head and inner file with what the seal fixed.
func checkHead(p records.Package, head, inner []byte) error {
	s, err := custody.ParseStatement(p.Seal)
	if err != nil {
		return fmt.Errorf("reading the stored seal of package %q: %v", p.ID, err)
	}
	b := s.Body.(*custody.Seal)
	if custody.Digest(sha256.Sum256(head)) != b.HeadSHA256 || custody.Digest(sha256.Sum256(inner)) != b.InnerSHA256 {
		return wire.NewProblem(wire.CodeDigestMismatch, "head or inner file is not the one that the seal names")
	}
	n, err := seal.CountRecipients(head)
	if err != nil {
		return wire.NewProblem(wire.CodeMalformed, err.Error())
	}
	if n != len(b.Recipients) {
		return wire.NewProblem(wire.CodeMalformed, fmt.Sprintf("the head has %d recipients, the seal %d", n, len(b.Recipients)))
	}
	return nil
}

// keep stores a small file once and locks it for that long from now. If we crash at stored, the file is
// here without its lock, and is locked when the sender brings it again.
func (i *Ingest) keep(ctx context.Context, key string, data []byte, kept time.Duration, stored ledger.Point) error {
	info, err := i.cfg.Store.Put(ctx, key, data, objects.Create)
	if errors.Is(err, objects.ErrExist) && info.Digest == sha256.Sum256(data) {
		err = nil // an earlier call stored it
	}
	if err != nil {
		return fmt.Errorf("storing %q: %w", key, err)
	}
	ledger.Crash(stored)
	if info.Locked(i.cfg.Now()) {
		return nil
	}
	return i.lock(ctx, key, info.Version, objects.Governance, statement.At(i.cfg.Now().Add(kept)))
}

// Release files the recipient's signed release. Its entry is in the log before
// any file of the package is handed out.
func (i *Ingest) Release(ctx context.Context, who admit.Principal, id string, envelope []byte) (*wire.Proof, error) {
	s, err := parse(envelope, custody.KindRelease, id)
	if err != nil {
		return nil, err
	}
	p, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.Record() != custody.RecordID(p.Request) {
		return nil, wire.NewProblem(custody.CodeNoSuchPackage, "")
	}
	d, err := i.cfg.Ledger.Decide(ctx, s.Record(), custody.Action{Act: custody.ActRecord, Via: who.ID()})
	if err != nil {
		return nil, err
	}
	if !d.Allowed() {
		return nil, admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchPackage)
	}
	proof, err := i.file(context.WithoutCancel(ctx), who, s)
	if err != nil {
		return nil, err
	}
	ledger.Crash(ledger.ReleaseEntry)
	return proof, nil
}

// file submits an agent's own statement about a package.
func (i *Ingest) file(ctx context.Context, who admit.Principal, s *custody.Statement) (*wire.Proof, error) {
	if s.Header.By != string(who.ID()) {
		d := ledger.Answer{Decision: custody.Decision{Code: custody.CodeNotCarrier, Rule: "own-words"}}
		return nil, admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchPackage)
	}
	proof, err := i.cfg.Ledger.Submit(ctx, ledger.Submission{Statement: s, Via: who.ID()})
	var refused *ledger.Refused
	if errors.As(err, &refused) {
		return nil, admit.Deny(s.Record(), custody.ActStatement, refused.Answer, custody.CodeNoSuchPackage)
	}
	return proof, err
}
