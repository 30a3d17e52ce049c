package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// SyncTree makes everything in the folder root durable: the data of files and
// the names in folders, after they were written and closed without a sync of
// their own. It is for thousands of files that become visible together, by a
// Rename of root afterwards; the name of root itself is not synced. Nothing
// may write below root meanwhile. Symbolic links are not followed and other
// file systems mounted below root are not synced.
func SyncTree(root string) error {
	if err := syncTree(root); err != nil {
		return fmt.Errorf("syncing %q: %w", root, err)
	}
	return nil
}

// syncEach syncs each file and folder of root. Files that cannot hold data,
// such as links and pipes, are names only and come with their folder.
func syncEach(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return SyncDir(path)
		case d.Type().IsRegular():
			return syncFile(path)
		}
		return nil
	})
}

func syncFile(path string) error {
	f, err := openForSync(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
