package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

const abandonTimeout = 10 * time.Second

// part is one part of plaintext on its way to be sealed.
type part struct {
	n     int
	plain []byte // from the free list
}

// upload reads the folder once and sends it part by part: one goroutine packs,
// as many as configured seal, hash and send. Buffers go round, so memory is
// constant in the size of the package.
func (x *sending) upload(ctx context.Context) error {
	src, err := os.OpenRoot(x.dir)
	if err != nil {
		return fmt.Errorf("opening %q: %w", x.dir, err)
	}
	defer src.Close()
	plan, err := bag.NewPlan(x.res.Package, x.inv, x.fields())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u := newUploader(x, ctx, cancel)
	u.start()
	x.summary, err = plan.Write(u, src)
	if err == nil {
		err = u.finish()
	}
	if err != nil {
		cancel(err)
	}
	u.wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	x.root = seal.PayloadRoot(u.digests)
	return nil
}

// uploader cuts what is written to it into parts.
type uploader struct {
	x       *sending
	ctx     context.Context
	cancel  context.CancelCauseFunc
	free    chan []byte
	parts   chan part
	workers sync.WaitGroup
	digests [][32]byte // each element is written by the worker of that part
	done    atomic.Int64

	// owned by the packing goroutine
	buf     []byte
	next    int
	written int64
}

func newUploader(x *sending, ctx context.Context, cancel context.CancelCauseFunc) *uploader {
	n := x.a.home.Config.Parallel
	u := &uploader{x: x, ctx: ctx, cancel: cancel, free: make(chan []byte, n+1), parts: make(chan part),
		digests: make([][32]byte, x.sealer.Parts())}
	size := min(seal.PartPlain, x.plain)
	for range n + 1 {
		u.free <- make([]byte, 0, size)
	}
	return u
}

func (u *uploader) start() {
	for range u.x.a.home.Config.Parallel {
		u.workers.Go(u.work)
	}
}

// work seals and sends parts until there are none, or until one failed.
func (u *uploader) work() {
	sealed := make([]byte, 0, seal.PartLen(u.x.sealer.PayloadSize(), 0))
	for p := range u.parts {
		if u.ctx.Err() == nil {
			if err := u.send(p, sealed); err != nil {
				u.cancel(err)
			}
		}
		u.free <- p.plain[:0]
	}
}

func (u *uploader) send(p part, buf []byte) error {
	ct, err := u.x.sealer.SealPart(buf[:0], p.n, p.plain)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(ct)
	u.digests[p.n] = sum
	err = u.x.s.retry(u.ctx, func(c *wire.Client) error {
		return c.PutPart(u.ctx, u.x.res.Package, u.x.res.Epoch, p.n, sum, ct)
	})
	if err != nil {
		return fmt.Errorf("sending part %d: %w", p.n, err)
	}
	u.x.a.progress(Progress{Act: "sending", Done: u.done.Add(int64(len(ct))), Total: u.x.sealer.PayloadSize(), Files: u.x.inv.Files()})
	return nil
}

// Write takes plaintext from the packer.
func (u *uploader) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if err := u.room(); err != nil {
			return total - len(p), err
		}
		n := min(len(p), cap(u.buf)-len(u.buf))
		u.buf = append(u.buf, p[:n]...)
		p = p[n:]
		u.written += int64(n)
		if len(u.buf) == cap(u.buf) {
			if err := u.flush(); err != nil {
				return total - len(p), err
			}
		}
	}
	return total, nil
}

// room makes sure that there is a buffer to fill.
func (u *uploader) room() error {
	if u.buf != nil {
		return nil
	}
	select {
	case u.buf = <-u.free:
		return nil
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

func (u *uploader) flush() error {
	if u.buf == nil {
		return nil
	}
	select {
	case u.parts <- part{u.next, u.buf}:
		u.next, u.buf = u.next+1, nil
		return nil
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

// finish pads the archive with zeros to its padded length.
func (u *uploader) finish() error {
	if u.written != u.x.archive {
		return errors.New("internal error: the archive does not have its planned length")
	}
	if _, err := io.CopyN(u, zeros{}, u.x.plain-u.written); err != nil {
		return err
	}
	return u.flush()
}

func (u *uploader) wait() {
	close(u.parts)
	u.workers.Wait()
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
