package objects

import (
	"crypto/sha256"
	"fmt"
	"time"
)

const (
	// MaxPut is the size limit of Store.Put in bytes: the largest annex is
	// 16 MiB of plaintext, and its age file is a little more.
	MaxPut = 32 << 20

	// MaxParts is the number of parts that every S3-compatible server takes.
	MaxParts = 10000

	// MaxPartSize is the largest part in bytes that every S3-compatible server
	// takes. Such servers also refuse parts under 5 MiB, except the last.
	MaxPartSize = 5 << 30
)

// Part is one row of the caller's part table.
type Part struct {
	Number int      // from 0
	Size   int64    // bytes
	SHA256 [32]byte // of the bytes, as declared by the sender
	ETag   string   // what PutPart returned; opaque
}

// Upload names an upload that is not completed.
type Upload struct {
	Key string
	ID  string // what Begin returned, or the server's own name of it
}

// Info is what a store says about one version of an object.
type Info struct {
	// Version names this version of the key. It is opaque, never empty, and
	// never used again, also not by the same bytes under the same key.
	Version string

	// Size is in bytes.
	Size int64

	// Digest is the SHA-256 of an object made by Put, and the Composite of one
	// made by Complete. It is zero if the server keeps no checksums; the
	// results of Put and Complete always have it.
	Digest [32]byte

	// Mode is NoLock if the version was never locked. A lock whose RetainUntil
	// has passed does not bind any more.
	Mode        Mode
	RetainUntil time.Time // UTC, whole seconds; zero without a lock
}

// Locked reports whether the lock of the version runs at now.
func (i Info) Locked(now time.Time) bool {
	return i.Mode != NoLock && now.Before(i.RetainUntil)
}

// Mode is a retention mode of S3 Object Lock.
type Mode string

// The retention modes. While one runs, Store.Delete answers ErrLocked.
const (
	NoLock     Mode = ""
	Governance Mode = "GOVERNANCE" // only a Destroyer may delete earlier
	Compliance Mode = "COMPLIANCE" // nobody may delete earlier
)

// Write says what Put does if the key exists.
type Write int

// The ways to write. The zero Write is refused, so that nobody replaces an
// object by forgetting an argument.
const (
	Create  Write = 1 // fail with ErrExist
	Replace Write = 2 // swap atomically
)

// Layout returns the number of parts of an upload: size divided by partSize,
// rounded up; an empty object has none. ErrInvalid: a size is out of range.
func Layout(size, partSize int64) (parts int, err error) {
	if size < 0 || partSize < 1 || partSize > MaxPartSize {
		return 0, fmt.Errorf("%w: %d bytes in parts of %d", ErrInvalid, size, partSize)
	}
	n := size / partSize
	if size%partSize != 0 {
		n++
	}
	if n > MaxParts {
		return 0, fmt.Errorf("%w: %d parts of %d bytes, limit %d", ErrInvalid, n, partSize, MaxParts)
	}
	return int(n), nil
}

// PartSize returns the size in bytes of part n of an upload, and ErrInvalid if
// it has no such part.
func PartSize(size, partSize int64, n int) (int64, error) {
	parts, err := Layout(size, partSize)
	if err != nil {
		return 0, err
	}
	if n < 0 || n >= parts {
		return 0, fmt.Errorf("%w: part %d of %d", ErrInvalid, n, parts)
	}
	return min(partSize, size-int64(n)*partSize), nil
}

// CheckParts returns ErrParts unless parts is the whole table of an upload, in
// order and with the right sizes.
func CheckParts(size, partSize int64, parts []Part) error {
	n, err := Layout(size, partSize)
	if err != nil {
		return err
	}
	if len(parts) != n {
		return fmt.Errorf("%w: %d parts, want %d", ErrParts, len(parts), n)
	}
	for i, p := range parts {
		want := min(partSize, size-int64(i)*partSize)
		if p.Number != i || p.Size != want {
			return fmt.Errorf("%w: part %d of %d bytes at place %d, want %d bytes", ErrParts, p.Number, p.Size, i, want)
		}
	}
	return nil
}

// Composite returns the SHA-256 over the concatenated SHA-256 of the parts: the
// COMPOSITE checksum of S3 without its "-N" suffix. Anybody who has the part
// table computes it without the bytes.
func Composite(parts []Part) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p.SHA256[:])
	}
	return [32]byte(h.Sum(nil))
}

// CeilSecond rounds a time up to a whole second in UTC, the resolution that
// every store keeps: rounding down would end a lock early.
func CeilSecond(t time.Time) time.Time {
	s := t.UTC().Truncate(time.Second)
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return s
}
