package outbox

import (
	"io/fs"
	"syscall"
)

// stamp returns a file's inode and the time of its last change in nanoseconds, which
// no program can set: who forges the modification time changes it.
func stamp(info fs.FileInfo) (inode uint64, changed int64) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return s.Ino, s.Ctim.Nano()
}
