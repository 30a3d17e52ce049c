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
	d := newDownloader(x, ctx, opener, allParts(len(x.digests)))
	d.landing = l
	defer d.workers.Wait()
	defer cancel()
	if err := d.end(); err != nil {
		return nil, err
	}
	d.workers.Go(d.run)
	c, err := bag.Extract(d, q.Root(), x.pkg.Package, bag.Limits{})
	if err != nil {
		return nil, d.blame(err)
	}
	return c, nil
}

// downloader is the plaintext as a reader: several parts are fetched and opened at
// once, and come out in order. Buffers go round.
type downloader struct {
	x       *fetching
	ctx     context.Context
	opener  *seal.Opener
	landing *quarantine.Landing // nil: nothing is kept
	parts   []int               // to fetch, ascending
	queue   chan chan opened    // in order of parts
	sealed  chan []byte         // buffers for ciphertext, one for each part in flight
	plain   chan []byte         // buffers for plaintext, one more: the reader holds it
	workers sync.WaitGroup

	// owned by the reading goroutine
	rest []byte // of the current part
	buf  []byte // its whole buffer
	err  error
	next int // of parts, to come
	done int64
}

// opened is a part that was checked and opened, in one of the plain buffers.
type opened struct {
	plain []byte
	err   error
}

func newDownloader(x *fetching, ctx context.Context, o *seal.Opener, parts []int) *downloader {
	n := min(x.a.home.Config.Parallel, max(1, len(parts)))
	d := &downloader{x: x, ctx: ctx, opener: o, parts: parts,
		queue: make(chan chan opened, n), sealed: make(chan []byte, n), plain: make(chan []byte, n+1)}
	size := seal.PartLen(x.pkg.PayloadSize, 0)
	for range n {
		d.sealed <- make([]byte, size)
	}
	for range n + 1 {
		d.plain <- make([]byte, 0, min(size, seal.PartPlain))
	}
	return d
}

// end fetches the last part and opens it, and with it the payload's last chunk: a
// package that was sealed wrongly shows before hours of download.
func (d *downloader) end() error {
	plain := <-d.plain
	_, err := d.part(len(d.x.digests)-1, plain)
	d.plain <- plain
	return err
}

// run starts one fetch per free buffer, in order.
func (d *downloader) run() {
	defer close(d.queue)
	for _, n := range d.parts {
		var buf []byte
		select {
		case buf = <-d.plain:
		case <-d.ctx.Done():
			return
		}
		result := make(chan opened, 1)
		select {
		case d.queue <- result:
		case <-d.ctx.Done():
			return
		}
		d.workers.Go(func() {
			plain, err := d.part(n, buf)
			result <- opened{plain, err}
		})
	}
}

// part brings part n from the landing or the relay and opens it into buf.
func (d *downloader) part(n int, buf []byte) ([]byte, error) {
	whole := <-d.sealed
	defer func() { d.sealed <- whole }()
	sealed := whole[:seal.PartLen(d.x.pkg.PayloadSize, n)]
	if d.landing == nil || !d.landed(n, sealed) {
		if err := d.fetch(n, sealed); err != nil {
			return nil, err
		}
		if d.landing != nil {
			if err := d.landing.WritePart(n, sealed); err != nil {
				return nil, err
			}
		}
	}
	plain, err := d.opener.OpenPart(buf[:0], n, sealed)
	if err != nil {
		return nil, rejected("not-decryptable", "%w", err)
	}
	return plain, nil
}

// landed reads a part that an earlier try has left, if it is the one that was
// sealed.
func (d *downloader) landed(n int, sealed []byte) bool {
	return d.landing.ReadPart(n, sealed) && sha256.Sum256(sealed) == d.x.digests[n]
}

// fetch reads a part from the relay and checks it.
func (d *downloader) fetch(n int, sealed []byte) error {
	err := d.x.s.retry(d.ctx, func(c *wire.Client) error {
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

// Read gives out plaintext of checked parts only.
func (d *downloader) Read(p []byte) (int, error) {
	for d.err == nil && len(d.rest) == 0 { // the only part of an empty payload is empty
		d.err = d.turn()
	}
	if d.err != nil {
		return 0, d.err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// turn waits for the next part.
func (d *downloader) turn() error {
	if d.buf != nil {
		d.plain <- d.buf
		d.buf = nil
	}
	result, ok := <-d.queue
	if !ok {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	o := <-result
	if o.err != nil {
		return o.err
	}
	d.buf, d.rest = o.plain, o.plain
	d.done += seal.PartLen(d.x.pkg.PayloadSize, d.parts[d.next])
	d.next++
	d.x.a.progress(Progress{Act: "fetching", Done: d.done, Total: d.total(), Files: int(d.x.inner.Files)})
	return nil
}

// total is the length of all parts that are fetched.
func (d *downloader) total() int64 {
	n := int64(0)
	for _, p := range d.parts {
		n += seal.PartLen(d.x.pkg.PayloadSize, p)
	}
	return n
}

func allParts(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// blame turns an error of unpacking into a rejection, unless the cause lies in
// fetching, in this machine, or in names that it cannot hold. What was unpacked had
// the digests of the seal.
func (d *downloader) blame(err error) error {
	if d.err != nil && !errors.Is(d.err, io.EOF) {
		return d.err
	}
	var disk *fs.PathError
	var link *os.LinkError
	var names *bag.NamesError
	if errors.As(err, &disk) || errors.As(err, &link) || errors.As(err, &names) {
		return err
	}
	return rejected("malformed-package", "%w", err)
}
