package bag

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"time"
)

// mkdir makes the folder called name below the quarantine.
func (x *extraction) mkdir(name string) error {
	dir, base := split(name)
	root, err := x.folders.at(dir)
	if err != nil {
		return err
	}
	if err := root.Mkdir(base, 0o700); err != nil {
		return fmt.Errorf("making folder %q: %w", name, err)
	}
	return nil
}

// file writes the content of the current entry to a new file, also handing
// it to each, and returns its SHA-256.
func (x *extraction) file(e entry, each func([]byte) error) (sum [32]byte, err error) {
	dir, base := split(e.name)
	root, err := x.folders.at(dir)
	if err != nil {
		return sum, err
	}
	// Exclusive: never through a link, never over another file.
	f, err := root.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sum, fmt.Errorf("making file %q: %w", e.name, err)
	}
	sum, err = x.fill(f, e, each)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("closing %q: %w", e.name, cerr)
	}
	if err != nil {
		return sum, err
	}
	return sum, chtimes(root, base, e.mtime)
}

// fill copies the content of the current entry to f.
func (x *extraction) fill(f *os.File, e entry, each func([]byte) error) (sum [32]byte, err error) {
	h := sha256.New()
	err = x.archive.content(e.size, func(b []byte) error {
		if err := each(b); err != nil {
			return err
		}
		h.Write(b)
		if _, err := f.Write(b); err != nil {
			return fmt.Errorf("writing %q: %w", e.name, err)
		}
		return nil
	})
	if err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, x.archive.pad(e.size)
}

// fixed stores a tag file whose content must be want.
func (x *extraction) fixed(e entry, want []byte) (sum [32]byte, err error) {
	rest := want
	sum, err = x.file(e, func(b []byte) error {
		n := min(len(b), len(rest))
		if !bytes.Equal(b[:n], rest[:n]) || len(b) > n {
			return x.archive.refuse("does not fit the bag: %s", differs(want, len(want)-len(rest), b))
		}
		rest = rest[n:]
		return nil
	})
	if err == nil && len(rest) > 0 {
		err = x.archive.refuse("does not fit the bag: it ends before %q", line(want, len(want)-len(rest)))
	}
	return sum, err
}

// differs describes the first difference between want[at:] and got.
func differs(want []byte, at int, got []byte) string {
	i := 0
	for i < len(got) && at+i < len(want) && got[i] == want[at+i] {
		i++
	}
	if at+i == len(want) {
		return "it goes on where it must end"
	}
	return fmt.Sprintf("it must say %q where it differs", line(want, at+i))
}

// line is the line of b that holds the byte at i, without its LF.
func line(b []byte, i int) []byte {
	start := bytes.LastIndexByte(b[:i], '\n') + 1
	if end := bytes.IndexByte(b[i:], '\n'); end >= 0 {
		return b[start : i+end]
	}
	return b[start:]
}

// listed stores a list of all items, which must be the one that they make.
func (x *extraction) listed(e entry, want *summer) error {
	if e.size != want.size {
		return x.archive.refuse("does not list what the bag holds: has %d bytes, must have %d", e.size, want.size)
	}
	sum, err := x.file(e, func([]byte) error { return nil })
	if err == nil && sum != want.sum() {
		err = x.archive.refuse("does not list what the bag holds")
	}
	return err
}

// leave gives their times to the folders that path is not inside of.
func (x *extraction) leave(path string) error {
	for n := len(x.inside) - 1; n >= 0; n-- {
		f := x.inside[n]
		if strings.HasPrefix(path, f.path+"/") {
			return nil
		}
		if err := x.setTime(x.id+"/"+dataName+f.path, f.mtime); err != nil {
			return err
		}
		x.inside = x.inside[:n]
	}
	return nil
}

// setTagTimes gives the bag and its data folder their times.
func (x *extraction) setTagTimes() error {
	if err := x.setTime(x.id+"/data", stamp()); err != nil {
		return err
	}
	return x.setTime(x.id, stamp())
}

func (x *extraction) setTime(name string, t time.Time) error {
	dir, base := split(name)
	root, err := x.folders.at(dir)
	if err != nil {
		return err
	}
	return chtimes(root, base, t)
}

func chtimes(root *os.Root, name string, t time.Time) error {
	// The zero time leaves the access time as it is.
	if err := root.Chtimes(name, time.Time{}, t); err != nil {
		return fmt.Errorf("setting the time of %q: %w", name, err)
	}
	return nil
}
