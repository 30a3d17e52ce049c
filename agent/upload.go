package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

const abandonTimeout = 10 * time.Second

// upload reads the folder once and sends it part by part: one goroutine packs,
// as many as configured seal, hash and send.
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u := &uploader{x: x, ctx: ctx, lines: x.s.lines(ctx, x.a.home.Config.Parallel)}
	defer u.lines.close()
	p, err := seal.NewPipe(x.sealer, 0, x.a.home.Config.Parallel, u.send)
	if err != nil {
		return err
	}
	if x.summary, err = plan.Write(p, src); err != nil {
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
	if _, err := io.CopyN(p, zeros{}, x.plain-x.archive); err != nil {
		return p.Abort(err)
	}
	return p.Close()
}

// uploader sends sealed parts.
type uploader struct {
	x     *sending
	ctx   context.Context
	lines *lines
	done  atomic.Int64
}

func (u *uploader) send(worker int, p seal.SealedPart) error {
	err := u.lines.at(worker).retry(u.ctx, func(c *wire.Client) error {
		return c.PutPart(u.ctx, u.x.res.Package, u.x.res.Epoch, p.N, p.SHA256, p.Ciphertext)
	})
	if err != nil {
		return fmt.Errorf("sending part %d: %w", p.N, err)
	}
	u.x.a.progress(Progress{Act: "sending", Done: u.done.Add(int64(len(p.Ciphertext))), Total: u.x.sealer.PayloadSize(), Files: u.x.inv.Files()})
	return nil
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
