package bag

import "fmt"

// Limits bounds what an extraction takes from a sender. An archive cannot
// expand: it costs the disk no more than the stream has bytes, and hardly any
// memory. NewPlan refuses what exceeds the zero value,
// so that nobody packs and sends what a receiver will not take.
type Limits struct {
	// Items is the largest number of files and folders below data/.
	// If zero, MaxItems.
	Items int
	// Bytes is the largest sum of file sizes below data/. If zero, only the
	// stream bounds it.
	Bytes int64
	// Names is the largest sum of the sizes of the manifest and of all
	// folder paths as it would escape them, in bytes. If zero, MaxNames.
	Names int64
}

// What a receiver takes unless it is told otherwise, and so what a sender may
// pack.
const (
	// MaxItems is how many files and folders a bag may hold.
	MaxItems = 2_000_000
	// MaxNames is how many bytes the manifest and all folder paths may have
	// together. No manifest is longer.
	MaxNames = 256 << 20
	// MaxIndex is how many bytes an index may have: what is above bounds the names
	// in it.
	MaxIndex = MaxNames + MaxItems*maxColumns + 1024

	maxColumns = 160 // bytes of an index line beyond its path, at most
)

// orDefaults replaces zeros.
func (l Limits) orDefaults() Limits {
	if l.Items == 0 {
		l.Items = MaxItems
	}
	if l.Bytes == 0 {
		l.Bytes = maxSize
	}
	if l.Names == 0 {
		l.Names = MaxNames
	}
	return l
}

// tally adds up what is limited. The sender's plan and the receiver's extraction
// count with the same one.
type tally struct {
	items    int
	files    int
	bytes    int64 // of the files
	manifest int64 // bytes of manifest-sha256.txt
	folders  int64 // bytes of the folders' paths, escaped
}

// add counts an item and says which limit it exceeds, or "". Limits have no zeros
// here.
func (t *tally) add(path string, dir bool, size int64, l Limits) string {
	t.items++
	if dir {
		t.folders += lineSize(dataName+path) - int64(sumLen)
	} else {
		t.files++
		t.manifest += lineSize(dataName + path)
	}
	switch {
	case t.items > l.Items:
		return fmt.Sprintf("the bag has more than %d items", l.Items)
	case t.manifest+t.folders > l.Names:
		return fmt.Sprintf("the names in the bag have more than %d bytes", l.Names)
	case size > l.Bytes-t.bytes:
		return fmt.Sprintf("the bag has more than %d bytes", l.Bytes)
	}
	t.bytes += size
	return ""
}
