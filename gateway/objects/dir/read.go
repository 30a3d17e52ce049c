package dir

import (
	"context"
	"fmt"
	"io"
	"os"

	"comity.example/comity/gateway/objects"
)

// Get opens the file under the lock of the key. Afterwards the descriptor keeps
// the version readable, also if the key is replaced or deleted.
func (d *Dir) Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, objects.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, objects.Info{}, err
	}
	l := d.lock(key)
	l.RLock()
	defer l.RUnlock()
	s, err := d.find(key, version)
	if err != nil {
		return nil, objects.Info{}, err
	}
	info, err := d.retention(key, s.info())
	if err == nil {
		length, err = span(info.Size, off, length)
	}
	if err != nil {
		s.file.Close()
		return nil, objects.Info{}, fmt.Errorf("getting %q: %w", key, err)
	}
	return &reader{ctx: ctx, file: s.file, off: s.off + off, left: length}, info, nil
}

// span returns the number of bytes that a range asks for.
func span(size, off, length int64) (int64, error) {
	if off < 0 || off > size || length < -1 || length > size-off {
		return 0, fmt.Errorf("%w: %d bytes from %d of %d", objects.ErrRange, length, off, size)
	}
	if length == -1 {
		length = size - off
	}
	return length, nil
}

// reader reads left bytes of file from off.
type reader struct {
	ctx  context.Context // of the Get: the reader is the rest of that call
	file *os.File
	off  int64
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), r.left)], r.off)
	r.off += int64(n)
	r.left -= int64(n)
	if err == io.EOF {
		err = nil
		if r.left > 0 { // cut behind our back since find checked its size
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }

// Stat reads the record and the lock of a version.
func (d *Dir) Stat(ctx context.Context, key, version string) (objects.Info, error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return objects.Info{}, err
	}
	l := d.lock(key)
	l.RLock()
	defer l.RUnlock()
	return d.stat(key, version)
}

// stat is Stat for a caller that holds the lock of the key.
func (d *Dir) stat(key, version string) (objects.Info, error) {
	s, err := d.find(key, version)
	if err != nil {
		return objects.Info{}, err
	}
	s.file.Close()
	return d.retention(key, s.info())
}
