package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// errOver is wrapped where a package cannot be continued and the user has to know why
// before another one is begun.
var errOver = errors.New("the package is given up; send again to begin a new one")

// old is a package that an earlier process has begun and not brought to its end.
type old struct {
	packageFile
	*begun
}

// findOld finds the package that this send continues: one of the same folder, or
// capture, with the same options. Packages that nobody can continue are given up; others wait for
// their own send.
func (x *sending) findOld(ctx context.Context) error {
	list, err := x.a.home.packages(x.request)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Side != sideSender || p.Agent != x.s.ID {
			continue
		}
		b, err := x.a.home.loadBegun(p)
		switch {
		case err != nil:
			return err
		case b == nil && p.State != stateOpen: // an earlier send has ended well
		case b == nil: // its key died with a process, or before it was kept
			if err := x.a.giveUp(ctx, x.s, p); err != nil {
				return err
			}
		case x.continues(p, b):
			x.old = &old{p, b}
		default:
			if err := x.outlived(ctx, p, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// continues reports whether a package is the one that this send continues. One that is
// sealed is all that its capture will ever be, whatever is said of it now.
func (x *sending) continues(p packageFile, b *begun) bool {
	if x.old != nil || b.Folder != x.folder || b.Capture != x.captureID {
		return false
	}
	return b.Options == x.options || x.captureID != "" && p.State != stateOpen
}

// outlived gives up a package that was begun with a capture, if no send will ever ask
// for it again: other words are said of the capture now, or it is destroyed.
func (x *sending) outlived(ctx context.Context, p packageFile, b *begun) error {
	if b.Capture == "" || p.State != stateOpen {
		return nil
	}
	here, err := x.a.home.hasCapture(x.request, b.Capture)
	if err != nil || here && b.Capture != x.captureID {
		return err
	}
	return x.a.giveUp(ctx, x.s, p)
}

// giveUpOld gives the old package up. Its key is destroyed even if the relay cannot be
// asked; the room comes back then with the next send.
func (x *sending) giveUpOld(ctx context.Context) error {
	x.letGo()
	x.sealer = nil
	if err := x.a.home.dropBegun(x.request, x.old.Package); err != nil {
		return err
	}
	return x.a.giveUp(ctx, x.s, x.old.packageFile)
}

// over gives the old package up and says why.
func (x *sending) over(ctx context.Context, why error) error {
	err := fmt.Errorf("continuing package %q: %w: %w", x.old.Package, why, errOver)
	return errors.Join(err, x.giveUpOld(ctx))
}

// anew gives the old package up for a doubt about this machine's own state, which is
// nothing that its user has to decide: the same send begins a new one.
func (x *sending) anew(ctx context.Context, why error) error {
	x.a.log.Warn("a package cannot be continued: a new one is begun", "package", x.old.Package, "error", why)
	fmt.Fprintf(x.a.out, "package %s cannot be continued and is given up: %v; a new one is begun\n", x.old.Package, why)
	if err := x.giveUpOld(ctx); err != nil {
		return err
	}
	x.old, x.res, x.present, x.first, x.mark = nil, nil, nil, 0, bag.Mark{}
	return nil
}

// acquired takes the acquisition record over with which the old package was begun: it
// is part of the archive, and making it again would read everything.
func (x *sending) acquired() (err error) {
	x.opt.Examiner = x.old.Examiner
	b, err := x.a.home.packageData(x.request, x.old.Package, fileRecord)
	if err != nil || len(b) == 0 {
		return err
	}
	x.inv.Acquisition = b
	x.record, err = acquisition.Parse(b)
	return err
}

// resume continues the old package, or leaves x without one where a new one has to
// be begun. Nothing has left when it returns an error.
func (x *sending) resume(ctx context.Context) error {
	o := x.old
	switch {
	case o.Grant != x.grant.SHA256:
		return x.over(ctx, errors.New("another grant is in force since"))
	case !sameKeys(o.Recipients, x.recipients):
		return x.over(ctx, errors.New("the recipients, or a key of theirs, have changed since"))
	case o.Archive != x.archive:
		return x.anew(ctx, errors.New("this program packs it in another way"))
	}
	dir := x.a.home.packageDir(x.request, o.Package)
	if err := x.unseal(dir); errors.Is(err, durable.ErrLocked) {
		return fmt.Errorf("continuing package %q: %w: %w", o.Package, err, ErrTryLater)
	} else if err != nil {
		return x.anew(ctx, err)
	}
	if err := x.takeOver(ctx, o.Package); err != nil {
		return fmt.Errorf("continuing package %q: %w", o.Package, err)
	} else if x.old == nil {
		return nil
	}
	if err := x.compare(ctx); err != nil {
		return fmt.Errorf("continuing package %q: %w", o.Package, err)
	}
	return nil
}

// unseal opens the journal, and with what it knows the key.
func (x *sending) unseal(dir string) (err error) {
	parts := seal.Parts(seal.PayloadSize(x.plain))
	if x.journal, err = journal.Open(filepath.Join(dir, fileJournal), x.old.Package, parts); err != nil {
		return err
	}
	known, err := x.journal.Known()
	if err != nil {
		return err
	}
	head, err := x.a.home.packageData(x.request, x.old.Package, fileHead)
	if err != nil {
		return err
	}
	key, err := x.a.home.packageData(x.request, x.old.Package, fileKey)
	if err != nil {
		return err
	}
	id, err := x.a.home.journalKey()
	if err != nil {
		return err
	}
	if x.sealer, err = seal.ResumeSealer(head, key, known, id); err != nil {
		return err
	}
	if x.sealer.PlainSize() != x.plain {
		return errors.New("its size is another one")
	}
	return nil
}

// takeOver fences every other process that could still be sending the package. The
// journal has counted each time that the epoch can have risen; if it has risen more
// often, somebody else has the same state: this machine was copied or set back.
func (x *sending) takeOver(ctx context.Context, pkg string) error {
	err := x.s.retry(ctx, func(c *wire.Client) (err error) {
		if err := x.journal.TakeOver(); err != nil {
			return err
		}
		x.res, err = c.TakeOver(ctx, pkg)
		return err
	})
	switch {
	case wire.CodeOf(err) == custody.CodeNoSuchPackage, wire.CodeOf(err) == wire.CodeNotOpen:
		return x.anew(ctx, errors.New("the relay does not keep it any more"))
	case err != nil:
		return err
	case x.res.Package != pkg || x.res.PartSize != seal.PartSize:
		return fmt.Errorf("the relay answered with package %q and parts of %d bytes: %w", x.res.Package, x.res.PartSize, ErrVerify)
	case x.res.Epoch > int64(x.journal.Takeovers()):
		return x.anew(ctx, errors.New("a copy of this machine's state has sent parts of it"))
	}
	return nil
}

// compare looks which parts the relay has. One that the journal lacks has left a
// machine that had another journal.
func (x *sending) compare(ctx context.Context) error {
	var state *wire.PackageState
	err := x.s.retry(ctx, func(c *wire.Client) (err error) {
		state, err = c.Package(ctx, x.res.Package)
		return err
	})
	if err != nil {
		return err
	}
	n := x.sealer.Parts()
	if state.PayloadSize != x.sealer.PayloadSize() || len(state.Present) != (n+7)/8 || len(state.Digests) != 32*n {
		return fmt.Errorf("the relay has it with %d bytes: %w", state.PayloadSize, ErrVerify)
	}
	known, err := x.journal.Known()
	if err != nil {
		return err
	}
	first := n
	for i := n - 1; i >= 0; i-- {
		if state.Present[i/8]&(1<<(i%8)) == 0 {
			first = i
		} else if sum, ok := known[i]; !ok || sum != [32]byte(state.Digests[32*i:]) {
			return x.anew(ctx, fmt.Errorf("the relay has a part %d that this machine's journal does not know", i))
		}
	}
	if x.mark, err = x.journal.Mark(first); err != nil {
		return x.anew(ctx, err)
	}
	x.present, x.first = state.Present, first
	return nil
}

// has reports whether the relay had a part when the package was taken over.
func (x *sending) has(n int) bool {
	return n/8 < len(x.present) && x.present[n/8]&(1<<(n%8)) != 0
}
