// Package dir keeps the objects of a relay in a local folder: the embedded
// driver of [objects.Store], for a relay without an S3 server.
//
// Below the root:
//
//	objects/KEY/@object       a file (Put: 256 bytes of header, then the data)
//	                          or a folder (Complete: @begin @data @info)
//	objects/KEY/@lock         retention, bound to one version
//	uploads/ID/@begin         key, size and part size of an upload
//	uploads/ID/@data          its bytes, then 32 bytes of SHA-256 per part
//	uploads/ID/@info          present once Complete has frozen the parts
//	trash/ID                  renamed away, about to be removed
//
// A payload is therefore one plain file of the bytes that were sent. "@" is in
// no key, so no key reaches inside another object.
//
// Object Lock is WORM against this API, not against root on the host or
// whoever holds the disk: they delete what they like. A relay that must prove
// more uses an S3 server that its operator cannot reach into.
//
// One process at a time may use a root; the gateway holds the lock of its data
// folder. A lock ends by the clock of this host.
//
// It refuses to serve a file that is shorter or longer than its record says, to
// take a damaged lock for none, to complete an upload from a table that names a
// part it never synced, and to replace a locked version or an upload.
package dir

import (
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"

	"comity.example/comity/gateway/objects"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/room"
)

// blockSize is the unit of copying: one buffer per running PutPart.
const blockSize = 256 << 10

// Dir is an objects.Store in a folder. All methods may be called concurrently.
type Dir struct {
	disk   disk
	blocks sync.Pool // of *[blockSize]byte

	// keys guards what is below objects/KEY, by hash of the key: writers of a
	// key exclude each other and its readers.
	seed maphash.Seed
	keys [256]sync.RWMutex

	mu      sync.Mutex // guards the field below
	uploads map[string]*upload
}

var (
	_ objects.Store  = (*Dir)(nil)
	_ objects.Spacer = (*Dir)(nil)
	_ objects.Prober = (*Dir)(nil)
)

// New opens the store in folder root, which it makes if it is missing (mode
// 0700). It empties the trash, drops uploads whose Begin never returned, and
// syncs what an earlier process left unsynced, so that no later answer rests
// on a rename or a file that a power cut could still take back.
func New(root string) (*Dir, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("making store %q: %v", root, err)
	}
	if err := durable.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making store: %v", err)
	}
	r, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %v", err)
	}
	d := &Dir{
		disk:    disk{root: r, path: path},
		blocks:  sync.Pool{New: func() any { return new([blockSize]byte) }},
		seed:    maphash.MakeSeed(),
		uploads: make(map[string]*upload),
	}
	if err := d.recover(); err != nil {
		r.Close()
		return nil, fmt.Errorf("opening store %q: %w", root, err)
	}
	return d, nil
}

// Close releases the folder. Calls that still run may fail.
func (d *Dir) Close() error { return d.disk.root.Close() }

// Free returns the free bytes of the file system for an unprivileged user.
func (d *Dir) Free() (int64, error) { return room.Free(d.disk.path) }

func (d *Dir) recover() error {
	if _, err := d.disk.root.Lstat("objects"); err == nil {
		if err := durable.SyncTree(d.disk.path); err != nil {
			return err
		}
	}
	for _, folder := range []string{"trash", "uploads", "objects"} {
		if err := d.disk.mkdirAll(folder); err != nil {
			return err
		}
	}
	ids, err := d.disk.names("uploads")
	if err != nil {
		return err
	}
	for _, id := range ids {
		// Begin crashed before it wrote @begin: nobody was told this id.
		if _, err := d.disk.root.Lstat("uploads/" + id + "/@begin"); missing(err) {
			if err := d.disk.discard("uploads/" + id); err != nil {
				return err
			}
		}
	}
	return d.disk.emptyTrash()
}

// lock returns the lock of a key.
func (d *Dir) lock(key string) *sync.RWMutex {
	return &d.keys[maphash.String(d.seed, key)%uint64(len(d.keys))]
}

// Probe implements objects.Prober: a folder enforces nothing. Its locks are kept
// by this package alone, against its own callers.
func (d *Dir) Probe() objects.Enforcement { return objects.Enforcement{Store: "dir"} }
