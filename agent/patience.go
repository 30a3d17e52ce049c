package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"comity.example/comity/internal/wire"
)

const (
	// standstill is how long a call may go without one byte in either direction.
	// A relay that completes a large package answers late, and is asked again.
	standstill = 3 * time.Minute
	// stride is how much of a body is sent between two looks at the clock.
	stride = 1 << 20
)

// errStandstill is the error of a call that did not move.
var errStandstill = errors.New("the relay stands still")

// patient ends calls on which nothing moves: the connection of a relay that is
// stuck, or plays dead, stays open for ever. When it returns an error, and when an
// answer is closed, nothing reads the request's body any more, so callers can use
// its bytes again.
type patient struct {
	wire.Transport
	most time.Duration
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watched{most: p.most, ctx: ctx, cancel: cancel}
	w.timer = time.AfterFunc(p.most, func() { cancel(errStandstill) })
	r = r.Clone(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		w.sent = make(chan struct{})
		r.Body, r.GetBody = &sentBody{ReadCloser: r.Body, w: w}, nil
	}
	resp, err := p.Transport.RoundTrip(r)
	if err != nil {
		err = w.why(err)
		w.end()
		return nil, err
	}
	w.moved()
	resp.Body = &takenBody{resp.Body, w}
	return resp, nil
}

// watched is one call.
type watched struct {
	most   time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	sent   chan struct{} // closed with the request's body; nil if there is none
}

func (w *watched) moved() { w.timer.Reset(w.most) }

// why names the standstill where that ended the call.
func (w *watched) why(err error) error {
	if context.Cause(w.ctx) == errStandstill {
		return fmt.Errorf("%w: nothing has moved for %s", errStandstill, w.most)
	}
	return err
}

// end gives the call up, or does nothing if it is over, and waits for the sender
// of the body.
func (w *watched) end() {
	w.timer.Stop()
	w.cancel(nil)
	if w.sent != nil {
		<-w.sent
	}
}

// sentBody is a request's body on its way.
type sentBody struct {
	io.ReadCloser
	w *watched

	mu     sync.Mutex // held while bytes are read, so that Close waits for that
	closed bool
}

// Read implements io.Reader.
func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	b.w.moved()
	return b.ReadCloser.Read(p)
}

// WriteTo implements io.WriterTo, which HTTP/3 uses to send without a copy.
func (b *sentBody) WriteTo(to io.Writer) (int64, error) {
	return io.Copy(strides{to, b.w}, b.ReadCloser)
}

// Close implements io.Closer.
func (b *sentBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	close(b.w.sent)
	return b.ReadCloser.Close()
}

// strides cuts large writes.
type strides struct {
	to io.Writer
	w  *watched
}

func (s strides) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = s.to.Write(p[n:min(n+stride, len(p))])
		n += m
		s.w.moved()
	}
	return n, err
}

// takenBody is an answer's body on its way.
type takenBody struct {
	io.ReadCloser
	w *watched
}

// Read implements io.Reader.
func (b *takenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.w.moved()
	}
	if err != nil && err != io.EOF {
		err = b.w.why(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *takenBody) Close() error {
	err := b.ReadCloser.Close()
	b.w.end()
	return err
}
