package env

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/translog"
)

// Log is a custody log in memory. The zero value is an empty one. It is not safe
// for concurrent use.
type Log struct {
	size   int64
	hashes []tlog.Hash // as numbered by tlog.StoredHashIndex
}

// Append adds a leaf and returns its index.
func (l *Log) Append(leaf translog.Leaf) (int64, error) {
	hs, err := tlog.StoredHashesForRecordHash(l.size, leaf.Hash(), tlog.HashReaderFunc(l.read))
	if err != nil {
		return 0, fmt.Errorf("appending leaf %d: %v", l.size, err)
	}
	l.hashes = append(l.hashes, hs...)
	l.size++
	return l.size - 1, nil
}

// Head returns the checkpoint of the log under a name.
func (l *Log) Head(origin string) (translog.Checkpoint, error) {
	root, err := tlog.TreeHash(l.size, tlog.HashReaderFunc(l.read))
	return translog.Checkpoint{Origin: origin, Size: l.size, Root: root}, err
}

// Sign returns the checkpoint of the log as a note signed by s, dated at.
func (l *Log) Sign(s *translog.LogSigner, at time.Time) ([]byte, error) {
	c, err := l.Head(s.Origin())
	if err != nil {
		return nil, err
	}
	return translog.Sign(c, s, at)
}

// SignAt returns the checkpoint of the first size leaves as a note signed by s,
// dated at, and the proof that the log as it stands continues it.
func (l *Log) SignAt(s *translog.LogSigner, size int64, at time.Time) (msg []byte, proof []tlog.Hash, err error) {
	r := tlog.HashReaderFunc(l.read)
	root, err := tlog.TreeHash(size, r)
	if err != nil {
		return nil, nil, err
	}
	if msg, err = translog.Sign(translog.Checkpoint{Origin: s.Origin(), Size: size, Root: root}, s, at); err != nil {
		return nil, nil, err
	}
	proof, err = translog.ProveConsistency(size, l.size, r)
	return msg, proof, err
}

// Size returns the number of leaves.
func (l *Log) Size() int64 { return l.size }

// Prove returns the audit path of a leaf in the log as it stands.
func (l *Log) Prove(index int64) ([]tlog.Hash, error) {
	return translog.ProveInclusion(l.size, index, tlog.HashReaderFunc(l.read))
}

// ProveConsistency proves that the tree of newSize continues that of oldSize.
func (l *Log) ProveConsistency(oldSize, newSize int64) ([]tlog.Hash, error) {
	return translog.ProveConsistency(oldSize, newSize, tlog.HashReaderFunc(l.read))
}

func (l *Log) read(at []int64) ([]tlog.Hash, error) {
	hs := make([]tlog.Hash, len(at))
	for i, n := range at {
		if n < 0 || n >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no stored hash %d", n)
		}
		hs[i] = l.hashes[n]
	}
	return hs, nil
}
