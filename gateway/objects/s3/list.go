package s3

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// List walks the newest versions, in the order of the server, which S3 says is
// that of bytes; one that is not makes an error rather than a list with gaps.
// What is no key, like the probes of New, is left out.
func (b *Reader) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := objects.CheckPrefix(prefix); err != nil {
			yield("", err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		last := ""
		for o := range b.meta.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.name(prefix), Recursive: true}) {
			if o.Err != nil {
				yield("", fmt.Errorf("listing %q: %w", prefix, fault(ctx, o.Err)))
				return
			}
			key, ok := strings.CutPrefix(o.Key, b.prefix)
			if !ok || objects.CheckKey(key) != nil {
				continue
			}
			if key <= last {
				yield("", fmt.Errorf("listing %q: the server gives %q after %q", prefix, key, last))
				return
			}
			last = key
			if !yield(key, nil) {
				return
			}
		}
		// A cancelled walk ends without an error of its own.
		if ctx.Err() != nil {
			yield("", fmt.Errorf("listing %q: %w", prefix, context.Cause(ctx)))
		}
	}
}

// versions returns the versions of one key, the newest first.
func (c *client) versions(ctx context.Context, name string) (list []minio.ObjectInfo, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range c.meta.ListObjectsIter(ctx, c.bucket, minio.ListObjectsOptions{Prefix: name, Recursive: true, WithVersions: true}) {
		switch {
		case o.Err != nil:
			return nil, fault(ctx, o.Err)
		case o.Key != name: // the keys that begin with this one come after it
			return list, nil
		case !o.IsDeleteMarker:
			list = append(list, o)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return list, nil
}
