package journal

import (
	"errors"
	"os"
	"syscall"
)

func inode(f *os.File) (uint64, error) {
	var i syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &i); err != nil {
		return 0, err
	}
	n := uint64(i.FileIndexHigh)<<32 | uint64(i.FileIndexLow)
	if n == 0 {
		return 0, errors.New("the file system does not tell")
	}
	return n, nil
}
