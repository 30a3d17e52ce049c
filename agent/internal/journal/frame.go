package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
)

// A journal is the magic and frames behind it:
//
//	u32     length of the records, big-endian
//	4 byte  the first of SHA-256(sum of the frame before || length)
//	records
//	32 byte sum: SHA-256(sum of the frame before || length || records)
//
// The sum before the first frame is that of the magic. The length has a check of its
// own, so that damage to it cannot pass for a frame that a crash has torn.
const (
	magic     = "comity/journal/v1\n"
	headSize  = 8
	maxFrame  = 1 << 30
	frameSize = headSize + sha256.Size // without records
)

func firstSum() [32]byte { return sha256.Sum256([]byte(magic)) }

// frameHead is length and check of a frame.
func frameHead(before [32]byte, size int) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, headSize), uint32(size))
	check := sha256.Sum256(append(before[:], b...))
	return append(b, check[:4]...)
}

func frameSum(before [32]byte, head, records []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(head[:4])
	h.Write(records)
	h.Sum(sum[:0])
	return sum
}

// seal appends a frame.
func seal(b []byte, before [32]byte, records []byte) (frame []byte, sum [32]byte) {
	head := frameHead(before, len(records))
	sum = frameSum(before, head, records)
	return append(append(append(b, head...), records...), sum[:]...), sum
}

// reader reads frames.
type reader struct {
	r     io.ReaderAt
	size  int64
	parts int
	off   int64
	sum   [32]byte
}

func newReader(r io.ReaderAt, size int64, parts int) (*reader, error) {
	b := make([]byte, len(magic))
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if string(b) != magic {
		return nil, fmt.Errorf("%w: it does not begin with its name", ErrDamaged)
	}
	return &reader{r: r, size: size, parts: parts, off: int64(len(magic)), sum: firstSum()}, nil
}

// next returns the records of the next frame, and io.EOF behind the last whole one: at
// the end, or where a crash has torn one. The file of a torn frame may have its full
// length, and zeros where nothing was written.
func (r *reader) next() ([]record, error) {
	left := r.size - r.off
	if left < headSize {
		return nil, io.EOF
	}
	head := make([]byte, headSize)
	if _, err := r.r.ReadAt(head, r.off); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head))
	if string(head) != string(frameHead(r.sum, int(n))) || n > maxFrame {
		if r.zeros(r.off+headSize, left-headSize) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("%w at byte %d", ErrDamaged, r.off)
	}
	if left < n+frameSize {
		return nil, io.EOF
	}
	b := make([]byte, n+sha256.Size)
	if _, err := r.r.ReadAt(b, r.off+headSize); err != nil {
		return nil, err
	}
	sum := frameSum(r.sum, head, b[:n])
	if string(b[n:]) != string(sum[:]) {
		if left == n+frameSize {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("%w at byte %d", ErrDamaged, r.off)
	}
	records, err := parseRecords(b[:n], r.parts)
	if err != nil {
		return nil, fmt.Errorf("%w at byte %d: %v", ErrDamaged, r.off, err)
	}
	r.off, r.sum = r.off+n+frameSize, sum
	return records, nil
}

// zeros reports whether these bytes are nothing but zeros. Those of a frame never are.
func (r *reader) zeros(off, left int64) bool {
	b := make([]byte, 64<<10)
	for left > 0 {
		n, err := r.r.ReadAt(b[:min(left, int64(len(b)))], off)
		if n == 0 && err != nil {
			return false
		}
		for _, c := range b[:n] {
			if c != 0 {
				return false
			}
		}
		off, left = off+int64(n), left-int64(n)
	}
	return true
}
