package s3

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// Lock sets the retention and reads it back from the headers of the object. What
// would weaken a lock is refused here and, by a server that New accepted, there.
func (b *Bucket) Lock(ctx context.Context, key, version string, mode objects.Mode, until time.Time) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	now := time.Now()
	if version == "" || mode != objects.Governance && mode != objects.Compliance || !until.After(now) {
		return objects.Info{}, fmt.Errorf("%w: locking version %q of %q by %q until %v", objects.ErrInvalid, version, key, mode, until)
	}
	h, err := b.retain(ctx, b.name(key), version, mode, objects.CeilSecond(until), now)
	if err != nil {
		return objects.Info{}, fmt.Errorf("locking %q by %q until %v: %w", key, mode, until, err)
	}
	return h.Info, nil
}

func (b *Bucket) retain(ctx context.Context, name, version string, mode objects.Mode, until, now time.Time) (head, error) {
	h, err := b.head(ctx, name, version)
	if err != nil {
		return head{}, err
	}
	if h.Mode == mode && h.RetainUntil.Equal(until) {
		return h, nil
	}
	if weakens(h.Info, mode, until, now) {
		return head{}, fmt.Errorf("it is %q until %v: %w", h.Mode, h.RetainUntil, objects.ErrLocked)
	}
	kind := minio.RetentionMode(mode)
	err = b.meta.PutObjectRetention(ctx, b.bucket, name, minio.PutObjectRetentionOptions{Mode: &kind, RetainUntilDate: &until, VersionID: version})
	said := err
	if h, err = b.head(ctx, name, version); err != nil {
		return head{}, err
	}
	switch {
	case h.Mode == mode && h.RetainUntil.Equal(until):
		return h, nil // also if the answer was lost
	case said != nil && refused(said) && weakens(h.Info, mode, until, now): // another was faster
		return head{}, fmt.Errorf("it is %q until %v: %w", h.Mode, h.RetainUntil, objects.ErrLocked)
	case said != nil:
		return head{}, fault(ctx, said)
	}
	return head{}, fmt.Errorf("the server shows %q until %v", h.Mode, h.RetainUntil)
}

// weakens reports whether a lock by mode until would be less than the running one.
func weakens(i objects.Info, mode objects.Mode, until, now time.Time) bool {
	return i.Locked(now) && (mode != i.Mode || until.Before(i.RetainUntil))
}

// Delete removes a version whose lock has ended. The server decides by its clock.
func (b *Bucket) Delete(ctx context.Context, key, version string) error {
	return b.delete(ctx, key, version, objects.NoLock)
}

// Destroyer deletes from a bucket what GOVERNANCE still locks.
type Destroyer struct{ client }

var _ objects.Destroyer = (*Destroyer)(nil)

// NewDestroyer returns the capability to delete under GOVERNANCE. Its credential
// is another than the relay's and has the right s3:BypassGovernanceRetention; only
// the destruction of heads is given it. It makes no bucket and tries out nothing.
func NewDestroyer(cfg *Config) (*Destroyer, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	return &Destroyer{*c}, nil
}

// Destroy implements objects.Destroyer.
func (y *Destroyer) Destroy(ctx context.Context, key, version string) error {
	return y.delete(ctx, key, version, objects.Governance)
}

// Close closes idle connections.
func (y *Destroyer) Close() error {
	y.transport.CloseIdleConnections()
	return nil
}

// delete deletes a version unless a lock other than pass runs.
func (c *client) delete(ctx context.Context, key, version string, pass objects.Mode) error {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	if version == "" {
		return fmt.Errorf("%w: deleting %q without a version", objects.ErrInvalid, key)
	}
	if err := c.remove(ctx, c.name(key), version, pass); err != nil {
		return fmt.Errorf("deleting %q: %w", key, err)
	}
	return nil
}

// remove deletes a version and looks that it is gone. Servers refuse to delete
// what is locked in different words: what they refuse and still show is locked.
//
// The bypass is asked for only when the version shows GOVERNANCE, so that it can
// never meet another lock, on a server that would let it.
func (c *client) remove(ctx context.Context, name, version string, pass objects.Mode) error {
	opts := minio.RemoveObjectOptions{VersionID: version}
	if pass == objects.Governance {
		h, err := c.head(ctx, name, version)
		if errors.Is(err, objects.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		opts.GovernanceBypass = h.Mode == objects.Governance
	}
	said := c.meta.RemoveObject(ctx, c.bucket, name, opts)
	if said != nil && !refused(said) {
		return fault(ctx, said)
	}
	h, err := c.head(ctx, name, version)
	switch {
	case errors.Is(err, objects.ErrNotExist):
		return nil
	case err != nil:
		return err
	case said == nil:
		return errors.New("the server says that it is deleted, and still shows it")
	case h.Mode == objects.NoLock:
		return fmt.Errorf("%w: %v (it shows no lock: a legal hold, or a right that the credential lacks)", objects.ErrLocked, fault(ctx, said))
	}
	return fmt.Errorf("%w by %q until %v: %v", objects.ErrLocked, h.Mode, h.RetainUntil, fault(ctx, said))
}
