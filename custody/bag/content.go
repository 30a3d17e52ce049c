package bag

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Source is where the content of an inventory's items is read from. A [Folder] is
// what Scan has looked at; a capture is what was read before and cannot be read again.
// It is used by one goroutine at a time.
type Source interface {
	// Folder returns a [*ChangedError] if a folder of the inventory is none any more.
	Folder(it Item) error
	// Open opens a file of the inventory at its beginning. One that is gone is a
	// [*ChangedError]. Whether it is still the one of the inventory says Unchanged.
	Open(it Item) (Content, error)
}

// Content is one open file. It ends where the file ends, which is elsewhere than the
// inventory says if the file has changed.
type Content interface {
	io.Reader
	io.ReaderAt // for who looks at single places: images
	io.Seeker   // to where an earlier run stopped
	io.Closer
	// Unchanged returns a [*ChangedError] if the file is not what the inventory says.
	Unchanged() error
}

// Folder is a folder whose files are read when they are packed.
type Folder struct{ folders folders }

// OpenFolder opens the folder that an inventory was made of.
func OpenFolder(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q as a folder: %w", dir, err)
	}
	return &Folder{folders{top: root}}, nil
}

// Close releases the folder. Files opened in it stay open.
func (f *Folder) Close() error {
	f.folders.close()
	return f.folders.top.Close()
}

var (
	_ Source  = (*Folder)(nil)
	_ Content = (*file)(nil)
)

// Folder implements Source.
func (f *Folder) Folder(it Item) error {
	dir, base := split(it.Path)
	root, err := f.folders.at(dir)
	if err != nil {
		return changed(&it, err)
	}
	fi, err := root.Lstat(base)
	if err != nil {
		return changed(&it, err)
	}
	if !fi.IsDir() {
		return &ChangedError{Path: it.Path, What: "is no folder"}
	}
	return nil
}

// Open implements Source.
func (f *Folder) Open(it Item) (Content, error) {
	dir, base := split(it.Path)
	root, err := f.folders.at(dir)
	if err != nil {
		return nil, changed(&it, err)
	}
	o, err := root.OpenFile(base, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, changed(&it, err)
	}
	return &file{o, it}, nil
}

// OpenLive opens a file whose folder others work in, and returns it as an item that
// has the size and the time of this moment. One that is gone, or of a kind that a bag
// does not carry by now, is a [*ChangedError].
func (f *Folder) OpenLive(it Item) (io.ReadCloser, Item, error) {
	dir, base := split(it.Path)
	root, err := f.folders.at(dir)
	if err != nil {
		return nil, it, changed(&it, err)
	}
	fi, err := root.Lstat(base) // opening follows a link
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		return nil, it, &ChangedError{Path: it.Path, What: "is a symbolic link"}
	}
	o, err := root.OpenFile(base, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, it, changed(&it, err)
	}
	if fi, err = o.Stat(); err == nil && (fi.IsDir() || special(it.Path, fi) != "") {
		err = &ChangedError{Path: it.Path, What: "is no regular file"}
	}
	if err != nil {
		o.Close() // nothing was written
		return nil, it, err
	}
	return o, Item{Path: it.Path, Size: fi.Size(), ModTime: fi.ModTime().UTC()}, nil
}

// file is a file of a folder with what the inventory says of it.
type file struct {
	*os.File
	it Item
}

// Unchanged implements Content.
func (f *file) Unchanged() error {
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("inspecting %q: %w", f.it.Path, err)
	}
	what := ""
	switch {
	case !fi.Mode().IsRegular():
		what = "is no regular file"
	case fi.Size() > f.it.Size:
		what = "has grown"
	case fi.Size() < f.it.Size:
		what = "has become shorter"
	case !fi.ModTime().Equal(f.it.ModTime):
		what = "has another modification time"
	case fingerprint(fi) != f.it.Fingerprint:
		what = f.it.Fingerprint.differs(fingerprint(fi))
	default:
		return nil
	}
	return &ChangedError{Path: f.it.Path, What: what}
}

// changed turns the absence of an item into a ChangedError.
func changed(it *Item, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &ChangedError{Path: it.Path, What: "is gone"}
	}
	return fmt.Errorf("opening %q: %w", it.Path, err)
}
