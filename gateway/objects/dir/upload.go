package dir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"comity.example/comity/gateway/objects"
)

// begun is the content of @begin.
type begun struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	PartSize int64  `json:"part_size"`
}

// upload is what this process knows about an open upload.
type upload struct {
	begun
	id    string
	parts []slot

	// mu: running PutParts hold it for reading at each write to the file;
	// Complete and Abort hold it for writing to change the fields below.
	// After that no PutPart writes another byte.
	mu     sync.RWMutex
	frozen bool
	gone   bool
}

// slot is the state of one part.
type slot struct {
	mu     sync.Mutex // guards the fields below and the bytes of the part
	holder *turn      // the PutPart that may write
	synced bool       // this process synced the part whose sum is in the file
}

func uploadPath(id string) string { return "uploads/" + id }

func (u *upload) data() string { return uploadPath(u.id) + "/@data" }

// open reports whether parts may be put. The caller holds mu.
func (u *upload) open() error {
	switch {
	case u.gone:
		return objects.ErrNoUpload
	case u.frozen:
		return objects.ErrFrozen
	}
	return nil
}

// Begin makes the upload folder. @begin is written last: if we crash before, New
// drops the folder, and nobody was told its id. If we crash after, the upload may
// be one whose id nobody recorded: Abort(key, "") ends it.
func (d *Dir) Begin(ctx context.Context, key string, size, partSize int64) (string, error) {
	if err := objects.CheckKey(key); err != nil {
		return "", err
	}
	parts, err := objects.Layout(size, partSize)
	if err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	b, err := json.Marshal(begun{key, size, partSize})
	if err != nil {
		return "", err
	}
	id := newID()
	if err := d.disk.mkdirAll(uploadPath(id)); err != nil {
		return "", fmt.Errorf("beginning upload of %q: %v", key, err)
	}
	if err := d.disk.allocate(uploadPath(id)+"/@data", size+sumSize*int64(parts)); err != nil {
		return "", fmt.Errorf("beginning upload of %q: %v", key, err)
	}
	if err := d.disk.writeNew(uploadPath(id)+"/@begin", b); err != nil {
		return "", fmt.Errorf("beginning upload of %q: %v", key, err)
	}
	return id, nil
}

// upload finds an upload, in memory or, after a restart, on disk.
func (d *Dir) upload(key, id string) (*upload, error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, err
	}
	if !isID(id) {
		return nil, fmt.Errorf("upload %.40q: %w", id, objects.ErrNoUpload)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.uploads[id]
	if u == nil {
		var err error
		if u, err = d.load(id); err != nil {
			return nil, err
		}
	}
	if u.Key != key {
		return nil, fmt.Errorf("upload %q is not of %q: %w", id, key, objects.ErrNoUpload)
	}
	d.uploads[id] = u
	return u, nil
}

func (d *Dir) load(id string) (*upload, error) {
	b, err := d.disk.root.ReadFile(uploadPath(id) + "/@begin")
	if missing(err) {
		return nil, fmt.Errorf("upload %q: %w", id, objects.ErrNoUpload)
	}
	if err != nil {
		return nil, fmt.Errorf("loading upload %q: %v", id, err)
	}
	u := &upload{id: id}
	if err := json.Unmarshal(b, &u.begun); err != nil {
		return nil, fmt.Errorf("loading upload %q: %v", id, err)
	}
	n, err := objects.Layout(u.Size, u.PartSize)
	if err != nil {
		return nil, fmt.Errorf("loading upload %q: %v", id, err)
	}
	u.parts = make([]slot, n)
	switch _, err := d.disk.root.Lstat(uploadPath(id) + "/@info"); {
	case err == nil:
		u.frozen = true
	case !missing(err):
		return nil, fmt.Errorf("loading upload %q: %v", id, err)
	}
	return u, nil
}

func (d *Dir) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.uploads, id)
}

// Abort renames the upload folder to the trash, in one step: if we crash
// before, the upload is as it was; after, it is gone and New empties the trash.
// The id "" ends every open upload of the key.
func (d *Dir) Abort(ctx context.Context, key, id string) error {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	ids := []string{id}
	if id == "" {
		var err error
		if ids, err = d.disk.names("uploads"); err != nil {
			return fmt.Errorf("aborting uploads of %q: %v", key, err)
		}
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.abort(key, id); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) abort(key, id string) error {
	l := d.lock(key) // a Complete of this upload ends first
	l.Lock()
	defer l.Unlock()
	u, err := d.upload(key, id)
	if errors.Is(err, objects.ErrNoUpload) {
		return nil
	}
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := d.disk.discard(uploadPath(id)); err != nil && !missing(err) {
		return fmt.Errorf("aborting upload %q of %q: %v", id, key, err)
	}
	u.gone = true
	d.forget(id)
	return nil
}
