package room_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"comity.example/comity/internal/room"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	if n, err := room.Free(dir); err != nil || n <= 0 {
		t.Errorf("Free = %d, %v", n, err)
	}
	if n, err := room.Free(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Free of a missing folder = %d, %v", n, err)
	}
}
