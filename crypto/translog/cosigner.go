package translog

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

// Algorithm is a kind of cosignature, by the byte that C2SP gives it.
type Algorithm byte

const (
	// Ed25519 is cosignature/v1: it covers every line of a checkpoint, but not
	// the name of its signer, so one key serves one cosigner.
	Ed25519 Algorithm = 0x04
	// MLDSA44 is subtree/v1 (FIPS 204): it covers the cosigner's name, origin,
	// size and root.
	MLDSA44 Algorithm = 0x06
)

// String returns the name of the algorithm as documents write it.
func (a Algorithm) String() string {
	switch a {
	case Ed25519:
		return "Ed25519"
	case MLDSA44:
		return "ML-DSA-44"
	}
	return fmt.Sprintf("algorithm %#02x", byte(a))
}

// publicSize and signatureSize are 0 for what is no algorithm of ours.
func (a Algorithm) publicSize() int {
	return map[Algorithm]int{Ed25519: ed25519.PublicKeySize, MLDSA44: mldsa44.PublicKeySize}[a]
}

func (a Algorithm) signatureSize() int {
	return map[Algorithm]int{Ed25519: ed25519.SignatureSize, MLDSA44: mldsa44.SignatureSize}[a]
}

// cosignerSeed is the length of either secret key: the expanded keys are never stored.
const cosignerSeed = 32

// maxName is the length of a cosigner's name, which has a one-byte length.
const maxName = 255

// maxTime is the last second of the year 9999: a later time has no RFC 3339 form.
const maxTime = 253402300799

// CosignerKey is the public key of a witness, or a log's own ML-DSA key:
// C2SP tlog-cosignature. It is immutable and safe for concurrent use.
type CosignerKey struct {
	name   string
	alg    Algorithm
	public []byte
	ml     *mldsa44.PublicKey // of MLDSA44
	id     uint32
}

func newCosignerKey(name string, alg Algorithm, public []byte) (*CosignerKey, error) {
	if err := checkName(name, maxName); err != nil {
		return nil, err
	}
	if alg.publicSize() == 0 {
		return nil, fmt.Errorf("%v is no kind of cosignature", alg)
	}
	if len(public) != alg.publicSize() {
		return nil, fmt.Errorf("%v key has %d bytes, want %d", alg, len(public), alg.publicSize())
	}
	k := &CosignerKey{name: name, alg: alg, public: public}
	if alg == MLDSA44 {
		k.ml = new(mldsa44.PublicKey)
		if err := k.ml.UnmarshalBinary(public); err != nil {
			return nil, fmt.Errorf("reading ML-DSA-44 key: %v", err)
		}
	}
	h := sha256.Sum256(append([]byte(name+"\n"+string(byte(alg))), public...))
	k.id = binary.BigEndian.Uint32(h[:])
	return k, nil
}

// ParseCosignerKey reads a vkey, C2SP signed-note: NAME+ID+base64 of the
// algorithm's byte and the key. It refuses other kinds of key and any
// spelling but the one String gives. Whose name it must be is the caller's.
func ParseCosignerKey(vkey string) (*CosignerKey, error) {
	f := strings.Split(vkey, "+")
	if len(f) < 3 {
		return nil, fmt.Errorf("reading cosigner key: want NAME+ID+KEY")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Join(f[2:], "+"))
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("reading cosigner key: malformed base64")
	}
	k, err := newCosignerKey(f[0], Algorithm(raw[0]), raw[1:])
	if err != nil {
		return nil, fmt.Errorf("reading cosigner key: %v", err)
	}
	if k.String() != vkey {
		return nil, fmt.Errorf("reading cosigner key of %q: id is wrong or spelling not canonical", k.name)
	}
	return k, nil
}

// String returns the vkey.
func (k *CosignerKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.id, base64.StdEncoding.EncodeToString(append([]byte{byte(k.alg)}, k.public...)))
}

// Name returns the name of the cosigner.
func (k *CosignerKey) Name() string { return k.name }

// KeyHash returns the key id that stands in signature lines.
func (k *CosignerKey) KeyHash() uint32 { return k.id }

// Algorithm returns the kind of cosignature that the key verifies.
func (k *CosignerKey) Algorithm() Algorithm { return k.alg }

// Bytes returns the public key itself: 32 bytes of Ed25519, 1,312 of ML-DSA-44.
func (k *CosignerKey) Bytes() []byte { return slices.Clone(k.public) }

// Equal reports whether two keys are the same in name, algorithm and bytes.
func (k *CosignerKey) Equal(other *CosignerKey) bool { return k.String() == other.String() }

// Verify reports whether sig, eight bytes of time and a signature, is a
// cosignature of this key on the text of a checkpoint. It is the method of
// note.Verifier, so a text that is no strict checkpoint is refused here: what
// an ML-DSA cosignature does not cover must not pass below it.
func (k *CosignerKey) Verify(text, sig []byte) bool {
	if len(sig) != 8+k.alg.signatureSize() {
		return false
	}
	t := binary.BigEndian.Uint64(sig)
	if t > maxTime {
		return false
	}
	origin, _, _ := strings.Cut(string(text), "\n")
	c, err := parseText(string(text), origin)
	if err != nil {
		return false
	}
	msg := cosigned(k.alg, k.name, c, t)
	if k.alg == Ed25519 {
		return ed25519.Verify(k.public, msg, sig[8:])
	}
	return mldsa44.Verify(k.ml, msg, nil, sig[8:])
}

// cosigned returns the bytes that are signed.
func cosigned(alg Algorithm, name string, c Checkpoint, t uint64) []byte {
	if alg == Ed25519 {
		return []byte("cosignature/v1\ntime " + strconv.FormatUint(t, 10) + "\n" + c.Text())
	}
	b := append([]byte("subtree/v1\n\x00"), byte(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint64(b, t)
	b = append(b, byte(len(c.Origin)))
	b = append(b, c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Size))
	return append(b, c.Root[:]...)
}

// Cosigner is a secret key that cosigns checkpoints. It is immutable, safe for
// concurrent use, and never printed.
type Cosigner struct {
	key *CosignerKey
	ed  ed25519.PrivateKey
	ml  *mldsa44.PrivateKey
}

// newCosigner derives both halves of a key from its seed.
func newCosigner(name string, alg Algorithm, seed [cosignerSeed]byte) (*Cosigner, error) {
	s := new(Cosigner)
	var public []byte
	switch alg {
	case Ed25519:
		s.ed = ed25519.NewKeyFromSeed(seed[:])
		public = s.ed.Public().(ed25519.PublicKey)
	case MLDSA44:
		pub, ml := mldsa44.NewKeyFromSeed(&seed)
		s.ml, public = ml, pub.Bytes()
	}
	var err error
	s.key, err = newCosignerKey(name, alg, public)
	return s, err
}

const secretPrefix = "PRIVATE+KEY+"

// GenerateCosigner makes a key for the cosigner of that name, from the
// system's random source. The strings are those of GenerateKey with another
// algorithm byte: signer is secret (the key is a 32-byte seed), verifier is
// what ParseCosignerKey reads.
func GenerateCosigner(name string, alg Algorithm) (signer, verifier string, err error) {
	var seed [cosignerSeed]byte
	rand.Read(seed[:]) // never fails, see crypto/rand
	s, err := newCosigner(name, alg, seed)
	if err != nil {
		return "", "", fmt.Errorf("generating cosigner key for %q: %v", name, err)
	}
	return s.spell(seed), s.key.String(), nil
}

func (s *Cosigner) spell(seed [cosignerSeed]byte) string {
	raw := append([]byte{byte(s.key.alg)}, seed[:]...)
	return fmt.Sprintf("%s%s+%08x+%s", secretPrefix, s.key.name, s.key.id, base64.StdEncoding.EncodeToString(raw))
}

// ParseCosigner reads a secret key in the one spelling that GenerateCosigner
// gives. The error never contains the key.
func ParseCosigner(skey string) (*Cosigner, error) {
	rest, ok := strings.CutPrefix(skey, secretPrefix)
	f := strings.SplitN(rest, "+", 3)
	if !ok || len(f) != 3 {
		return nil, fmt.Errorf("reading secret cosigner key: malformed")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(f[2])
	if err != nil || len(raw) != 1+cosignerSeed {
		return nil, fmt.Errorf("reading secret cosigner key: malformed")
	}
	seed := [cosignerSeed]byte(raw[1:])
	s, err := newCosigner(f[0], Algorithm(raw[0]), seed)
	if err != nil {
		return nil, fmt.Errorf("reading secret cosigner key of %q: %v", f[0], err)
	}
	if s.spell(seed) != skey {
		return nil, fmt.Errorf("reading secret cosigner key of %q: id is wrong or spelling not canonical", f[0])
	}
	return s, nil
}

// Key returns the public key.
func (s *Cosigner) Key() *CosignerKey { return s.key }

// Cosign returns the signature line of c, ending in a newline, dated at in
// whole seconds. It asserts that at that time c was the largest tree of its
// log that the signer had seen, and that it continued all that it had seen
// before: only who has made that durable may call it.
func (s *Cosigner) Cosign(c Checkpoint, at time.Time) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("cosigning: %v", err)
	}
	t := at.Unix()
	if t <= 0 || t > maxTime {
		return nil, fmt.Errorf("cosigning: time %d out of range", t)
	}
	msg := cosigned(s.key.alg, s.key.name, c, uint64(t))
	sig := make([]byte, s.key.alg.signatureSize())
	if s.ed != nil {
		copy(sig, ed25519.Sign(s.ed, msg))
	} else if err := mldsa44.SignTo(s.ml, msg, nil, true, sig); err != nil {
		return nil, fmt.Errorf("cosigning: %v", err)
	}
	return Cosignature{Key: s.key, Time: time.Unix(t, 0).UTC(), signature: sig}.Line(), nil
}

// possession begins what Prove signs. No cosignature begins so.
const possession = "comity/cosigner/v1\x00"

// Prove returns a signature over words that are no checkpoint, by which the
// holder of the key shows that it has it.
func (s *Cosigner) Prove(words []byte) []byte {
	msg := append([]byte(possession), words...)
	if s.ed != nil {
		return ed25519.Sign(s.ed, msg)
	}
	sig := make([]byte, mldsa44.SignatureSize)
	if err := mldsa44.SignTo(s.ml, msg, nil, true, sig); err != nil {
		panic("translog: internal error: signing without context: " + err.Error())
	}
	return sig
}

// Proves reports whether sig is what Prove returns for these words.
func (k *CosignerKey) Proves(words, sig []byte) bool {
	msg := append([]byte(possession), words...)
	if k.alg == Ed25519 {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.public, msg, sig)
	}
	return len(sig) == mldsa44.SignatureSize && mldsa44.Verify(k.ml, msg, nil, sig)
}

// checkName accepts 1 to most printable ASCII characters without space and
// plus, which key strings and signature lines use as separators.
func checkName(name string, most int) error {
	if name == "" || len(name) > most {
		return fmt.Errorf("name of %d characters, want 1 to %d", len(name), most)
	}
	for _, r := range name {
		if r <= ' ' || r == '+' || r > '~' {
			return fmt.Errorf("name %q contains %q", name, r)
		}
	}
	return nil
}
