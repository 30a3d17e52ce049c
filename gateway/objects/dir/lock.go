package dir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/gateway/objects"
)

// locked is the content of @lock.
type locked struct {
	Version string       `json:"version"`
	Mode    objects.Mode `json:"mode"`
	Until   time.Time    `json:"until"`
}

func lockPath(key string) string { return "objects/" + key + "/@lock" }

// retention adds the lock to the info of a version. A lock that cannot be read
// is an error, never no lock. One of another version is what a crash in remove
// left behind.
func (d *Dir) retention(key string, info objects.Info) (objects.Info, error) {
	b, err := d.disk.root.ReadFile(lockPath(key))
	if missing(err) {
		return info, nil
	}
	if err != nil {
		return objects.Info{}, fmt.Errorf("reading lock of %q: %v", key, err)
	}
	var l locked
	if err := json.Unmarshal(b, &l); err != nil || !isMode(l.Mode) || !isID(l.Version) {
		return objects.Info{}, fmt.Errorf("reading lock of %q: %q is damaged", key, b)
	}
	if l.Version == info.Version {
		info.Mode, info.RetainUntil = l.Mode, l.Until.UTC()
	}
	return info, nil
}

func isMode(m objects.Mode) bool {
	return m == objects.Governance || m == objects.Compliance
}

// Lock writes @lock atomically: if we crash, the old lock or the new one holds.
func (d *Dir) Lock(ctx context.Context, key, version string, mode objects.Mode, until time.Time) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	now := time.Now()
	if version == "" || !isMode(mode) || !until.After(now) {
		return objects.Info{}, fmt.Errorf("%w: locking version %q of %q by %q until %v", objects.ErrInvalid, version, key, mode, until)
	}
	if err := ctx.Err(); err != nil {
		return objects.Info{}, err
	}
	until = objects.CeilSecond(until)
	l := d.lock(key)
	l.Lock()
	defer l.Unlock()
	info, err := d.stat(key, version)
	if err != nil {
		return objects.Info{}, err
	}
	if info.Locked(now) && (mode != info.Mode || until.Before(info.RetainUntil)) {
		return objects.Info{}, fmt.Errorf("locking %q by %q until %v, is %q until %v: %w", key, mode, until, info.Mode, info.RetainUntil, objects.ErrLocked)
	}
	b, err := json.Marshal(locked{version, mode, until})
	if err != nil {
		return objects.Info{}, fmt.Errorf("locking %q: %w: %v", key, objects.ErrInvalid, err)
	}
	if err := d.disk.writeFile(lockPath(key), b); err != nil {
		return objects.Info{}, fmt.Errorf("locking %q: %v", key, err)
	}
	return d.stat(key, version)
}

// Delete removes a version whose lock has ended.
func (d *Dir) Delete(ctx context.Context, key, version string) error {
	return d.remove(ctx, key, version, objects.NoLock)
}

// Destroyer deletes from a Dir what GOVERNANCE still locks.
type Destroyer struct{ dir *Dir }

var _ objects.Destroyer = (*Destroyer)(nil)

// NewDestroyer returns the capability to delete under GOVERNANCE. Only the
// destruction of heads is given it.
func NewDestroyer(d *Dir) *Destroyer { return &Destroyer{d} }

// Destroy implements objects.Destroyer.
func (y *Destroyer) Destroy(ctx context.Context, key, version string) error {
	return y.dir.remove(ctx, key, version, objects.Governance)
}

// remove deletes a version unless a lock other than pass runs. If we crash
// after the rename to the trash, the version is gone; New empties the trash,
// and a lock left behind is of a version that is never used again.
func (d *Dir) remove(ctx context.Context, key, version string, pass objects.Mode) error {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	if version == "" {
		return fmt.Errorf("%w: deleting %q without a version", objects.ErrInvalid, key)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l := d.lock(key)
	l.Lock()
	defer l.Unlock()
	info, err := d.stat(key, version)
	if errors.Is(err, objects.ErrNotExist) {
		return d.removed(key)
	}
	if err != nil {
		return err
	}
	if info.Locked(time.Now()) && info.Mode != pass {
		return fmt.Errorf("deleting %q, %q until %v: %w", key, info.Mode, info.RetainUntil, objects.ErrLocked)
	}
	if err := d.disk.discard(objectPath(key)); err != nil {
		return fmt.Errorf("deleting %q: %v", key, err)
	}
	if err := d.disk.remove(lockPath(key)); err != nil && !missing(err) {
		return fmt.Errorf("deleting the lock of %q: %v", key, err)
	}
	return d.removed(key)
}

// removed ends a Delete, also one whose version is not there: an earlier one
// may have removed it and failed to sync. What a crash in Put left is removed
// too: it can be a copy of what must be destroyed.
func (d *Dir) removed(key string) error {
	if err := d.disk.sweep("objects/" + key); err != nil && !missing(err) {
		return fmt.Errorf("deleting %q: %v", key, err)
	}
	return nil
}
