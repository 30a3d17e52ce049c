package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSyncTree runs both ways over a tree with a file, an empty folder, and a
// link that leads nowhere and must not be followed.
func TestSyncTree(t *testing.T) {
	root := t.TempDir()
	if err := MkdirAll(filepath.Join(root, "a", "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "a", "file"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Where links cannot be made the rest of the test stands.
	_ = os.Symlink("nowhere", filepath.Join(root, "a", "link"))
	for name, sync := range map[string]func(string) error{"SyncTree": SyncTree, "syncEach": syncEach} {
		if err := sync(root); err != nil {
			t.Errorf("%s = %v", name, err)
		}
		if err := sync(filepath.Join(root, "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a missing folder = %v", name, err)
		}
	}
}
