package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"comity.example/comity/gateway/objects"
	"github.com/minio/minio-go/v7"
)

// errStalled ends a part that makes no progress.
var errStalled = errors.New("no bytes moved for too long")

// PutPart streams the body to the server with its declared length and SHA-256. The
// last block is held back until the body has ended and its hash is right: a part
// that is not what was declared never reaches the server whole, whatever the
// server checks. If we crash, the server drops what it has of the part.
//
// When PutPart fails, one Read of body may still be waiting; it ends when the
// owner of the body ends the stream.
func (b *Bucket) PutPart(ctx context.Context, key, id string, p objects.Part, body io.Reader) (string, error) {
	if err := objects.CheckKey(key); err != nil {
		return "", err
	}
	u, err := parseUpload(id)
	if err != nil {
		return "", err
	}
	want, err := objects.PartSize(u.size, u.partSize, p.Number)
	if err != nil {
		return "", err
	}
	if p.Size != want {
		return "", fmt.Errorf("%w: part %d of %d bytes, want %d", objects.ErrInvalid, p.Number, p.Size, want)
	}
	t, err := b.putPart(ctx, b.name(key), u.id, p, body)
	if err != nil {
		return "", fmt.Errorf("putting part %d of %q: %w", p.Number, key, err)
	}
	return t, nil
}

func (b *Bucket) putPart(ctx context.Context, name, id string, p objects.Part, body io.Reader) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(b.partTimeout, func() { cancel(errStalled) })
	defer alarm.Stop()
	r, w := io.Pipe()
	// HTTP waits for a Read of the body to return even when its context is over.
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	defer stop()
	s := &stream{part: p, body: body, to: w, sum: sha256.New(), moved: func() { alarm.Reset(b.partTimeout) }}
	done := make(chan error, 1)
	go func() {
		err := s.copy()
		done <- err           // before the request can fail of it
		w.CloseWithError(err) // nil is the end of the body
	}()
	made, err := b.send(ctx, name, id, p, r)
	// The request is over, but the pump may wait for the body: after a failure it
	// is not waited for.
	r.CloseWithError(errOver)
	if err != nil {
		return "", b.whyNot(ctx, name, id, err, done)
	}
	if err := <-done; err != nil {
		return "", err
	}
	return made, nil
}

// send is the request. Only here a body goes to the server.
func (b *Bucket) send(ctx context.Context, name, id string, p objects.Part, r io.Reader) (string, error) {
	sum := base64.StdEncoding.EncodeToString(p.SHA256[:])
	made, err := b.parts.PutObjectPart(ctx, b.bucket, name, id, p.Number+1, struct{ io.Reader }{r}, p.Size, minio.PutObjectPartOptions{
		Sha256Hex: hex.EncodeToString(p.SHA256[:]), DisableContentSha256: true, // sent as it is, not in signed chunks
		CustomHeader: http.Header{sumHeader: {sum}},
	})
	switch {
	case err != nil:
		return "", err
	case made.ETag == "":
		return "", errors.New("the server gives no tag for the part")
	case made.ChecksumSHA256 != "" && made.ChecksumSHA256 != sum:
		return "", fmt.Errorf("the server says SHA-256 %.60q", made.ChecksumSHA256)
	}
	return tag(p.SHA256, made.ETag), nil
}

// whyNot finds the reason of a failed request: the body, the caller, the clock, or
// the server.
func (b *Bucket) whyNot(ctx context.Context, name, id string, err error, done <-chan error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case told := <-done:
		if told != nil && !errors.Is(told, errOver) {
			return told
		}
	default:
	}
	// Servers fail in many ways when an upload ends under a part, and one that
	// answers before it has read the body may cut the connection with its answer.
	if open, e := b.isOpen(ctx, name, id); e == nil && !open {
		return objects.ErrNoUpload
	}
	return fault(ctx, err)
}

// errOver ends the pump when nobody reads from it any more.
var errOver = errors.New("the request is over")

// stream pumps a body into a request and checks it on the way. It runs apart from
// the request because a Read of the body can wait for ever, and HTTP waits for it.
type stream struct {
	part  objects.Part
	body  io.Reader
	to    *io.PipeWriter
	sum   hash.Hash
	moved func() // some bytes were taken by the server's connection
}

func (s *stream) copy() error {
	block := make([]byte, min(blockSize, s.part.Size))
	for left := s.part.Size; left > 0; {
		b := block[:min(int64(len(block)), left)]
		if _, err := io.ReadFull(s.body, b); err != nil {
			return bodyError(err)
		}
		s.sum.Write(b)
		if left -= int64(len(b)); left == 0 {
			if err := s.end(); err != nil {
				return err
			}
		}
		if _, err := s.to.Write(b); err != nil {
			return err
		}
		s.moved()
	}
	return nil
}

// end checks that the body ends here and is what was declared.
func (s *stream) end() error {
	var more [1]byte
	switch _, err := io.ReadFull(s.body, more[:]); err {
	case io.EOF:
	case nil:
		return fmt.Errorf("%w: more than %d bytes", objects.ErrDigest, s.part.Size)
	default:
		return bodyError(err)
	}
	if [32]byte(s.sum.Sum(nil)) != s.part.SHA256 {
		return objects.ErrDigest
	}
	return nil
}

func bodyError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: body is short", objects.ErrDigest)
	}
	return fmt.Errorf("reading body: %w", err)
}
