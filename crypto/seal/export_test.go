package seal

import (
	"crypto/sha256"

	"filippo.io/age"
)

// NewSealerFromKey is newSealer, for tests that know the file key.
var NewSealerFromKey = newSealer

// NewOpenerFromKey is newOpener, for tests of files that our heads refuse.
var NewOpenerFromKey = newOpener

// NewCapture returns a recipient that wraps with r, and a function that
// returns the file key it has seen.
func NewCapture(r age.Recipient) (age.Recipient, func() []byte) {
	c := &capture{to: r}
	return c, func() []byte { return c.key }
}

// SealChunks returns chunks of a payload, beginning with chunk i, unguarded.
func (s *Sealer) SealChunks(dst []byte, i int64, plain []byte) ([]byte, error) {
	aead, err := s.aead()
	if err != nil {
		return nil, err
	}
	return s.sealChunks(aead, sha256.New(), dst, i, plain), nil
}
