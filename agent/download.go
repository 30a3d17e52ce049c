package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/wire"
)

// download streams the payload, part by part checked before it is decrypted,
// through age into the quarantine.
func (x *fetching) download(ctx context.Context, q *quarantine.Folder) (*bag.Contents, error) {
	ids, err := x.a.home.Identities()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	d := newDownloader(x, ctx)
	defer d.wait()
	defer cancel()
	plain, err := seal.Open(x.head, d, ids...)
	if err != nil {
		return nil, d.blame(err, "not-decryptable")
	}
	c, err := bag.Extract(plain, q.Root(), x.pkg.Package, bag.Limits{})
	if err != nil {
		return nil, d.blame(err, "malformed-package")
	}
	return c, nil
}

// downloader is the payload as a reader: several parts are fetched ahead, each is
// checked against its digest, and they come out in order. Buffers go round.
type downloader struct {
	x       *fetching
	ctx     context.Context
	queue   chan chan fetched // in order of parts
	free    chan []byte
	workers sync.WaitGroup

	// owned by the reading goroutine
	rest []byte // of the current part
	buf  []byte // its whole buffer
	err  error
	done int64
}

type fetched struct {
	data []byte
	err  error
}

func newDownloader(x *fetching, ctx context.Context) *downloader {
	n := x.a.home.Config.Parallel
	d := &downloader{x: x, ctx: ctx, queue: make(chan chan fetched, n), free: make(chan []byte, n+1)}
	for range n + 1 {
		d.free <- make([]byte, seal.PartLen(x.pkg.PayloadSize, 0))
	}
	d.workers.Go(d.run)
	return d
}

// run starts one fetch per free buffer, in order.
func (d *downloader) run() {
	defer close(d.queue)
	for n := range d.x.digests {
		var buf []byte
		select {
		case buf = <-d.free:
		case <-d.ctx.Done():
			return
		}
		result := make(chan fetched, 1)
		select {
		case d.queue <- result:
		case <-d.ctx.Done():
			return
		}
		d.workers.Go(func() {
			data := buf[:seal.PartLen(d.x.pkg.PayloadSize, n)]
			result <- fetched{data, d.part(n, data)}
		})
	}
}

func (d *downloader) wait() { d.workers.Wait() }

// part fetches one part and checks it.
func (d *downloader) part(n int, data []byte) error {
	err := d.x.s.retry(d.ctx, func(c *wire.Client) error {
		return c.Payload(d.ctx, d.x.pkg.Package, int64(n)*seal.PartSize, data)
	})
	if err != nil {
		return fmt.Errorf("fetching part %d: %w", n, err)
	}
	if sha256.Sum256(data) != d.x.digests[n] {
		return altered("part %d is not the one that was sealed", n)
	}
	return nil
}

// Read gives out checked bytes only.
func (d *downloader) Read(p []byte) (int, error) {
	if d.err == nil && len(d.rest) == 0 {
		d.err = d.next()
	}
	if d.err != nil {
		return 0, d.err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *downloader) next() error {
	if d.buf != nil {
		d.free <- d.buf[:cap(d.buf)]
		d.buf = nil
	}
	result, ok := <-d.queue
	if !ok {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	f := <-result
	if f.err != nil {
		return f.err
	}
	d.buf, d.rest = f.data, f.data
	d.done += int64(len(f.data))
	d.x.a.progress(Progress{Act: "fetching", Done: d.done, Total: d.x.pkg.PayloadSize, Files: int(d.x.inner.Files)})
	return nil
}

// blame turns an error of decryption or unpacking into a rejection, unless the
// cause lies in fetching, in this machine, or in names that it cannot hold. What
// was decrypted had the digests of the seal.
func (d *downloader) blame(err error, reason string) error {
	if d.err != nil && !errors.Is(d.err, io.EOF) {
		return d.err
	}
	var disk *fs.PathError
	var link *os.LinkError
	var names *bag.NamesError
	if errors.As(err, &disk) || errors.As(err, &link) || errors.As(err, &names) {
		return err
	}
	return rejected(reason, "%w", err)
}
