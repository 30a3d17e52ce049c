package s3

import (
	"context"

	"comity.example/comity/gateway/objects"
)

// CreateUnasked is Put with Create on a server that ignores If-None-Match.
func (b *Bucket) CreateUnasked(ctx context.Context, key string, data []byte) (objects.Info, error) {
	h, err := b.create(ctx, b.name(key), data, false)
	return h.Info, err
}
