package capture

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"

	"filippo.io/age"
)

// copyBuffer is how much is read at once.
const copyBuffer = 256 << 10

// Writer makes a capture: for each file Copy, then Add. Memory does not grow with what
// is read.
type Writer struct {
	dir   string
	info  Info
	inv   bag.Inventory
	file  *os.File
	spool io.WriteCloser // age, into file
	buf   []byte
	n     int64 // bytes taken
	at    int64 // where the content of the file that is added next begins
}

// Create begins a capture in the folder dir, which it makes, and says so there before
// it takes a byte.
func Create(dir string, to age.Recipient, info Info) (*Writer, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, info: info, buf: make([]byte, copyBuffer)}
	if err := durable.WriteNew(filepath.Join(dir, fileInfo), statement.Encode(info), 0o600); err != nil {
		return nil, err
	}
	var err error
	if w.file, err = os.OpenFile(w.Path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("creating spool: %w", err)
	}
	if w.spool, err = age.Encrypt(w.file, to); err != nil {
		return nil, errors.Join(fmt.Errorf("encrypting spool: %w", err), w.file.Close())
	}
	return w, nil
}

// Path is where the ciphertext lies.
func (w *Writer) Path() string { return filepath.Join(w.dir, fileSpool) }

// Bytes is how many bytes were taken.
func (w *Writer) Bytes() int64 { return w.n }

// Copy takes what r has, at most so many bytes, and calls each, if it is not nil, now
// and then.
func (w *Writer) Copy(ctx context.Context, r io.Reader, most int64, each func()) error {
	for most > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(w.buf[:min(most, copyBuffer)])
		if _, err := w.spool.Write(w.buf[:n]); err != nil {
			return fmt.Errorf("writing spool: %w", err)
		}
		w.n += int64(n)
		most -= int64(n)
		if each != nil {
			each()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Add lists a folder, or the file whose content was copied since the last one was
// added. The size is what was copied, whatever it says.
func (w *Writer) Add(it bag.Item) {
	it.Size, it.Fingerprint = 0, bag.Fingerprint{}
	if !it.Dir {
		it.Size, it.Fingerprint = w.n-w.at, place(w.at)
		w.at = w.n
	}
	w.inv.Add(it)
}

// Complete makes the capture one that Open opens. If we crash before its last step,
// the capture is not complete, and nothing can be made of it.
func (w *Writer) Complete(ctx context.Context, ended custody.Time) (*Info, error) {
	if err := errors.Join(w.spool.Close(), w.file.Sync(), w.file.Close()); err != nil {
		return nil, fmt.Errorf("writing spool: %w", err)
	}
	h := sha256.New()
	items := func(to io.Writer) error { return w.inv.WriteSources(io.MultiWriter(to, h)) }
	if err := durable.WriteStream(filepath.Join(w.dir, fileItems), items, 0o600); err != nil {
		return nil, err
	}
	i := w.info
	i.Complete, i.Ended, i.Files, i.Bytes, i.Items = true, ended, int64(w.inv.Files()), w.n, custody.Digest(h.Sum(nil))
	// An interrupt on a terminal ends the program before the pipe, too, and then its
	// end looks like the end of the input.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &i, durable.WriteFile(filepath.Join(w.dir, fileInfo), statement.Encode(i), 0o600)
}

// Abort destroys a capture that does not become complete.
func (w *Writer) Abort() error {
	w.file.Close() // it may be closed, and nothing in it is wanted
	return Remove(w.dir)
}
