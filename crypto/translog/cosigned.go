package translog

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Cosignature is a valid cosignature of a checkpoint.
type Cosignature struct {
	Key       *CosignerKey
	Time      time.Time // as the cosigner dated it: whole seconds, UTC
	signature []byte
}

// Line returns the signature line as it stands in a note, with its newline.
func (c Cosignature) Line() []byte {
	raw := binary.BigEndian.AppendUint32(nil, c.Key.id)
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.Time.Unix()))
	raw = append(raw, c.signature...)
	return fmt.Appendf(nil, "— %s %s\n", c.Key.name, base64.StdEncoding.EncodeToString(raw))
}

// Cosigned is a checkpoint that its log has signed with both keys, and what
// witnesses have said of it.
type Cosigned struct {
	Checkpoint
	// Log is the log's own ML-DSA cosignature. Its time is the relay's word.
	Log Cosignature
	// Cosignatures of the witnesses asked about, at most one for each key, in
	// the order of a canonical note: by name, then by key id.
	Cosignatures []Cosignature

	line string // of the log's Ed25519 key
}

// Note returns the canonical note: the text, the log's Ed25519 line, its
// ML-DSA line, then the cosignatures. OpenCosignedExact reads exactly that.
func (c Cosigned) Note() []byte {
	b := []byte(c.Text() + "\n" + c.line)
	b = append(b, c.Log.Line()...)
	for _, s := range c.Cosignatures {
		b = append(b, s.Line()...)
	}
	return b
}

// OpenCosigned reads a note of the log's: it must carry valid signatures by
// both keys of the log. Of the witnesses it returns who has cosigned; lines of
// others are ignored, as C2SP signed-note demands. A line that claims to be of
// one of these keys and does not verify is an error. No two of the witnesses
// may share name and key id. A cosignature dated zero, which says nothing about
// when, counts as a stranger's.
func OpenCosigned(msg []byte, log *LogKey, witnesses ...*CosignerKey) (Cosigned, error) {
	c, err := openCosigned(msg, log, witnesses)
	if err != nil {
		return Cosigned{}, fmt.Errorf("opening checkpoint of %q: %v", log.Origin(), err)
	}
	return c, nil
}

// OpenCosignedExact is OpenCosigned for bytes that are kept as evidence: it
// accepts only the canonical note, see Cosigned.Note, without any line of a
// key that is not given.
func OpenCosignedExact(msg []byte, log *LogKey, witnesses ...*CosignerKey) (Cosigned, error) {
	c, err := OpenCosigned(msg, log, witnesses...)
	if err != nil {
		return Cosigned{}, err
	}
	if !bytes.Equal(msg, c.Note()) {
		return Cosigned{}, fmt.Errorf("opening checkpoint of %q: signature lines are of unknown keys, repeated, out of order or not canonical", log.Origin())
	}
	return c, nil
}

func openCosigned(msg []byte, log *LogKey, witnesses []*CosignerKey) (Cosigned, error) {
	if len(msg) > MaxCheckpointBytes {
		return Cosigned{}, fmt.Errorf("more than %d bytes", MaxCheckpointBytes)
	}
	known := []note.Verifier{log.ed, log.ml}
	for _, w := range witnesses {
		known = append(known, w)
	}
	n, err := note.Open(msg, note.VerifierList(known...))
	if err != nil {
		return Cosigned{}, err
	}
	c := Cosigned{}
	if c.Checkpoint, err = parseText(n.Text, log.Origin()); err != nil {
		return Cosigned{}, err
	}
	for _, s := range n.Sigs {
		c.take(s, log, witnesses)
	}
	if c.line == "" || c.Log.Key == nil {
		return Cosigned{}, fmt.Errorf("not signed with both keys of the log, Ed25519 and ML-DSA-44")
	}
	slices.SortFunc(c.Cosignatures, func(a, b Cosignature) int {
		return cmp.Or(strings.Compare(a.Key.name, b.Key.name), cmp.Compare(a.Key.id, b.Key.id))
	})
	return c, nil
}

// take files a signature that note.Open has verified.
func (c *Cosigned) take(s note.Signature, log *LogKey, witnesses []*CosignerKey) {
	is := func(v note.Verifier) bool { return v.Name() == s.Name && v.KeyHash() == s.Hash }
	raw, _ := base64.StdEncoding.DecodeString(s.Base64) // note.Open has decoded it; the unused bits may differ
	switch {
	case is(log.ed):
		c.line = fmt.Sprintf("— %s %s\n", s.Name, base64.StdEncoding.EncodeToString(raw))
	case is(log.ml):
		c.Log = dated(log.ml, raw)
	default:
		for _, w := range witnesses {
			if is(w) {
				// Time zero is a cosignature that says nothing about when. Here
				// it would only raise the question what it proves.
				if d := dated(w, raw); d.Time.Unix() != 0 {
					c.Cosignatures = append(c.Cosignatures, d)
				}
			}
		}
	}
}

// dated splits id, time and signature, whose length Verify has checked.
func dated(k *CosignerKey, raw []byte) Cosignature {
	return Cosignature{k, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC(), raw[12:]}
}
