// Package quarantine holds what has arrived and is not verified yet: a folder
// with a random name beside the place where it will stand, readable by its owner
// only. It becomes visible by one rename, after everything in it is durable. Beside
// it a landing keeps the ciphertext that has arrived, for the next try.
//
// It refuses to replace a folder that exists, and to write through a link that
// stands where a landing should.
package quarantine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"comity.example/comity/internal/durable"
)

// Folder is one quarantine.
type Folder struct {
	dir  string
	name string // of the bag in it
	root *os.Root
}

const prefix = ".comity-quarantine-"

// Clean removes quarantines of the bag of that name, which a process that was
// killed left in a folder. No other process may be fetching the same bag.
func Clean(in, name string) error {
	list, err := os.ReadDir(in)
	if err != nil {
		return fmt.Errorf("cleaning up quarantines: %w", err)
	}
	for _, f := range list {
		if !strings.HasPrefix(f.Name(), prefix+name+"-") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(in, f.Name())); err != nil {
			return fmt.Errorf("cleaning up quarantines: %w", err)
		}
	}
	return nil
}

// Drop removes the landing and all quarantines of the bag of that name. A folder
// that is missing holds none.
func Drop(in, name string) error {
	if _, err := os.Lstat(in); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := Clean(in, name); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(in, landingName(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing landing: %w", err)
	}
	return nil
}

// New makes an empty quarantine in a folder for the bag of that name.
func New(in, name string) (*Folder, error) {
	dir, err := os.MkdirTemp(in, prefix+name+"-")
	if err != nil {
		return nil, fmt.Errorf("making quarantine: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		os.Remove(dir)
		return nil, fmt.Errorf("opening quarantine: %w", err)
	}
	return &Folder{dir, name, root}, nil
}

// Root is where to unpack. Nothing written through it leaves the quarantine.
func (f *Folder) Root() *os.Root { return f.root }

// Sync makes all of the quarantine durable.
func (f *Folder) Sync() error { return durable.SyncTree(f.dir) }

// Copy returns a function that copies a file of the bag, by its name in the bag's
// folder.
func (f *Folder) Copy(name string) func(io.Writer) error {
	return func(w io.Writer) error {
		from, err := f.root.Open(filepath.Join(f.name, name))
		if err != nil {
			return err
		}
		defer from.Close()
		_, err = io.Copy(w, from)
		return err
	}
}

// Publish gives the verified bag its name. If we crash before the rename, the
// next fetch starts over and the quarantine is garbage; after it, all is there.
func (f *Folder) Publish(target string) error {
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("publishing: %q exists already", target)
	}
	return durable.Rename(filepath.Join(f.dir, f.name), target)
}

// Remove deletes the quarantine and all that is still in it.
func (f *Folder) Remove() error {
	f.root.Close()
	return os.RemoveAll(f.dir)
}
