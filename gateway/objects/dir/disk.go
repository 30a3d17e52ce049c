package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"comity.example/comity/internal/durable"
)

// disk is the folder of a store. Files are opened through root. Names are
// changed by package durable, so that each change is synced when it returns;
// they are made of checked keys and of our own ids, and cannot lead out.
type disk struct {
	root *os.Root
	path string // of root, absolute

	// folders is held while a folder is made and synced, so that nobody builds
	// on a folder that a power cut could still take away.
	folders sync.Mutex
}

func (k *disk) at(name string) string { return filepath.Join(k.path, filepath.FromSlash(name)) }

// mkdirAll makes a folder and those above it.
func (k *disk) mkdirAll(name string) error {
	k.folders.Lock()
	defer k.folders.Unlock()
	err := durable.MkdirAll(k.at(name), 0o700)
	if err == nil {
		return nil
	}
	// A folder whose sync failed must not be there next time, when MkdirAll
	// would take it for durable. Folders in use are not empty and stay.
	for p := name; path.Dir(p) != "." && k.root.Remove(p) == nil; p = path.Dir(p) {
	}
	return err
}

// writeNew makes a file, whole or not at all. fs.ErrExist: the name is taken.
func (k *disk) writeNew(name string, data []byte) error {
	return durable.WriteNew(k.at(name), data, 0o600)
}

// writeFile makes or replaces a file atomically.
func (k *disk) writeFile(name string, data []byte) error {
	return durable.WriteFile(k.at(name), data, 0o600)
}

func (k *disk) rename(from, to string) error { return durable.Rename(k.at(from), k.at(to)) }

func (k *disk) remove(name string) error { return durable.Remove(k.at(name)) }

func (k *disk) syncDir(name string) error { return durable.SyncDir(k.at(name)) }

// allocate makes a sparse file. Its name is synced with the next file that is
// made beside it.
func (k *disk) allocate(name string, size int64) error {
	f, err := k.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// discard removes a file or folder in one step, by renaming it to the trash.
func (k *disk) discard(name string) error {
	bin := "trash/" + newID()
	if err := k.rename(name, bin); err != nil {
		return err
	}
	return k.root.RemoveAll(bin)
}

// emptyTrash removes what a crash in discard left.
func (k *disk) emptyTrash() error {
	names, err := k.names("trash")
	for _, n := range names {
		err = errors.Join(err, k.root.RemoveAll("trash/"+n))
	}
	if err != nil {
		return fmt.Errorf("emptying trash: %v", err)
	}
	return nil
}

// sweep removes what a crash in writeNew or writeFile left in a folder, where
// nobody writes meanwhile.
func (k *disk) sweep(folder string) error {
	names, err := k.names(folder)
	if err != nil {
		return err
	}
	for _, n := range names {
		if durable.IsTemp(n) {
			if err := k.remove(folder + "/" + n); err != nil {
				return err
			}
		}
	}
	return k.syncDir(folder)
}

// names returns the names in a folder, in no order.
func (k *disk) names(folder string) ([]string, error) {
	f, err := k.root.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, fs.ErrNotExist
	}
	return f.Readdirnames(-1)
}
