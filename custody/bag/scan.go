package bag

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Item is one file or folder of an inventory.
type Item struct {
	Path    string    // below data/, slash-separated, no slash at either end
	Dir     bool      // a folder; Size is then 0
	Size    int64     // bytes
	ModTime time.Time // modification time, UTC, to the nanosecond
}

// Inventory lists what a bag is going to hold.
type Inventory struct {
	// Items is in the order of the path components, bytewise (see the
	// package comment); every folder precedes its content.
	Items []Item

	// Acquisition is the content of acquisition.jsonld, UTF-8 of at most
	// MaxAcquisition bytes, which says how the exhibits were made. If empty, the
	// bag has none.
	Acquisition []byte
}

// Files counts the items that are not folders.
func (inv *Inventory) Files() int {
	n := 0
	for i := range inv.Items {
		if !inv.Items[i].Dir {
			n++
		}
	}
	return n
}

// Bytes is the sum of all file sizes.
func (inv *Inventory) Bytes() int64 {
	n := int64(0)
	for i := range inv.Items {
		n += inv.Items[i].Size
	}
	return n
}

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
func Scan(dir string) (*Inventory, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q as a folder: %w", dir, err)
	}
	defer root.Close()
	s := scan{folders: folders{top: root}, todo: []string{""}}
	defer s.folders.close()
	for len(s.todo) > 0 {
		next := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		if err := s.folder(next); err != nil {
			return nil, err
		}
	}
	if len(s.specials) > 0 {
		slices.SortFunc(s.specials, func(a, b Special) int { return compare(a.Path, b.Path) })
		return nil, &SpecialError{Specials: s.specials}
	}
	slices.SortFunc(s.inv.Items, func(a, b Item) int { return compare(a.Path, b.Path) })
	return &s.inv, nil
}

// scan is the state of one Scan.
type scan struct {
	folders  folders
	todo     []string // folders still to be read; last in, first out
	inv      Inventory
	specials []Special
}

// folder lists one folder.
func (s *scan) folder(path string) error {
	root, err := s.folders.at(path)
	if err != nil {
		return err
	}
	f, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("opening folder %q: %w", path, err)
	}
	defer f.Close()
	for {
		// Names only, then Lstat relative to the open folder: a directory
		// read that looks at the entries itself would do so by path.
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if err := s.item(root, path, name); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing folder %q: %w", path, err)
		}
	}
}

// item adds what is called name in the folder at path.
func (s *scan) item(root *os.Root, path, name string) error {
	full := name
	if path != "" {
		full = path + "/" + name
	}
	fi, err := root.Lstat(name)
	if err != nil {
		return fmt.Errorf("inspecting %q: %w", full, err)
	}
	if kind := special(full, fi); kind != "" {
		s.specials = append(s.specials, Special{Path: full, Kind: kind})
		return nil
	}
	it := Item{Path: full, Dir: fi.IsDir(), ModTime: fi.ModTime().UTC()}
	if it.Dir {
		s.todo = append(s.todo, full)
	} else {
		it.Size = fi.Size()
	}
	s.inv.Items = append(s.inv.Items, it)
	return nil
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
