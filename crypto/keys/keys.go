// Package keys holds the hybrid signature keys of every party: one Ed25519 key
// and one ML-DSA-65 key (FIPS 204) under one id. A signature is always the pair,
// and both halves must verify, so a forger needs to break both.
//
// It refuses to mix halves of different keys, to verify one half alone, and to
// print a private key.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

const (
	// SeedSize is the length in bytes of a private key: the Ed25519 seed, then
	// the ML-DSA-65 seed. The expanded ML-DSA key is never stored.
	SeedSize = ed25519.SeedSize + mldsa65.SeedSize
	// PublicSize is the length in bytes of a raw public key, both halves.
	PublicSize = ed25519.PublicKeySize + mldsa65.PublicKeySize
	// EdSize and MLSize are the lengths in bytes of the two signature halves.
	EdSize = ed25519.SignatureSize
	MLSize = mldsa65.SignatureSize

	publicPrefix = "ed25519+ml-dsa-65:"
)

// ErrSignature is returned when either half of a signature does not verify.
var ErrSignature = errors.New("signature does not verify")

// ID names a hybrid public key: SHA-256 over the Ed25519 key followed by the
// ML-DSA-65 key. Its text form is 64 lower-case hexadecimal digits.
type ID [sha256.Size]byte

// String returns the 64 hexadecimal digits of the id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads the text form of an ID, and only that form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) || strings.ToLower(s) != s {
		return id, fmt.Errorf("malformed key id %q: want 64 lower-case hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, fmt.Errorf("malformed key id %q: %v", s, err)
	}
	return id, nil
}

// Public is a hybrid public key. It is immutable and safe for concurrent use.
type Public struct {
	ed ed25519.PublicKey
	ml *mldsa65.PublicKey
	id ID
}

// NewPublic reads a raw public key: 32 bytes of Ed25519, 1,952 of ML-DSA-65.
func NewPublic(raw []byte) (*Public, error) {
	if len(raw) != PublicSize {
		return nil, fmt.Errorf("public key has %d bytes, want %d", len(raw), PublicSize)
	}
	ml := new(mldsa65.PublicKey)
	if err := ml.UnmarshalBinary(raw[ed25519.PublicKeySize:]); err != nil {
		return nil, fmt.Errorf("reading ML-DSA-65 public key: %v", err)
	}
	return &Public{
		ed: slices.Clone(raw[:ed25519.PublicKeySize]),
		ml: ml,
		id: sha256.Sum256(raw),
	}, nil
}

// ParsePublic reads the text form that String prints.
func ParsePublic(s string) (*Public, error) {
	b64, ok := strings.CutPrefix(s, publicPrefix)
	if !ok {
		return nil, fmt.Errorf("malformed public key %.40q: want the prefix %q", s, publicPrefix)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil {
		return nil, fmt.Errorf("malformed public key %.40q: %v", s, err)
	}
	p, err := NewPublic(raw)
	if err != nil {
		return nil, err
	}
	if p.String() != s {
		return nil, fmt.Errorf("malformed public key %.40q: not in canonical form", s)
	}
	return p, nil
}

// Bytes returns the raw public key, PublicSize bytes.
func (p *Public) Bytes() []byte {
	return append(slices.Clone(p.ed), p.ml.Bytes()...)
}

// String returns the text form: a prefix naming both algorithms and the raw key
// in standard base64.
func (p *Public) String() string {
	return publicPrefix + base64.StdEncoding.EncodeToString(p.Bytes())
}

// ID returns the id of the key.
func (p *Public) ID() ID { return p.id }

// Verify checks both halves of a signature over msg: Ed25519 (RFC 8032) and
// ML-DSA-65 (FIPS 204, empty context). It returns ErrSignature unless both hold.
func (p *Public) Verify(msg, ed, ml []byte) error {
	okEd := len(ed) == EdSize && ed25519.Verify(p.ed, msg, ed)
	okML := len(ml) == MLSize && mldsa65.Verify(p.ml, msg, nil, ml)
	if !okEd || !okML {
		return ErrSignature
	}
	return nil
}

// Private is a hybrid private key. It is immutable, safe for concurrent use, and
// never printed.
type Private struct {
	seed [SeedSize]byte
	ed   ed25519.PrivateKey
	ml   *mldsa65.PrivateKey
	pub  *Public
}

// Generate makes a new private key from the system's random source.
func Generate() *Private {
	var seed [SeedSize]byte
	rand.Read(seed[:]) // never fails, see crypto/rand
	return newPrivate(seed)
}

// NewPrivate derives a private key from its seed of SeedSize bytes.
func NewPrivate(seed []byte) (*Private, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("private key seed has %d bytes, want %d", len(seed), SeedSize)
	}
	return newPrivate([SeedSize]byte(seed)), nil
}

func newPrivate(seed [SeedSize]byte) *Private {
	mlSeed := [mldsa65.SeedSize]byte(seed[ed25519.SeedSize:])
	mlPub, mlKey := mldsa65.NewKeyFromSeed(&mlSeed)
	ed := ed25519.NewKeyFromSeed(seed[:ed25519.SeedSize])
	pub := &Public{ed: ed.Public().(ed25519.PublicKey), ml: mlPub}
	pub.id = sha256.Sum256(pub.Bytes())
	return &Private{seed: seed, ed: ed, ml: mlKey, pub: pub}
}

// Seed returns a copy of the secret seed, for storage in a key file only.
func (k *Private) Seed() []byte { return slices.Clone(k.seed[:]) }

// Public returns the public half.
func (k *Private) Public() *Public { return k.pub }

// Sign signs msg with both halves. The ML-DSA half is hedged with fresh
// randomness, so two signatures of one message differ.
func (k *Private) Sign(msg []byte) (ed, ml []byte) {
	ed = ed25519.Sign(k.ed, msg)
	ml = make([]byte, MLSize)
	if err := mldsa65.SignTo(k.ml, msg, nil, true, ml); err != nil {
		panic("keys: internal error: ML-DSA-65 refused an empty context: " + err.Error())
	}
	return ed, ml
}

// Equal reports whether two private keys are the same, in constant time.
func (k *Private) Equal(o *Private) bool {
	return subtle.ConstantTimeCompare(k.seed[:], o.seed[:]) == 1
}

// String names the key by its public id, never by its secret.
func (k *Private) String() string { return "private key " + k.pub.id.String() }

// Format implements fmt.Formatter, for the value as for the pointer: without it
// %d, %#v or a copied struct in a log line would print the seed.
func (k Private) Format(f fmt.State, _ rune) {
	if k.pub == nil {
		io.WriteString(f, "private key")
		return
	}
	io.WriteString(f, k.String())
}

// RootFingerprint names a set of root keys and the number of them that must
// sign: SHA-256 over "comity/root-keys/v1\0", the threshold in one byte and the
// raw key ids in ascending order. It is what parties pin on paper.
func RootFingerprint(threshold int, ids []ID) ([sha256.Size]byte, error) {
	if threshold < 1 || threshold > len(ids) || len(ids) > 255 {
		return [sha256.Size]byte{}, fmt.Errorf("root threshold %d of %d keys is impossible", threshold, len(ids))
	}
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		return [sha256.Size]byte{}, errors.New("root key listed twice")
	}
	h := sha256.New()
	h.Write([]byte("comity/root-keys/v1\x00"))
	h.Write([]byte{byte(threshold)})
	for _, id := range sorted {
		h.Write(id[:])
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
