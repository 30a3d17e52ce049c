package link

import (
	"errors"
	"fmt"
	"io"
)

// h3Body is the body of a response.
type h3Body struct {
	x     *exchange
	left  int64  // bytes still promised by the content length, or -1
	frame uint64 // bytes left in the DATA frame
	err   error  // sticky
}

// Read implements io.Reader. The end of the stream before the promised length
// is io.ErrUnexpectedEOF.
func (b *h3Body) Read(p []byte) (int, error) {
	if b.err == nil && b.frame == 0 {
		b.err = b.open()
	}
	if b.err != nil {
		b.x.finish()
		return 0, b.err
	}
	n, err := b.x.str.Read(p[:min(uint64(len(p)), b.frame)])
	b.frame -= uint64(n)
	if b.left > 0 {
		b.left -= int64(n)
	}
	if err == io.EOF && b.frame == 0 {
		err = nil // the next call sees the end between two frames
	}
	if err != nil {
		b.err = b.cause(unexpected(err))
		b.x.finish()
	}
	return n, b.err
}

// open finds the next DATA frame that is not empty.
func (b *h3Body) open() error {
	for {
		kind, size, err := b.x.nextFrame()
		if err == io.EOF && b.left <= 0 {
			return io.EOF
		}
		if err != nil {
			return b.cause(unexpected(err))
		}
		if kind == frameHeaders {
			return b.trailers(size)
		}
		if b.left >= 0 && size > uint64(b.left) {
			b.x.abort()
			return errors.New("reading response body: it is longer than its content length")
		}
		if b.frame = size; size > 0 {
			return nil
		}
	}
}

// trailers skips the trailers and expects the end.
func (b *h3Body) trailers(size uint64) error {
	if size > uint64(b.x.client.maxHeader) || b.left > 0 {
		b.x.abort()
		return errors.New("reading response body: unexpected or too large trailers")
	}
	if _, err := io.CopyN(io.Discard, b.x.str, int64(size)); err != nil {
		return b.cause(unexpected(err))
	}
	if _, _, err := b.x.nextFrame(); err != io.EOF {
		b.x.abort()
		return errors.New("reading response body: frames after the trailers")
	}
	return io.EOF
}

// cause prefers the caller's cancellation to what it looks like from here.
func (b *h3Body) cause(err error) error {
	if cause := b.x.req.Context().Err(); cause != nil {
		return cause
	}
	return fmt.Errorf("reading response body: %w", err)
}

// Close implements io.Closer. It may be called during a Read, which then fails.
func (b *h3Body) Close() error {
	b.x.finish()
	return nil
}
