package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// download brings the payload into the landing and unpacks it into the quarantine
// in the same pass. Each part is checked against its digest before it is decrypted.
// If we are killed in here, the next try finds in the landing what has arrived,
// fetches the rest, and unpacks from the beginning: unpacking is not what takes long.
func (x *fetching) download(ctx context.Context, l *quarantine.Landing, q *quarantine.Folder) (*bag.Contents, error) {
	ids, err := x.a.home.Identities()
	if err != nil {
		return nil, err
	}
	opener, err := seal.NewOpener(x.head, x.pkg.PayloadSize, ids...)
	if err != nil {
		return nil, rejected("not-decryptable", "%w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	d := newDownloader(x, ctx, l, x.pkg.PayloadSize)
	defer d.lines.close()
	r, err := seal.NewReader(opener, d.workers(), d.part)
	if err != nil {
		cancel()
		return nil, err
	}
	defer r.Close()
	defer cancel()
	c, err := bag.Extract(r, q.Root(), x.pkg.Package, bag.Limits{})
	if err != nil {
		return nil, blame(r.Err(), err)
	}
	return c, nil
}

// downloader brings parts, several at once.
type downloader struct {
	x       *fetching
	ctx     context.Context
	landing *quarantine.Landing // nil: nothing is kept
	lines   *lines
	total   int64 // bytes of the parts that will be brought
	done    atomic.Int64
	end     atomic.Bool // the last part, which may be brought twice, was counted
}

func newDownloader(x *fetching, ctx context.Context, l *quarantine.Landing, total int64) *downloader {
	return &downloader{x: x, ctx: ctx, landing: l, lines: x.s.lines(ctx, x.a.home.Config.Parallel), total: total}
}

func (d *downloader) workers() int { return len(d.lines.list) }

// part brings part n: from the landing, if it is there and the one that was sealed,
// or from the relay, and then it lands.
func (d *downloader) part(worker, n int, sealed []byte) error {
	if !d.landed(n, sealed) {
		if err := d.fetch(worker, n, sealed); err != nil {
			return err
		}
		if d.landing != nil {
			if err := d.landing.WritePart(n, sealed); err != nil {
				return err
			}
		}
	}
	if n < len(d.x.digests)-1 || !d.end.Swap(true) {
		d.x.a.progress(Progress{Act: "fetching", Done: d.done.Add(int64(len(sealed))), Total: d.total, Files: int(d.x.inner.Files)})
	}
	return nil
}

// landed reads a part that an earlier try has left, if it is the one that was
// sealed.
func (d *downloader) landed(n int, sealed []byte) bool {
	return d.landing != nil && d.landing.ReadPart(n, sealed) && sha256.Sum256(sealed) == d.x.digests[n]
}

// fetch reads a part from the relay and checks it.
func (d *downloader) fetch(worker, n int, sealed []byte) error {
	err := d.lines.at(worker).retry(d.ctx, func(c *wire.Client) error {
		return c.Payload(d.ctx, d.x.pkg.Package, int64(n)*seal.PartSize, sealed)
	})
	if err != nil {
		return fmt.Errorf("fetching part %d: %w", n, err)
	}
	if sha256.Sum256(sealed) != d.x.digests[n] {
		return altered("part %d is not the one that was sealed", n)
	}
	return nil
}

// blame turns an error of decryption or unpacking into a rejection, unless the cause
// lies in fetching, in this machine, or in names that it cannot hold. brought is the
// error of bringing and opening parts. What was decrypted had the digests of the seal.
func blame(brought, err error) error {
	var disk *fs.PathError
	var link *os.LinkError
	var names *bag.NamesError
	switch {
	case errors.Is(brought, seal.ErrAuth):
		return rejected("not-decryptable", "%w", brought)
	case brought != nil:
		return brought
	case errors.As(err, &disk), errors.As(err, &link), errors.As(err, &names):
		return err
	}
	return rejected("malformed-package", "%w", err)
}
