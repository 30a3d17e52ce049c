package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// Reader reads a bucket and has no method that changes it: what a check of a relay
// uses. Get, Stat and List are those of objects.Store. All methods may be called
// concurrently.
type Reader struct {
	client
	showsLocks bool // New saw it; else Get asks for the lock apart
}

// NewReader opens a bucket without trying anything out on it: every request that it
// and the methods of the Reader make is a GET or a HEAD. It refuses a bucket that is
// not there. The configuration is not modified and not kept; its credential needs
// the rights to list the bucket, its versions and its uploads, and to read objects
// and their locks.
func NewReader(ctx context.Context, cfg *Config) (*Reader, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	r := &Reader{client: *c}
	there, err := r.meta.BucketExists(ctx, r.bucket)
	if err == nil && there {
		return r, nil
	}
	r.Close()
	if err != nil {
		return nil, fmt.Errorf("opening bucket %q: %w", cfg.Bucket, fault(ctx, err))
	}
	return nil, fmt.Errorf("opening bucket %q: the server has none of that name", cfg.Bucket)
}

// Close closes idle connections. Calls that still run may go on.
func (b *Reader) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// errBroken ends a walk of which the caller wants no more.
var errBroken = errors.New("broken off")

// Uploads gives the uploads that are not completed, with the ids of the server, in
// no order. A pair with an error is the last. MinIO lists the uploads of one key
// only: of a bucket there Uploads gives none.
func (b *Reader) Uploads(ctx context.Context) iter.Seq2[objects.Upload, error] {
	return func(yield func(objects.Upload, error) bool) {
		err := b.eachUpload(ctx, b.prefix, func(u minio.ObjectMultipartInfo) error {
			key, ok := strings.CutPrefix(u.Key, b.prefix)
			if !ok || objects.CheckKey(key) != nil || yield(objects.Upload{Key: key, ID: u.UploadID}, nil) {
				return nil
			}
			return errBroken
		})
		if err != nil && err != errBroken {
			yield(objects.Upload{}, fmt.Errorf("listing uploads: %w", err))
		}
	}
}

// eachUpload calls f for each upload whose key begins with a prefix.
func (c *client) eachUpload(ctx context.Context, prefix string, f func(minio.ObjectMultipartInfo) error) error {
	key, id := "", ""
	for {
		r, err := c.meta.ListMultipartUploads(ctx, c.bucket, prefix, key, id, "", 1000)
		if err != nil {
			return fault(ctx, err)
		}
		for _, u := range r.Uploads {
			if err := f(u); err != nil {
				return err
			}
		}
		if !r.IsTruncated || r.NextKeyMarker == key && r.NextUploadIDMarker == id {
			return nil
		}
		key, id = r.NextKeyMarker, r.NextUploadIDMarker
	}
}
