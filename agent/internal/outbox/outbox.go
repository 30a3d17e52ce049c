// Package outbox is the folder from which a daemon sends. Each folder
// OUTBOX/REQUEST/NAME is a package; NAME.yaml beside it says more of it,
// NAME.acquisition.yaml how its exhibits came to be, NAME.ready that it is complete.
// What is dealt with moves to OUTBOX/REQUEST/.sent or .failed,
// with a note.
//
// It deletes nothing that a user put there, follows no link, looks at no name that
// begins with a dot, and takes no folder that still changes.
package outbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// What may stand beside a package's folder: its name and one of these.
const (
	Mark        = ".ready"
	Options     = ".yaml"
	Acquisition = ".acquisition.yaml"
)

// maxItems bounds what is looked at in one folder.
const maxItems = 10_000

// Item is a package's folder.
type Item struct {
	Request string // the folder it is in, as its user named it
	Name    string
}

// Found is an item as one look found it.
type Found struct {
	Item
	Marked bool // NAME.ready is there
}

// Box is an outbox.
type Box struct{ dir string }

// Open returns the outbox in a folder, which it makes if it is missing.
func Open(dir string) (*Box, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the outbox: %w", err)
	}
	return &Box{dir}, nil
}

// Dir returns the folder.
func (b *Box) Dir() string { return b.dir }

// Path returns the folder of an item.
func (b *Box) Path(it Item) string { return filepath.Join(b.dir, it.Request, it.Name) }

// Check refuses an item that a look never finds: its names would lead elsewhere.
func (it Item) Check() error {
	for _, name := range []string{it.Request, it.Name} {
		if !plain(name) {
			return fmt.Errorf("malformed name %q of a folder in the outbox", name)
		}
	}
	return nil
}

// plain reports whether a name is one that is looked at: a single step of a path,
// not hidden, in UTF-8, which the queue's files hold.
func plain(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && filepath.Base(name) == name && filepath.IsLocal(name) &&
		utf8.ValidString(name) && !strings.ContainsRune(name, utf8.RuneError)
}

// Look lists the items, and in words what lies there that is no package. What
// vanishes meanwhile is not listed.
func (b *Box) Look() (items []Found, strays []string, err error) {
	requests, err := read(b.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("looking through the outbox: %w", err)
	}
	for _, r := range requests {
		switch {
		case strings.HasPrefix(r.Name(), "."):
		case !r.IsDir() || !plain(r.Name()):
			strays = append(strays, fmt.Sprintf("%q is not the folder of a request", r.Name()))
		default:
			found, odd, err := b.request(r.Name())
			if err != nil {
				strays = append(strays, err.Error())
			}
			items, strays = append(items, found...), append(strays, odd...)
		}
	}
	return items, strays, nil
}

// request lists the items of one request.
func (b *Box) request(name string) (items []Found, strays []string, err error) {
	list, err := read(filepath.Join(b.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking through %q: %w", name, err)
	}
	files, folders := map[string]bool{}, map[string]bool{}
	for _, f := range list {
		if f.IsDir() {
			folders[f.Name()] = true
		} else if f.Type().IsRegular() {
			files[f.Name()] = true
		}
	}
	for _, f := range list {
		switch {
		case strings.HasPrefix(f.Name(), "."):
		case f.IsDir() && plain(f.Name()):
			items = append(items, Found{Item{name, f.Name()}, files[f.Name()+Mark]})
		case !files[f.Name()] || !beside(f.Name(), folders):
			strays = append(strays, fmt.Sprintf("%q is not the folder of a package", filepath.Join(name, f.Name())))
		}
	}
	return items, strays, nil
}

// beside reports whether a file belongs to one of the folders. One that comes
// before its folder is shown as a stray until then.
func beside(file string, folders map[string]bool) bool {
	for _, suffix := range []string{Mark, Options, Acquisition} {
		if name, ok := strings.CutSuffix(file, suffix); ok && folders[name] {
			return true
		}
	}
	return false
}

// read lists a folder, as far as the bound.
func read(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(maxItems + 1)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if len(list) > maxItems {
		return list[:maxItems], fmt.Errorf("%q holds more than %d names", dir, maxItems)
	}
	return list, err
}

// Beside reads a file of at most so many bytes beside an item; nil if there is none.
func (b *Box) Beside(it Item, suffix string, most int64) ([]byte, error) {
	name := it.Name + suffix
	f, err := os.Open(b.Path(it) + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: it is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("reading %q: more than %d bytes", name, most)
	}
	if data == nil {
		data = []byte{} // it is there, and empty
	}
	return data, err
}

// Exists reports whether the item's folder is there.
func (b *Box) Exists(it Item) bool {
	info, err := os.Lstat(b.Path(it))
	return err == nil && info.IsDir()
}
