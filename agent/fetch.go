package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// Fetched is a package that arrived and verified.
type Fetched struct {
	Package     string
	Path        string // of the bag; the files are below data/
	Files       int
	Bytes       int64
	Sender      custody.PartyID
	Description string
	Acquisition []string // what the sender says of how the exhibits came to be, in lines
}

// Fetch takes every package of a request that waits for a recipient of this
// home, verifies it to its last byte, puts it below into as a folder named by its
// id, and signs the receipt. Before the name appears nothing can be read there.
// A package that does not verify is removed, with ErrVerify. It is rejected too if
// every byte is the one that its sender signed; else the relay has changed it, and
// it can be fetched again. One package does not keep the others back.
//
// Of a package with release: origin it signs the release, and takes it when its sender has
// answered; until then ErrTryLater, unless others were fetched.
//
// A package that its sender recalled is not fetched, and what has arrived of it is
// removed, also when the recall comes while it is under way: the log is asked again
// before anything gets its name. One that has its name already stays, and is
// receipted: what becomes of it is for people to decide. What is replaced by another
// is fetched like any. Both are told to Config.Out.
//
// Ciphertext lands in a file beside that folder, readable by its owner only, and
// stays there when a fetch stops or is killed: the next one fetches the rest. It is
// removed with the end of the package, whatever that is, and when the package is
// fetched into another folder. A *SpaceError says that the disk has too little room
// for both.
func (a *Agent) Fetch(ctx context.Context, s *Session, request, into string) ([]Fetched, error) {
	if err := seal.FIPSRefusal(); err != nil { // else it would look like the sender's fault
		return nil, err
	}
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return nil, fmt.Errorf("creating %q: %w", into, err)
	}
	if err := a.warn(snap, request); err != nil {
		return nil, err
	}
	var list []Fetched
	var failed []error
	if err := a.sweep(snap.Case(request), request); err != nil {
		failed = append(failed, err)
	}
	waiting := 0
	var asked []string // of their senders
	for _, p := range snap.Case(request).Packages {
		r := p.Released(s.ID)
		if r != nil && !r.Closed.IsZero() {
			continue
		}
		here, err := a.place(request, p.Package)
		if err != nil {
			return list, err
		}
		if p.Recall != nil && here == "" {
			continue
		}
		if !p.OpenTo(s.ID) && (!p.PerRelease() || p.Grant.Over() || r == nil && !asks(p, s.ID)) {
			if !p.Grant.Over() {
				waiting++
			}
			continue
		}
		f, err := a.fetchPackage(ctx, s, request, p.Package, into)
		if err == nil {
			list = append(list, *f)
			continue
		}
		if errors.Is(err, errUnanswered) {
			asked = append(asked, p.Package)
			continue
		}
		failed = append(failed, fmt.Errorf("fetching package %q: %w", p.Package, err))
		if ctx.Err() != nil || errors.Is(err, ErrTryLater) {
			break
		}
	}
	if len(failed) > 0 {
		return list, errors.Join(failed...)
	}
	if len(list) == 0 && len(asked) > 0 {
		return nil, fmt.Errorf("package %s: %w", strings.Join(asked, ", "), errUnanswered)
	}
	if len(list) == 0 && waiting > 0 {
		return nil, fmt.Errorf("packages that were deposited and wait for their sender to let the head go: %d: %w", waiting, ErrTryLater)
	}
	return list, nil
}

// fetching is one package on its way in.
type fetching struct {
	a       *Agent
	s       *Session
	request string
	into    string
	snap    *Snapshot
	pkg     *custody.PackageState
	inner   *custody.Inner
	innerEn []byte
	innerH  custody.Digest
	head    []byte
	digests [][32]byte
}

func (a *Agent) fetchPackage(ctx context.Context, s *Session, request, id, into string) (*Fetched, error) {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, err
	}
	x := &fetching{a: a, s: s, request: request, into: into, snap: snap, pkg: snap.Case(request).Package(id)}
	old, err := a.home.loadPackage(request, id)
	if err != nil {
		return nil, err
	}
	if f, err := x.resume(ctx, old); f != nil || err != nil {
		return f, err
	}
	if err := x.stray(old); err != nil {
		return nil, err
	}
	if err := quarantine.Clean(into, id); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(x.target()); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q exists already", x.target())
	}
	if err := x.release(ctx); err != nil {
		return nil, err
	}
	if x.pkg.PerRelease() && !x.pkg.OpenTo(s.ID) {
		return nil, x.unanswered()
	}
	f, err := x.take(ctx)
	var bad *badPackage
	if errors.As(err, &bad) {
		// If that fails, what has landed stays: the next try rejects with it.
		if failed := x.reject(ctx, bad.reason); failed != nil {
			return nil, errors.Join(err, failed)
		}
	}
	if err != nil {
		return nil, errors.Join(err, x.abandon(err))
	}
	return f, nil
}

// badPackage is a package with which something is wrong although all of it is what
// its sender signed.
type badPackage struct {
	reason string // code of a rejection
	err    error
}

func (e *badPackage) Error() string   { return e.err.Error() }
func (e *badPackage) Unwrap() []error { return []error{e.err, ErrVerify} }

func rejected(reason, format string, args ...any) error {
	return &badPackage{reason, fmt.Errorf(format, args...)}
}

// altered says that bytes which the relay gave out are not those of the seal. The
// sender has no part in it, so it is no reason to reject the package for good.
func altered(format string, args ...any) error {
	return fmt.Errorf("the relay gave out other bytes than were sealed: %w: %w", fmt.Errorf(format, args...), ErrVerify)
}

func (x *fetching) target() string { return filepath.Join(x.into, x.pkg.Package) }

// resume finishes a fetch that stopped between the last check and the receipt:
// the package is verified, perhaps not yet named, and not yet receipted.
func (x *fetching) resume(ctx context.Context, p *packageFile) (*Fetched, error) {
	if p == nil || p.Side != sideRecipient || p.State != stateVerified {
		return nil, nil
	}
	if _, err := os.Lstat(p.Path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // never got its name: fetch again
	} else if err != nil {
		return nil, err
	}
	env, err := x.a.home.packageData(x.request, x.pkg.Package, fileInner)
	if err != nil {
		return nil, err
	}
	if x.inner, x.innerH, _, err = custody.ParseInner(env); err != nil {
		return nil, err
	}
	// Any folder may stand there now; the receipt is for what was verified.
	if err := x.arrived(ctx, p.Path); err != nil {
		return nil, fmt.Errorf("%q is not the package as it was verified, move it away and fetch again: %w", p.Path, err)
	}
	if err := quarantine.Drop(filepath.Dir(p.Path), x.pkg.Package); err != nil {
		return nil, err
	}
	return x.receipt(ctx, *p)
}

// recipient returns a recipient of the package whose identity is here and that
// the directory says this agent holds.
func (x *fetching) recipient() (custody.PartyID, error) {
	for _, r := range x.pkg.Recipients {
		m, ok := x.snap.Book.View().Authorities[r.ID.Authority()].Member(r.ID)
		if !ok || m.Holder != x.s.ID || !x.a.home.Has(r.ID) {
			continue
		}
		// With another key than the package is sealed to it could not be opened,
		// which would look like the sender's fault.
		key, err := x.a.home.recipientKey(r.ID)
		if err != nil {
			return "", err
		}
		if key != r.Key {
			return "", fmt.Errorf("the key of %q here is not the one that the package is sealed to", r.ID)
		}
		return r.ID, nil
	}
	return "", wire.Refusal(custody.Decision{Code: custody.CodeRecipientNotGrant, Rule: "release"})
}

// release signs the taking of the package, unless it is in the record already.
func (x *fetching) release(ctx context.Context) error {
	if err := x.a.home.unforked(x.s.Origin); err != nil {
		return err
	}
	if err := x.a.unnoticed(x.snap, x.request, x.pkg.Package); err != nil {
		return err
	}
	id, err := x.recipient()
	if err != nil {
		return err
	}
	if x.pkg.Released(x.s.ID) != nil {
		return nil
	}
	if _, err := x.signRelease(x.snap, id); err != nil { // no wait for what will not be
		return err
	}
	w, err := x.s.cosigned(ctx, x.snap, x.request, func(w *Snapshot) error {
		_, err := x.signRelease(w, id)
		return err
	})
	if err != nil {
		return err
	}
	st, err := x.signRelease(w, id)
	if err == nil {
		err = x.s.stillAllowed(ctx, x.snap, w, x.request, x.pkg.Package, st)
	}
	if err != nil {
		return err
	}
	return x.s.act(ctx, st.Envelope, func(c *wire.Client) (*wire.Proof, error) {
		return c.Release(ctx, x.pkg.Package, st.Envelope)
	})
}

// signRelease signs the taking of the package, if the rules allow it in a snapshot.
func (x *fetching) signRelease(snap *Snapshot, to custody.PartyID) (*custody.Statement, error) {
	p := snap.Case(x.request).Package(x.pkg.Package)
	if p == nil {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNoSuchPackage, Rule: "release"})
	}
	if p.Grant.Acceptance.IsZero() {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNotAccepted, Rule: "release"})
	}
	st, err := custody.Sign(&custody.Release{
		Header:  x.s.header(snap, x.request, string(x.s.ID)),
		Request: snap.Case(x.request).RequestSHA256, Package: x.pkg.Package, Seal: p.SHA256,
		Acceptance: p.Grant.Acceptance, Recipient: to,
	}, x.s.key)
	if err != nil {
		return nil, err
	}
	if d := decide(snap, x.s, st); !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	return st, nil
}

// receipt signs that all of the package arrived and verified.
func (x *fetching) receipt(ctx context.Context, p packageFile) (*Fetched, error) {
	if err := x.close(ctx, &custody.Receipt{
		Request: x.snap.Case(x.request).RequestSHA256, Package: x.pkg.Package, Seal: x.pkg.SHA256,
		InnerStatement: x.innerH, Scope: custody.ScopeWhole,
	}); err != nil {
		return nil, fmt.Errorf("signing the receipt: %w", err)
	}
	p.State = stateReceipt
	if err := x.a.home.savePackage(p, nil); err != nil {
		return nil, err
	}
	return &Fetched{Package: x.pkg.Package, Path: p.Path, Files: int(x.inner.Files), Bytes: x.inner.Bytes,
		Sender: x.inner.Sender, Description: x.inner.Description, Acquisition: acquired(p.Path)}, nil
}

func (x *fetching) reject(ctx context.Context, reason string) error {
	return x.close(ctx, &custody.Rejection{
		Request: x.snap.Case(x.request).RequestSHA256, Package: x.pkg.Package, Seal: x.pkg.SHA256, Reason: reason,
	})
}

// close signs and files a receipt or rejection on the newest state of the record.
func (x *fetching) close(ctx context.Context, body custody.Body) error {
	snap, err := x.s.Sync(ctx, x.request)
	if err != nil {
		return err
	}
	h := x.s.header(snap, x.request, string(x.s.ID))
	switch b := body.(type) {
	case *custody.Receipt:
		b.Header = h
	case *custody.Rejection:
		b.Header = h
	}
	st, err := custody.Sign(body, x.s.key)
	if err != nil {
		return err
	}
	return x.s.act(ctx, st.Envelope, func(c *wire.Client) (*wire.Proof, error) { return c.Submit(ctx, st.Envelope, nil) })
}
