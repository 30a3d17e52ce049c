package seal_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"comity.example/comity/crypto/seal"
	"golang.org/x/mod/sumdb/tlog"
)

// treeHead is MTH of RFC 6962, section 2.1, word by word.
func treeHead(d [][32]byte) [32]byte {
	switch len(d) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0][:]...))
	}
	k := 1
	for k*2 < len(d) {
		k *= 2
	}
	l, r := treeHead(d[:k]), treeHead(d[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func TestPayloadRoot(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := seal.PayloadRoot(nil); hex.EncodeToString(got[:]) != empty {
		t.Errorf("PayloadRoot(nil) = %x, want %s", got, empty)
	}
	var digests [][32]byte
	var stream seal.Root
	var stored memHashes
	for n := range 70 {
		d := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(n)))
		digests = append(digests, d)
		stream.Add(d)
		want := treeHead(digests)
		if got := seal.PayloadRoot(digests); got != want {
			t.Fatalf("PayloadRoot of %d = %x, want %x", n+1, got, want)
		}
		if got := stream.Sum(); got != want {
			t.Fatalf("Root of %d = %x, want %x", n+1, got, want)
		}
		hs, err := tlog.StoredHashes(int64(n), d[:], stored)
		fatalIfErr(t, err)
		stored = append(stored, hs...)
		th, err := tlog.TreeHash(int64(n+1), stored)
		fatalIfErr(t, err)
		if [32]byte(th) != want {
			t.Fatalf("tlog's tree of %d = %x, want %x", n+1, th, want)
		}
	}
}

type memHashes []tlog.Hash

func (m memHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hs []tlog.Hash
	for _, i := range indexes {
		hs = append(hs, m[i])
	}
	return hs, nil
}
