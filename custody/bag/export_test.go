package bag

import "time"

// The tests forge archives that differ from a good one in a single point.

var (
	CheckNames = checkNames
	Compare    = compare
)

const (
	BagitText = bagitText
	IndexHead = indexHead
)

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
