package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// Complete compares the caller's table with what the server lists, has the server
// put the parts together, and reads the object back. If we crash before the
// server has done it, the upload is as it was; after, or if its answer is lost,
// the next Complete finds the object by the token of the upload.
//
// The parts are frozen by the table itself: the request names tag and SHA-256 of
// each, and a server refuses it if a part is another by then.
func (b *Bucket) Complete(ctx context.Context, key, id string, parts []objects.Part) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	u, err := parseUpload(id)
	if err != nil {
		return objects.Info{}, err
	}
	l := b.lock(key)
	l.Lock()
	defer l.Unlock()
	h, err := b.complete(ctx, b.name(key), u, parts)
	if err == nil {
		err = matches(h, u, parts)
	}
	if err != nil {
		return objects.Info{}, fmt.Errorf("completing %q: %w", key, err)
	}
	h.Digest = objects.Composite(parts)
	return h.Info, nil
}

func (b *Bucket) complete(ctx context.Context, name string, u upload, parts []objects.Part) (head, error) {
	listed, err := b.listed(ctx, name, u.id)
	if errors.Is(err, objects.ErrNoUpload) {
		return b.find(ctx, name, u.token, objects.ErrNoUpload)
	}
	if err != nil {
		return head{}, err
	}
	if err := objects.CheckParts(u.size, u.partSize, parts); err != nil {
		return head{}, err
	}
	table, err := compare(listed, parts)
	if err == nil && len(parts) == 0 {
		table, err = b.emptyPart(ctx, name, u.id)
	}
	if err != nil {
		return head{}, err
	}
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*") // a key is used once; servers that do not know this put a version over it
	made, err := b.meta.CompleteMultipartUpload(ctx, b.bucket, name, u.id, table, opts)
	switch {
	case err == nil && made.VersionID != "":
		return b.head(ctx, name, made.VersionID)
	case err == nil:
		return b.find(ctx, name, u.token, errors.New("the server made no version"))
	case ctx.Err() != nil:
		return head{}, context.Cause(ctx)
	case noUpload(err): // the answer to our first try was lost
		return b.find(ctx, name, u.token, objects.ErrNoUpload)
	case taken(err): // by another, or by our first try
		return b.find(ctx, name, u.token, objects.ErrExist)
	case slices.Contains(badParts, answer(err).Code):
		return head{}, fmt.Errorf("%w: %v", objects.ErrParts, fault(ctx, err))
	}
	return head{}, putFault(ctx, err)
}

// matches checks the object read back against the table. The server's sum is
// compared if it keeps one.
func matches(h head, u upload, parts []objects.Part) error {
	var size int64
	for _, p := range parts {
		size += p.Size
	}
	want := objects.Composite(parts)
	switch {
	case h.token != u.token:
		return errors.New("the object read back is not of this upload: does the server keep metadata?")
	case h.Size != u.size:
		return fmt.Errorf("the object read back has %d bytes, want %d", h.Size, u.size)
	case h.Size != size || h.Digest != want && h.Digest != [32]byte{}:
		return fmt.Errorf("%w: the object is made of others", objects.ErrParts)
	}
	return nil
}

// find returns the oldest version of a key with this token, or the error none.
func (b *Bucket) find(ctx context.Context, name, token string, none error) (found head, err error) {
	list, err := b.versions(ctx, name)
	if err != nil {
		return head{}, err
	}
	for _, v := range slices.Backward(list) {
		h, err := b.head(ctx, name, v.VersionID)
		switch {
		case errors.Is(err, objects.ErrNotExist): // deleted meanwhile
		case err != nil:
			return head{}, err
		case h.token == token:
			return h, nil
		}
	}
	return head{}, none
}

// listed returns what the server says about the parts of an upload, by number.
func (b *Bucket) listed(ctx context.Context, name, id string) (map[int]minio.ObjectPart, error) {
	list := map[int]minio.ObjectPart{}
	for marker := 0; ; {
		r, err := b.meta.ListObjectParts(ctx, b.bucket, name, id, marker, 1000)
		if err != nil {
			if ctx.Err() == nil && (noUpload(err) || answer(err).StatusCode == 400) {
				return nil, objects.ErrNoUpload
			}
			return nil, fault(ctx, err)
		}
		for _, p := range r.ObjectParts {
			list[p.PartNumber] = p
		}
		if !r.IsTruncated || r.NextPartNumberMarker <= marker {
			return list, nil
		}
		marker = r.NextPartNumberMarker
	}
}

// compare makes the request's table from the caller's, if the server has each part
// with that size and SHA-256. Where the server lists no SHA-256, its tag must be
// the one that it gave for these bytes.
func compare(listed map[int]minio.ObjectPart, parts []objects.Part) ([]minio.CompletePart, error) {
	table := make([]minio.CompletePart, len(parts))
	var wrong []int
	for i, p := range parts {
		have, ok := listed[p.Number+1]
		given, of := etag(p)
		sum := base64.StdEncoding.EncodeToString(p.SHA256[:])
		asDigest := have.ChecksumSHA256 == sum
		asTag := have.ChecksumSHA256 == "" && of && given == unquote(have.ETag)
		if !ok || have.Size != p.Size || !asDigest && !asTag {
			wrong = append(wrong, p.Number)
		}
		table[i] = minio.CompletePart{PartNumber: p.Number + 1, ETag: unquote(have.ETag), ChecksumSHA256: sum}
	}
	if wrong != nil {
		return nil, &objects.PartsError{Numbers: wrong}
	}
	return table, nil
}

func unquote(etag string) string {
	if n := len(etag); n > 1 && etag[0] == '"' && etag[n-1] == '"' {
		return etag[1 : n-1]
	}
	return etag
}

// emptyPart gives an upload of nothing the one part that S3 insists on.
func (b *Bucket) emptyPart(ctx context.Context, name, id string) ([]minio.CompletePart, error) {
	sum := sha256.Sum256(nil)
	text := base64.StdEncoding.EncodeToString(sum[:])
	made, err := b.meta.PutObjectPart(ctx, b.bucket, name, id, 1, nil, 0, minio.PutObjectPartOptions{
		Sha256Hex: hex.EncodeToString(sum[:]), DisableContentSha256: true, CustomHeader: map[string][]string{sumHeader: {text}},
	})
	if err != nil {
		return nil, fault(ctx, err)
	}
	return []minio.CompletePart{{PartNumber: 1, ETag: made.ETag, ChecksumSHA256: text}}, nil
}
