package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"comity.example/comity/gateway/objects"
)

// Complete turns the upload folder into the object in three steps: freeze,
// seal, publish. Each may be cut by a crash, and Complete called again goes on
// from what it finds on disk. The version is the id of the upload, so a retry
// knows its own object.
func (d *Dir) Complete(ctx context.Context, key, id string, parts []objects.Part) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objects.Info{}, err
	}
	l := d.lock(key)
	l.Lock()
	defer l.Unlock()
	if err := d.complete(key, id, parts); err != nil {
		return objects.Info{}, fmt.Errorf("completing %q: %w", key, err)
	}
	return d.stat(key, id)
}

func (d *Dir) complete(key, id string, parts []objects.Part) error {
	s, err := d.find(key, "")
	if err == nil {
		s.file.Close()
		return d.completed(key, id, s.record, parts)
	}
	if !errors.Is(err, objects.ErrNotExist) {
		return err
	}
	u, err := d.upload(key, id)
	if err != nil {
		return err
	}
	if err := d.freeze(u, parts); err != nil {
		return err
	}
	// If we crash here, @info is found and the same parts are asked for.
	if err := d.seal(u); err != nil {
		return err
	}
	// If we crash here, sealing again changes nothing.
	if err := d.publish(u); err != nil {
		return err
	}
	// If we crash here, the next Complete finds the object: see completed.
	d.forget(id)
	return nil
}

// completed answers for a key that has an object: ours, if the acknowledgement
// was lost or the last sync failed, or another's.
func (d *Dir) completed(key, id string, r record, parts []objects.Part) error {
	if r.Version != id {
		if _, err := d.upload(key, id); err != nil {
			return err
		}
		return objects.ErrExist
	}
	var size int64
	for _, p := range parts {
		size += p.Size
	}
	if r != newRecord(id, size, objects.Composite(parts)) {
		return fmt.Errorf("%w: it was completed with others", objects.ErrParts)
	}
	if err := d.disk.syncDir("objects/" + key); err != nil {
		return err
	}
	d.forget(id)
	return d.disk.syncDir("uploads")
}

// freeze ends the putting of parts and writes @info. If we crash before it is
// durable, the upload is open again; no part has changed. The bytes are not
// read again: each part was checked on its way and its mark was synced with it.
func (d *Dir) freeze(u *upload, parts []objects.Part) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.gone {
		return objects.ErrNoUpload
	}
	if err := objects.CheckParts(u.Size, u.PartSize, parts); err != nil {
		return err
	}
	want := newRecord(u.id, u.Size, objects.Composite(parts))
	path := uploadPath(u.id) + "/@info"
	b, err := d.disk.root.ReadFile(path)
	if err == nil {
		return d.frozen(u, b, want)
	}
	if !missing(err) {
		return err
	}
	if err := d.checkMarks(u, parts); err != nil {
		return err
	}
	u.frozen = true // also if the write fails: it may have happened
	return d.disk.writeNew(path, want.json())
}

// frozen goes on with an upload that an earlier Complete froze.
func (d *Dir) frozen(u *upload, info []byte, want record) error {
	r, err := parseRecord(info)
	if err != nil {
		return err
	}
	if r != want {
		return fmt.Errorf("%w: it was frozen with others", objects.ErrParts)
	}
	u.frozen = true
	return d.disk.syncDir(uploadPath(u.id))
}

// checkMarks compares the caller's table with what was put, so that a row
// without bytes never becomes a hole of zeros in a payload.
func (d *Dir) checkMarks(u *upload, parts []objects.Part) error {
	f, err := d.disk.root.Open(u.data())
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if want := u.Size + sumSize*int64(len(parts)); fi.Size() != want {
		return fmt.Errorf("upload file has %d bytes, want %d", fi.Size(), want)
	}
	marks := make([]byte, sumSize*len(parts))
	if _, err := f.ReadAt(marks, u.Size); err != nil && err != io.EOF {
		return err
	}
	var wrong []int
	for i, p := range parts {
		if [sumSize]byte(marks[sumSize*i:]) != p.SHA256 {
			wrong = append(wrong, i)
		}
	}
	if wrong != nil {
		return &objects.PartsError{Numbers: wrong}
	}
	return nil
}

// seal cuts the marks off and makes the file read-only.
func (d *Dir) seal(u *upload) error {
	// A crash may have left the file read-only.
	if err := d.disk.root.Chmod(u.data(), 0o600); err != nil {
		return err
	}
	f, err := d.disk.root.OpenFile(u.data(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if fi.Size() < u.Size {
		return fmt.Errorf("upload file has %d bytes, want %d", fi.Size(), u.Size)
	}
	if err := f.Truncate(u.Size); err != nil {
		return err
	}
	if err := f.Chmod(0o400); err != nil {
		return err
	}
	return f.Sync()
}

// publish renames the folder to its place. The caller holds the lock of the key
// and has seen that nothing is there; a file or a full folder would make the
// rename fail, not vanish.
func (d *Dir) publish(u *upload) error {
	if err := d.disk.mkdirAll("objects/" + u.Key); err != nil {
		return err
	}
	return d.disk.rename(uploadPath(u.id), objectPath(u.Key))
}
