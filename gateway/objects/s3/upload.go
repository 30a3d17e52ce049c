package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// minPart is the smallest part in bytes, but for the last, that S3 takes.
const minPart = 5 << 20

// upload is what an upload id of ours says, so that any process knows it: the
// server keeps neither size nor part size. As text: TOKEN.SIZE.PARTSIZE.ID.
type upload struct {
	token          string // in the metadata of the object to be
	size, partSize int64
	id             string // the server's
}

func (u upload) String() string {
	return fmt.Sprintf("%s.%d.%d.%s", u.token, u.size, u.partSize, u.id)
}

func parseUpload(s string) (upload, error) {
	f := strings.SplitN(s, ".", 4)
	if len(f) != 4 {
		return upload{}, fmt.Errorf("upload %.40q: %w", s, objects.ErrNoUpload)
	}
	size, err1 := strconv.ParseInt(f[1], 10, 64)
	partSize, err2 := strconv.ParseInt(f[2], 10, 64)
	u := upload{f[0], size, partSize, f[3]}
	_, err3 := objects.Layout(size, partSize)
	if errors.Join(err1, err2, err3) != nil || u.token == "" || u.id == "" || u.String() != s {
		return upload{}, fmt.Errorf("upload %.40q: %w", s, objects.ErrNoUpload)
	}
	return u, nil
}

// Begin opens a multipart upload. If we crash before the caller has the id, Abort
// of the key ends it; so it does with a second one that a retry opened.
//
// The lock is not set here: not every server heeds the lock headers of an upload.
func (b *Bucket) Begin(ctx context.Context, key string, size, partSize int64) (string, error) {
	if err := objects.CheckKey(key); err != nil {
		return "", err
	}
	n, err := objects.Layout(size, partSize)
	if err != nil {
		return "", err
	}
	if n > 1 && partSize < minPart {
		return "", fmt.Errorf("%w: parts of %d bytes, S3 wants %d", objects.ErrInvalid, partSize, minPart)
	}
	u := upload{token: newToken(), size: size, partSize: partSize}
	u.id, err = b.meta.NewMultipartUpload(ctx, b.bucket, b.name(key), minio.PutObjectOptions{UserMetadata: map[string]string{
		tokenField: u.token, "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "COMPOSITE",
	}})
	if err == nil && u.id == "" {
		err = errors.New("the server gives no upload id")
	}
	if err != nil {
		return "", fmt.Errorf("beginning upload of %q: %w", key, putFault(ctx, err))
	}
	return u.String(), nil
}

// Abort ends the upload on the server. S3 lets a part that is on its way finish
// and stay, so Abort goes on until the server knows the upload no more.
func (b *Bucket) Abort(ctx context.Context, key, id string) error {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	ids, err := b.uploads(ctx, b.name(key), id)
	if err != nil {
		return fmt.Errorf("aborting uploads of %q: %w", key, err)
	}
	for _, id := range ids {
		if err := b.abort(ctx, b.name(key), id); err != nil {
			return fmt.Errorf("aborting upload of %q: %w", key, err)
		}
	}
	return nil
}

// uploads returns the server's id of an upload of ours, or for "" the ids of all
// uploads of a key.
func (b *Bucket) uploads(ctx context.Context, name, id string) (ids []string, err error) {
	if id != "" {
		u, err := parseUpload(id)
		if err != nil { // unknown, so there is nothing to abort
			return nil, nil
		}
		return []string{u.id}, nil
	}
	err = b.eachUpload(ctx, name, func(u minio.ObjectMultipartInfo) error {
		if u.Key == name {
			ids = append(ids, u.UploadID)
		}
		return nil
	})
	return ids, err
}

func (b *Bucket) abort(ctx context.Context, name, id string) error {
	for range 5 {
		if err := b.meta.AbortMultipartUpload(ctx, b.bucket, name, id); err != nil && !noUpload(err) && !refused(err) {
			return fault(ctx, err)
		}
		open, err := b.isOpen(ctx, name, id)
		if !open || err != nil {
			return err
		}
	}
	return errors.New("the server still lists the upload")
}

// isOpen reports whether the server knows an upload. An id that it could not have
// made gets 400 from some.
func (b *Bucket) isOpen(ctx context.Context, name, id string) (bool, error) {
	_, err := b.meta.ListObjectParts(ctx, b.bucket, name, id, 0, 1)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() == nil && (noUpload(err) || answer(err).StatusCode == 400):
		return false, nil
	}
	return false, fault(ctx, err)
}

// tag makes Part.ETag: the SHA-256 that was put, and the server's tag. The first
// is for servers that do not list it.
func tag(sum [32]byte, etag string) string { return hex.EncodeToString(sum[:]) + "." + etag }

// etag returns the server's tag if it was given for the bytes of this row.
func etag(p objects.Part) (string, bool) {
	sum, etag, ok := strings.Cut(p.ETag, ".")
	return etag, ok && sum == hex.EncodeToString(p.SHA256[:])
}
