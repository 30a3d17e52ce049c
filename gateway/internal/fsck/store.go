package fsck

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
)

// Store is what a check needs of an objects.Store: nothing that changes it. The
// methods are those of objects.Store. Calls come one after another.
//
// An error of Get or Stat that wraps ErrLength says that what is there is shorter
// or longer than the store's own record of it.
type Store interface {
	Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error)
	Stat(ctx context.Context, key, version string) (objects.Info, error)
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

var (
	_ Store = objects.Store(nil)
	_ Store = (*Folder)(nil)
)

// ErrLength: an object is shorter or longer than the store's record of it.
var ErrLength = errors.New("length differs from the record")

// Uploader is what a Store also has if it can list uploads that are not complete.
type Uploader interface {
	// Uploads gives key and id of each upload, in no order. A pair with an error
	// is the last.
	Uploads(ctx context.Context) iter.Seq2[objects.Upload, error]
}

// get reads a small object of at most limit bytes. Missing is reported apart, and
// what cannot be read is a finding, of which the bytes are nil.
func (c *checker) get(ctx context.Context, key string, limit int64) (data []byte, missing bool, err error) {
	r, info, err := c.cfg.Store.Get(ctx, key, "", 0, -1)
	if errors.Is(err, objects.ErrNotExist) {
		return nil, true, nil
	}
	if err == nil {
		defer r.Close()
		if info.Size > limit {
			c.found(CodeUnreadable, objectAt(key), "%d bytes are more than it can have", info.Size)
			return nil, false, nil
		}
		data, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, false, c.unreadable(ctx, key, err)
	}
	return data, false, nil
}

// sum reads an object and returns its SHA-256, and what the store says about it.
// Missing is reported apart, and what cannot be read is a finding, of which the Info
// has no version.
func (c *checker) sum(ctx context.Context, key string) (sum custody.Digest, info objects.Info, missing bool, err error) {
	r, info, err := c.cfg.Store.Get(ctx, key, "", 0, -1)
	if errors.Is(err, objects.ErrNotExist) {
		return sum, objects.Info{}, true, nil
	}
	if err != nil {
		return sum, objects.Info{}, false, c.unreadable(ctx, key, err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err = io.Copy(h, r); err != nil {
		return sum, objects.Info{}, false, c.unreadable(ctx, key, err)
	}
	return custody.Digest(h.Sum(nil)), info, false, nil
}

// unreadable files that the store cannot read an object. The store's own words
// may quote what it found: they stay here.
func (c *checker) unreadable(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrLength) {
		c.found(CodeUnreadable, objectAt(key), "it is shorter or longer than the store's record of it")
	} else {
		c.found(CodeUnreadable, objectAt(key), "the store cannot read it")
	}
	return nil
}

// publishedCheckpoint is a checkpoint by the log key, and its note.
type publishedCheckpoint struct {
	translog.Checkpoint
	note []byte
}

// readStored reads the checkpoint that the store shows.
func (c *checker) readStored(ctx context.Context) error {
	key := ledger.TileKey("checkpoint")
	b, missing, err := c.get(ctx, key, translog.MaxCheckpointBytes)
	if b == nil || err != nil {
		c.log.unshown = missing
		return err
	}
	cp, err := translog.Open(b, c.cfg.Origin, c.verifier)
	if err != nil {
		c.found(CodeStoredCheckpoint, objectAt(key), "it is not by the log key, or malformed")
		return nil
	}
	c.stored = &publishedCheckpoint{cp, b}
	return nil
}

func objectAt(key string) string { return "object " + key }

func uploadAt(u objects.Upload) string { return fmt.Sprintf("upload %s of %s", u.ID, u.Key) }
