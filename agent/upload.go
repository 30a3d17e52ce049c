package agent

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"comity.example/comity/agent/internal/journal"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

const abandonTimeout = 10 * time.Second

// upload reads the folder and sends it part by part: one goroutine packs, as many as
// configured seal, hash and send. It begins at the first part that the relay has not.
func (x *sending) upload(ctx context.Context) error {
	src, done, err := x.source()
	if err != nil {
		return err
	}
	defer done()
	plan, err := bag.NewPlan(x.res.Package, x.inv, x.fields())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u := newUploader(x, ctx)
	defer u.lines.close()
	p, err := seal.NewPipe(x.sealer, x.first, x.a.home.Config.Parallel, u.send)
	if err != nil {
		return err
	}
	if x.summary, err = plan.WriteFrom(p, src, x.mark, seal.PartPlain, u.note); err != nil {
		cancel()
		return p.Abort(err)
	}
	if err := x.pad(p); err != nil {
		return err
	}
	x.root, err = x.sealer.PayloadRoot()
	return err
}

// pad fills the archive with zeros to its padded length.
func (x *sending) pad(p *seal.Pipe) error {
	if n := x.plain - max(x.archive, x.mark.At); n > 0 {
		if _, err := io.CopyN(p, zeros{}, n); err != nil {
			return p.Abort(err)
		}
	}
	return p.Close()
}

// uploader sends sealed parts.
type uploader struct {
	x     *sending
	ctx   context.Context
	lines *lines
	done  atomic.Int64 // bytes with the relay

	forecast forecast

	mu    sync.Mutex // guards the field below
	marks map[int]bag.Mark
}

func newUploader(x *sending, ctx context.Context) *uploader {
	u := &uploader{x: x, ctx: ctx, lines: x.s.lines(ctx, x.a.home.Config.Parallel), marks: map[int]bag.Mark{}}
	for n := range x.sealer.Parts() {
		if x.has(n) {
			u.done.Add(seal.PartLen(x.sealer.PayloadSize(), n))
		}
	}
	u.forecast.begun, u.forecast.first, u.forecast.total, u.forecast.expires = x.a.now(), u.done.Load(), x.sealer.PayloadSize(), x.grant.Expires.Time()
	return u
}

// note takes the mark behind a part, before the part is complete.
func (u *uploader) note(m bag.Mark) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.marks[int(m.At/seal.PartPlain)-1] = m
}

// mark returns the mark behind a part. Behind the archive there is only padding.
func (u *uploader) mark(n int) bag.Mark {
	u.mu.Lock()
	defer u.mu.Unlock()
	m, ok := u.marks[n]
	if !ok {
		return bag.Mark{At: int64(n+1) * seal.PartPlain, Item: u.x.inv.Len()}
	}
	delete(u.marks, n)
	return m
}

// send sends a part, unless the relay had it: then sealing it again has shown that its
// source is the same. If we crash before the journal has the part, nothing of it has
// left; after, the next send may send it again.
func (u *uploader) send(worker int, p seal.SealedPart) error {
	m := u.mark(p.N)
	if u.x.has(p.N) {
		return nil
	}
	if err := u.x.journal.Part(journal.Part{N: p.N, SHA256: p.SHA256, Mark: m}); err != nil {
		return err
	}
	err := u.lines.at(worker).retry(u.ctx, func(c *wire.Client) error {
		return c.PutPart(u.ctx, u.x.res.Package, u.x.res.Epoch, p.N, p.SHA256, p.Ciphertext)
	})
	if err != nil {
		return fmt.Errorf("sending part %d: %w", p.N, err)
	}
	done := u.done.Add(int64(len(p.Ciphertext)))
	u.forewarn(done)
	u.x.a.progress(Progress{Act: "sending", Done: done, Total: u.x.sealer.PayloadSize(), Files: u.x.inv.Files()})
	return nil
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
