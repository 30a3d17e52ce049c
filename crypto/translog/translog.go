// Package translog is the mathematics of the custody log: leaves, the Merkle
// tree over them, checkpoints, proofs and the names and bytes of tiles.
//
// A relay keeps one RFC 6962 tree. Its entries are the 56-byte leaves of this
// package, published as C2SP tlog-tiles, so that any monitor can read them and
// see that nothing was rewritten. A leaf tells a stranger nothing about a
// case: the tag of a record follows from a nonce that only its parties know,
// and the hash of entry and envelope is salted.
//
//	tag    = first 16 bytes of SHA-256("comity/tag/v1" 0x00 || payload hash of the record's first statement)
//	salted = SHA-256("comity/leaf/v1" 0x00 || salt (32) || SHA-256(entry) || SHA-256(envelope))
//	leaf   = tag (16) || seq (8, big-endian) || salted (32)
//
// A log signs each checkpoint with two keys, Ed25519 and ML-DSA-44, and
// witnesses cosign it (C2SP tlog-cosignature). A Policy says which of them must
// have, and from their dates follows when a checkpoint existed.
//
// It refuses, rather than repairs: checkpoints with extension lines (an
// ML-DSA cosignature does not cover them), of another origin, or whose text
// could be written in another way; proofs that are longer or shorter than the
// tree demands; tile paths and entry bundles in any but their one spelling;
// trees above MaxSize. It reads no disk, network or clock.
package translog

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// LeafSize is the length of an encoded Leaf in bytes.
	LeafSize = 16 + 8 + 32

	// MaxSize is the largest tree this package handles: the largest integer
	// that every JSON reader keeps exact. It also guards x/mod/sumdb/tlog,
	// which loops for ever on a tree of more than 2^62 entries, a number that
	// a hostile relay could sign.
	MaxSize = 1<<53 - 1
)

// Tag stands for a record in the log. Whoever knows the record's first
// statement computes it; nobody else can guess it, because the statement
// carries a 32-byte nonce.
type Tag [16]byte

// NewTag returns the tag of the record whose first statement has the payload
// hash payloadSHA256.
func NewTag(payloadSHA256 [32]byte) Tag {
	h := sha256.New()
	h.Write([]byte("comity/tag/v1\x00"))
	h.Write(payloadSHA256[:])
	return Tag(h.Sum(nil)[:16])
}

// String returns the tag in lower-case hexadecimal.
func (t Tag) String() string { return fmt.Sprintf("%x", t[:]) }

// Salted returns the hash by which a leaf commits to an entry and to the
// exact bytes of the envelope it records. For an event of the relay, which
// has no envelope, envelopeSHA256 is zero. Who destroys entry and salt leaves
// a leaf that can no longer be tied to any content.
func Salted(salt, entrySHA256, envelopeSHA256 [32]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("comity/leaf/v1\x00"))
	h.Write(salt[:])
	h.Write(entrySHA256[:])
	h.Write(envelopeSHA256[:])
	return [32]byte(h.Sum(nil))
}

// Leaf is one entry of the log: the Seq-th entry, counted from 0, of the
// record that Tag stands for, with the commitment to its content.
type Leaf struct {
	Tag    Tag
	Seq    uint64
	Salted [32]byte // see the function Salted
}

// Bytes returns the LeafSize bytes that are hashed and published.
func (l Leaf) Bytes() []byte {
	return l.append(make([]byte, 0, LeafSize))
}

func (l Leaf) append(b []byte) []byte {
	b = append(b, l.Tag[:]...)
	b = binary.BigEndian.AppendUint64(b, l.Seq)
	return append(b, l.Salted[:]...)
}

// Hash returns the RFC 6962 leaf hash, SHA-256(0x00 || Bytes).
func (l Leaf) Hash() tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// ParseLeaf reads the encoding made by Bytes. Every string of LeafSize bytes
// is a leaf; any other length is an error.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) != LeafSize {
		return Leaf{}, fmt.Errorf("reading leaf: %d bytes, want %d", len(b), LeafSize)
	}
	return Leaf{
		Tag:    Tag(b[:16]),
		Seq:    binary.BigEndian.Uint64(b[16:24]),
		Salted: [32]byte(b[24:]),
	}, nil
}
