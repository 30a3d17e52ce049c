package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// Put is one request, and some that look before or after. If we crash before
// the server has the whole body, nothing is stored; after, the object is whole,
// and at worst an older version is left beside it.
func (b *Bucket) Put(ctx context.Context, key string, data []byte, how objects.Write) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	if len(data) > objects.MaxPut {
		return objects.Info{}, fmt.Errorf("%w: %d bytes, limit %d", objects.ErrInvalid, len(data), objects.MaxPut)
	}
	var h head
	var err error
	switch how {
	case objects.Create:
		h, err = b.create(ctx, b.name(key), data, true)
		if errors.Is(err, objects.ErrExist) && h.Digest == [32]byte{} {
			h.Digest, err = b.readBack(ctx, b.name(key), h.Info, err)
		}
	case objects.Replace:
		h, err = b.replace(ctx, b.name(key), data)
	default:
		err = fmt.Errorf("%w: way to write %d", objects.ErrInvalid, how)
	}
	if err != nil {
		return h.Info, fmt.Errorf("putting %q: %w", key, err)
	}
	if sum := sha256.Sum256(data); h.Size != int64(len(data)) || h.Digest != sum && h.Digest != [32]byte{} {
		return objects.Info{}, fmt.Errorf("putting %q: the object read back has %d bytes and SHA-256 %x", key, h.Size, h.Digest)
	}
	h.Digest = sha256.Sum256(data)
	return h.Info, nil
}

// readBack returns the digest of what is there already, of a server that keeps none:
// a caller whose answer was lost must know its own bytes again. What is too large for
// Put is not its own. Exist is the error to return with the digest.
func (b *Bucket) readBack(ctx context.Context, name string, info objects.Info, exist error) (d [32]byte, err error) {
	if info.Size > objects.MaxPut {
		return d, exist
	}
	r, _, err := b.get(ctx, name, info.Version, 0, -1)
	if err != nil {
		return d, fmt.Errorf("reading what is there: %w", err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(r, objects.MaxPut)); err != nil {
		return d, fmt.Errorf("reading what is there: %w", err)
	}
	return [32]byte(h.Sum(nil)), exist
}

// put makes a version. With exclusive it asks the server to refuse a taken key.
func (b *Bucket) put(ctx context.Context, name, token string, data []byte, exclusive bool) (version string, err error) {
	sum := sha256.Sum256(data)
	opts := minio.PutObjectOptions{DisableContentSha256: true, UserMetadata: map[string]string{
		tokenField: token, "x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}}
	if exclusive {
		opts.SetMatchETagExcept("*")
	}
	made, err := b.meta.PutObject(ctx, b.bucket, name, bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]), opts)
	if err == nil && (made.VersionID == "" || made.VersionID == "null") {
		err = errors.New("the server made no version")
	}
	return made.VersionID, err
}

// create asks for a free key and then looks, because some servers ignore the
// condition: it has won if its version is the only one. No two can win, since the
// second to look sees the first. Those that see another take themselves back, and
// if nobody is left after a while of chance, try again: on such a server a race can
// also end with an error, and uniqueness for good is the caller's database. The
// order of a listing does not tell who was first.
//
// If we crash before taking back, our version stays beside the other. Without ask
// the condition is left out.
func (b *Bucket) create(ctx context.Context, name string, data []byte, ask bool) (head, error) {
	token := newToken()
	for try := range createTries {
		version, err := b.put(ctx, name, token, data, ask)
		switch {
		case err != nil && ctx.Err() == nil && taken(err):
			return b.other(ctx, name, "", token)
		case err != nil && ctx.Err() == nil && conflict(err):
		case err != nil:
			return head{}, putFault(ctx, err)
		default:
			alone, err := b.alone(ctx, name, version)
			if err != nil {
				return head{}, err
			}
			if alone {
				return b.head(ctx, name, version)
			}
		}
		if err := wait(ctx, rand.N(25*time.Millisecond<<try)); err != nil {
			return head{}, err
		}
		list, err := b.versions(ctx, name)
		if err != nil {
			return head{}, err
		}
		h, err := b.others(ctx, name, list, token)
		if !errors.Is(err, objects.ErrNotExist) {
			return h, err
		}
	}
	return head{}, errors.New("others kept coming at the same time")
}

const createTries = 6

// alone reports whether a version is the only one of its key, and removes it if it
// is not.
func (b *Bucket) alone(ctx context.Context, name, version string) (bool, error) {
	list, err := b.versions(ctx, name)
	if err != nil {
		return false, err
	}
	if len(list) == 1 && list[0].VersionID == version {
		return true, nil
	}
	if err := b.remove(ctx, name, version, objects.NoLock); err != nil {
		return false, fmt.Errorf("taking back a second version: %w", err)
	}
	if len(list) == 0 { // MinIO hides what is below another key
		return false, fmt.Errorf("%w: the server does not list what it stored", objects.ErrKey)
	}
	return false, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// other answers a create that came second, unless what is there is our own, of a
// try whose answer was lost.
func (b *Bucket) other(ctx context.Context, name, version, token string) (head, error) {
	h, err := b.head(ctx, name, version)
	switch {
	case err != nil:
		return head{}, fmt.Errorf("looking at what is there: %w", err)
	case h.token == token:
		return h, nil
	}
	return h, objects.ErrExist
}

// others looks at versions beside which ours was not alone. ErrNotExist: none is
// there any more. Ours can be among them, of a try whose answer was lost.
func (b *Bucket) others(ctx context.Context, name string, list []minio.ObjectInfo, token string) (head, error) {
	own, last := head{}, objects.ErrNotExist
	for _, v := range list {
		h, err := b.other(ctx, name, v.VersionID, token)
		switch {
		case err == nil:
			own, last = h, nil
		case !errors.Is(err, objects.ErrNotExist): // else it took itself back just now
			return h, err
		}
	}
	return own, last
}

// replace makes the newest version and removes the one before it. It does not
// replace a locked version, whose lock some servers show only while it is the
// newest, nor what Complete made. Of racing calls each may miss the version of
// another: that one stays, older and in nobody's way.
func (b *Bucket) replace(ctx context.Context, name string, data []byte) (head, error) {
	before, err := b.head(ctx, name, "")
	switch {
	case errors.Is(err, objects.ErrNotExist):
	case err != nil:
		return head{}, err
	case before.Locked(time.Now()):
		return head{}, objects.ErrLocked
	case before.multipart:
		return head{}, objects.ErrExist
	}
	version, err := b.put(ctx, name, newToken(), data, false)
	if err != nil {
		return head{}, putFault(ctx, err)
	}
	if before.Version != "" && before.Version != version {
		// To free space only: a version that cannot be removed is kept.
		b.meta.RemoveObject(ctx, b.bucket, name, minio.RemoveObjectOptions{VersionID: before.Version})
	}
	return head{Info: objects.Info{Version: version, Size: int64(len(data))}}, nil
}
