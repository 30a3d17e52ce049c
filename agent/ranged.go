package agent

import (
	"context"
	"fmt"
	"io"
	"slices"

	"comity.example/comity/crypto/seal"
)

// ranged is the plaintext of a payload as an io.ReaderAt that knows which parts it
// will be asked for. They are fetched ahead and opened as for a whole package, each
// checked against its digest first, and come in order: who reads goes forward.
type ranged struct {
	d     *downloader
	r     *seal.Reader // of the parts
	stop  context.CancelFunc
	parts []int // to come
	part  int   // that is held; -1 at first
	plain int64 // bytes of the whole plaintext
	held  []byte
}

// ranged begins to fetch the parts of these runs of plaintext, which ascend. That the
// payload is whole shows in its last part, which comes first.
func (x *fetching) ranged(ctx context.Context, runs ...run) (*ranged, error) {
	ids, err := x.a.home.Identities()
	if err != nil {
		return nil, err
	}
	opener, err := seal.NewOpener(x.head, x.pkg.PayloadSize, ids...)
	if err != nil {
		return nil, rejected("not-decryptable", "%w", err)
	}
	plain, err := seal.PlainSize(x.pkg.PayloadSize)
	if err != nil {
		return nil, err
	}
	parts, err := partsOf(plain, runs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &ranged{d: newDownloader(x, ctx, nil, x.sizeOf(parts)), stop: cancel, parts: parts, part: -1, plain: plain}
	if r.r, err = seal.NewPartsReader(opener, r.d.workers(), parts, r.d.part); err != nil {
		cancel()
		return nil, err
	}
	return r, nil
}

// sizeOf returns the bytes of these parts and of the last one, which is always
// brought.
func (x *fetching) sizeOf(parts []int) (n int64) {
	last := len(x.digests) - 1
	if !slices.Contains(parts, last) {
		n = seal.PartLen(x.pkg.PayloadSize, last)
	}
	for _, p := range parts {
		n += seal.PartLen(x.pkg.PayloadSize, p)
	}
	return n
}

// close stops what is being fetched ahead.
func (r *ranged) close() {
	r.stop()
	r.r.Close()
	r.d.lines.close()
}

// blame is blame of an error that reading met.
func (r *ranged) blame(err error) error { return blame(r.r.Err(), err) }

// run is a run of plaintext, in bytes.
type run struct{ from, to int64 }

// partsOf lists the parts that hold these runs of a plaintext of so many bytes.
func partsOf(plain int64, runs []run) ([]int, error) {
	var list []int
	next := 0
	for _, u := range runs {
		if u.from < 0 || u.to < u.from || u.to > plain {
			return nil, rejected("inner-mismatch", "bytes %d to %d are outside of a plaintext of %d", u.from, u.to, plain)
		}
		for n := max(next, int(u.from/seal.PartPlain)); int64(n)*seal.PartPlain < u.to; n++ {
			list, next = append(list, n), n+1
		}
	}
	return list, nil
}

// ReadAt implements io.ReaderAt, for one reader that goes forward.
func (r *ranged) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if err := r.turn(int(at / seal.PartPlain)); err != nil {
			return done, err
		}
		from := at % seal.PartPlain
		if from >= int64(len(r.held)) {
			return done, io.EOF
		}
		done += copy(b[done:], r.held[from:])
	}
	return done, nil
}

// turn holds part n.
func (r *ranged) turn(n int) error {
	for r.part < n && len(r.parts) > 0 {
		r.part, r.parts = r.parts[0], r.parts[1:]
		if r.held == nil {
			r.held = make([]byte, min(seal.PartPlain, r.plain))
		}
		r.held = r.held[:min(seal.PartPlain, r.plain-int64(r.part)*seal.PartPlain)]
		if _, err := io.ReadFull(r.r, r.held); err != nil {
			return err
		}
	}
	if r.part != n {
		return fmt.Errorf("internal error: part %d is not fetched", n)
	}
	return nil
}
