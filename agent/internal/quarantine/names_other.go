//go:build !windows

package quarantine

import (
	"io/fs"
	"syscall"
)

// names returns how many names a file has.
func names(info fs.FileInfo) uint64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0 // unknown means that it is not trusted
	}
	return uint64(st.Nlink)
}
