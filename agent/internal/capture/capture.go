// Package capture keeps, as ciphertext, what can be read only once: standard input, and
// the files of a folder that others write to. What was captured is read back as often as
// it takes, from any place, so that a package made of it can be continued.
//
// A capture is a folder:
//
//	capture.json   what it is, and whether it is complete; written last
//	items.txt      its files and folders, see bag.Inventory.WriteSources
//	spool.age      the contents of all files, one behind the other, in one age file
//
// It refuses to keep plaintext: what is read goes from memory into age, to a key of this
// machine. It refuses to open a capture that is not complete, and no byte of it is given
// out that age has not authenticated.
package capture

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/internal/durable"

	"filippo.io/age"
)

const (
	fileInfo  = "capture.json"
	fileItems = "items.txt"
	fileSpool = "spool.age"
)

var (
	// ErrIncomplete says that a capture was not complete when its process ended.
	ErrIncomplete = errors.New("the capture is not complete")
	// ErrDamaged says that what is on the disk is not what was captured.
	ErrDamaged = errors.New("the capture was damaged or changed on the disk since it was made")
)

// Info is what is known of a capture without opening it: capture.json. What follows
// Started is of a complete one only.
type Info struct {
	Complete bool           `json:"complete"`
	Name     string         `json:"name,omitempty"`   // of the one file, if standard input was read
	Folder   string         `json:"folder,omitempty"` // absolute, if a folder was
	Started  custody.Time   `json:"started"`
	Ended    custody.Time   `json:"ended,omitzero"`
	Files    int64          `json:"files,omitempty"`
	Bytes    int64          `json:"bytes,omitempty"`
	Items    custody.Digest `json:"items_sha256,omitzero"` // of items.txt
}

// Load reads what is known of a capture. The error wraps fs.ErrNotExist if there is
// none, or if only remains of one are there.
func Load(dir string) (*Info, error) {
	data, err := os.ReadFile(filepath.Join(dir, fileInfo))
	if err != nil {
		return nil, fmt.Errorf("reading capture: %w", err)
	}
	i := &Info{}
	if err := statement.Decode(data, i); err != nil {
		return nil, fmt.Errorf("reading capture %q: %v", dir, err)
	}
	return i, nil
}

// Remove destroys a capture. What is known of it goes first: if we crash before the
// rest is gone, Load finds none, and whoever calls Remove again ends it.
func Remove(dir string) error {
	if err := durable.Remove(filepath.Join(dir, fileInfo)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// Capture is a complete capture, open for reading. It is not safe for concurrent use.
type Capture struct {
	Info
	inv   *bag.Inventory
	file  *os.File
	plain io.ReaderAt
}

var _ bag.Source = (*Capture)(nil)

// Open opens a capture. The error wraps ErrDamaged if anything contradicts what was
// known when it was complete.
func Open(dir string, id age.Identity) (c *Capture, err error) {
	i, err := Load(dir)
	if err != nil {
		return nil, err
	}
	if !i.Complete {
		return nil, ErrIncomplete
	}
	c = &Capture{Info: *i}
	if c.inv, err = readItems(filepath.Join(dir, fileItems), i); err != nil {
		return nil, fmt.Errorf("opening capture: %w", err)
	}
	if c.file, err = os.Open(filepath.Join(dir, fileSpool)); err != nil {
		return nil, fmt.Errorf("opening capture: %w", err)
	}
	if err := c.decrypt(id); err != nil {
		c.file.Close() // nothing was written
		return nil, fmt.Errorf("opening capture: %w", err)
	}
	return c, nil
}

// readItems reads the list of files and folders. It is the one that was written, and
// the place of each file follows from the sizes of those before it.
func readItems(path string, i *Info) (*bag.Inventory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	inv, err := bag.ReadSources(io.TeeReader(f, h))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if custody.Digest(h.Sum(nil)) != i.Items || int64(inv.Files()) != i.Files || inv.Bytes() != i.Bytes {
		return nil, fmt.Errorf("%w: the list of its files is another one", ErrDamaged)
	}
	at := int64(0)
	for it := range inv.Items() {
		if it.Size < 0 || !it.Dir && it.Fingerprint != place(at) {
			return nil, fmt.Errorf("%w: the list of its files does not fit together", ErrDamaged)
		}
		at += it.Size
	}
	return inv, nil
}

// place is the fingerprint of a file whose content begins at an offset of the spool.
func place(at int64) bag.Fingerprint { return bag.Fingerprint{Inode: uint64(at)} }

// decrypt opens the spool. age reads its header and its end, so that one which was cut
// is found here.
func (c *Capture) decrypt(id age.Identity) error {
	fi, err := c.file.Stat()
	if err != nil {
		return err
	}
	plain, size, err := age.DecryptReaderAt(c.file, fi.Size(), id)
	if err != nil {
		return damaged(err)
	}
	if size != c.Bytes {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrDamaged, size, c.Bytes)
	}
	c.plain = authentic{plain}
	return nil
}

// authentic reads what age has authenticated, and says of the rest that it is damaged.
type authentic struct{ r io.ReaderAt }

// ReadAt implements io.ReaderAt.
func (a authentic) ReadAt(p []byte, off int64) (int, error) {
	n, err := a.r.ReadAt(p, off)
	if err == nil || errors.Is(err, io.EOF) && n > 0 || n == len(p) {
		return n, err
	}
	return n, damaged(err)
}

// damaged tells what is wrong with the bytes from a disk that does not give them.
func damaged(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// Inventory lists what was captured.
func (c *Capture) Inventory() *bag.Inventory { return c.inv }

// Folder implements bag.Source: what was captured does not change.
func (c *Capture) Folder(bag.Item) error { return nil }

// Open implements bag.Source.
func (c *Capture) Open(it bag.Item) (bag.Content, error) {
	return content{io.NewSectionReader(c.plain, int64(it.Fingerprint.Inode), it.Size)}, nil
}

// Close closes the capture. It stays.
func (c *Capture) Close() error { return c.file.Close() }

// content is one captured file.
type content struct{ *io.SectionReader }

// Close implements bag.Content.
func (content) Close() error { return nil }

// Unchanged implements bag.Content: age authenticates each chunk that is read.
func (content) Unchanged() error { return nil }
