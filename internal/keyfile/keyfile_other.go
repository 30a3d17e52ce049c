//go:build !windows

package keyfile

import (
	"fmt"
	"io/fs"
	"os"
)

// checkMode refuses a file that others may read or write: who can write it can
// plant a key.
func checkMode(path string, mode fs.FileMode) error {
	if mode.Perm()&0o077 == 0 {
		return nil
	}
	return fmt.Errorf("mode %#o lets others at it: run chmod 600 %q", mode.Perm(), path)
}

// openTerminal opens the terminal that controls the process, wherever its
// standard streams lead.
func openTerminal() (in, out *os.File, err error) {
	in, err = os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err = os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}
