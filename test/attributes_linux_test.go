package test_test

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// attributes returns the extended attributes of all files and folders below one:
// where versitygw keeps metadata, tags and locks.
func attributes(t *testing.T, dir string) (list []hay) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		names := make([]byte, 64<<10)
		n, err := syscall.Listxattr(path, names)
		if err != nil {
			return err
		}
		for name := range bytes.SplitSeq(bytes.Trim(names[:n], "\x00"), []byte{0}) {
			if len(name) == 0 {
				continue
			}
			value := make([]byte, 64<<10)
			n, err := syscall.Getxattr(path, string(name), value)
			if err != nil {
				return err
			}
			list = append(list, hay{"attribute " + string(name) + " of " + path, append(name, value[:n]...)})
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d extended attributes below %s: %v", len(list), dir, err)
	}
	return list
}
