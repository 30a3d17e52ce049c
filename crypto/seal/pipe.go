package seal

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// SealedPart is a part of a payload that may leave.
type SealedPart struct {
	N          int
	SHA256     [32]byte
	Ciphertext []byte // valid during the call
}

// A Pipe cuts plaintext into parts, which some goroutines seal, hash and hand to
// a function. Its memory is constant in the size of the payload: one part of
// plaintext and one of ciphertext for each goroutine, and two of plaintext more, so
// that whoever writes is never what the goroutines wait for.
// One goroutine writes to it and ends it with Close or Abort.
type Pipe struct {
	sealer  *Sealer
	take    func(worker int, p SealedPart) error
	free    chan []byte
	parts   chan plainPart
	stop    chan struct{} // closed by the first error
	workers sync.WaitGroup

	mu  sync.Mutex // guards the field below
	err error      // the first

	// owned by the writing goroutine
	buf     []byte
	next    int
	written int64
	closed  bool
}

// ahead is how many parts are filled while all goroutines seal. With one alone, two
// that end together find one part for both, and a core is idle while the next is filled.
const ahead = 2

// plainPart is one part of plaintext on its way to be sealed.
type plainPart struct {
	n     int
	plain []byte // from the free list
}

var _ interface {
	io.Writer
	io.ReaderFrom
} = (*Pipe)(nil)

// NewPipe returns a Pipe for the plaintext from the beginning of part from on. take
// is called from several goroutines, at most one call for each worker, 0 to
// workers-1, at a time. After its first error it is not called any more, and Write
// and Close return that error.
func NewPipe(s *Sealer, from, workers int, take func(worker int, p SealedPart) error) (*Pipe, error) {
	if from < 0 || from > s.Parts() || workers < 1 {
		return nil, fmt.Errorf("sealing from part %d of %d on %d goroutines: impossible", from, s.Parts(), workers)
	}
	p := &Pipe{sealer: s, take: take, free: make(chan []byte, workers+ahead), parts: make(chan plainPart, workers+ahead),
		stop: make(chan struct{}), next: from, written: min(int64(from)*PartPlain, s.plain)}
	size := min(PartPlain, s.plain)
	for range workers + ahead {
		p.free <- make([]byte, 0, size)
	}
	for i := range workers {
		p.workers.Go(func() { p.work(i) })
	}
	return p, nil
}

// work seals parts until there are none. After an error it only lets them pass.
func (p *Pipe) work(worker int) {
	sealed := make([]byte, 0, PartLen(p.sealer.PayloadSize(), 0))
	for part := range p.parts {
		if p.failed() == nil {
			if err := p.seal(worker, sealed, part); err != nil {
				p.fail(err)
			}
		}
		p.free <- part.plain[:0]
	}
}

func (p *Pipe) seal(worker int, buf []byte, part plainPart) error {
	ct, sum, err := p.sealer.SealPart(buf, part.n, part.plain)
	if err != nil {
		return err
	}
	return p.take(worker, SealedPart{N: part.n, SHA256: sum, Ciphertext: ct})
}

func (p *Pipe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		close(p.stop)
	}
}

func (p *Pipe) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Write takes the next plaintext. It returns the first error of any part, which
// need not be one of those that b belongs to.
func (p *Pipe) Write(b []byte) (int, error) {
	total := len(b)
	if int64(total) > p.sealer.plain-p.written {
		return 0, p.long()
	}
	for len(b) > 0 {
		if err := p.room(); err != nil {
			return total - len(b), err
		}
		n := min(len(b), cap(p.buf)-len(p.buf))
		p.buf = append(p.buf, b[:n]...)
		b = b[n:]
		p.written += int64(n)
		if len(p.buf) == cap(p.buf) {
			if err := p.flush(); err != nil {
				return total - len(b), err
			}
		}
	}
	return total, nil
}

// ReadFrom takes plaintext to the end of r, which reads into the parts themselves: one
// copy less than Write. Its error is r's, or one that Write has.
func (p *Pipe) ReadFrom(r io.Reader) (total int64, err error) {
	for {
		if err := p.room(); err != nil {
			return total, err
		}
		space := p.buf[len(p.buf):min(int64(cap(p.buf)), int64(len(p.buf))+p.sealer.plain-p.written)]
		var probe [1]byte
		if len(space) == 0 {
			space = probe[:] // only the end may follow
		}
		n, err := r.Read(space)
		if n > 0 && &space[0] == &probe[0] {
			return total, p.long()
		}
		p.buf = p.buf[:len(p.buf)+n]
		p.written, total = p.written+int64(n), total+int64(n)
		if n > 0 && len(p.buf) == cap(p.buf) {
			if err := p.flush(); err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func (p *Pipe) long() error {
	return fmt.Errorf("sealing: more plaintext than %d bytes", p.sealer.plain)
}

// room makes sure that there is a buffer to fill.
func (p *Pipe) room() error {
	if p.buf != nil {
		return nil
	}
	select {
	case <-p.stop:
		return p.failed()
	case p.buf = <-p.free:
		return nil
	}
}

// flush hands the buffer to a worker.
func (p *Pipe) flush() error {
	select {
	case <-p.stop:
		return p.failed()
	case p.parts <- plainPart{p.next, p.buf}:
		p.next, p.buf = p.next+1, nil
		return nil
	}
}

// Close seals what is left and waits until every part was taken. Less plaintext than
// the Sealer was made for is an error.
func (p *Pipe) Close() error {
	err := p.rest()
	if err != nil {
		p.fail(err)
	}
	p.end()
	return p.failed()
}

func (p *Pipe) rest() error {
	switch {
	case p.closed:
		return errors.New("sealing: closed twice")
	case p.written != p.sealer.plain:
		return fmt.Errorf("sealing: %d bytes of plaintext instead of %d", p.written, p.sealer.plain)
	case p.next == p.sealer.Parts():
		return nil
	}
	// The last part, which is shorter or, of an empty plaintext, empty.
	if err := p.room(); err != nil {
		return err
	}
	return p.flush()
}

// Abort ends the Pipe with an error of the source: parts that are not with take yet
// are dropped. It waits for the calls of take that have begun. An earlier error of a
// part stays the one that is returned.
func (p *Pipe) Abort(err error) error {
	p.fail(err)
	p.end()
	return p.failed()
}

func (p *Pipe) end() {
	if !p.closed {
		p.closed = true
		close(p.parts)
		p.workers.Wait()
	}
}
