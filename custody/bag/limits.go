package bag

// Limits bounds what an extraction takes from a sender. An archive cannot
// expand: it costs the disk no more than the stream has bytes, and the
// memory no more than Names allows.
type Limits struct {
	// Items is the largest number of files and folders below data/.
	// If zero, one million.
	Items int
	// Bytes is the largest sum of file sizes below data/. If zero, only the
	// stream bounds it.
	Bytes int64
	// Names is the largest sum of the sizes of the manifest and of all
	// folder paths, in bytes; they are held in memory. If zero, 256 MiB.
	Names int64
}

// MaxItems is how many files and folders a bag may hold: what a receiver takes
// unless it is told otherwise, and so what a sender may pack.
const MaxItems = 1_000_000

// orDefaults replaces zeros.
func (l Limits) orDefaults() Limits {
	if l.Items == 0 {
		l.Items = MaxItems
	}
	if l.Bytes == 0 {
		l.Bytes = maxSize
	}
	if l.Names == 0 {
		l.Names = 256 << 20
	}
	return l
}

// count holds the item against the limits.
func (x *extraction) count(e entry, path string) error {
	x.items++
	if e.dir() {
		x.held += int64(len(path))
	} else {
		x.held += lineSize(dataName + path)
	}
	switch {
	case x.items > x.limits.Items:
		return x.archive.refuse("the bag has more than %d items", x.limits.Items)
	case x.held > x.limits.Names:
		return x.archive.refuse("the names in the bag have more than %d bytes", x.limits.Names)
	case e.size > x.limits.Bytes-x.found.Bytes:
		return x.archive.refuse("the bag has more than %d bytes", x.limits.Bytes)
	}
	x.found.Bytes += e.size
	return nil
}
