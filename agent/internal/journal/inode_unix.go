//go:build unix

package journal

import (
	"errors"
	"os"
	"syscall"
)

func inode(f *os.File) (uint64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || s.Ino == 0 {
		return 0, errors.New("stat does not tell")
	}
	return s.Ino, nil
}
