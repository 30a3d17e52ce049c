package bag

import (
	"os"
	"testing"
	"time"
)

// The tests forge archives that differ from a good one in a single point.

var (
	CheckNames = checkNames
	Compare    = compare
)

const BagitText = bagitText

// Header is the canonical header of a file, or of a folder if name ends
// with a slash.
func Header(name string, size int64, mtime time.Time) []byte {
	return entry{name: name, size: size, mtime: mtime}.append(nil)
}

// Stamp is the time of what is not below data/.
func Stamp() time.Time { return stamp() }

// AppendLine adds a manifest line.
func AppendLine(b []byte, l Line) []byte { return l.append(b) }

// Record is one record of an extended header.
func Record(key, value string) string { return record(key, value) }

// Extended is an extended header with these records.
func Extended(records string) []byte {
	b := appendBlock(nil, typePAX, entry{name: paxName, size: int64(len(records)), mtime: stamp()})
	b = append(b, records...)
	return append(b, make([]byte, padding(int64(len(records))))...)
}

// AppendExhibit adds a line of an index.
func AppendExhibit(b []byte, x Exhibit) []byte { return x.append(b) }

// ReprintSource parses a line of a list of sources and prints it again.
func ReprintSource(line string) (string, error) {
	it, err := parseSource(line)
	return string(it.appendSource(nil)), err
}

// TellsChange reports whether the system tells when a file was changed.
func TellsChange(t *testing.T, path string) bool {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fingerprint(fi) != Fingerprint{}
}

// ScanLiveOf is ScanLive of a folder whose listing, taken before, has these names.
func ScanLiveOf(t *testing.T, dir string, names []string, gone func(string)) *Inventory {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s := scan{folders: folders{top: root}, gone: gone}
	defer s.folders.close()
	for _, name := range names {
		if _, err := s.item("", name, name); err != nil {
			t.Fatal(err)
		}
	}
	return &s.inv
}
