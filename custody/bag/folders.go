package bag

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// folders opens the folder of a path below a root and keeps the last one
// open. A chain of folders is walked one component at a time, so a path
// longer than the system's PATH_MAX works, and at most two descriptors are
// held however deep it is. Not safe for concurrent use.
type folders struct {
	top, cur *os.Root
	path     string // of cur
}

// at returns the folder named dir, valid until the next call of at or close.
func (f *folders) at(dir string) (*os.Root, error) {
	if dir == "" {
		return f.top, nil
	}
	if f.cur != nil && dir == f.path {
		return f.cur, nil
	}
	base, rest := f.top, dir
	if f.cur != nil && strings.HasPrefix(dir, f.path+"/") {
		base, rest = f.cur, dir[len(f.path)+1:]
	}
	next, err := base.OpenRoot(filepath.FromSlash(rest))
	if err != nil {
		return nil, fmt.Errorf("opening folder %q: %w", dir, err)
	}
	f.close()
	f.cur, f.path = next, dir
	return next, nil
}

// close releases the folder held open; the root stays with its owner.
func (f *folders) close() {
	if f.cur != nil {
		f.cur.Close() // read-only descriptor of a folder, nothing to lose
	}
	f.cur, f.path = nil, ""
}
