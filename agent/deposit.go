package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"

	"filippo.io/age"
)

// keep signs the inner statement and the seal and keeps all that the next steps
// need. If we crash before, the next send continues and comes by here; after, Unlock
// has the relay complete the package. Every part is with the relay, so the key and the
// journal have nothing more to do: if we crash before they are gone, Unlock drops
// them.
func (x *sending) keep(ctx context.Context) (*packageFile, error) {
	snap, err := x.s.Sync(ctx, x.request) // hours may have passed
	if err != nil {
		return nil, err
	}
	refs, to, err := recipientsOf(snap, x.grant, x.a)
	if err != nil {
		return nil, err
	}
	if !sameKeys(refs, x.recipients) {
		return nil, fmt.Errorf("the key of a recipient has changed since the package was begun: %w: %w", errOver, ErrTryLater)
	}
	head := x.sealer.Head()
	w := writing{s: x.s, snap: snap, refs: refs, to: to,
		seal: custody.Seal{
			Request: snap.Case(x.request).RequestSHA256, Grant: x.grant.SHA256, Package: x.res.Package,
			HeadSHA256: custody.HashOf(head), PayloadSize: x.sealer.PayloadSize(), Parts: int64(x.sealer.Parts()),
			PayloadRoot: x.root, Final: x.opt.Final, Supersedes: x.opt.Supersedes,
		},
		inner: custody.Inner{
			Package: x.res.Package, Request: snap.Case(x.request).RequestSHA256, Sender: x.s.ID,
			HeadSHA256: custody.HashOf(head), PayloadRoot: x.root, PayloadSize: x.sealer.PayloadSize(), ArchiveSize: x.archive,
			TagManifest: x.summary.TagManifestSHA256, Files: int64(x.summary.Files), Bytes: x.summary.Bytes,
			IndexOffset: x.summary.Index.Offset, IndexSize: x.summary.Index.Size, Index: x.summary.Index.SHA256,
			Description: x.opt.Description, Handling: append([]string{}, x.opt.Handling...), Examiner: x.opt.Examiner,
		},
	}
	files, d, err := w.sign(x.request)
	if err != nil {
		return nil, err
	}
	if !d.Allowed() {
		return nil, wire.Refusal(d)
	}
	if err := x.a.home.saveLists(x.request, x.res.Package, x.summary.WriteManifest, x.summary.WriteIndex, x.summary.Index.Size); err != nil {
		return nil, err
	}
	files[fileHead], files[fileTagManifest] = head, x.summary.TagManifest
	p := packageFile{Package: x.res.Package, Request: x.request, Side: sideSender, State: stateSealed, Agent: x.s.ID, Epoch: x.res.Epoch, Inner: w.innerSHA256}
	if err := x.a.home.savePackage(p, files); err != nil {
		return nil, err
	}
	x.letGo()
	return &p, x.a.home.dropKey(x.request, x.res.Package)
}

// writing is a seal and its inner statement about to be signed.
type writing struct {
	s     *Session
	snap  *Snapshot
	refs  []custody.RecipientRef
	to    []age.Recipient
	seal  custody.Seal
	inner custody.Inner

	innerSHA256 custody.Digest // of the inner statement, when it is signed
}

// sign signs both on the newest state of the record. It returns the files to
// keep, and what the rule book says of the seal.
func (w *writing) sign(request string) (files map[string][]byte, d custody.Decision, err error) {
	now := statement.At(w.s.agent.now())
	w.inner.Recipients, w.inner.Issued = w.refs, now
	inner, err := custody.SignInner(w.inner, w.s.key)
	if err != nil {
		return nil, d, err
	}
	if _, w.innerSHA256, _, err = custody.ParseInner(inner); err != nil {
		return nil, d, err
	}
	innerAge, err := seal.SealSmall(inner, wire.MaxInner, w.to...)
	if err != nil {
		return nil, d, err
	}
	b := w.seal
	b.Header = w.s.header(w.snap, request, string(w.s.ID))
	b.Recipients, b.InnerSHA256 = w.refs, custody.HashOf(innerAge)
	if g := grantOf(w.snap.Case(request), b.Grant); g != nil {
		b.Delivery = g.Packages + 1
	}
	st, err := custody.Sign(&b, w.s.key)
	if err != nil {
		return nil, d, err
	}
	return map[string][]byte{fileInner: inner, fileInnerAge: innerAge, fileSeal: st.Envelope}, decide(w.snap, w.s, st), nil
}

func grantOf(c *custody.Case, sha custody.Digest) *custody.GrantState {
	i := slices.IndexFunc(c.Grants, func(g *custody.GrantState) bool { return g.SHA256 == sha })
	if i < 0 {
		return nil
	}
	return c.Grants[i]
}

// sameKeys reports whether the head that was made for one list opens for the
// other: the same recipients with the same keys, whatever the directories.
func sameKeys(a, b []custody.RecipientRef) bool {
	return slices.EqualFunc(a, b, func(x, y custody.RecipientRef) bool { return x.ID == y.ID && x.Key == y.Key })
}

// deposit has the relay complete a package whose seal is kept here; asking again
// is safe. A seal that the rules refuse because a directory or the number of
// deliveries has changed since is signed anew, and so is one that is torn from what
// it binds; a package that the rules will never take any more is given up.
func (a *Agent) deposit(ctx context.Context, s *Session, p *packageFile) error {
	env, err := a.whole(*p)
	switch {
	case errors.Is(err, errTorn):
		return a.renew(ctx, s, p, err)
	case errors.Is(err, errSpoilt):
		return errors.Join(err, a.giveUp(ctx, s, *p))
	case err != nil:
		return err
	}
	refused := s.seal(ctx, *p, env)
	code := wire.CodeOf(refused)
	switch {
	case refused == nil || code == "" || waits(refused):
		return refused
	case code == custody.CodeNoSuchPackage || code == wire.CodeIncomplete || code == wire.CodeRootMismatch:
		// The payload is not there, and the key that made it is destroyed.
		return errors.Join(refused, a.giveUp(ctx, s, *p))
	}
	return a.renew(ctx, s, p, refused)
}

// renew signs the seal of a package anew and deposits it.
func (a *Agent) renew(ctx context.Context, s *Session, p *packageFile, why error) error {
	snap, err := s.Sync(ctx, p.Request)
	if err != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	if snap.Case(p.Request).Package(p.Package) != nil {
		return nil // an earlier call did it
	}
	files, d, err := a.reseal(snap, s, p)
	if err != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	if !d.Allowed() {
		if lost(d.Code) {
			a.log.Warn("giving up a package", "package", p.Package, "code", d.Code)
			if err := a.giveUp(ctx, s, *p); err != nil {
				return err
			}
		}
		return wire.Refusal(d)
	}
	if err := a.home.savePackage(*p, files); err != nil {
		return err
	}
	return s.seal(ctx, *p, files[fileSeal])
}

// reseal signs the seal of a package anew on the newest state of the record. What
// it says of the payload stays.
func (a *Agent) reseal(snap *Snapshot, s *Session, p *packageFile) (map[string][]byte, custody.Decision, error) {
	var d custody.Decision
	old, in, _, err := a.kept(*p)
	if err != nil {
		return nil, d, err
	}
	g := grantOf(snap.Case(p.Request), old.Grant)
	if g == nil {
		return nil, d, fmt.Errorf("the record does not hold the grant of package %q: %w", p.Package, ErrVerify)
	}
	refs, to, err := recipientsOf(snap, g, a)
	if err != nil {
		return nil, d, err
	}
	if !sameKeys(refs, old.Recipients) { // the head is for keys that the directory does not list any more
		return nil, custody.Decision{Code: custody.CodeRecipientNotGrant, Rule: "granted-recipients"}, nil
	}
	w := writing{s: s, snap: snap, refs: refs, to: to, seal: *old, inner: *in}
	files, d, err := w.sign(p.Request)
	p.Inner = w.innerSHA256
	return files, d, err
}

// lost reports whether a package that was not deposited yet never can be, by what
// the rules say on the verified record alone. A recall gives nothing back, so a grant
// that the record uses up stays used up; what others have only reserved is not in the
// record. A final delivery can be recalled, and then others may follow: but nobody
// waits for that, and a package is sent again where it happens.
func lost(c custody.Code) bool {
	switch c {
	case custody.CodeGrantRevoked, custody.CodeRequestEnded, custody.CodeGrantExpired, custody.CodeGrantLapsed, custody.CodeGrantFinal, custody.CodeGrantUsedUp, custody.CodePackagesUsedUp,
		custody.CodeRecipientNotGrant, custody.CodeAlreadySuperseded:
		return true
	}
	return false
}

// seal asks the relay to complete a package and checks its proof.
func (s *Session) seal(ctx context.Context, p packageFile, envelope []byte) error {
	return s.act(ctx, envelope, func(c *wire.Client) (*wire.Proof, error) {
		return c.Seal(ctx, p.Package, p.Epoch, envelope)
	})
}

// giveUp gives the room of a package back and forgets it. What is here stays
// until the relay has answered that it has no such package open: else the room
// would be lost to the grant.
func (a *Agent) giveUp(ctx context.Context, s *Session, p packageFile) error {
	err := s.retry(ctx, func(c *wire.Client) error {
		res, err := c.TakeOver(ctx, p.Package)
		if err != nil {
			return err
		}
		return c.Abandon(ctx, p.Package, res.Epoch)
	})
	code := wire.CodeOf(err)
	if code == wire.CodeNotOpen && p.State != stateSealed {
		// It was deposited by a process whose state this machine has lost: there is no
		// room to give back.
		code = custody.CodeNoSuchPackage
	}
	if err != nil && code != custody.CodeNoSuchPackage {
		return fmt.Errorf("giving up package %q: %w", p.Package, err)
	}
	return a.home.dropPackage(p.Request, p.Package)
}

// abandon gives a package up after a failure. Its key is destroyed in any case; the
// room comes back as far as that is possible.
func (x *sending) abandon() {
	x.letGo()
	ctx, cancel := context.WithTimeout(context.Background(), abandonTimeout)
	defer cancel()
	err := x.a.home.dropBegun(x.request, x.res.Package)
	if err == nil {
		err = x.a.giveUp(ctx, x.s, packageFile{Package: x.res.Package, Request: x.request})
	}
	if err != nil {
		x.a.log.Warn("giving up the reservation failed; the next send does it", "package", x.res.Package, "error", err)
	}
}
