package translog

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// Sign returns c as the canonical note signed with both keys of its log, the
// ML-DSA cosignature dated at, see Cosigner.Cosign. Only the holder of the log
// head calls it, after the tiles of c are durable: a log that signs two
// checkpoints that contradict each other is finished.
func Sign(c Checkpoint, s *LogSigner, at time.Time) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("signing checkpoint: %v", err)
	}
	if s.Origin() != c.Origin {
		return nil, fmt.Errorf("signing checkpoint of %q: key is named %q", c.Origin, s.Origin())
	}
	msg, err := note.Sign(&note.Note{Text: c.Text()}, s.ed)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint of %q: %v", c.Origin, err)
	}
	line, err := s.ml.Cosign(c, at)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint of %q: %v", c.Origin, err)
	}
	return append(msg, line...), nil
}

// Open returns the checkpoint of origin in the signed note msg, which must
// carry valid signatures by both keys of the log. Signatures by other keys are
// ignored, as C2SP signed-note demands (witnesses add theirs), and nothing is
// known about them afterwards; OpenCosigned reads them.
func Open(msg []byte, origin string, k *LogKey) (Checkpoint, error) {
	return open(msg, origin, k, OpenCosigned)
}

// OpenExact is Open for bytes that are kept as evidence: it refuses a note
// with any line that the log did not sign or that is not in its one spelling,
// such as a signature by an unknown key, a repeated one, or loose base64. What
// passes is the only note of this checkpoint and these two signatures.
func OpenExact(msg []byte, origin string, k *LogKey) (Checkpoint, error) {
	return open(msg, origin, k, OpenCosignedExact)
}

func open(msg []byte, origin string, k *LogKey, read func([]byte, *LogKey, ...*CosignerKey) (Cosigned, error)) (Checkpoint, error) {
	if k.Origin() != origin {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: key is named %q", origin, k.Origin())
	}
	c, err := read(msg, k)
	return c.Checkpoint, err
}

// SizeOf returns the size in a checkpoint of any log, without looking at who signed.
func SizeOf(msg []byte) (int64, error) {
	lines := strings.SplitN(string(msg[:min(len(msg), MaxCheckpointBytes)]), "\n", 3)
	if len(lines) < 3 {
		return 0, fmt.Errorf("reading checkpoint: %d lines", len(lines))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize || strconv.FormatInt(size, 10) != lines[1] {
		return 0, fmt.Errorf("reading checkpoint: malformed tree size %.40q", lines[1])
	}
	return size, nil
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

// OpenForeign returns the checkpoint of a log that is not a Comity relay's: it
// signs with one key, v, named like its origin. Of such a log too a checkpoint
// has three lines and one spelling. A witness reads it; nothing of a case may
// rest on it, because a forger needs to break one scheme only.
func OpenForeign(msg []byte, v note.Verifier) (Checkpoint, error) {
	if len(msg) > MaxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: more than %d bytes", v.Name(), MaxCheckpointBytes)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: %v", v.Name(), err)
	}
	c, err := parseText(n.Text, v.Name())
	if err != nil {
		return Checkpoint{}, fmt.Errorf("opening checkpoint of %q: %v", v.Name(), err)
	}
	return c, nil
}
