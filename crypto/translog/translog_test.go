package translog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// log is a log of n leaves of seven records, with its stored hashes, as
// x/mod/sumdb/tlog would keep them.
type log struct {
	leaves []translog.Leaf
	hashes []tlog.Hash
}

func newLog(t testing.TB, n int) *log {
	t.Helper()
	l := new(log)
	for i := range n {
		leaf := translog.Leaf{
			Tag:    translog.NewTag([32]byte{byte(i % 7)}),
			Seq:    uint64(i / 7),
			Salted: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))),
		}
		hs, err := tlog.StoredHashes(int64(i), leaf.Bytes(), l)
		fatalIfErr(t, err)
		l.leaves = append(l.leaves, leaf)
		l.hashes = append(l.hashes, hs...)
	}
	return l
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hs := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hs[i] = l.hashes[x]
	}
	return hs, nil
}

const origin = "relay.example"

func (l *log) checkpoint(t testing.TB, size int) translog.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), l)
	fatalIfErr(t, err)
	return translog.Checkpoint{Origin: origin, Size: int64(size), Root: root}
}

// TestVectors fixes the bytes. The hashes were computed with sha256sum:
//
//	(printf 'comity/tag/v1\0'; head -c 32 /dev/zero) | sha256sum
//	(printf 'comity/leaf/v1\0'; head -c 96 /dev/zero) | sha256sum
//	(printf '\0'; head -c 56 /dev/zero) | sha256sum
func TestVectors(t *testing.T) {
	var zero [32]byte
	if got, want := translog.NewTag(zero).String(), "3da53007bab7340e087bb22c9843f364"; got != want {
		t.Errorf("NewTag(zeros) = %s, want %s", got, want)
	}
	salted := translog.Salted(zero, zero, zero)
	if got, want := hex.EncodeToString(salted[:]), "330ac7df794fecd31caf2d8ef08eef1bed60e758651fc7a49de594c366dd5e06"; got != want {
		t.Errorf("Salted(zeros) = %s, want %s", got, want)
	}
	h := translog.Leaf{}.Hash()
	if got, want := hex.EncodeToString(h[:]), "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"; got != want {
		t.Errorf("Leaf{}.Hash() = %s, want %s", got, want)
	}
	leaf := translog.Leaf{Tag: translog.Tag{0xaa}, Seq: 0x0102030405060708, Salted: [32]byte{0xbb}}
	want := "aa" + strings.Repeat("00", 15) + "0102030405060708" + "bb" + strings.Repeat("00", 31)
	if got := hex.EncodeToString(leaf.Bytes()); got != want {
		t.Errorf("Bytes = %s, want %s", got, want)
	}
}

func TestSaltedDependsOnEveryInput(t *testing.T) {
	seen := map[[32]byte]int{}
	for i := range 3 {
		var in [3][32]byte
		in[i][31] = 1
		s := translog.Salted(in[0], in[1], in[2])
		if j, ok := seen[s]; ok {
			t.Errorf("inputs %d and %d give the same hash", i, j)
		}
		seen[s] = i
	}
}

func TestParseLeafLength(t *testing.T) {
	for _, n := range []int{0, translog.LeafSize - 1, translog.LeafSize + 1} {
		if _, err := translog.ParseLeaf(make([]byte, n)); err == nil {
			t.Errorf("ParseLeaf accepted %d bytes", n)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	f.Add(make([]byte, translog.LeafSize))
	f.Add(translog.Leaf{Seq: 1 << 63}.Bytes())
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := translog.ParseLeaf(b)
		if err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Errorf("ParseLeaf(%x).Bytes() = %x", b, l.Bytes())
		}
	})
}
