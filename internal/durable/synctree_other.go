//go:build !linux

package durable

// syncTree syncs each file: no other system has a call for a file system that
// also reports errors.
func syncTree(root string) error { return syncEach(root) }
