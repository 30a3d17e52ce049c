package dir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"comity.example/comity/gateway/objects"
)

// Put writes header and data as one file. If we crash before the link or rename
// that makes it visible, a temporary file is left that nothing reads; after it,
// the object is whole.
func (d *Dir) Put(ctx context.Context, key string, data []byte, how objects.Write) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	if len(data) > objects.MaxPut {
		return objects.Info{}, fmt.Errorf("%w: %d bytes, limit %d", objects.ErrInvalid, len(data), objects.MaxPut)
	}
	if err := ctx.Err(); err != nil {
		return objects.Info{}, err
	}
	l := d.lock(key)
	l.Lock()
	defer l.Unlock()
	r := newRecord(newID(), int64(len(data)), sha256.Sum256(data))
	file := append(r.header(), data...)
	switch how {
	case objects.Create:
		return d.create(key, r, file)
	case objects.Replace:
		return d.replace(key, r, file)
	}
	return objects.Info{}, fmt.Errorf("%w: way to write %d", objects.ErrInvalid, how)
}

func (d *Dir) create(key string, r record, file []byte) (objects.Info, error) {
	if _, err := d.disk.root.Lstat(objectPath(key)); err == nil {
		return d.exists(key)
	}
	err := d.disk.mkdirAll("objects/" + key)
	if err == nil {
		err = d.disk.writeNew(objectPath(key), file)
	}
	if errors.Is(err, fs.ErrExist) {
		return d.exists(key)
	}
	if err != nil {
		return objects.Info{}, fmt.Errorf("creating %q: %v", key, err)
	}
	return r.info(), nil
}

// exists answers a Create that came second. It may be the retry of the one that
// came first and whose last sync failed, so it syncs before its caller takes the
// object for its own.
func (d *Dir) exists(key string) (objects.Info, error) {
	info, err := d.stat(key, "")
	if err == nil {
		err = d.disk.syncDir("objects/" + key)
	}
	if err != nil {
		return objects.Info{}, fmt.Errorf("creating %q: %v", key, err)
	}
	return info, fmt.Errorf("creating %q: %w", key, objects.ErrExist)
}

func (d *Dir) replace(key string, r record, file []byte) (objects.Info, error) {
	s, err := d.find(key, "")
	if err == nil {
		s.file.Close()
		err = d.mayReplace(key, s)
	}
	if err != nil && !errors.Is(err, objects.ErrNotExist) {
		return objects.Info{}, fmt.Errorf("replacing %q: %w", key, err)
	}
	if err := d.disk.mkdirAll("objects/" + key); err != nil {
		return objects.Info{}, fmt.Errorf("replacing %q: %v", key, err)
	}
	if err := d.disk.writeFile(objectPath(key), file); err != nil {
		return objects.Info{}, fmt.Errorf("replacing %q: %v", key, err)
	}
	return r.info(), nil
}

// mayReplace refuses to replace what this driver could not keep beside its
// successor: a locked version, or an upload.
func (d *Dir) mayReplace(key string, s stored) error {
	info, err := d.retention(key, s.info())
	switch {
	case err != nil:
		return err
	case info.Locked(time.Now()):
		return objects.ErrLocked
	case s.off == 0:
		return objects.ErrExist
	}
	return nil
}
