package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// ErrLocked means that another process, or another Lock in this one, holds
// the lock.
var ErrLocked = errors.New("already locked")

// Lock is an exclusive lock that LockFile has taken. It holds until Unlock or
// until the process ends, however it ends.
type Lock struct {
	f *os.File
}

// LockFile takes the exclusive lock on the file path, which it creates if it
// is missing; the folder must exist. It does not wait: if the lock is held
// the error wraps ErrLocked and names the holder's process id.
//
// The lock is advisory: it keeps out callers of LockFile only. The file stays
// when the lock is released and must not be deleted: a process that had
// opened it before would hold a lock that nobody else can see.
func LockFile(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	if err := take(f, path); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return &Lock{f}, nil
}

// take locks f, checks that it still is the file path, and notes our id.
func take(f *os.File, path string) error {
	if err := lock(f); errors.Is(err, ErrLocked) {
		return fmt.Errorf("%w%s", err, holder(f))
	} else if err != nil {
		return err
	}
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !os.SameFile(opened, named) {
		return errors.New("the file was replaced meanwhile")
	}
	return note(f, strconv.Itoa(os.Getpid())+"\n")
}

// note makes s the content of the file. It is for people and not synced:
// after a crash nobody holds the lock, whatever the file says.
func note(f *os.File, s string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// holder says who holds the lock, as far as the file tells: for a moment
// after it was taken the file is empty.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil || pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" by process %d", pid)
}

// Unlock releases the lock. A second call is an error and does nothing.
func (l *Lock) Unlock() error {
	// Closing releases the lock. The id goes first, while it is still ours.
	if err := errors.Join(l.f.Truncate(0), l.f.Close()); err != nil {
		return fmt.Errorf("unlocking %q: %w", l.f.Name(), err)
	}
	return nil
}
