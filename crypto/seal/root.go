package seal

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// PayloadRoot returns the RFC 6962 tree head over the SHA-256 digests of a
// payload's parts in order: a leaf is SHA-256(0x00 || digest), an inner node
// SHA-256(0x01 || left || right). No digests give SHA-256 of nothing, as the
// RFC has it; a payload has at least one.
func PayloadRoot(digests [][32]byte) [32]byte {
	var r Root
	for _, d := range digests {
		r.Add(d)
	}
	return r.Sum()
}

// A Root computes PayloadRoot from digests that come one by one, in memory
// that grows with the logarithm of their number. The zero value is an empty
// tree. It is not safe for concurrent use.
type Root struct {
	n     uint64
	peaks []tlog.Hash // roots of the full subtrees, largest first: one per 1 bit of n
}

// Add appends the SHA-256 of the next part.
func (r *Root) Add(digest [32]byte) {
	h := tlog.RecordHash(digest[:])
	for n := r.n; n&1 == 1; n >>= 1 {
		last := len(r.peaks) - 1
		h = tlog.NodeHash(r.peaks[last], h)
		r.peaks = r.peaks[:last]
	}
	r.peaks = append(r.peaks, h)
	r.n++
}

// Sum returns the tree head over the digests so far. More may be added after.
func (r *Root) Sum() [32]byte {
	if r.n == 0 {
		return sha256.Sum256(nil)
	}
	h := r.peaks[len(r.peaks)-1]
	for i := len(r.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(r.peaks[i], h)
	}
	return h
}
