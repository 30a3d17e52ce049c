// Package durable changes files so that a change is either wholly there or not
// there at all, and stays once the function has returned, whatever then
// happens to the process or to the power.
//
// Each function writes the data to the device before the name that leads to
// it, and the name (the folder) before it returns. At every point in between
// a crash leaves the old state, or the new, and at most a temporary file that
// IsTemp recognises. A function that returns an error has changed nothing
// that was there before, unless its comment says more; the new name may or
// may not be there, and only the next start can tell. Nothing here tries a
// failed sync again: the kernel may have dropped the pages and would report
// success the second time.
//
// It refuses to overwrite (WriteNew) and to wait for a lock (LockFile). It
// promises no more than the device does: disks that acknowledge before they
// have written lose data under any program.
//
// All functions are safe for concurrent use, also by several processes.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix begins the name of every temporary file.
const tempPrefix = ".tmp-"

// IsTemp reports whether name, without folder, is one of the temporary files
// of this package. One that is older than its process is the remains of a
// crash; who owns the folder skips it in listings and may delete it at start.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// WriteFile makes data the content of the file path, creating or replacing
// it. Readers see the old content or the new, never a mixture. The
// permissions are perm before umask, also when a file is replaced; a symbolic
// link at path is replaced, not followed.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return write(path, whole(data), perm, replace)
}

// WriteStream is WriteFile for a content that nobody has to hold: a function
// writes it. The error of that function comes wrapped; path is then as it was.
func WriteStream(path string, content func(io.Writer) error, perm fs.FileMode) error {
	return write(path, content, perm, replace)
}

// WriteNewStream is WriteNew for such a content.
func WriteNewStream(path string, content func(io.Writer) error, perm fs.FileMode) error {
	return write(path, content, perm, publish)
}

// whole is the content that is data.
func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// WriteNew is WriteFile for a name that must not exist. If it does, even as a
// dangling link, the error is fs.ErrExist and nothing changes; of several
// callers at once exactly one succeeds. On unix the file system must support
// hard links.
func WriteNew(path string, data []byte, perm fs.FileMode) error {
	return write(path, whole(data), perm, publish)
}

// write brings content to path by way of a temporary file in the same folder.
func write(path string, content func(io.Writer) error, perm fs.FileMode, place func(temp, path string) error) error {
	temp, err := writeTemp(filepath.Dir(path), content, perm)
	// If we crash here, path is as it was and a whole temporary file remains.
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	if err := place(temp, path); err != nil {
		os.Remove(temp)
		if link := new(os.LinkError); errors.As(err, &link) {
			err = link.Err // without the name of the temporary file
		}
		return fmt.Errorf("writing %q: %w", path, err)
	}
	// If we crash here, the device has the data, and perhaps not the name.
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// writeTemp writes and syncs a new temporary file. The data must be on the
// device before the file gets its name: otherwise a power cut may keep the
// name and lose the data, and an empty file would stand where a whole one was.
func writeTemp(folder string, content func(io.Writer) error, perm fs.FileMode) (path string, err error) {
	path = filepath.Join(folder, tempPrefix+rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return "", err
	}
	err = content(f)
	if err == nil {
		err = f.Sync() // on darwin F_FULLFSYNC: through the cache of the disk
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return "", err
	}
	return path, nil
}

// Rename moves a file or folder to a name on the same file system, replacing
// a file, or on unix an empty folder, that has it. It syncs both folders, not
// the content: that must be durable before. If old is missing the error is
// fs.ErrNotExist; after a crash that may mean that the move is done.
func Rename(oldPath, newPath string) error {
	if err := replace(oldPath, newPath); err != nil {
		return fmt.Errorf("renaming %q: %w", oldPath, err)
	}
	// The new name first. If we crash between the two, a file system without
	// a journal may show both names; the other order could lose both.
	to, from := filepath.Dir(newPath), filepath.Dir(oldPath)
	if err := SyncDir(to); err != nil {
		return fmt.Errorf("renaming %q: %w", oldPath, err)
	}
	if from == to {
		return nil
	}
	if err := SyncDir(from); err != nil {
		return fmt.Errorf("renaming %q: %w", oldPath, err)
	}
	return nil
}

// Remove deletes a file or an empty folder. If it is missing the error is
// fs.ErrNotExist. The name is gone for good on return, except on Windows,
// where a power cut soon after may bring it back. The content is not
// overwritten.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return nil
}

// MkdirAll makes the folder path and those above it that are missing, each
// with permissions perm before umask, and syncs the folder above each one it
// makes. Folders that exist are taken to be durable.
func MkdirAll(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	if err == nil {
		if info.IsDir() {
			return nil
		}
		return fmt.Errorf("making folder %q: a file has this name", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("making folder %q: %w", path, err)
	}
	parent := filepath.Dir(filepath.Clean(path))
	if parent == filepath.Clean(path) {
		return fmt.Errorf("making folder %q: %w", path, err)
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	// Another process may be faster. It may also crash before it syncs, so
	// the parent is synced in either case.
	if err := os.Mkdir(path, perm); err != nil && !isDir(path) {
		return fmt.Errorf("making folder %q: %w", path, err)
	}
	if err := SyncDir(parent); err != nil {
		return fmt.Errorf("making folder %q: %w", path, err)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
