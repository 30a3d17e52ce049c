package quarantine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"comity.example/comity/crypto/seal"
)

// A Landing keeps the ciphertext of one package while it arrives, in one file
// beside the place where the package will stand, so that the next try fetches only
// what is missing. ReadPart and WritePart may be called concurrently.
//
// Nothing is synced and no journal says which parts are there: a part counts only
// if it has the digest that was sealed, which the caller checks each time it reads
// one. A hole, a write that a crash tore, or what somebody else has put there does
// not have it.
//
// The last part stands first, because it arrives first; the others follow in their
// order. So the file grows at its end: a write far beyond it would take zeros for
// terabytes where files cannot have holes.
type Landing struct {
	root *os.Root
	name string
	f    *os.File
	size int64        // of the payload
	held atomic.Int64 // bytes from the start that may have been written
}

// Land opens the landing of the bag of that name in a folder, or makes an empty
// one. What has its name and is no regular file, or one that has other names too, is
// removed, not followed: somebody else has put it there.
func Land(in, name string, payload int64) (*Landing, error) {
	root, err := os.OpenRoot(in)
	if err != nil {
		return nil, fmt.Errorf("opening landing: %w", err)
	}
	l := &Landing{root: root, name: landingName(name), size: payload}
	if l.f, err = openRegular(root, l.name); err != nil {
		root.Close()
		return nil, fmt.Errorf("opening landing: %w", err)
	}
	if err := l.measure(); err != nil {
		return nil, fmt.Errorf("opening landing: %w", errors.Join(err, l.f.Close(), root.Close()))
	}
	return l, nil
}

// measure notes how much is there, and cuts off what no payload of this size has.
func (l *Landing) measure() error {
	info, err := l.f.Stat()
	if err != nil {
		return err
	}
	l.held.Store(min(info.Size(), l.size))
	if info.Size() > l.size {
		return l.f.Truncate(l.size)
	}
	return nil
}

func landingName(name string) string { return prefix + name + ".landing" }

// Landed reports whether there is a landing of the bag of that name in a folder.
func Landed(in, name string) bool {
	_, err := os.Lstat(filepath.Join(in, landingName(name)))
	return err == nil
}

// openRegular opens a file for reading and writing that is not a link to another,
// symbolic or hard.
func openRegular(root *os.Root, name string) (*os.File, error) {
	before, err := root.Lstat(name)
	switch {
	case err == nil && before.Mode().IsRegular() && names(before) == 1:
		return reopen(root, name, before)
	case err == nil:
		if err := root.Remove(name); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// reopen opens a file that was seen before. In between a link could have taken its
// name; opening changes nothing, and what was opened is compared.
func reopen(root *os.Root, name string, seen fs.FileInfo) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(seen, now) {
		err = fmt.Errorf("%q was exchanged while it was opened", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Held returns how many bytes of the payload may be here already.
func (l *Landing) Held() int64 { return l.held.Load() }

// ReadPart reads part n, as long as p, and reports whether something of it was
// there to be read. The caller compares its digest.
func (l *Landing) ReadPart(n int, p []byte) bool {
	at := l.offset(n)
	if at+int64(len(p)) > l.held.Load() {
		return false
	}
	_, err := l.f.ReadAt(p, at)
	return err == nil
}

// WritePart keeps part n, whose digest the caller has checked.
func (l *Landing) WritePart(n int, p []byte) error {
	at := l.offset(n)
	if _, err := l.f.WriteAt(p, at); err != nil {
		return fmt.Errorf("landing part %d: %w", n, err)
	}
	l.held.CompareAndSwap(at, at+int64(len(p)))
	return nil
}

// offset is where part n stands.
func (l *Landing) offset(n int) int64 {
	last := seal.Parts(l.size) - 1
	if n == last {
		return 0
	}
	return seal.PartLen(l.size, last) + int64(n)*seal.PartSize
}

// Close leaves what has landed for the next try, or no file if nothing has.
func (l *Landing) Close() error {
	info, err := l.f.Stat()
	if err == nil && info.Size() == 0 {
		return l.Remove()
	}
	return errors.Join(err, l.f.Close(), l.root.Close())
}

// Remove closes and deletes it.
func (l *Landing) Remove() error {
	err := l.f.Close()
	if gone := l.root.Remove(l.name); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, l.root.Close())
}
