package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// Unlock hands over the heads of packages of a request that were deposited and
// whose conditions the recipient's State has accepted since. It first reads and
// proves the record in the log itself: grant, acceptance, no revocation, no recall. It
// returns the packages unlocked now or before; a package that cannot be does not
// keep the others back. Of one with release: origin it answers the releases that wait,
// which are told to Config.Out, and returns it if there were any. The head of one that was recalled, or whose grant was revoked,
// is destroyed.
func (a *Agent) Unlock(ctx context.Context, s *Session, request string) ([]string, error) {
	list, err := a.home.packages(request)
	if err != nil {
		return nil, err
	}
	var done []string
	var failed []error
	for _, p := range list {
		if p.Side != sideSender || p.Agent != s.ID || p.State == stateOpen {
			continue
		}
		if p.State == stateEnded {
			if err := a.dropHead(p); err != nil { // we may have crashed before that
				failed = append(failed, err)
			}
			continue
		}
		err := a.unlock(ctx, s, p)
		if err == nil || errors.Is(err, errWaits) {
			// Another send of the same folder is another package from now on.
			if err := a.home.dropBegun(p.Request, p.Package); err != nil {
				failed = append(failed, err)
			}
		}
		if err == nil || errors.Is(err, errAnswered) {
			done = append(done, p.Package)
		} else if !errors.Is(err, errWaits) {
			failed = append(failed, fmt.Errorf("unlocking package %q: %w", p.Package, err))
		}
		if ctx.Err() != nil || errors.Is(err, ErrTryLater) {
			break
		}
	}
	return done, errors.Join(failed...)
}

// errWaits says that the head has to stay home for now.
var errWaits = errors.New("not accepted yet")

// unlock brings one package from sealed to unlocked, from wherever an earlier
// process stopped.
func (a *Agent) unlock(ctx context.Context, s *Session, p packageFile) error {
	// We may have crashed between keeping the seal and this.
	if err := a.home.dropKey(p.Request, p.Package); err != nil {
		return err
	}
	if p.State == stateUnlocked {
		return a.dropHead(p) // we may have crashed before that
	}
	snap, err := s.Sync(ctx, p.Request)
	if err != nil {
		return err
	}
	if snap.Case(p.Request).Package(p.Package) == nil { // we crashed after keeping the seal and before the relay had it
		if err := a.deposit(ctx, s, &p); err != nil {
			return err
		}
		if snap, err = s.Sync(ctx, p.Request); err != nil {
			return err
		}
	}
	ps := snap.Case(p.Request).Package(p.Package)
	if ps == nil {
		return fmt.Errorf("the relay acknowledged the seal, its log does not hold it: %w", ErrVerify)
	}
	// All of it is with the relay, for good. If we crash before this, the next Unlock
	// comes by here.
	if err := a.home.dropCaptured(p); err != nil {
		return err
	}
	switch {
	case ps.Recall != nil:
		return a.end(p, custody.CodePackageRecalled)
	case ps.Grant.Revoked:
		return a.end(p, custody.CodeGrantRevoked)
	case !ps.Grant.LapsedAt.IsZero(): // by the log; this machine's clock may be wrong, and the head could not be had again
		return a.end(p, custody.CodeGrantLapsed)
	case ps.Grant.Ended:
		return a.end(p, custody.CodeRequestEnded)
	case ps.Grant.Acceptance.IsZero():
		return errWaits
	}
	if ps.PerRelease() {
		return a.answer(ctx, s, snap, p, ps)
	}
	if err := a.clear(snap, p.Request, p.Package); err != nil {
		return err
	}
	if err := a.handOver(ctx, s, snap, p, ps, nil); err != nil {
		return err
	}
	p.State = stateUnlocked
	if err := a.home.savePackage(p, nil); err != nil {
		return err
	}
	return a.dropHead(p)
}

// end destroys a head that may never leave: a revocation, the end of a request, a lapse and
// a recall are for good.
// The error says which it was.
func (a *Agent) end(p packageFile, why custody.Code) error {
	if err := a.endHead(p); err != nil {
		return err
	}
	return wire.Refusal(custody.Decision{Code: why, Rule: "unlock"})
}

// endHead destroys a head. If we crash after the first step, the next Unlock goes on.
func (a *Agent) endHead(p packageFile) error {
	p.State = stateEnded
	if err := a.home.savePackage(p, nil); err != nil {
		return err
	}
	return a.dropHead(p)
}

// handOver sends head and inner.age with the unlock, which with release: origin is for
// one release. If the log holds an unlock
// already, an earlier call ended without an answer, and whether the relay has the
// head only the relay knows: it gets all again, with the statement that is in the
// log.
func (a *Agent) handOver(ctx context.Context, s *Session, snap *Snapshot, p packageFile, ps *custody.PackageState, r *custody.ReleaseState) error {
	head, err := a.home.packageData(p.Request, p.Package, fileHead)
	if err != nil {
		return err
	}
	inner, err := a.home.packageData(p.Request, p.Package, fileInnerAge)
	if err != nil {
		return err
	}
	var envelope []byte
	var release custody.Digest
	done := ps.Unlocked
	if r != nil {
		release, done = r.SHA256, r.Unlocked
	}
	if done.IsZero() {
		envelope, err = s.cosignedUnlock(ctx, snap, p, release)
	} else {
		envelope, err = snap.unlockOf(p, release)
	}
	if err != nil {
		return err
	}
	return s.act(ctx, envelope, func(c *wire.Client) (*wire.Proof, error) {
		return c.Unlock(ctx, p.Package, envelope, head, inner)
	})
}

// cosignedUnlock signs that the head may go, if the rules allow it in a tree that the
// witnesses have cosigned, with all that it shows of directories, seal and acceptance; and
// still do in the newest one.
func (s *Session) cosignedUnlock(ctx context.Context, snap *Snapshot, p packageFile, release custody.Digest) ([]byte, error) {
	if _, err := s.signUnlock(snap, p, release); err != nil { // no wait for what will not be
		return nil, err
	}
	w, err := s.cosigned(ctx, snap, p.Request, func(w *Snapshot) error {
		_, err := s.signUnlock(w, p, release)
		return err
	})
	if err != nil {
		return nil, err
	}
	st, err := s.signUnlock(w, p, release)
	if err != nil {
		return nil, err
	}
	return st.Envelope, s.stillAllowed(ctx, snap, w, p.Request, p.Package, st)
}

// stillAllowed asks the rules in the newest tree about a statement that is allowed in a
// cosigned one: what stops it counts at once.
func (s *Session) stillAllowed(ctx context.Context, snap, w *Snapshot, request, pkg string, st *custody.Statement) (err error) {
	if w != snap {
		if snap, err = s.Sync(ctx, request); err != nil {
			return err
		}
		if err := s.agent.clear(snap, request, pkg); err != nil {
			return err
		}
	}
	if d := decide(snap, s, st); !d.Allowed() {
		return wire.Refusal(d)
	}
	return nil
}

// signUnlock signs that the head may go, if the rules allow it in a snapshot.
func (s *Session) signUnlock(snap *Snapshot, p packageFile, release custody.Digest) (*custody.Statement, error) {
	ps := snap.Case(p.Request).Package(p.Package)
	if ps == nil {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNoSuchPackage, Rule: "unlock"})
	}
	if ps.Grant.Acceptance.IsZero() {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNotAccepted, Rule: "unlock"})
	}
	st, err := custody.Sign(&custody.Unlock{
		Header:  s.header(snap, p.Request, string(s.ID)),
		Request: snap.Case(p.Request).RequestSHA256, Package: p.Package, Seal: ps.SHA256, HeadSHA256: ps.HeadSHA256,
		Acceptance: ps.Grant.Acceptance, Release: release, Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)},
	}, s.key)
	if err != nil {
		return nil, err
	}
	if d := decide(snap, s, st); !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	return st, nil
}

// unlockOf returns the unlock of a package, for one release if that is not zero, from
// the record.
func (s *Snapshot) unlockOf(p packageFile, release custody.Digest) ([]byte, error) {
	for _, l := range s.Records[custody.RecordID(p.Request)] {
		c := l.Custody()
		if l.Gap != nil { // erased
			continue
		}
		_, st, err := c.Parse()
		if err != nil {
			return nil, err
		}
		if st == nil || st.Package() != p.Package {
			continue
		}
		if b, ok := st.Body.(*custody.Unlock); ok && b.Release == release {
			return l.Envelope, nil
		}
	}
	return nil, errors.New("the record does not hold the unlock") // not after Sync
}

// act files a statement of this agent by the call of its own route and checks
// the relay's proof: what the log does not hold has not happened.
func (s *Session) act(ctx context.Context, envelope []byte, call func(*wire.Client) (*wire.Proof, error)) error {
	st, err := custody.ParseStatement(envelope)
	if err != nil {
		return err
	}
	var p *wire.Proof
	if err := s.retry(ctx, func(c *wire.Client) (err error) {
		p, err = call(c)
		return err
	}); err != nil {
		return err
	}
	_, err = s.filed(ctx, p, requestOf(st), st)
	return err
}

// requestOf returns the request that an agent's statement names: the first
// statement of its record.
func requestOf(st *custody.Statement) (d custody.Digest) {
	switch b := st.Body.(type) {
	case *custody.Seal:
		d = b.Request
	case *custody.Unlock:
		d = b.Request
	case *custody.Release:
		d = b.Request
	case *custody.Receipt:
		d = b.Request
	case *custody.Rejection:
		d = b.Request
	case *custody.Recall:
		d = b.Request
	case *custody.Attestation:
		d = b.Request
	}
	return d
}

// decide asks the rule book here whether the relay will take a statement.
func decide(snap *Snapshot, s *Session, st *custody.Statement) custody.Decision {
	return custody.Decide(snap.Book.Record(st.Record()), snap.Book.View(),
		custody.Action{Act: custody.ActStatement, Via: s.ID, Statement: st}, statement.At(s.agent.now()))
}

// dropHead removes what only the sender needed, and what a head could be made of.
func (a *Agent) dropHead(p packageFile) error {
	if err := a.home.dropBegun(p.Request, p.Package); err != nil {
		return err
	}
	for _, name := range []string{fileHead, fileInnerAge} {
		err := durable.Remove(filepath.Join(a.home.packageDir(p.Request, p.Package), name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
