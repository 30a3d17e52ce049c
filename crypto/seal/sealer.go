package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrChanged is wrapped by SealPart where a part that was sealed before has
// other plaintext now.
var ErrChanged = errors.New("the source has changed since the part was sealed first")

// A Sealer seals one plaintext of fixed size under one key. Its methods may be
// called concurrently. It is the guard against keystream reuse, on the first run
// and on every later one: it remembers the SHA-256 of the ciphertext of every part
// and lets no second one out.
type Sealer struct {
	head  []byte // age header and nonce
	plain int64  // plaintext bytes in all

	mu        sync.Mutex // guards the fields below
	fileKey   [fileKeySize]byte
	key       [chacha20poly1305.KeySize]byte // of the payload
	destroyed bool
	known     map[int][32]byte // SHA-256 of the ciphertext of parts that may have left
}

// fileKeySize is the size of age's file key in bytes.
const fileKeySize = 16

// NewSealer makes a fresh key and a head for plainSize bytes of plaintext, 0 to
// MaxPlain, padding included, and wraps the key to 1 to MaxRecipients
// post-quantum recipients (*age.HybridRecipient, nothing else). It fails where
// FIPSRefusal does.
func NewSealer(plainSize int64, recipients ...age.Recipient) (*Sealer, error) {
	if err := FIPSRefusal(); err != nil {
		return nil, err
	}
	if err := checkRecipients(recipients); err != nil {
		return nil, fmt.Errorf("sealing: %v", err)
	}
	head, fileKey, err := makeHead(recipients)
	if err != nil {
		return nil, fmt.Errorf("making head: %v", err)
	}
	defer clear(fileKey)
	return newSealer(head, fileKey, plainSize)
}

// makeHead has age write a header and a nonce, and returns them with the file
// key that age drew. Nothing is written through age's own writer.
func makeHead(recipients []age.Recipient) (head, fileKey []byte, err error) {
	c := &capture{to: recipients[0]}
	var b bytes.Buffer
	rs := append([]age.Recipient{c}, recipients[1:]...)
	if _, err := age.Encrypt(&b, rs...); err != nil {
		return nil, nil, err
	}
	// The header's MAC is keyed by the file key. Checking it proves that the
	// key seen is the key used, whatever a later age does before it wraps.
	header := b.Bytes()[:b.Len()-NonceSize]
	if _, err := age.DecryptHeader(header, age.NewInjectedFileKeyIdentity(c.key)); err != nil {
		return nil, nil, fmt.Errorf("checking file key: %v", err)
	}
	return b.Bytes(), c.key, nil
}

// newSealer makes a Sealer from a head and the file key that its header wraps.
func newSealer(head, fileKey []byte, plainSize int64) (*Sealer, error) {
	if plainSize < 0 || plainSize > MaxPlain {
		return nil, fmt.Errorf("plaintext of %d bytes is outside 0 to %d", plainSize, int64(MaxPlain))
	}
	key, err := payloadKey(head, fileKey)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	s := &Sealer{head: bytes.Clone(head), plain: plainSize, known: map[int][32]byte{}}
	copy(s.fileKey[:], fileKey)
	copy(s.key[:], key)
	return s, nil
}

// Head returns the age header and the nonce, a copy. It holds no secret in
// clear, but with it every recipient can open the payload: the sender keeps it
// until the package is unlocked.
func (s *Sealer) Head() []byte { return bytes.Clone(s.head) }

// PayloadSize returns the bytes of all parts together.
func (s *Sealer) PayloadSize() int64 { return PayloadSize(s.plain) }

// Parts returns the number of parts, at least 1.
func (s *Sealer) Parts() int { return Parts(s.PayloadSize()) }

// PayloadRoot returns the root over all parts, as the function of that name does.
// It fails as long as a part was never sealed.
func (s *Sealer) PayloadRoot() ([32]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r Root
	for n := range s.Parts() {
		sum, ok := s.known[n]
		if !ok {
			return [32]byte{}, fmt.Errorf("computing payload root: part %d was never sealed", n)
		}
		r.Add(sum)
	}
	return r.Sum(), nil
}

// SealPart appends part n of the payload, PartLen(s.PayloadSize(), n) bytes, to
// dst and returns the extended slice and the SHA-256 of the part's ciphertext.
// plain is exactly the plaintext of that part: PartPlain bytes from offset
// n*PartPlain, or what is left. The spare capacity of dst must not overlap plain.
//
// A part may be sealed again. As sealing is deterministic, the same plaintext
// gives the same ciphertext. Other plaintext would give another one under the same
// keystream, and the two XORed are the change in clear: then the ciphertext is
// overwritten before it is returned, the key is destroyed, and the error wraps
// ErrChanged. Of concurrent calls for one part that is so as well: the first to
// finish decides which plaintext is the part's.
func (s *Sealer) SealPart(dst []byte, n int, plain []byte) (ct []byte, sum [32]byte, err error) {
	size := PartLen(s.PayloadSize(), n)
	if size == 0 {
		return nil, sum, fmt.Errorf("sealing part %d: there are %d parts", n, s.Parts())
	}
	if want := min(PartPlain, s.plain-int64(n)*PartPlain); int64(len(plain)) != want {
		return nil, sum, fmt.Errorf("sealing part %d: got %d bytes, want %d", n, len(plain), want)
	}
	aead, err := s.aead()
	if err != nil {
		return nil, sum, fmt.Errorf("sealing part %d: %w", n, err)
	}
	h := sha256.New()
	ct = s.sealChunks(aead, h, slices.Grow(dst, int(size)), int64(n)*PartChunks, plain)
	h.Sum(sum[:0])
	if err := s.guard(n, sum); err != nil {
		clear(ct[len(dst):])
		return nil, [32]byte{}, fmt.Errorf("sealing part %d: %w", n, err)
	}
	return ct, sum, nil
}

var errDestroyed = errors.New("the key is destroyed")

func (s *Sealer) aead() (cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destroyed {
		return nil, errDestroyed
	}
	return chacha20poly1305.New(s.key[:])
}

// guard decides whether a ciphertext of part n may leave: if there is none yet, or
// if it is the same. It is asked after the ciphertext is complete and before
// anybody sees it. A key that another part has lost meanwhile lets nothing out.
func (s *Sealer) guard(n int, sum [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destroyed {
		return errDestroyed
	}
	was, ok := s.known[n]
	if ok && was != sum {
		s.destroy()
		return ErrChanged
	}
	s.known[n] = sum
	return nil
}

// sealChunks appends chunks to dst, beginning with chunk i, and hashes each while it
// is in the processor's cache.
func (s *Sealer) sealChunks(aead cipher.AEAD, h hash.Hash, dst []byte, i int64, plain []byte) []byte {
	last := chunks(s.plain) - 1
	var nonce [chacha20poly1305.NonceSize]byte // outside the loop: one allocation for all
	for ; ; i++ {
		chunk := plain[:min(ChunkSize, len(plain))]
		plain = plain[len(chunk):]
		nonce = chunkNonce(i, i == last)
		at := len(dst)
		dst = aead.Seal(dst, nonce[:], chunk, nil)
		h.Write(dst[at:])
		if len(plain) == 0 {
			return dst
		}
	}
}

// Destroy overwrites the key; every later SealPart fails, and so do calls that
// have begun. It may be called more than once. Copies that age, HKDF and finished
// calls left in freed memory are out of reach until the garbage collector reuses
// it.
func (s *Sealer) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destroy()
}

func (s *Sealer) destroy() {
	clear(s.fileKey[:])
	clear(s.key[:])
	s.destroyed = true
}

// capture is a recipient that notes the file key while another recipient wraps
// it. It forwards the labels as well: an embedded age.Recipient would hide
// WrapWithLabels, and age could no longer refuse a classic recipient beside a
// post-quantum one.
type capture struct {
	to  age.Recipient
	key []byte
}

var _ age.RecipientWithLabels = (*capture)(nil)

// Wrap implements age.Recipient. age calls WrapWithLabels instead.
func (c *capture) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := c.WrapWithLabels(fileKey)
	return stanzas, err
}

// WrapWithLabels implements age.RecipientWithLabels.
func (c *capture) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	c.key = bytes.Clone(fileKey)
	if l, ok := c.to.(age.RecipientWithLabels); ok {
		return l.WrapWithLabels(fileKey)
	}
	stanzas, err := c.to.Wrap(fileKey)
	return stanzas, nil, err
}
