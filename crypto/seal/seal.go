// Package seal turns a plaintext of known size into an age file, part by part,
// and opens it again.
//
// The output is plain age v1 (c2sp.org/age), so that any age implementation
// opens it: age itself makes the header and the 16-byte nonce, which together
// are the head; this package makes the payload, 64 KiB ChaCha20-Poly1305
// chunks, byte-identical to what age would have written. Head and payload are
// kept apart because the head stays with the sender until the package is
// unlocked. A part is 128 chunks of the payload and can be sealed in any order
// and concurrently with other parts; PayloadRoot commits to all of them.
//
// It refuses every recipient that is not post-quantum (mlkem768x25519): classic
// age keys, SSH keys, plugins and passphrases, when sealing and when opening.
// It refuses to let two ciphertexts of one part out, since two ciphertexts of
// different plaintexts under one keystream show their difference to anybody
// who holds both: a part is sealed in memory, and its SHA-256 must be the one
// that is known of it, if one is. It refuses to work where crypto/fips140 is enforced, because
// age needs X25519 and ChaCha20-Poly1305.
//
// age does not authenticate the sender: whoever can open a file can also make
// another one with the same head. Callers sign the head's hash and the payload
// root, and check both before they open anything.
package seal

import (
	"crypto/fips140"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// ChunkSize is the number of plaintext bytes in every chunk but the last.
	ChunkSize = 64 << 10
	// EncChunkSize is the number of payload bytes of a full chunk: its
	// ciphertext and the 16-byte Poly1305 tag.
	EncChunkSize = ChunkSize + chacha20poly1305.Overhead
	// PartChunks is the number of chunks in every part but the last.
	PartChunks = 128
	// PartSize is the number of payload bytes in every part but the last.
	PartSize = PartChunks * EncChunkSize
	// PartPlain is the number of plaintext bytes in every part but the last.
	PartPlain = PartChunks * ChunkSize
	// MaxPlain is the largest plaintext, in bytes, that is sealed (256 TiB). It
	// keeps every size within int64 and the part number within a 32-bit int.
	MaxPlain = 1 << 48

	// NonceSize is the number of bytes between the age header and the payload.
	NonceSize = 16
	// MaxHead is the largest head, in bytes, that is parsed.
	MaxHead = 256 << 10
	// MaxRecipients is the largest number of recipients of one file.
	MaxRecipients = 64
)

// FIPSRefusal returns an error, to be shown to the user, if this process runs
// with FIPS 140-3 enforcement (GODEBUG=fips140=only), and nil otherwise.
//
// Programs call it before anything else. Making a key in that mode would
// not fail but loop for ever: the HPKE library under age draws seeds until one
// is accepted, and X25519 is never accepted there.
func FIPSRefusal() error {
	if !fips140.Enforced() {
		return nil
	}
	return errors.New("evidence is sealed with age, whose X25519 and ChaCha20-Poly1305 are not FIPS-approved: cannot run with GODEBUG=fips140=only")
}
