package bag

import (
	"io/fs"
	"syscall"
)

// fingerprint reads it from what stat(2) has answered.
func fingerprint(fi fs.FileInfo) Fingerprint {
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return Fingerprint{}
	}
	return Fingerprint{Device: uint64(s.Dev), Inode: s.Ino, Changed: s.Ctimespec.Nano()}
}
