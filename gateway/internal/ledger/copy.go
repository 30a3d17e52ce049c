package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"filippo.io/age"
)

// A copy object is, for each line, its index (8 bytes, big-endian), the length
// of what follows (4) and an age file. Each line has an age file of its own, so
// that one can be taken out of the object without opening the others. Its
// plaintext is the index (8), the salt (32), the length of the entry (4), the
// entry, and the envelope.
const (
	maxCopy    = 8 << 20 // the largest age file: an envelope, an entry, overhead
	copyHeader = 8 + 4
	lineHeader = 8 + 32 + 4
)

// SealCopies returns a copy object of some lines, sealed to a post-quantum
// recipient.
func SealCopies(lines []custody.Line, to age.Recipient) ([]byte, error) {
	list := make([]*sealing, len(lines))
	for i, l := range lines {
		list[i] = startSealing(l, to)
	}
	return join(lines, list)
}

// sealing is the age file of one line in the making.
type sealing struct {
	salt custody.Digest // of the line: no two lines share one
	done chan struct{}  // closed when the fields below are set
	file []byte
	err  error
}

// startSealing seals a line on a goroutine of its own. It takes as long as the
// decision about a statement, so the sequencer does not wait for it.
func startSealing(l custody.Line, to age.Recipient) *sealing {
	s := &sealing{salt: l.Salt, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.file, s.err = seal.SealSmall(plainCopy(&l), maxCopy, to)
	}()
	return s
}

// join waits for the age files of some lines and returns their copy object.
func join(lines []custody.Line, list []*sealing) ([]byte, error) {
	var b []byte
	for i, s := range list {
		<-s.done
		if s.err != nil {
			return nil, fmt.Errorf("sealing the copy of entry %d: %w", lines[i].Index, s.err)
		}
		b = binary.BigEndian.AppendUint64(b, uint64(lines[i].Index))
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.file)))
		b = append(b, s.file...)
	}
	return b, nil
}

// OpenCopies returns the lines of a copy object. It does not check them against
// the log: a line counts if its leaf stands in the log at its index.
func OpenCopies(data []byte, ids ...age.Identity) ([]custody.Line, error) {
	var lines []custody.Line
	for len(data) > 0 {
		index, file, rest, err := cutCopy(data)
		if err != nil {
			return nil, fmt.Errorf("opening copies: %v", err)
		}
		plain, err := seal.OpenSmall(file, maxCopy, ids...)
		if err != nil {
			return nil, fmt.Errorf("opening copy of entry %d: %w", index, err)
		}
		line, err := parseCopy(plain)
		if err == nil && line.Index != index {
			err = fmt.Errorf("it holds entry %d", line.Index)
		}
		if err != nil {
			return nil, fmt.Errorf("opening copy of entry %d: %v", index, err)
		}
		lines, data = append(lines, *line), rest
	}
	return lines, nil
}

// cutCopy splits the first age file off a copy object.
func cutCopy(data []byte) (index int64, file, rest []byte, err error) {
	if len(data) < copyHeader {
		return 0, nil, nil, errors.New("cut off in a header")
	}
	u, n := binary.BigEndian.Uint64(data), int64(binary.BigEndian.Uint32(data[8:]))
	data = data[copyHeader:]
	if u > 1<<53-1 || n > int64(len(data)) {
		return 0, nil, nil, fmt.Errorf("malformed header: index %d, %d of %d bytes", u, n, len(data))
	}
	return int64(u), data[:n], data[n:], nil
}

func plainCopy(l *custody.Line) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, lineHeader+len(l.Entry)+len(l.Envelope)), uint64(l.Index))
	b = append(b, l.Salt[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Entry)))
	b = append(b, l.Entry...)
	return append(b, l.Envelope...)
}

// parseCopy is the inverse of plainCopy.
func parseCopy(b []byte) (*custody.Line, error) {
	if len(b) < lineHeader {
		return nil, fmt.Errorf("%d bytes are too few", len(b))
	}
	u, n := binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint32(b[8+32:]))
	rest := b[lineHeader:]
	if u > 1<<53-1 || n > int64(len(rest)) {
		return nil, fmt.Errorf("malformed header: index %d, entry of %d in %d bytes", u, n, len(rest))
	}
	return &custody.Line{Index: int64(u), Salt: custody.Digest(b[8 : 8+32]), Entry: rest[:n], Envelope: rest[n:]}, nil
}
