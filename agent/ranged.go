package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"comity.example/comity/crypto/seal"
)

// ranged is the plaintext of a payload as an io.ReaderAt that knows which parts it
// will be asked for. They are brought ahead and opened as for a whole package, each
// checked against its digest first, and come in order: who reads goes forward.
type ranged struct {
	*seal.Reader
	d     *downloader
	stop  context.CancelFunc
	parts []int
	size  int64 // of all plaintext
	at    int64 // what comes next, in the plaintext
	done  atomic.Int64
}

// ranged begins to bring the parts of these runs of plaintext, which ascend.
func (x *fetching) ranged(ctx context.Context, runs ...run) (*ranged, error) {
	ids, err := x.a.home.Identities()
	if err != nil {
		return nil, err
	}
	opener, err := seal.NewOpener(x.head, x.pkg.PayloadSize, ids...)
	if err != nil {
		return nil, rejected("not-decryptable", "%w", err)
	}
	r := &ranged{}
	if r.size, err = seal.PlainSize(x.pkg.PayloadSize); err != nil {
		return nil, err
	}
	if r.parts, err = partsOf(r.size, runs); err != nil {
		return nil, err
	}
	r.at = int64(r.parts[0]) * seal.PartPlain
	ctx, r.stop = context.WithCancel(ctx)
	n := x.a.home.Config.Parallel
	r.d = &downloader{x: x, ctx: ctx, lines: x.s.lines(ctx, n)}
	if r.Reader, err = seal.NewPartReader(opener, r.parts, n, r.bring); err != nil {
		r.stop()
		r.d.lines.close()
		return nil, err
	}
	return r, nil
}

// bring fetches a part; nothing of it is kept.
func (r *ranged) bring(worker, n int, sealed []byte) error {
	if err := r.d.fetch(worker, n, sealed); err != nil {
		return err
	}
	r.d.x.a.progress(Progress{Act: "fetching", Done: r.done.Add(int64(len(sealed))), Total: r.total(), Files: int(r.d.x.inner.Files)})
	return nil
}

// total is the length of all parts that are brought: these, and the last of all.
func (r *ranged) total() int64 {
	payload := r.d.x.pkg.PayloadSize
	n := seal.PartLen(payload, seal.Parts(payload)-1)
	for _, p := range r.parts {
		n += seal.PartLen(payload, p)
	}
	return n
}

// close stops what is being brought ahead.
func (r *ranged) close() {
	r.stop()
	r.Close()
	r.d.lines.close()
}

// run is a run of plaintext, in bytes.
type run struct{ from, to int64 }

// partsOf lists the parts that hold these runs, at least one byte.
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
	if len(list) == 0 {
		return nil, errors.New("internal error: no parts to fetch")
	}
	return list, nil
}

// ReadAt implements io.ReaderAt, for one reader that goes forward.
func (r *ranged) ReadAt(b []byte, off int64) (int, error) {
	if err := r.forward(off); err != nil {
		return 0, err
	}
	done := 0
	for done < len(b) {
		n := min(int64(len(b)-done), r.left())
		if n == 0 {
			return done, io.EOF
		}
		m, err := io.ReadFull(r.Reader, b[done:done+int(n)])
		r.advance(int64(m))
		if done += m; err != nil {
			return done, err
		}
	}
	return done, nil
}

// forward skips to a place in the same or a later part.
func (r *ranged) forward(off int64) error {
	n := int(off / seal.PartPlain)
	if off < r.at || !slices.Contains(r.parts, n) {
		return fmt.Errorf("internal error: byte %d is not fetched, or was read", off)
	}
	for r.at < off {
		m, err := io.CopyN(io.Discard, r.Reader, min(off-r.at, r.left()))
		r.advance(m)
		if err != nil {
			return err
		}
	}
	return nil
}

// left is how many bytes of the current part are to come.
func (r *ranged) left() int64 {
	if r.at >= r.size {
		return 0
	}
	return min(seal.PartPlain-r.at%seal.PartPlain, r.size-r.at)
}

// advance goes on, at the end of a part to the next one that is fetched.
func (r *ranged) advance(n int64) {
	r.at += n
	if r.at%seal.PartPlain != 0 || n == 0 {
		return
	}
	i, _ := slices.BinarySearch(r.parts, int(r.at/seal.PartPlain))
	if i == len(r.parts) {
		r.at = r.size
		return
	}
	r.at = int64(r.parts[i]) * seal.PartPlain
}
