package seal

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"sync"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// A Sealer seals one plaintext of fixed size under one fresh key. Its methods
// may be called concurrently. It lives in memory only: a process that stops
// before all parts are with the receiver begins again with a new Sealer, that
// is, with a new package.
type Sealer struct {
	head  []byte // age header and nonce
	plain int64  // plaintext bytes in all

	mu        sync.Mutex // guards the fields below
	key       [chacha20poly1305.KeySize]byte
	destroyed bool
	sealed    []uint64 // one bit for each part that SealPart has taken
}

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
	s := &Sealer{head: bytes.Clone(head), plain: plainSize}
	copy(s.key[:], key)
	s.sealed = make([]uint64, (s.Parts()+63)/64)
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

// SealPart appends part n of the payload, PartLen(s.PayloadSize(), n) bytes, to
// dst and returns the extended slice. plain is exactly the plaintext of that
// part: PartPlain bytes from offset n*PartPlain, or what is left. The spare
// capacity of dst must not overlap plain.
//
// A part is sealed once. The second call for the same n fails, whether or not
// plain is the same: had the source changed in between, the two ciphertexts
// XORed would be the change in clear. Callers keep a sealed part until the
// other side has acknowledged it.
func (s *Sealer) SealPart(dst []byte, n int, plain []byte) ([]byte, error) {
	size := PartLen(s.PayloadSize(), n)
	if size == 0 {
		return nil, fmt.Errorf("sealing part %d: there are %d parts", n, s.Parts())
	}
	if want := min(PartPlain, s.plain-int64(n)*PartPlain); int64(len(plain)) != want {
		return nil, fmt.Errorf("sealing part %d: got %d bytes, want %d", n, len(plain), want)
	}
	aead, err := s.take(n)
	if err != nil {
		return nil, fmt.Errorf("sealing part %d: %v", n, err)
	}
	return s.sealChunks(aead, slices.Grow(dst, int(size)), n, plain), nil
}

// take marks part n as sealed, for ever, and returns the cipher for it. The
// mark comes before the first byte is encrypted, so that of two concurrent
// calls only one gets a keystream.
func (s *Sealer) take(n int) (cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.destroyed {
		return nil, errors.New("the key is destroyed")
	}
	bit := uint64(1) << (n % 64)
	if s.sealed[n/64]&bit != 0 {
		return nil, errors.New("already sealed, and a second time could show what changed in it")
	}
	s.sealed[n/64] |= bit
	return chacha20poly1305.New(s.key[:])
}

// sealChunks appends the chunks of part n to dst.
func (s *Sealer) sealChunks(aead cipher.AEAD, dst []byte, n int, plain []byte) []byte {
	last := chunks(s.plain) - 1
	var nonce [chacha20poly1305.NonceSize]byte // outside the loop: one allocation for all
	for i := int64(n) * PartChunks; ; i++ {
		chunk := plain[:min(ChunkSize, len(plain))]
		plain = plain[len(chunk):]
		nonce = chunkNonce(i, i == last)
		dst = aead.Seal(dst, nonce[:], chunk, nil)
		if len(plain) == 0 {
			return dst
		}
	}
}

// Destroy overwrites the key; every later SealPart fails, and calls that have
// begun finish. It may be called more than once. Copies that age, HKDF and
// finished calls left in freed memory are out of reach until the garbage
// collector reuses it.
func (s *Sealer) Destroy() {
	s.mu.Lock()
	defer s.mu.Unlock()
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
