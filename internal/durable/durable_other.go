//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"os"
)

// replace gives the file temp the name path. rename(2) is atomic.
func replace(temp, path string) error { return os.Rename(temp, path) }

// publish gives the file temp the name path if nothing has it. rename(2)
// would overwrite; link(2) is atomic and fails. If we crash between the two
// calls the file has both names and is whole under either.
func publish(temp, path string) error {
	if err := os.Link(temp, path); err != nil {
		return err
	}
	// path is there. A leftover temporary name is no reason to report failure
	// and have the caller find, the next time, that the name is taken.
	os.Remove(temp)
	return nil
}

// SyncDir makes the names in a folder durable: files created, renamed and
// removed. On Windows it does nothing, see there.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing folder %q: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("syncing folder %q: %w", path, err)
	}
	return nil
}

// openForSync opens a file so that its data can be synced; reading suffices.
func openForSync(path string) (*os.File, error) { return os.Open(path) }
