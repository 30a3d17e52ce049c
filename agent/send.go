package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"comity.example/comity/agent/internal/capture"
	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/config"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/acquisition"
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
	Acquisition *config.Acquisition // how the exhibits came to be; nil: not said

	// Begun is called with the id of the package, a new one before the relay hears of
	// it, and its error ends the send. If nil, nobody is told.
	Begun func(id string) error `json:"-"`
}

// Sent is what became of a package.
type Sent struct {
	Package  string
	Files    int
	Bytes    int64
	Payload  int64 // ciphertext bytes
	Unlocked bool  // false: the head stays home until the conditions are accepted
	Answers  bool  // or, with release: origin, until a recipient has signed its release
}

// sending is one package on its way.
type sending struct {
	a          *Agent
	s          *Session
	request    string
	dir        string
	folder     string           // absolute; empty if what was captured is sent
	captureID  string           // else empty
	capture    *capture.Capture // nil: none, or its package is sealed
	opt        SendOptions
	options    custody.Digest // of opt as it was given
	snap       *Snapshot
	grant      *custody.GrantState
	recipients []custody.RecipientRef
	keys       []age.Recipient
	inv        *bag.Inventory
	record     *acquisition.Record // nil: none
	res        *wire.Reservation
	sealer     *seal.Sealer
	plain      int64 // archive and padding
	archive    int64
	summary    *bag.Summary
	root       [32]byte
	journal    *journal.Journal

	// of a package that is continued
	old     *old
	present []byte // one bit for each part that the relay has
	first   int    // the first that it has not
	mark    bag.Mark
}

// Send packs a folder, seals it to exactly the recipients of the grant and
// deposits it with the relay. If the conditions are accepted already, it hands
// the head over too; if not, the head stays here and Unlock does it later.
//
// A send that stops, however it stops, is continued by another one of the same folder
// with the same options, also in a later process: only parts that the relay has not
// acknowledged are read and sent again. A folder that has changed in between ends the
// package, and so do a grant or a recipient's key that are not the same any more: then
// the next send begins a new one.
func (a *Agent) Send(ctx context.Context, s *Session, request, dir string, opt SendOptions) (*Sent, error) {
	x := &sending{a: a, s: s, request: request, dir: dir, opt: opt}
	defer x.letGo()
	if err := a.sweepCaptures(request); err != nil {
		return nil, err
	}
	return x.send(ctx)
}

func (x *sending) send(ctx context.Context) (*Sent, error) {
	if err := x.prepare(ctx); err != nil {
		x.ended(ctx, wire.CodeOf(err))
		return nil, err
	}
	if x.old != nil && x.old.State != stateOpen {
		return x.finish(ctx)
	}
	p, err := x.pack(ctx)
	if err != nil {
		return nil, fmt.Errorf("sending package %q: %w", x.res.Package, x.stopped(err))
	}
	if err := x.a.deposit(ctx, x.s, p); err != nil {
		return nil, fmt.Errorf("sealing package %q: %w", x.res.Package, err)
	}
	return x.unlock(ctx, &Sent{Package: x.res.Package, Files: x.summary.Files, Bytes: x.summary.Bytes, Payload: x.sealer.PayloadSize()})
}

// ended destroys the heads of packages that waited for the conditions and will never be
// opened.
func (x *sending) ended(ctx context.Context, why custody.Code) {
	if why == custody.CodeGrantRevoked || why == custody.CodeRequestEnded || why == custody.CodeGrantLapsed {
		_, err := x.a.Unlock(ctx, x.s, x.request)
		x.a.log.Debug("looked for heads that may never leave", "error", err)
	}
}

// finish deposits and unlocks a package whose seal an earlier send has kept.
func (x *sending) finish(ctx context.Context) (*Sent, error) {
	b, in, _, err := x.a.kept(x.old.packageFile)
	if err != nil {
		return nil, err
	}
	return x.unlock(ctx, &Sent{Package: x.old.Package, Files: int(in.Files), Bytes: in.Bytes, Payload: b.PayloadSize})
}

// unlock hands over the head, if that may leave. A capture is destroyed on the way.
func (x *sending) unlock(ctx context.Context, sent *Sent) (*Sent, error) {
	x.closeCapture()
	done, err := x.a.Unlock(ctx, x.s, x.request)
	sent.Unlocked = slices.Contains(done, sent.Package)
	sent.Answers = x.answers(ctx)
	if err != nil && sent.Unlocked {
		x.a.log.Warn("another package of the request could not be unlocked", "error", err)
		err = nil
	}
	return sent, err
}

// answers reports whether the head goes by an unlock for each release. It only chooses the
// words, so a record that cannot be read now says no. What was sealed before is finished
// without asking what is granted: then nobody has read the record yet.
func (x *sending) answers(ctx context.Context) bool {
	snap := x.snap
	if snap == nil {
		var err error
		if snap, err = x.s.Sync(ctx, x.request); err != nil {
			return false
		}
	}
	c := snap.Case(x.request)
	return c != nil && c.Live() != nil && c.Live().Release == custody.ReleaseOrigin
}

// stopped decides what becomes of a package whose parts did not all arrive. It waits
// for the next send, unless what stopped it would stop that as well: a source that has
// changed, or a relay that has refused.
func (x *sending) stopped(err error) error {
	if errors.Is(err, ErrDamaged) { // no other package can be made of it either
		x.abandon()
		return fmt.Errorf("%w; the package is given up", err)
	}
	var changed *bag.ChangedError
	final := wire.CodeOf(err) != "" && !waits(err)
	if !errors.As(err, &changed) && !errors.Is(err, seal.ErrChanged) && !errors.Is(err, errOver) && !final {
		return fmt.Errorf("%w; send again to continue it", err)
	}
	x.abandon()
	if errors.Is(err, errOver) {
		return err
	}
	return fmt.Errorf("%w: %w", err, errOver)
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
	if x.options, err = x.opt.digest(); err != nil {
		return err
	}
	if x.captureID == "" {
		if x.folder, err = filepath.Abs(x.dir); err != nil {
			return fmt.Errorf("packing %q: %w", x.dir, err)
		}
	}
	if err := x.findOld(ctx); err != nil {
		return err
	}
	if x.captureID != "" && x.old != nil && x.old.State != stateOpen {
		return x.begun(x.old.Package) // no other package is made of it
	}
	if x.captureID != "" && x.capture == nil {
		return errNoCapture
	}
	if err := x.plan(ctx); err != nil {
		return fmt.Errorf("packing %q: %w", x.dir, err)
	}
	if x.old != nil && x.old.State != stateOpen {
		return x.begun(x.old.Package)
	}
	if err := x.permitted(ctx); err != nil {
		if x.old != nil && wire.CodeOf(err) != "" && !waits(err) {
			return x.over(ctx, err)
		}
		return err
	}
	if x.old != nil {
		if err := x.resume(ctx); err != nil {
			return err
		}
	}
	if x.old != nil {
		return x.begun(x.old.Package)
	}
	if x.sealer, err = seal.NewSealer(x.plain, x.keys...); err != nil {
		return err
	}
	return x.reserve(ctx)
}

// plan takes the inventory and decides on the archive. An old package ends here if its
// sources have changed.
func (x *sending) plan(ctx context.Context) (err error) {
	if x.inv, err = x.inventory(); err != nil {
		return err
	}
	if err := x.sources(ctx); err != nil {
		return err
	}
	if x.old == nil {
		err = x.acquire(ctx)
	} else if x.old.State == stateOpen {
		err = x.acquired()
	}
	if err != nil {
		return err
	}
	// Every id has the same length, so a plan with any id has the right size.
	plan, err := bag.NewPlan(custody.PackageID([16]byte{}), x.inv, x.fields())
	if err != nil {
		return err
	}
	x.archive, x.plain = plan.Size(), seal.Padme(plan.Size())
	return nil
}

// sources compares the folder with what the old package was begun with. If all of the
// old one is with the relay, a folder that has changed makes another package.
func (x *sending) sources(ctx context.Context) error {
	if x.old == nil {
		return nil
	}
	err := x.a.home.compareSources(x.old.packageFile, x.inv)
	var changed *bag.ChangedError
	switch {
	case errors.As(err, &changed) && x.old.State != stateOpen:
		x.old = nil
		return nil
	case errors.As(err, &changed):
		return x.over(ctx, err)
	case errors.Is(err, fs.ErrNotExist):
		return x.anew(ctx, err)
	}
	return err
}

// permitted finds the grant, asks the rule book, and looks the recipients up.
func (x *sending) permitted(ctx context.Context) (err error) {
	if x.snap, err = x.s.Sync(ctx, x.request); err != nil {
		return err
	}
	if err := x.a.clear(x.snap, x.request, ""); err != nil {
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
	return x.a.keysChanged(x.s, x.snap, x.grant.To, x.recipients)
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
	list := []bag.Field{{Label: "Source-Organization", Value: x.a.home.Authority()}, {Label: "External-Identifier", Value: x.request}}
	if x.capture != nil {
		list = append(list, bag.Field{Label: "Capture-Time", Value: x.capture.Started.String() + "/" + x.capture.Ended.String()})
	}
	if x.record != nil {
		list = append(list, x.record.Fields()...)
	}
	return list
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

// begun tells who wants to know which package it is.
func (x *sending) begun(id string) error {
	if x.opt.Begun == nil {
		return nil
	}
	return x.opt.Begun(id)
}

func (x *sending) reserve(ctx context.Context) error {
	var random [16]byte
	rand.Read(random[:]) // never fails, see crypto/rand
	x.res = &wire.Reservation{Package: custody.PackageID(random)}
	if err := x.begun(x.res.Package); err != nil {
		return err
	}
	p := packageFile{Package: x.res.Package, Request: x.request, Side: sideSender, State: stateOpen, Agent: x.s.ID}
	// If we crash after this, the next send gives up whatever the relay has made of
	// it, or continues it if all that this takes was kept.
	if err := x.a.home.savePackage(p, nil); err != nil {
		return err
	}
	if err := x.keepBegun(); err != nil {
		return fmt.Errorf("keeping package %q: %w", x.res.Package, err)
	}
	if err := x.ask(ctx); err != nil {
		if !errors.Is(err, ErrTryLater) && !held(err) {
			x.abandon()
		}
		return fmt.Errorf("reserving: %w", err)
	}
	return nil
}

// ask asks the relay for the room. Asking again under the same id is safe: an
// answer that was lost has reserved nothing more, and raises the epoch.
func (x *sending) ask(ctx context.Context) error {
	in := wire.Reserve{Package: x.res.Package, Request: x.request, Grant: x.grant.SHA256, PayloadSize: x.sealer.PayloadSize()}
	return x.s.retry(ctx, func(c *wire.Client) error {
		if err := x.journal.TakeOver(); err != nil {
			return err
		}
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
