package dossier

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
)

const (
	checkpointsFolder = "checkpoints"
	tokensFolder      = "tokens"
	proofSuffix       = ".proof"
	firstSuffix       = ".first"
	lastSuffix        = ".last"
	tokenSuffix       = ".tsr"

	maxProof  = 64      // hashes of a consistency proof: more than any tree needs
	maxTokens = 10      // over one checkpoint: N is one digit
	maxEarly  = 100_000 // checkpoints
)

// Earlier is a signed checkpoint of the same log that others vouch for, and the RFC
// 6962 proof that the main checkpoint continues it. It may be of the main one's size:
// then there is no proof, and its bytes may differ in who cosigned.
type Earlier struct {
	Note  []byte
	Proof []tlog.Hash
	// First and Last are notes of the same tree as witnesses first and last cosigned
	// it, if Note is not that one: the first bounds from above what is in the tree, the
	// last from below what is not.
	First, Last []byte
	// Tokens are time stamps over exactly the bytes of Note, as package timestamp
	// keeps them.
	Tokens [][]byte
}

// earlierSize returns the largest size of a member with an earlier checkpoint, its
// proof, or a token; 0 for other names.
func earlierSize(name string) int64 {
	folder, base, _ := strings.Cut(name, "/")
	switch {
	case strings.Contains(base, "/"):
	case folder == checkpointsFolder && strings.HasSuffix(base, proofSuffix):
		return 8 << 10
	case folder == checkpointsFolder:
		return translog.MaxCheckpointBytes
	case folder == tokensFolder:
		return timestamp.MaxBytes
	}
	return 0
}

// earlier returns the members of the earlier checkpoints.
func (d *Dossier) earlier() (list []file, err error) {
	if len(d.Earlier) > maxEarly {
		return nil, fmt.Errorf("%d earlier checkpoints, more than %d", len(d.Earlier), maxEarly)
	}
	for size, e := range d.Earlier {
		if size < 0 || size > translog.MaxSize || len(e.Tokens) > maxTokens || len(e.Proof) > maxProof {
			return nil, fmt.Errorf("earlier checkpoint of size %d, with %d tokens and a proof of %d hashes, is out of range", size, len(e.Tokens), len(e.Proof))
		}
		at := fmt.Sprintf("%s/%d", checkpointsFolder, size)
		list = append(list, file{at + proofSuffix, hashLines(nil, e.Proof)})
		for name, note := range e.notes(size) {
			list = append(list, file{name, note})
		}
		if bytes.Equal(e.Note, e.First) || bytes.Equal(e.Note, e.Last) || len(e.First) > 0 && bytes.Equal(e.First, e.Last) {
			return nil, fmt.Errorf("earlier checkpoint of size %d is there twice in one form", size)
		}
		for n, t := range e.Tokens {
			list = append(list, file{fmt.Sprintf("%s/%d-%d%s", tokensFolder, size, n, tokenSuffix), t})
		}
	}
	return list, nil
}

func hashLines(b []byte, list []tlog.Hash) []byte {
	for _, h := range list {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return b
}

// putCheckpoint stores a member of the folder of earlier checkpoints.
func (d *Dossier) putCheckpoint(name string, data []byte) error {
	digits, _, _ := strings.Cut(name, ".")
	size, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return errName
	}
	e := d.Earlier[size]
	switch strings.TrimPrefix(name, digits) {
	case "":
		e.Note = data
	case firstSuffix:
		e.First = data
	case lastSuffix:
		e.Last = data
	case proofSuffix:
		if e.Proof, err = parseHashes(string(data)); err != nil {
			return err
		}
	default:
		return errName
	}
	d.Earlier[size] = e
	return nil
}

// putToken stores a token. Those of one size come in the order of their numbers.
func (d *Dossier) putToken(name string, data []byte) error {
	digits, ok := strings.CutSuffix(name, tokenSuffix)
	left, right, _ := strings.Cut(digits, "-")
	size, err := strconv.ParseInt(left, 10, 64)
	if err != nil || !ok {
		return errName
	}
	e := d.Earlier[size]
	if n, err := strconv.Atoi(right); err != nil || n != len(e.Tokens) {
		return errors.New("tokens of a checkpoint must be numbered from 0 without a gap")
	}
	e.Tokens = append(e.Tokens, data)
	d.Earlier[size] = e
	return nil
}

func parseHashes(text string) (list []tlog.Hash, err error) {
	for s := range strings.Lines(text) {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(s, "\n"))
		if err != nil || len(b) != tlog.HashSize {
			return nil, fmt.Errorf("malformed proof: hash %.60q", s)
		}
		list = append(list, tlog.Hash(b))
	}
	return list, nil
}
