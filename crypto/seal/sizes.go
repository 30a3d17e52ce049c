package seal

import (
	"fmt"
	"math"
	"math/bits"

	"golang.org/x/crypto/chacha20poly1305"
)

// Padme returns the length, in bytes, to which n bytes are padded so that the
// size of a package tells little about its content: the smallest length >= n
// that in binary, after its first digit and floor(log2(log2 n)) + 1 more, has
// only zeros. It adds at most 12 %, and under 4 % from 64 KiB upwards. It is
// the function Padmé of "Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs" (PETS 2019), section 4.
//
// It is monotone and idempotent, and Padme(n) <= MaxPlain if n <= MaxPlain. A
// negative n gives 0; lengths too large for int64 give math.MaxInt64.
func Padme(n int64) int64 {
	if n < 2 {
		return max(n, 0)
	}
	e := bits.Len64(uint64(n)) - 1
	mask := int64(1)<<(e-bits.Len(uint(e))) - 1
	if n > math.MaxInt64-mask {
		return math.MaxInt64
	}
	return (n + mask) &^ mask
}

// PayloadSize returns the payload bytes of an age file over plain bytes of
// plaintext; the head is not counted. An empty plaintext is one empty chunk,
// 16 bytes. It returns 0, which no payload has, if plain is negative or
// greater than MaxPlain.
func PayloadSize(plain int64) int64 {
	if plain < 0 || plain > MaxPlain {
		return 0
	}
	return plain + chunks(plain)*chacha20poly1305.Overhead
}

// chunks returns the number of chunks of a plaintext, at least 1.
func chunks(plain int64) int64 {
	return max(1, (plain+ChunkSize-1)/ChunkSize)
}

// PlainSize returns the plaintext bytes of a payload, padding included. It is
// the inverse of PayloadSize and fails for a size that no payload has.
func PlainSize(payload int64) (int64, error) {
	if payload < chacha20poly1305.Overhead || payload > PayloadSize(MaxPlain) {
		return 0, fmt.Errorf("payload of %d bytes is outside %d to %d", payload, chacha20poly1305.Overhead, PayloadSize(MaxPlain))
	}
	n := (payload + EncChunkSize - 1) / EncChunkSize
	plain := payload - n*chacha20poly1305.Overhead
	// An age file ends with an empty chunk only if it is empty, and a tag is
	// never cut: both show here as a size that would be written otherwise.
	if PayloadSize(plain) != payload {
		return 0, fmt.Errorf("no age payload has %d bytes", payload)
	}
	return plain, nil
}

// Parts returns the number of parts of a payload of that many bytes, and 0 for
// a payload that is empty, negative or larger than any that is sealed.
func Parts(payload int64) int {
	if payload <= 0 || payload > PayloadSize(MaxPlain) {
		return 0
	}
	return int((payload + PartSize - 1) / PartSize)
}

// PartLen returns the length in bytes of part n, counted from 0, of a payload
// of that many bytes. Only the last part is shorter than PartSize. It returns
// 0 if there is no such part.
func PartLen(payload int64, n int) int64 {
	if n < 0 || n >= Parts(payload) {
		return 0
	}
	return min(PartSize, payload-int64(n)*PartSize)
}
