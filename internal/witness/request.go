package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"comity.example/comity/crypto/translog"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxProof is how many hashes a request may carry, C2SP tlog-witness.
	maxProof = 63
	// MaxRequest is the length of the longest request in bytes.
	MaxRequest = 32 + maxProof*45 + translog.MaxCheckpointBytes
)

// Request asks a witness to cosign the checkpoint of a note.
type Request struct {
	Old   int64       // size of the newest tree that the witness cosigned
	Proof []tlog.Hash // that the checkpoint continues it
	Note  []byte
}

// encode writes the body of add-checkpoint.
func (r *Request) encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b = append(b, base64.StdEncoding.EncodeToString(h[:])+"\n"...)
	}
	return append(append(b, '\n'), r.Note...)
}

// parseRequest reads the body of add-checkpoint. It does not open the note.
func parseRequest(body []byte) (*Request, error) {
	head, msg, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) > 1+maxProof {
		return nil, errors.New("want an old size, at most 63 hashes, an empty line and a checkpoint")
	}
	digits, ok := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || old < 0 || old > translog.MaxSize || strconv.FormatInt(old, 10) != digits {
		return nil, errors.New("malformed old size")
	}
	r := &Request{Old: old, Note: msg}
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(h) != tlog.HashSize {
			return nil, errors.New("malformed hash")
		}
		r.Proof = append(r.Proof, tlog.Hash(h))
	}
	return r, nil
}

// origin returns the first line of the note: whose log it says it is of.
func (r *Request) origin() string {
	line, _, _ := bytes.Cut(r.Note, []byte("\n"))
	return string(line)
}
