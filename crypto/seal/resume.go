package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"filippo.io/age"
)

// A protected key is a small age file over the file key, the plaintext size as 8
// bytes big-endian, and the SHA-256 of the head: age's header is bound to the file
// key by its MAC, the nonce behind it is not.
const (
	protectedSize = fileKeySize + 8 + sha256.Size
	maxProtected  = 4 << 10
)

// Protect returns the key as a small age file for one recipient, with which
// ResumeSealer goes on in a later process. Whoever opens that file opens the
// package, so it is for a key that never leaves this machine.
func (s *Sealer) Protect(to *age.HybridRecipient) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destroyed {
		return nil, fmt.Errorf("protecting the key: %w", errDestroyed)
	}
	head := sha256.Sum256(s.head)
	b := make([]byte, 0, protectedSize)
	b = append(b, s.fileKey[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.plain))
	b = append(b, head[:]...)
	defer clear(b)
	file, err := SealSmall(b, maxProtected, to)
	if err != nil {
		return nil, fmt.Errorf("protecting the key: %v", err)
	}
	return file, nil
}

// ResumeSealer returns the Sealer whose Head and Protect these are. known must hold
// the SHA-256 of the ciphertext of every part that may have left this machine: what
// is missing in it is not guarded. It is copied.
func ResumeSealer(head, protected []byte, known map[int][32]byte, id *age.HybridIdentity) (*Sealer, error) {
	b, err := OpenSmall(protected, maxProtected, id)
	if err != nil {
		return nil, fmt.Errorf("resuming: %w", err)
	}
	defer clear(b)
	sum := sha256.Sum256(head)
	if len(b) != protectedSize || subtle.ConstantTimeCompare(b[fileKeySize+8:], sum[:]) != 1 {
		return nil, errors.New("resuming: the protected key is not of this head")
	}
	size := binary.BigEndian.Uint64(b[fileKeySize:])
	if size > MaxPlain {
		return nil, fmt.Errorf("resuming: plaintext of %d bytes is outside 0 to %d", size, int64(MaxPlain))
	}
	s, err := newSealer(head, b[:fileKeySize], int64(size))
	if err != nil {
		return nil, fmt.Errorf("resuming: %v", err)
	}
	for n := range known {
		if n < 0 || n >= s.Parts() {
			return nil, fmt.Errorf("resuming: part %d is known, there are %d parts", n, s.Parts())
		}
	}
	maps.Copy(s.known, known)
	return s, nil
}

// PlainSize returns the plaintext bytes of all parts together.
func (s *Sealer) PlainSize() int64 { return s.plain }
