package seal

import (
	"fmt"
	"io"
	"sync"
)

// A Reader gives out the plaintext of a payload, or of some parts of it, in order, while some goroutines
// bring the parts and open them. The last part is brought and opened before all
// others, so that a payload with a wrong end gives nothing, not all but the end.
//
// What is read is authenticated, and still a beginning until io.EOF. Its memory is
// constant in the size of the payload: one part for each goroutine and one more. One
// goroutine reads it and ends it with Close.
type Reader struct {
	opener  *Opener
	parts   []int // ascending; nil: all
	bring   func(worker, n int, sealed []byte) error
	free    chan int           // workers
	buffers chan []byte        // for a part each, opened in place
	queue   chan chan openPart // in order
	stop    chan struct{}      // closed by Close
	work    sync.WaitGroup

	// owned by the reading goroutine
	rest   []byte // of the current part
	buf    []byte // its buffer
	err    error  // sticky
	closed bool
}

// openPart is a part that was opened, or why not.
type openPart struct {
	buf, plain []byte
	err        error
}

var _ io.ReadCloser = (*Reader)(nil)

// NewReader returns a Reader of the whole payload. bring fills sealed with part n,
// and returns nil only if that part has the digest that was signed. It is called
// from several goroutines, at most one call for each worker, 0 to workers-1, at a
// time, in order of the parts; of the last part first of all and again in its turn.
func NewReader(o *Opener, workers int, bring func(worker, n int, sealed []byte) error) (*Reader, error) {
	return newReader(o, workers, nil, bring)
}

// NewPartsReader is NewReader of some parts only, in ascending order. The last part of
// the payload is brought before them in any case.
func NewPartsReader(o *Opener, workers int, parts []int, bring func(worker, n int, sealed []byte) error) (*Reader, error) {
	for i, n := range parts {
		if n < 0 || n >= Parts(o.payload) || i > 0 && n <= parts[i-1] {
			return nil, fmt.Errorf("opening part %d: there is none, or not in this order", n)
		}
	}
	return newReader(o, workers, append([]int{}, parts...), bring)
}

func newReader(o *Opener, workers int, parts []int, bring func(worker, n int, sealed []byte) error) (*Reader, error) {
	if workers < 1 {
		return nil, fmt.Errorf("opening on %d goroutines: impossible", workers)
	}
	r := &Reader{opener: o, parts: parts, bring: bring, stop: make(chan struct{}), free: make(chan int, workers),
		buffers: make(chan []byte, workers+1), queue: make(chan chan openPart, workers+1)}
	for range max(1, min(workers, r.count())) + 1 {
		r.buffers <- make([]byte, PartLen(o.payload, 0))
	}
	r.work.Go(func() { r.run(workers) })
	return r, nil
}

// run brings the last part, then all in order, as workers and buffers are free.
func (r *Reader) run(workers int) {
	defer close(r.queue)
	parts, buf := Parts(r.opener.payload), <-r.buffers
	if p := r.open(0, parts-1, buf); p.err != nil {
		r.queue <- ready(p)
		return
	}
	r.buffers <- buf
	for i := range min(workers, parts) {
		r.free <- i
	}
	for i := range r.count() {
		if !r.start(r.number(i)) {
			return
		}
	}
}

// count returns how many parts are given out.
func (r *Reader) count() int {
	if r.parts == nil {
		return Parts(r.opener.payload)
	}
	return len(r.parts)
}

// number returns the number of the part that is given out as the one of index i.
func (r *Reader) number(i int) int {
	if r.parts == nil {
		return i
	}
	return r.parts[i]
}

// start has part n opened by a free worker. It reports false after Close.
func (r *Reader) start(n int) bool {
	var worker int
	select {
	case worker = <-r.free:
	case <-r.stop:
		return false
	}
	var buf []byte
	select {
	case buf = <-r.buffers:
	case <-r.stop:
		return false
	}
	result := make(chan openPart, 1)
	r.queue <- result // has room for one a buffer, so this never waits
	r.work.Go(func() {
		p := r.open(worker, n, buf)
		r.free <- worker
		result <- p
	})
	return true
}

// ready is a part that nobody has to wait for.
func ready(p openPart) chan openPart {
	result := make(chan openPart, 1)
	result <- p
	return result
}

// open brings part n into a buffer and opens it there.
func (r *Reader) open(worker, n int, buf []byte) openPart {
	sealed := buf[:PartLen(r.opener.payload, n)]
	if err := r.bring(worker, n, sealed); err != nil {
		return openPart{err: err}
	}
	plain, err := r.opener.OpenPart(sealed[:0], n, sealed)
	return openPart{buf, plain, err}
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
		r.buffers <- r.buf
		r.buf = nil
	}
	result, ok := <-r.queue
	if !ok {
		return io.EOF
	}
	o := <-result
	r.buf, r.rest = o.buf, o.plain
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
