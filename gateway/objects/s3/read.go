package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

const (
	modeHeader  = "X-Amz-Object-Lock-Mode"
	untilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	sumHeader   = "X-Amz-Checksum-Sha256"
)

// head is what the server says about a version.
type head struct {
	objects.Info
	token     string    // of who made it
	multipart bool      // Complete made it
	date      time.Time // the server's clock; zero if it does not tell
}

// Stat asks for the headers of a version.
func (b *Reader) Stat(ctx context.Context, key, version string) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	h, err := b.head(ctx, b.name(key), version)
	if err != nil {
		return objects.Info{}, fmt.Errorf("asking for %q: %w", key, err)
	}
	return h.Info, nil
}

func (c *client) head(ctx context.Context, name, version string) (head, error) {
	o, err := c.meta.StatObject(ctx, c.bucket, name, minio.StatObjectOptions{VersionID: version, Checksum: true})
	if err != nil {
		return head{}, readFault(ctx, err, version)
	}
	return parseHead(o.Headers, o.Size)
}

func readFault(ctx context.Context, err error, version string) error {
	if ctx.Err() == nil && absent(err, version) {
		return objects.ErrNotExist
	}
	return fault(ctx, err)
}

// parseHead reads the headers of an object of size bytes. A lock that cannot be
// read is an error, never no lock.
func parseHead(h http.Header, size int64) (head, error) {
	r := head{Info: objects.Info{Version: h.Get("X-Amz-Version-Id"), Size: size}, token: h.Get("X-Amz-Meta-" + tokenField)}
	if r.Version == "" || r.Version == "null" || size < 0 {
		return head{}, fmt.Errorf("the server shows version %q of %d bytes: does the bucket keep versions?", r.Version, size)
	}
	r.Digest = digest(h.Get(sumHeader), size)
	r.multipart = strings.Contains(h.Get("ETag"), "-")
	r.date, _ = http.ParseTime(h.Get("Date"))
	switch m := objects.Mode(h.Get(modeHeader)); m {
	case objects.NoLock:
		return r, nil
	case objects.Governance, objects.Compliance:
		until, err := time.Parse(time.RFC3339, h.Get(untilHeader))
		if err != nil {
			return head{}, fmt.Errorf("the server shows a lock until %.40q", h.Get(untilHeader))
		}
		r.Mode, r.RetainUntil = m, objects.CeilSecond(until)
		return r, nil
	default:
		return head{}, fmt.Errorf("the server shows a lock of mode %.40q", m)
	}
}

// digest reads a checksum: base64, with "-N" for the composite of N parts. All
// empty objects have the one digest that Put and Complete say.
func digest(sum string, size int64) (d [32]byte) {
	if size == 0 {
		return sha256.Sum256(nil)
	}
	sum, _, _ = strings.Cut(sum, "-")
	if b, err := base64.StdEncoding.DecodeString(sum); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// Get makes one request, so that the bytes and the Info are of one version. What
// a range header cannot say, an empty range or one beyond the end, is answered
// from the headers alone.
func (b *Reader) Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, objects.Info{}, err
	}
	r, info, err := b.get(ctx, b.name(key), version, off, length)
	if err != nil {
		return nil, objects.Info{}, fmt.Errorf("getting %q: %w", key, err)
	}
	return r, info, nil
}

func (b *Reader) get(ctx context.Context, name, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	if off < 0 || length < -1 || length > math.MaxInt64-off || length == 0 {
		return b.getNothing(ctx, name, version, off, length)
	}
	opts := minio.GetObjectOptions{VersionID: version, Checksum: true}
	switch {
	case length > 0:
		opts.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+length-1))
	case off > 0:
		opts.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	body, o, _, err := b.meta.GetObject(ctx, b.bucket, name, opts)
	if answer(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return b.getNothing(ctx, name, version, off, length)
	}
	if err != nil {
		return nil, objects.Info{}, readFault(ctx, err, version)
	}
	info, n, err := ranged(o, off, length)
	if err == nil && !b.showsLocks {
		info, err = b.addLock(ctx, name, info)
	}
	if err != nil {
		body.Close()
		return nil, objects.Info{}, err
	}
	return &reader{body: body, left: n}, info, nil
}

// addLock asks for the lock of a version, of a server that does not show it when
// it sends the bytes.
func (b *Reader) addLock(ctx context.Context, name string, info objects.Info) (objects.Info, error) {
	h, err := b.head(ctx, name, info.Version)
	if errors.Is(err, objects.ErrNotExist) { // deleted since: the bytes still come
		return info, nil
	}
	info.Mode, info.RetainUntil = h.Mode, h.RetainUntil
	return info, err
}

// ranged reads the headers of an answer with bytes, and checks that they are the
// bytes asked for. n is their number.
func ranged(o minio.ObjectInfo, off, length int64) (info objects.Info, n int64, err error) {
	size := o.Size
	part := o.Headers.Get("Content-Range")
	if part != "" {
		if size, err = total(part, off); err != nil {
			return info, 0, err
		}
	} else if off > 0 || length > 0 && length != size {
		if off+max(length, 0) > size {
			return info, 0, objects.ErrRange
		}
		return info, 0, errors.New("the server ignores the range")
	}
	if n = length; length == -1 {
		n = size - off
	}
	if n > size-off {
		return info, 0, fmt.Errorf("%w: %d bytes from %d of %d", objects.ErrRange, length, off, size)
	}
	h, err := parseHead(o.Headers, size)
	if part != "" { // the sum may be of the range
		h.Digest = [32]byte{}
	}
	return h.Info, n, err
}

// total reads the size of the object from "bytes OFF-END/SIZE".
func total(s string, off int64) (int64, error) {
	span, size, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	first, _, _ := strings.Cut(span, "-")
	n, err := strconv.ParseInt(size, 10, 64)
	if at, e := strconv.ParseInt(first, 10, 64); !ok || err != nil || e != nil || at != off || n < off {
		return 0, fmt.Errorf("the server answers range %.60q to a request from %d", s, off)
	}
	return n, nil
}

// getNothing answers a range without a byte, or refuses it.
func (b *Reader) getNothing(ctx context.Context, name, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	h, err := b.head(ctx, name, version)
	if err != nil {
		return nil, objects.Info{}, err
	}
	if off < 0 || off > h.Size || length < -1 || length > h.Size-off || length == -1 && off < h.Size {
		return nil, objects.Info{}, fmt.Errorf("%w: %d bytes from %d of %d", objects.ErrRange, length, off, h.Size)
	}
	return io.NopCloser(bytes.NewReader(nil)), h.Info, nil
}

// reader gives exactly left bytes of body, or an error.
type reader struct {
	body io.ReadCloser
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF {
		err = nil
		if r.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (r *reader) Close() error { return r.body.Close() }
