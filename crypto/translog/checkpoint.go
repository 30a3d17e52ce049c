package translog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxCheckpointBytes bounds a signed checkpoint: the text and some eighteen
// ML-DSA-44 cosignatures. Who fetches one reads no more than this.
const MaxCheckpointBytes = 64 << 10

// Checkpoint is a tree head: what a log signs, C2SP tlog-checkpoint.
type Checkpoint struct {
	Origin string    // name of the log
	Size   int64     // number of leaves, 0 to MaxSize
	Root   tlog.Hash // RFC 6962 root of the first Size leaves
}

// Text returns the three lines that are signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" +
		base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// check refuses what no honest log could sign.
func (c Checkpoint) check() error {
	if err := checkOrigin(c.Origin); err != nil {
		return err
	}
	if c.Size < 0 || c.Size > MaxSize {
		return fmt.Errorf("tree size %d out of range", c.Size)
	}
	if c.Size == 0 && c.Root != emptyRoot() {
		return fmt.Errorf("root %v of an empty tree", c.Root)
	}
	return nil
}

// Sign returns c as a note signed by s, whose name must be the origin. Only
// the holder of the log head calls it, after the tiles of c are durable: a
// log that signs two checkpoints that contradict each other is finished.
func Sign(c Checkpoint, s note.Signer) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("signing checkpoint: %v", err)
	}
	if s.Name() != c.Origin {
		return nil, fmt.Errorf("signing checkpoint of %q: key is named %q", c.Origin, s.Name())
	}
	msg, err := note.Sign(&note.Note{Text: c.Text()}, s)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint of %q: %v", c.Origin, err)
	}
	return msg, nil
}

// Open returns the checkpoint of origin in the signed note msg, which must
// carry a valid signature by v, a key named like the origin. Signatures by
// other keys are ignored, as C2SP signed-note demands (witnesses add theirs),
// and nothing is known about them afterwards.
func Open(msg []byte, origin string, v note.Verifier) (Checkpoint, error) {
	c, _, err := open(msg, origin, v)
	return c, err
}

// OpenExact is Open for bytes that are kept as evidence: it refuses a note
// with any line that v did not sign or that is not in its one spelling, such
// as a signature by an unknown key, a repeated one, or loose base64. What
// passes is the only note of this checkpoint and signature.
func OpenExact(msg []byte, origin string, v note.Verifier) (Checkpoint, error) {
	c, n, err := open(msg, origin, v)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, s := range n.UnverifiedSigs {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: signature by unknown key %q", origin, s.Name)
	}
	if !bytes.Equal(msg, encode(n)) {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: signature lines are repeated or not canonical", origin)
	}
	return c, nil
}

func open(msg []byte, origin string, v note.Verifier) (Checkpoint, *note.Note, error) {
	if v.Name() != origin {
		return Checkpoint{}, nil, fmt.Errorf("opening checkpoint of %q: key is named %q", origin, v.Name())
	}
	if len(msg) > MaxCheckpointBytes {
		return Checkpoint{}, nil, fmt.Errorf("opening checkpoint of %q: more than %d bytes", origin, MaxCheckpointBytes)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("opening checkpoint of %q: %v", origin, err)
	}
	c, err := parseText(n.Text, origin)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("opening checkpoint of %q: %v", origin, err)
	}
	return c, n, nil
}

// encode writes the note with its verified signatures in canonical base64.
func encode(n *note.Note) []byte {
	b := []byte(n.Text + "\n")
	for _, s := range n.Sigs {
		// note.Open has decoded it; only the unused bits may differ.
		raw, _ := base64.StdEncoding.DecodeString(s.Base64)
		b = fmt.Appendf(b, "— %s %s\n", s.Name, base64.StdEncoding.EncodeToString(raw))
	}
	return b
}

// parseText is the strict inverse of Text for one origin.
func parseText(text, origin string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%d lines, want exactly 3", len(lines)-1)
	}
	if lines[0] != origin {
		return Checkpoint{}, fmt.Errorf("origin is %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("malformed tree size %q", lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("malformed root hash %q", lines[2])
	}
	c := Checkpoint{Origin: origin, Size: size, Root: tlog.Hash(root)}
	if err := c.check(); err != nil {
		return Checkpoint{}, err
	}
	// "+7", "07" and base64 with stray bits parse above. Two texts for one
	// tree head would let two parties hold different bytes of the same fact.
	if c.Text() != text {
		return Checkpoint{}, fmt.Errorf("text is not canonical")
	}
	return c, nil
}
