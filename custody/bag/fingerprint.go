package bag

import "fmt"

// Fingerprint tells two files apart that have the same path, size and modification
// time, as far as the system can: it is zero where it cannot. Users set a
// modification time as they like; the time of the last change is the kernel's. Of what
// was captured, Inode is where the content begins in the capture, and the rest is zero.
type Fingerprint struct {
	Device, Inode uint64
	Changed       int64 // time of the last change of content or attributes, in nanoseconds since 1970
}

// differs says how a file with the fingerprint g is not the one with f.
func (f Fingerprint) differs(g Fingerprint) string {
	if f.Device != g.Device || f.Inode != g.Inode {
		return "was replaced by another file"
	}
	return "was written to or had its attributes changed"
}

// String is one word.
func (f Fingerprint) String() string { return fmt.Sprintf("%d:%d:%d", f.Device, f.Inode, f.Changed) }
