package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"comity.example/comity/gateway/objects"
)

// sumSize is the length of the mark that says a part was put: its SHA-256,
// after the data in the same file, so that one sync covers both. Zeros mean
// absent. A mark that survived a crash without its data belongs to a PutPart
// that was not acknowledged: the caller has no row of it and asks again.
const sumSize = sha256.Size

// turn is one running PutPart.
type turn struct {
	d    *Dir
	u    *upload
	s    *slot
	p    objects.Part
	file *os.File // our own: each descriptor is told of each failed sync once
	sum  hash.Hash
	keep bool // the part is there already: check the body, write nothing
}

// PutPart writes the body at its place in the upload file. If we crash while
// writing, the mark of the part is zero and Complete refuses it. If we crash
// between the sync and the answer, the sender puts the same bytes again.
func (d *Dir) PutPart(ctx context.Context, key, id string, p objects.Part, body io.Reader) (string, error) {
	u, err := d.upload(key, id)
	if err != nil {
		return "", err
	}
	want, err := objects.PartSize(u.Size, u.PartSize, p.Number)
	if err != nil {
		return "", err
	}
	if p.Size != want {
		return "", fmt.Errorf("%w: part %d of %d bytes, want %d", objects.ErrInvalid, p.Number, p.Size, want)
	}
	if err := d.putPart(ctx, u, p, body); err != nil {
		return "", fmt.Errorf("putting part %d of %q: %w", p.Number, key, err)
	}
	return hex.EncodeToString(p.SHA256[:]), nil
}

func (d *Dir) putPart(ctx context.Context, u *upload, p objects.Part, body io.Reader) error {
	f, err := d.disk.root.OpenFile(u.data(), os.O_RDWR, 0)
	if err != nil {
		return d.whyClosed(u, err)
	}
	defer f.Close()
	t := &turn{d: d, u: u, s: &u.parts[p.Number], p: p, file: f, sum: sha256.New()}
	if err := t.begin(); err != nil {
		return err
	}
	defer t.end()
	if err := t.copy(ctx, body); err != nil {
		return err
	}
	if [32]byte(t.sum.Sum(nil)) != p.SHA256 {
		return objects.ErrDigest
	}
	return t.finish()
}

// whyClosed explains why the upload file cannot be opened: Abort or Complete
// was faster.
func (d *Dir) whyClosed(u *upload, err error) error {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if closed := u.open(); closed != nil {
		return closed
	}
	return err
}

// begin takes the part from whoever holds it. A mark that we do not know to be
// synced, or that is of other bytes, is cleared, synced, before the first byte
// is overwritten: else a crash could leave a mark over a mixture.
func (t *turn) begin() error {
	t.u.mu.RLock()
	defer t.u.mu.RUnlock()
	if err := t.u.open(); err != nil {
		return err
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.holder = t
	mark, err := t.u.mark(t.file, t.p.Number)
	if err != nil {
		return err
	}
	if t.s.synced && mark == t.p.SHA256 {
		t.keep = true
		return nil
	}
	t.s.synced = false
	if mark == [sumSize]byte{} {
		return nil
	}
	if err := t.writeMark([sumSize]byte{}); err != nil {
		return err
	}
	return t.file.Sync()
}

func (t *turn) end() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.s.holder == t {
		t.s.holder = nil
	}
}

// hold calls f while the part is ours and the upload is open.
func (t *turn) hold(f func() error) error {
	t.u.mu.RLock()
	defer t.u.mu.RUnlock()
	if err := t.u.open(); err != nil {
		return err
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.s.holder != t {
		return objects.ErrSuperseded
	}
	return f()
}

func (t *turn) copy(ctx context.Context, body io.Reader) error {
	block := t.d.blocks.Get().(*[blockSize]byte)
	defer t.d.blocks.Put(block)
	for done := int64(0); done < t.p.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := block[:min(blockSize, t.p.Size-done)]
		if _, err := io.ReadFull(body, b); err != nil {
			return bodyError(err)
		}
		t.sum.Write(b)
		if err := t.write(b, done); err != nil {
			return err
		}
		done += int64(len(b))
	}
	switch _, err := io.ReadFull(body, block[:1]); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: more than %d bytes", objects.ErrDigest, t.p.Size)
	default:
		return bodyError(err)
	}
}

func bodyError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: body is short", objects.ErrDigest)
	}
	return fmt.Errorf("reading body: %w", err)
}

func (t *turn) write(b []byte, done int64) error {
	return t.hold(func() error {
		if t.keep {
			return nil
		}
		_, err := t.file.WriteAt(b, int64(t.p.Number)*t.u.PartSize+done)
		return err
	})
}

// finish marks the part and syncs it. A sync that failed is not tried again: the
// mark stays unsynced, so the next PutPart clears it and writes every byte anew.
func (t *turn) finish() error {
	return t.hold(func() error {
		if t.keep {
			return nil
		}
		if err := t.writeMark(t.p.SHA256); err != nil {
			return err
		}
		if err := t.file.Sync(); err != nil {
			return err
		}
		t.s.synced = true
		return nil
	})
}

func (t *turn) writeMark(sum [sumSize]byte) error {
	_, err := t.file.WriteAt(sum[:], t.u.Size+sumSize*int64(t.p.Number))
	return err
}

// mark reads the mark of part n.
func (u *upload) mark(f io.ReaderAt, n int) (sum [sumSize]byte, err error) {
	_, err = f.ReadAt(sum[:], u.Size+sumSize*int64(n))
	return sum, err
}
