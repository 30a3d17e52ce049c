package link

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// writePiece is how much of an answer is handed to the connection at a time, in
// bytes: small enough to be through within the Stall at the MinRate.
const writePiece = 256 << 10

// A pace cuts one direction of a request that comes along too slowly: a client
// that sends a byte a minute, or never reads its answer, would otherwise hold a
// goroutine, a stream and buffers for as long as it likes.
//
// It counts only the time that the client is waited for, so that a slow disk
// behind the handler is not held against it. Of that time a direction may use
// most in advance, and earns it back by the bytes that go through: a link at
// half the rate lasts twice as long as most, one at the rate for ever, and one
// that stands still is cut after most, however fast it was before.
type pace struct {
	most  time.Duration
	rate  float64 // bytes a second
	cut   func()  // called at most once, never after end has returned
	timer *time.Timer

	mu      sync.Mutex // guards the fields below
	credit  time.Duration
	waiting bool
	since   time.Time
	over    bool
}

func newPace(most time.Duration, rate int, cut func()) *pace {
	p := &pace{most: most, rate: float64(rate), cut: cut, credit: most}
	p.timer = time.AfterFunc(most, p.expire)
	p.timer.Stop()
	return p
}

// begin says that the client is waited for from now on.
func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.waiting = time.Now(), true
	p.timer.Reset(p.credit)
}

// end says that n bytes went through, and reports whether the direction was cut.
func (p *pace) end(n int) (cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	p.waiting = false
	earned := time.Duration(float64(n) / p.rate * float64(time.Second))
	p.credit = min(p.most, p.credit-time.Since(p.since)+earned)
	return p.over
}

// expire runs when the credit is used up. The lock is held over the cut: when
// end returns the response writer may be gone, and cutting would use it.
func (p *pace) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting || p.over || time.Since(p.since) < p.credit {
		return // the timer was late: this wait is over, or another
	}
	p.over = true
	p.cut()
}

// left returns the credit, at least a moment.
func (p *pace) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.credit, time.Millisecond)
}

// past is a deadline that has passed.
func past() time.Time { return time.Unix(1, 0) }

// A pacedBody is a body with a pace.
type pacedBody struct {
	body io.ReadCloser
	pace *pace
}

// Read implements io.Reader. The error of a body that was cut is
// os.ErrDeadlineExceeded, over either transport.
func (b *pacedBody) Read(p []byte) (int, error) {
	b.pace.begin()
	n, err := b.body.Read(p)
	if b.pace.end(n) && err != nil {
		err = fmt.Errorf("reading body: it came too slowly: %w", os.ErrDeadlineExceeded)
	}
	return n, err
}

// Close implements io.Closer. It may be called during a Read.
func (b *pacedBody) Close() error { return b.body.Close() }

// A pacedWriter is a response writer with a pace.
type pacedWriter struct {
	http.ResponseWriter
	rc   *http.ResponseController
	pace *pace
}

// newPacedWriter returns w with a pace that resets the stream.
func newPacedWriter(w http.ResponseWriter, most time.Duration, rate int) *pacedWriter {
	rc := http.NewResponseController(w)
	return &pacedWriter{w, rc, newPace(most, rate, func() { rc.SetWriteDeadline(past()) })}
}

// Write implements io.Writer, in pieces: one call with all of a large answer
// would look like standing still to the pace.
func (w *pacedWriter) Write(p []byte) (int, error) {
	var done int
	for {
		piece := p[done:min(done+writePiece, len(p))]
		w.pace.begin()
		n, err := w.ResponseWriter.Write(piece)
		w.pace.end(n)
		if done += n; err != nil || done == len(p) {
			return done, err
		}
	}
}

// FlushError is what http.ResponseController flushes with.
func (w *pacedWriter) FlushError() error {
	w.pace.begin()
	defer w.pace.end(0)
	return w.rc.Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish bounds what the server still writes after the handler has returned: a
// small answer is buffered until then.
func (w *pacedWriter) finish() error {
	err := w.rc.SetWriteDeadline(time.Now().Add(w.pace.left()))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
