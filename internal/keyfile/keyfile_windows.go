package keyfile

import (
	"io/fs"
	"os"
)

// checkMode accepts every file: the mode that Go reports on Windows says
// nothing about who may read it. The access list does, and a file takes it
// from its folder; below a user's profile that is the user and administrators.
func checkMode(path string, mode fs.FileMode) error { return nil }

// openTerminal opens the console of the process, wherever its standard
// streams lead. To read without echo needs the right to write as well.
func openTerminal() (in, out *os.File, err error) {
	in, err = os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err = os.OpenFile("CONOUT$", os.O_WRONLY, 0)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}
