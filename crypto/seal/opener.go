package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrAuth is wrapped where a chunk was not sealed under this head, at this place of a
// payload of this size.
var ErrAuth = errors.New("does not authenticate")

// An Opener opens the payload of one age file part by part, in any order. Its
// methods may be called concurrently.
//
// An opened part was sealed under the head's key at exactly this place of a
// payload of exactly this size: parts that are cut, moved or exchanged fail, and
// of a part that fails nothing comes out. That does not say who sealed it: every
// recipient could have. Callers check a part's digest, and the signature over head
// and payload root, before they open it.
type Opener struct {
	aead    cipher.AEAD
	payload int64 // bytes of all parts together
}

// NewOpener checks a head as CheckHead does and opens it with one of the
// identities. payloadSize is the bytes of the whole payload, of which the last
// chunk is known: sizes that no payload has are refused. The error wraps
// *age.NoIdentityMatchError if the file is for none of the identities. It fails
// where FIPSRefusal does.
func NewOpener(head []byte, payloadSize int64, ids ...age.Identity) (*Opener, error) {
	if err := FIPSRefusal(); err != nil {
		return nil, err
	}
	if err := CheckHead(head); err != nil {
		return nil, err
	}
	fileKey, err := age.DecryptHeader(head[:len(head)-NonceSize], ids...)
	if err != nil {
		return nil, fmt.Errorf("opening head: %w", err)
	}
	return newOpener(head, fileKey, payloadSize)
}

// newOpener makes an Opener from a head and the file key that its header wraps.
func newOpener(head, fileKey []byte, payloadSize int64) (*Opener, error) {
	if _, err := PlainSize(payloadSize); err != nil {
		return nil, fmt.Errorf("opening: %v", err)
	}
	key, err := payloadKey(head, fileKey)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, fmt.Errorf("opening: %v", err)
	}
	return &Opener{aead, payloadSize}, nil
}

// OpenPart appends the plaintext of part n to dst and returns the extended slice.
// sealed is exactly that part, PartLen(PayloadSize, n) bytes. To have the plaintext in
// the place of sealed, dst is sealed[:0]; otherwise its spare capacity must not
// overlap sealed, and where it suffices nothing is allocated. After an error, ErrAuth
// or that of a wrong size, nothing is appended, and what was decrypted is overwritten.
func (o *Opener) OpenPart(dst []byte, n int, sealed []byte) ([]byte, error) {
	size := PartLen(o.payload, n)
	if size == 0 {
		return nil, fmt.Errorf("opening part %d: there are %d parts", n, Parts(o.payload))
	}
	if int64(len(sealed)) != size {
		return nil, fmt.Errorf("opening part %d: got %d bytes, want %d", n, len(sealed), size)
	}
	out, err := o.OpenChunks(dst, int64(n)*PartChunks, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening part %d: %w", n, err)
	}
	return out, nil
}

// OpenChunks is OpenPart for any run of whole chunks, at least one; first is the
// number of the first one in the payload, counted from 0. The run that reaches the
// payload's end ends with its last chunk, which may be shorter.
func (o *Opener) OpenChunks(dst []byte, first int64, sealed []byte) ([]byte, error) {
	if err := o.checkRun(first, int64(len(sealed))); err != nil {
		return nil, err
	}
	last := o.chunks() - 1
	count := (len(sealed) + EncChunkSize - 1) / EncChunkSize
	out := slices.Grow(dst, len(sealed)-count*chacha20poly1305.Overhead)
	whole, here := sealed, inPlace(dst, sealed)
	var nonce [chacha20poly1305.NonceSize]byte // outside the loop: one allocation for all
	for i := first; len(sealed) > 0; i++ {
		chunk := sealed[:min(EncChunkSize, len(sealed))]
		sealed = sealed[len(chunk):]
		nonce = chunkNonce(i, i == last)
		to := out
		if here {
			to = chunk[:0]
		}
		plain, err := o.aead.Open(to, nonce[:], chunk, nil)
		if err != nil {
			clear(out[len(dst):])
			if here {
				clear(whole) // the ends of chunks stand above where they were moved to
			}
			return nil, fmt.Errorf("chunk %d: %w", i, ErrAuth)
		}
		if here { // moved down over the tags before it
			plain = append(out, plain...)
		}
		out = plain
	}
	return out, nil
}

// inPlace reports whether dst is the empty beginning of sealed.
func inPlace(dst, sealed []byte) bool {
	return len(dst) == 0 && cap(dst) > 0 && &dst[:1][0] == &sealed[0]
}

// checkRun refuses size bytes from chunk first on that are not whole chunks of the
// payload.
func (o *Opener) checkRun(first, size int64) error {
	n := o.chunks()
	if first < 0 || first >= n {
		return fmt.Errorf("opening chunk %d: there are %d chunks", first, n)
	}
	left := o.payload - first*EncChunkSize
	if size < 1 || size > left || size < left && size%EncChunkSize != 0 {
		return fmt.Errorf("opening from chunk %d on: %d bytes are not whole chunks", first, size)
	}
	return nil
}

// chunks returns the number of chunks of the payload.
func (o *Opener) chunks() int64 { return (o.payload + EncChunkSize - 1) / EncChunkSize }

// payloadKey derives the key of the payload from the file key and the nonce that
// ends the head (age.md, "Payload").
func payloadKey(head, fileKey []byte) ([]byte, error) {
	nonce := head[len(head)-NonceSize:]
	key, err := hkdf.Key(sha256.New, fileKey, nonce, "payload", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving payload key: %v", err)
	}
	return key, nil
}

// chunkNonce returns the nonce of chunk i: its number, 11 bytes big-endian, and a
// byte that is 1 for the last chunk of all (age.md, "Payload").
func chunkNonce(i int64, last bool) (nonce [chacha20poly1305.NonceSize]byte) {
	binary.BigEndian.PutUint64(nonce[3:11], uint64(i))
	if last {
		nonce[11] = 1
	}
	return nonce
}
