package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock takes LockFileEx on one byte far behind the end of the file. Locks are
// mandatory on Windows: a lock on the content would keep others from reading
// the id of the holder. It belongs to the handle, so a second one in the same
// process conflicts.
func lock(f *os.File) error {
	const farBehind = 1 << 30 // high word: at 2^62
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: farBehind})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return os.NewSyscallError("LockFileEx", err)
}
