package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"

	"filippo.io/age"
)

// SendOptions is what a sender may say of a package. All but Final and Supersedes is
// sealed to the recipients.
type SendOptions struct {
	Final       bool   // no delivery follows under this grant
	Supersedes  string // an earlier package of the request that this one replaces, by its id or the beginning of it
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
	defer x.destroy()
	if err := x.prepare(ctx); err != nil {
		return nil, err
	}
	p, err := x.pack(ctx)
	if err != nil {
		x.abandon()
		return nil, fmt.Errorf("sending package %q: %w", x.res.Package, err)
	}
	if err := a.deposit(ctx, s, p); err != nil {
		return nil, fmt.Errorf("sealing package %q: %w", x.res.Package, err)
	}
	sent := &Sent{Package: x.res.Package, Files: x.summary.Files, Bytes: x.summary.Bytes, Payload: x.sealer.PayloadSize()}
	done, err := a.Unlock(ctx, s, request)
	sent.Unlocked = slices.Contains(done, sent.Package)
	if err != nil && sent.Unlocked {
		a.log.Warn("another package of the request could not be unlocked", "error", err)
		err = nil
	}
	return sent, err
}

// destroy overwrites the key of the package, however far it came.
func (x *sending) destroy() {
	if x.sealer != nil {
		x.sealer.Destroy()
	}
}

// pack uploads the payload and keeps the seal.
func (x *sending) pack(ctx context.Context) (*packageFile, error) {
	if err := x.upload(ctx); err != nil {
		return nil, err
	}
	return x.keep(ctx)
}

// prepare checks the grant, takes the inventory and reserves room.
func (x *sending) prepare(ctx context.Context) (err error) {
	if err := custody.CheckInnerText(x.opt.Description, x.opt.Examiner, x.opt.Handling); err != nil {
		return err
	}
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
	if err := x.replaces(); err != nil {
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
	var random [16]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	x.res = &wire.Reservation{Package: custody.PackageID(random)}
	p := packageFile{Package: x.res.Package, Request: x.request, Side: sideSender, State: stateOpen, Agent: x.s.ID}
	// If we crash after this, the next send gives up whatever the relay has made
	// of it.
	if err := x.a.home.savePackage(p, nil); err != nil {
		return err
	}
	if err := x.ask(ctx); err != nil {
		if !errors.Is(err, ErrTryLater) {
			x.abandon()
		}
		return fmt.Errorf("reserving: %w", err)
	}
	return nil
}

// ask asks the relay for the room. Asking again under the same id is safe: an
// answer that was lost has reserved nothing more.
func (x *sending) ask(ctx context.Context) error {
	in := wire.Reserve{Package: x.res.Package, Request: x.request, Grant: x.grant.SHA256, PayloadSize: x.sealer.PayloadSize()}
	return x.s.retry(ctx, func(c *wire.Client) error {
		res, err := c.Reserve(ctx, in)
		if err != nil {
			return err
		}
		// The id is a folder here: of another package it would be overwritten,
		// and the head in it lost.
		if res.Package != in.Package || res.Epoch < 1 || res.PartSize != seal.PartSize {
			return fmt.Errorf("the relay answered with package %q, epoch %d and parts of %d bytes: %w", res.Package, res.Epoch, res.PartSize, ErrVerify)
		}
		x.res = res
		return nil
	})
}

// header begins a statement of a case with what this session knows.
func (s *Session) header(snap *Snapshot, request, by string) custody.Header {
	return custody.Header{Relay: s.Origin, By: by, Issued: statement.At(s.agent.now()), After: snap.Tip(request)}
}
