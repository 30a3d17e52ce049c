package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree writes out the whole file system that root is on: one flush of the
// device instead of one for each file, which for thousands of small files is
// the difference between seconds and minutes. Since Linux 5.8 syncfs(2)
// reports data that could not be written, also from before the call; older
// kernels report only some such errors.
//
// On FUSE (ntfs-3g, sshfs) syncfs hands the pages to the server but asks for
// no sync; there, and where the call is missing, each file is synced.
func syncTree(root string) error {
	f, err := os.Open(root)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if !info.IsDir() || uint32(st.Type) == unix.FUSE_SUPER_MAGIC {
		return syncEach(root)
	}
	err = unix.Syncfs(int(f.Fd()))
	if errors.Is(err, unix.ENOSYS) {
		return syncEach(root)
	}
	return os.NewSyscallError("syncfs", err)
}
