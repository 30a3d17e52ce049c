package seal

import (
	"fmt"
	"io"
	"sync"
)

// A Reader gives out the plaintext of a payload in order, while some goroutines
// bring the parts and open them. The last part is brought and opened before all
// others, so that a payload with a wrong end gives nothing, not all but the end.
//
// What is read is authenticated, and still a beginning until io.EOF. Its memory is
// constant in the size of the payload: one part of ciphertext and one of plaintext
// for each goroutine, and one of plaintext more. One goroutine reads it and ends it
// with Close.
type Reader struct {
	opener *Opener
	bring  func(worker, n int, sealed []byte) error
	seats  chan seat          // of workers that are free
	plain  chan []byte        // buffers
	queue  chan chan openPart // in order
	stop   chan struct{}      // closed by Close
	work   sync.WaitGroup

	// owned by the reading goroutine
	rest   []byte // of the current part
	buf    []byte // its buffer
	err    error  // sticky
	closed bool
}

// seat is what a worker has while it brings a part.
type seat struct {
	worker int
	sealed []byte
}

// openPart is a part that was opened, or why not.
type openPart struct {
	plain []byte
	err   error
}

var _ io.ReadCloser = (*Reader)(nil)

// NewReader returns a Reader of the whole payload. bring fills sealed with part n,
// and returns nil only if that part has the digest that was signed. It is called
// from several goroutines, at most one call for each worker, 0 to workers-1, at a
// time, in order of the parts; of the last part first of all and again in its turn.
func NewReader(o *Opener, workers int, bring func(worker, n int, sealed []byte) error) (*Reader, error) {
	if workers < 1 {
		return nil, fmt.Errorf("opening on %d goroutines: impossible", workers)
	}
	r := &Reader{opener: o, bring: bring, stop: make(chan struct{}), seats: make(chan seat, workers),
		plain: make(chan []byte, workers+1), queue: make(chan chan openPart, workers+1)}
	size := PartLen(o.payload, 0)
	for range workers + 1 {
		r.plain <- make([]byte, 0, min(size, PartPlain))
	}
	r.work.Go(func() { r.run(workers, size) })
	return r, nil
}

// run brings the last part, then all in order, as workers and buffers are free.
func (r *Reader) run(workers int, size int64) {
	defer close(r.queue)
	first, plain := seat{0, make([]byte, size)}, <-r.plain
	last := Parts(r.opener.payload) - 1
	if _, err := r.open(first, last, plain); err != nil {
		r.fail(err)
		return
	}
	r.plain <- plain
	r.seats <- first
	for i := 1; i < min(workers, last+1); i++ {
		r.seats <- seat{i, make([]byte, size)}
	}
	for n := range last + 1 {
		if !r.next(n) {
			return
		}
	}
}

// next has part n opened by a free worker. It reports false after Close.
func (r *Reader) next(n int) bool {
	var s seat
	select {
	case s = <-r.seats:
	case <-r.stop:
		return false
	}
	var plain []byte
	select {
	case plain = <-r.plain:
	case <-r.stop:
		return false
	}
	result := make(chan openPart, 1)
	r.queue <- result // has room for one a buffer, so this never waits
	r.work.Go(func() {
		plain, err := r.open(s, n, plain)
		r.seats <- s
		result <- openPart{plain, err}
	})
	return true
}

// fail is what the reading goroutine gets instead of a part.
func (r *Reader) fail(err error) {
	result := make(chan openPart, 1)
	result <- openPart{nil, err}
	r.queue <- result
}

// open brings part n and opens it into a buffer.
func (r *Reader) open(s seat, n int, plain []byte) ([]byte, error) {
	sealed := s.sealed[:PartLen(r.opener.payload, n)]
	if err := r.bring(s.worker, n, sealed); err != nil {
		return nil, err
	}
	return r.opener.OpenPart(plain[:0], n, sealed)
}

// Read gives out plaintext. Its error is that of the first part in order that could
// not be brought, or, with ErrAuth, not be opened; all before it was given out.
func (r *Reader) Read(p []byte) (int, error) {
	for r.err == nil && len(r.rest) == 0 { // the part of an empty payload is empty
		r.err = r.turn()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// turn gives the buffer back and waits for the next part.
func (r *Reader) turn() error {
	if r.closed {
		return fmt.Errorf("opening: the reader is closed")
	}
	if r.buf != nil {
		r.plain <- r.buf
		r.buf = nil
	}
	result, ok := <-r.queue
	if !ok {
		return io.EOF
	}
	o := <-result
	r.buf, r.rest = o.plain, o.plain
	return o.err
}

// Err returns the error that ended Read, nil at the end of the payload.
func (r *Reader) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// Close waits for the calls of bring that have begun; what is in flight is dropped.
// It returns nil. Read fails after it.
func (r *Reader) Close() error {
	if !r.closed {
		r.closed, r.rest = true, nil
		close(r.stop)
		r.work.Wait()
	}
	return nil
}
