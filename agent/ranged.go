package agent

import (
	"context"
	"fmt"
	"io"

	"comity.example/comity/crypto/seal"
)

// ranged is the plaintext of a payload as an io.ReaderAt that knows which parts it
// will be asked for. They are fetched ahead and opened as for a whole package, each
// checked against its digest first, and come in order: who reads goes forward.
type ranged struct {
	d    *downloader
	stop context.CancelFunc
	part int    // that is held; -1 at first
	held []byte // its plaintext
}

// ranged begins to fetch the parts of these runs of plaintext, which ascend.
func (x *fetching) ranged(ctx context.Context, runs ...run) (*ranged, error) {
	ids, err := x.a.home.Identities()
	if err != nil {
		return nil, err
	}
	opener, err := seal.NewOpener(x.head, x.pkg.PayloadSize, ids...)
	if err != nil {
		return nil, rejected("not-decryptable", "%w", err)
	}
	parts, err := partsOf(x.pkg.PayloadSize, runs)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &ranged{d: newDownloader(x, ctx, opener, parts), stop: cancel, part: -1}
	if err := r.d.end(); err != nil { // that the payload is whole shows in its last part alone
		cancel()
		return nil, err
	}
	r.d.workers.Go(r.d.run)
	return r, nil
}

// close stops what is being fetched ahead.
func (r *ranged) close() {
	r.stop()
	r.d.workers.Wait()
}

// run is a run of plaintext, in bytes.
type run struct{ from, to int64 }

// partsOf lists the parts that hold these runs.
func partsOf(payload int64, runs []run) ([]int, error) {
	plain, err := seal.PlainSize(payload)
	if err != nil {
		return nil, err
	}
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
	for r.part < n {
		if r.d.err == nil {
			r.d.err = r.d.turn()
		}
		if r.d.err != nil {
			return r.d.err
		}
		r.part, r.held = r.d.parts[r.d.next-1], r.d.rest
	}
	if r.part != n {
		return fmt.Errorf("internal error: part %d is not fetched", n)
	}
	return nil
}
