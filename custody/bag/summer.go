package bag

import (
	"crypto/sha256"
	"hash"
)

// summer is the length and SHA-256 of a text that is never held as a whole. The
// zero value is the empty text.
type summer struct {
	hash hash.Hash
	size int64
	line []byte // for whoever makes the text, reused
}

// Write adds to the text.
func (s *summer) Write(b []byte) (int, error) {
	if s.hash == nil {
		s.hash = sha256.New()
	}
	s.size += int64(len(b))
	return s.hash.Write(b)
}

func (s *summer) sum() (sum [32]byte) {
	if s.hash == nil {
		return sha256.Sum256(nil)
	}
	s.hash.Sum(sum[:0])
	return sum
}
