package agent

import (
	"context"
	"fmt"
	"os"
	"slices"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"

	"filippo.io/age"
)

// SendOptions is what a sender may say of a package. All but Final is sealed to
// the recipients.
type SendOptions struct {
	Final       bool // no delivery follows under this grant
	Description string
	Examiner    string
	Handling    []string
}

// Sent is what became of a package.
type Sent struct {
	Package  string
	Files    int
	Bytes    int64
	Payload  int64 // ciphertext bytes
	Unlocked bool  // false: the head stays home until the conditions are accepted
}

// sending is one package on its way.
type sending struct {
	a          *Agent
	s          *Session
	request    string
	dir        string
	opt        SendOptions
	snap       *Snapshot
	grant      *custody.GrantState
	recipients []custody.RecipientRef
	keys       []age.Recipient
	inv        *bag.Inventory
	res        *wire.Reservation
	sealer     *seal.Sealer
	plain      int64 // archive and padding
	archive    int64
	summary    *bag.Summary
	root       [32]byte
}

// Send packs a folder, seals it to exactly the recipients of the grant and
// deposits it with the relay. If the conditions are accepted already, it hands
// the head over too; if not, the head stays here and Unlock does it later.
//
// A part is sealed once and kept in memory until the relay has it; a process
// that stops in the middle starts a new package.
func (a *Agent) Send(ctx context.Context, s *Session, request, dir string, opt SendOptions) (*Sent, error) {
	x := &sending{a: a, s: s, request: request, dir: dir, opt: opt}
	if err := x.prepare(ctx); err != nil {
		return nil, err
	}
	defer x.sealer.Destroy()
	if err := x.upload(ctx); err != nil {
		x.abandon()
		return nil, fmt.Errorf("sending package %q: %w", x.res.Package, err)
	}
	if err := x.deposit(ctx); err != nil {
		return nil, fmt.Errorf("sealing package %q: %w", x.res.Package, err)
	}
	done, err := a.Unlock(ctx, s, request)
	sent := &Sent{Package: x.res.Package, Files: x.summary.Files, Bytes: x.summary.Bytes,
		Payload: x.sealer.PayloadSize(), Unlocked: slices.Contains(done, x.res.Package)}
	return sent, err
}

// prepare checks the grant, takes the inventory and reserves room.
func (x *sending) prepare(ctx context.Context) (err error) {
	if x.inv, err = bag.Scan(x.dir); err != nil {
		return fmt.Errorf("packing %q: %w", x.dir, err)
	}
	// Every id has the same length, so a plan with any id has the right size.
	plan, err := bag.NewPlan(custody.PackageID([16]byte{}), x.inv, x.fields())
	if err != nil {
		return fmt.Errorf("packing %q: %w", x.dir, err)
	}
	x.archive, x.plain = plan.Size(), seal.Padme(plan.Size())
	if x.snap, err = x.s.Sync(ctx, x.request); err != nil {
		return err
	}
	if x.grant = x.snap.Case(x.request).Live(); x.grant == nil {
		return wire.Refusal(custody.Decision{Code: custody.CodeNoGrant, Rule: "live-grant"})
	}
	if err := x.allowed(); err != nil {
		return err
	}
	if x.recipients, x.keys, err = recipientsOf(x.snap, x.grant, x.a); err != nil {
		return err
	}
	if x.sealer, err = seal.NewSealer(x.plain, x.keys...); err != nil {
		return err
	}
	return x.reserve(ctx)
}

// allowed asks the rule book here before the relay is asked.
func (x *sending) allowed() error {
	d := custody.Decide(x.snap.Book.Record(custody.RecordID(x.request)), x.snap.Book.View(), custody.Action{
		Act: custody.ActReserve, Via: x.s.ID, Grant: x.grant.SHA256, Bytes: seal.PayloadSize(x.plain),
	}, statement.At(x.a.now()))
	if !d.Allowed() {
		return wire.Refusal(d)
	}
	return nil
}

func (x *sending) fields() []bag.Field {
	return []bag.Field{{Label: "Source-Organization", Value: x.a.home.Authority()}, {Label: "External-Identifier", Value: x.request}}
}

// recipientsOf returns the keys of a grant's recipients from the directory that
// the log proves, never from the relay's word.
func recipientsOf(snap *Snapshot, g *custody.GrantState, a *Agent) ([]custody.RecipientRef, []age.Recipient, error) {
	var refs []custody.RecipientRef
	var list []age.Recipient
	au := snap.Book.View().Authorities[g.To]
	for _, id := range g.Recipients {
		m, ok := au.Active(id, statement.At(a.now()))
		if !ok {
			return nil, nil, wire.Refusal(custody.Decision{Code: custody.CodeNotActive, Rule: "granted-recipients"})
		}
		r, err := seal.ParseRecipient(m.Recipient)
		if err != nil {
			return nil, nil, fmt.Errorf("reading key of %q: %v", id, err)
		}
		refs = append(refs, custody.RecipientRef{ID: id, Directory: au.DirectorySHA256, Key: custody.RecipientKey(m.Recipient)})
		list = append(list, r)
	}
	return refs, list, nil
}

func (x *sending) reserve(ctx context.Context) error {
	if err := x.a.dropOpen(ctx, x.s, x.request); err != nil {
		return err
	}
	res, err := x.s.current().Reserve(ctx, wire.Reserve{Request: x.request, Grant: x.grant.SHA256, PayloadSize: x.sealer.PayloadSize()})
	if err != nil {
		return fmt.Errorf("reserving: %w", err)
	}
	if err := custody.CheckID(res.Package); err != nil || res.PartSize != seal.PartSize {
		return fmt.Errorf("reserving: the relay answered with package %q and parts of %d bytes: %w", res.Package, res.PartSize, ErrVerify)
	}
	x.res = res
	return x.a.home.savePackage(packageFile{Package: res.Package, Request: x.request, Side: sideSender,
		State: stateOpen, Agent: x.s.ID, Epoch: res.Epoch}, nil)
}

// dropOpen gives up reservations that an earlier process left open: their key
// died with it.
func (a *Agent) dropOpen(ctx context.Context, s *Session, request string) error {
	list, err := a.home.packages(request)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Side != sideSender || p.State != stateOpen || p.Agent != s.ID {
			continue
		}
		res, err := s.current().TakeOver(ctx, p.Package)
		if err == nil {
			err = s.current().Abandon(ctx, p.Package, res.Epoch)
		}
		if err != nil && wire.CodeOf(err) == "" {
			return fmt.Errorf("giving up package %q: %w", p.Package, err)
		}
		if err := os.RemoveAll(a.home.packageDir(request, p.Package)); err != nil {
			return err
		}
	}
	return nil
}

// abandon gives the room back after a failure, as far as that is possible.
func (x *sending) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), abandonTimeout)
	defer cancel()
	if err := x.s.current().Abandon(ctx, x.res.Package, x.res.Epoch); err != nil {
		x.a.log.Warn("giving up the reservation failed; the next send does it", "package", x.res.Package, "error", err)
		return
	}
	os.RemoveAll(x.a.home.packageDir(x.request, x.res.Package))
}

// deposit signs the inner statement and the seal, keeps all that the next steps
// need, and has the relay complete the package. If we crash before the seal
// is kept, the next send starts anew; after, Unlock asks the relay what it has.
func (x *sending) deposit(ctx context.Context) error {
	head := x.sealer.Head()
	snap, err := x.s.Sync(ctx, x.request) // the directory may have changed in the hours since
	if err != nil {
		return err
	}
	if x.recipients, _, err = recipientsOf(snap, x.grant, x.a); err != nil {
		return err
	}
	inner, innerAge, err := x.inner(head)
	if err != nil {
		return err
	}
	st, err := custody.Sign(&custody.Seal{
		Header:  x.s.header(snap, x.request, string(x.s.ID)),
		Request: snap.Case(x.request).RequestSHA256, Grant: x.grant.SHA256, Package: x.res.Package,
		Recipients: x.recipients, HeadSHA256: custody.HashOf(head), PayloadSize: x.sealer.PayloadSize(),
		Parts: int64(x.sealer.Parts()), PayloadRoot: x.root, InnerSHA256: custody.HashOf(innerAge),
		Delivery: snap.Case(x.request).Live().Packages + 1, Final: x.opt.Final,
	}, x.s.key)
	if err != nil {
		return err
	}
	state := packageFile{Package: x.res.Package, Request: x.request, Side: sideSender, State: stateSealed, Agent: x.s.ID, Epoch: x.res.Epoch}
	files := map[string][]byte{fileHead: head, fileInnerAge: innerAge, fileInner: inner, fileSeal: st.Envelope,
		fileManifest: x.summary.Manifest, fileTagManifest: x.summary.TagManifest}
	if err := x.a.home.savePackage(state, files); err != nil {
		return err
	}
	return x.s.seal(ctx, state, st.Envelope)
}

// seal asks the relay to complete a package; asking again is safe.
func (s *Session) seal(ctx context.Context, p packageFile, envelope []byte) error {
	return s.retry(ctx, func(c *wire.Client) error {
		_, err := c.Seal(ctx, p.Package, p.Epoch, envelope)
		return err
	})
}

// inner signs what only the recipients read, and seals it to them.
func (x *sending) inner(head []byte) (envelope, file []byte, err error) {
	envelope, err = custody.SignInner(custody.Inner{
		Package: x.res.Package, Request: x.snap.Case(x.request).RequestSHA256, Sender: x.s.ID, Recipients: x.recipients,
		HeadSHA256: custody.HashOf(head), PayloadRoot: x.root, PayloadSize: x.sealer.PayloadSize(), ArchiveSize: x.archive,
		TagManifest: x.summary.TagManifestSHA256, Files: int64(x.summary.Files), Bytes: x.summary.Bytes,
		Description: x.opt.Description, Handling: append([]string{}, x.opt.Handling...), Examiner: x.opt.Examiner,
		Issued: statement.At(x.a.now()),
	}, x.s.key)
	if err != nil {
		return nil, nil, err
	}
	file, err = seal.SealSmall(envelope, wire.MaxInner, x.keys...)
	return envelope, file, err
}

// header begins a statement of a case with what this session knows.
func (s *Session) header(snap *Snapshot, request, by string) custody.Header {
	return custody.Header{Relay: s.Origin, By: by, Issued: statement.At(s.agent.now()), After: snap.Tip(request)}
}
