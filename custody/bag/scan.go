package bag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// Special is something a bag does not carry.
type Special struct {
	Path string // below the folder scanned; may be invalid UTF-8
	Kind string // what it is, such as "symbolic link"
}

// SpecialError lists everything below the folder that a bag does not carry.
type SpecialError struct {
	Specials []Special
}

// Error names every path, quoted, one to a line.
func (e *SpecialError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scanning for regular files and folders: %d of another kind:", len(e.Specials))
	for _, s := range e.Specials {
		fmt.Fprintf(&b, "\n\t%q: %s", s.Path, s.Kind)
	}
	return b.String()
}

// Scan makes the inventory of the folder dir. Nothing below dir is followed;
// dir itself may be a symbolic link to a folder. Files with several hard
// links count once per name.
//
// If anything below dir is neither a regular file nor a folder, has a name
// that is not UTF-8, a path above [MaxPath] or [MaxDepth], or a time that
// cannot be carried, the error is a [*SpecialError] with all of them and
// there is no inventory. A folder in that list stands for all it holds. Scan
// opens no file and changes nothing; what changes afterwards is found by
// [Plan.Write].
func Scan(dir string) (*Inventory, error) { return scanFolder(dir, nil) }

// ScanLive is Scan of a folder that others work in. What vanishes between listing and
// inspecting is told to gone and left out.
func ScanLive(dir string, gone func(path string)) (*Inventory, error) { return scanFolder(dir, gone) }

func scanFolder(dir string, gone func(path string)) (*Inventory, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q as a folder: %w", dir, err)
	}
	defer root.Close()
	s := scan{folders: folders{top: root}, gone: gone}
	defer s.folders.close()
	if err := s.folder(""); err != nil {
		return nil, err
	}
	if len(s.specials) > 0 {
		return nil, &SpecialError{Specials: s.specials}
	}
	return &s.inv, nil
}

// scan is the state of one Scan. It walks in the order of the archive, so that
// nothing has to be sorted at the end: what it holds besides the inventory are
// the names of the folders that it stands in.
type scan struct {
	folders  folders
	inv      Inventory
	specials []Special
	gone     func(path string) // nil: what vanishes ends the scan
}

// left reports whether what is missing is left out, and tells that it is.
func (s *scan) left(path string, err error) bool {
	if s.gone == nil || path == "" || !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	s.gone(path)
	return true
}

// folder adds what is in one folder, each folder in it with all it holds. It goes
// no deeper than MaxDepth, because special refuses what lies below.
func (s *scan) folder(path string) error {
	names, err := s.names(path)
	if s.left(path, err) {
		return nil // it stays as an empty folder: it was one
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		full := name
		if path != "" {
			full = path + "/" + name
		}
		dir, err := s.item(path, name, full)
		if err == nil && dir {
			err = s.folder(full)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// names lists one folder, bytewise in order. Names only: a directory read that
// looks at the entries itself would do so by path.
func (s *scan) names(path string) ([]string, error) {
	root, err := s.folders.at(path)
	if err != nil {
		return nil, err
	}
	f, err := root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("opening folder %q: %w", path, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing folder %q: %w", path, err)
	}
	slices.Sort(names)
	return names, nil
}

// item adds what is called name in the folder at path, and tells whether it is a
// folder to go into.
func (s *scan) item(path, name, full string) (dir bool, err error) {
	root, err := s.folders.at(path)
	if s.left(full, err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fi, err := root.Lstat(name) // relative to the open folder
	if s.left(full, err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("inspecting %q: %w", full, err)
	}
	if kind := special(full, fi); kind != "" {
		s.specials = append(s.specials, Special{Path: full, Kind: kind})
		return false, nil
	}
	it := Item{Path: full, Dir: fi.IsDir(), ModTime: fi.ModTime().UTC(), Fingerprint: fingerprint(fi)}
	if !it.Dir {
		it.Size = fi.Size()
	}
	s.inv.Add(it)
	return it.Dir, nil
}

// special says why a bag does not carry path, or "".
func special(path string, fi fs.FileInfo) string {
	switch m := fi.Mode(); {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeCharDevice != 0:
		return "character device"
	case m&fs.ModeDevice != 0:
		return "block device"
	case !m.IsRegular() && !m.IsDir():
		return "neither a regular file nor a folder"
	case !utf8.ValidString(path):
		return "name is not valid UTF-8"
	case len(path) > MaxPath:
		return "path is too long"
	case strings.Count(path, "/") >= MaxDepth:
		return "path is too deep"
	case !timeInRange(fi.ModTime()):
		return "modification time is out of range"
	}
	return ""
}
