package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// Unlock hands over the heads of packages of a request that were deposited and
// whose conditions the recipient's State has accepted since. It first reads and
// proves the record in the log itself: grant, acceptance, no revocation. It
// returns the packages unlocked now or before.
func (a *Agent) Unlock(ctx context.Context, s *Session, request string) ([]string, error) {
	snap, err := s.Sync(ctx, request)
	if err != nil {
		return nil, err
	}
	list, err := a.home.packages(request)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, p := range list {
		if p.Side != sideSender || p.Agent != s.ID || p.State == stateOpen {
			continue
		}
		if p.State == stateSealed {
			if snap, err = a.unlock(ctx, s, snap, p); errors.Is(err, errWaits) {
				continue
			}
			if err != nil {
				return done, fmt.Errorf("unlocking package %q: %w", p.Package, err)
			}
		}
		done = append(done, p.Package)
	}
	return done, nil
}

// errWaits says that the head has to stay home for now.
var errWaits = errors.New("not accepted yet")

func (a *Agent) unlock(ctx context.Context, s *Session, snap *Snapshot, p packageFile) (*Snapshot, error) {
	c := snap.Case(p.Request)
	if c.Package(p.Package) == nil { // we crashed after keeping the seal and before the relay had it
		env, err := a.home.packageData(p.Request, p.Package, fileSeal)
		if err != nil {
			return snap, err
		}
		if err := s.seal(ctx, p, env); err != nil {
			return snap, err
		}
		if snap, err = s.Sync(ctx, p.Request); err != nil {
			return snap, err
		}
		c = snap.Case(p.Request)
	}
	ps := c.Package(p.Package)
	if ps == nil {
		return snap, fmt.Errorf("the relay acknowledged the seal, its log does not hold it: %w", ErrVerify)
	}
	if ps.Unlocked.IsZero() {
		if err := a.handOver(ctx, s, snap, p, ps); err != nil {
			return snap, err
		}
	}
	p.State = stateUnlocked
	if err := a.home.savePackage(p, nil); err != nil {
		return snap, err
	}
	return snap, a.dropHead(p)
}

// handOver signs the unlock and sends head and inner.age with it.
func (a *Agent) handOver(ctx context.Context, s *Session, snap *Snapshot, p packageFile, ps *custody.PackageState) error {
	head, err := a.home.packageData(p.Request, p.Package, fileHead)
	if err != nil {
		return err
	}
	inner, err := a.home.packageData(p.Request, p.Package, fileInnerAge)
	if err != nil {
		return err
	}
	if ps.Grant.Acceptance.IsZero() {
		return errWaits
	}
	st, err := custody.Sign(&custody.Unlock{
		Header:  s.header(snap, p.Request, string(s.ID)),
		Request: snap.Case(p.Request).RequestSHA256, Package: p.Package, Seal: ps.SHA256, HeadSHA256: ps.HeadSHA256,
		Acceptance: ps.Grant.Acceptance, Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)},
	}, s.key)
	if err != nil {
		return err
	}
	if d := decide(snap, s, st); !d.Allowed() {
		return wire.Refusal(d)
	}
	return s.retry(ctx, func(c *wire.Client) error {
		_, err := c.Unlock(ctx, p.Package, st.Envelope, head, inner)
		return err
	})
}

// decide asks the rule book here whether the relay will take a statement.
func decide(snap *Snapshot, s *Session, st *custody.Statement) custody.Decision {
	return custody.Decide(snap.Book.Record(st.Record()), snap.Book.View(),
		custody.Action{Act: custody.ActStatement, Via: s.ID, Statement: st}, statement.At(s.agent.now()))
}

// dropHead removes what only the sender needed.
func (a *Agent) dropHead(p packageFile) error {
	for _, name := range []string{fileHead, fileInnerAge} {
		err := os.Remove(filepath.Join(a.home.packageDir(p.Request, p.Package), name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
