package durable

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// replace gives the file temp the name path. os.Rename makes the same call
// without MOVEFILE_WRITE_THROUGH, which waits until the change of names is on
// the device. Without MOVEFILE_COPY_ALLOWED a move to another volume, which
// could not be atomic, fails.
func replace(temp, path string) error {
	return move(temp, path, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// publish gives the file temp the name path if nothing has it. It needs no
// hard links, so it works on exFAT as well.
func publish(temp, path string) error {
	return move(temp, path, windows.MOVEFILE_WRITE_THROUGH)
}

func move(from, to string, flags uint32) error {
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(f, t, flags); err != nil {
		return &os.LinkError{Op: "move", Old: from, New: to, Err: err}
	}
	return nil
}

// SyncDir checks that path is a folder. Windows documents no way to sync one:
// NTFS keeps names in its journal, moves here are written through, and what a
// power cut may take back is a creation or removal of the last seconds.
func SyncDir(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("syncing folder %q: %w", path, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("syncing folder %q: not a folder", path)
	}
	return nil
}

// openForSync opens a file so that its data can be synced: FlushFileBuffers
// demands a handle with the right to write.
func openForSync(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR, 0) }
