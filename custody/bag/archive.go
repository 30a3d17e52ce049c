package bag

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// RefusedError says why a received archive is not a bag of this format.
// Errors of the reader underneath are not of this type: they come wrapped.
type RefusedError struct {
	Offset int64  // in the archive, where the entry begins or the fault lies
	Path   string // name of the entry in the archive; "" if it has none
	Reason string
}

// Error quotes the entry's name.
func (e *RefusedError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("extracting bag: at byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("extracting bag: entry %q at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// maxRecords bounds the content of an extended header: a full path with
// folder names around it, a time and a size.
const maxRecords = MaxPath + 512

// archive reads the entries of a canonical archive.
type archive struct {
	r     *bufio.Reader
	off   int64  // bytes consumed
	start int64  // where the current entry begins
	name  string // of the current entry
	raw   []byte // headers of the current entry as read
	canon []byte // headers of the current entry as they must be
}

// refuse is the error for the current entry.
func (a *archive) refuse(format string, args ...any) error {
	return &RefusedError{Offset: a.start, Path: a.name, Reason: fmt.Sprintf(format, args...)}
}

// full reads exactly len(b) bytes. The end of the stream in here is a
// truncation.
func (a *archive) full(b []byte) error {
	n, err := io.ReadFull(a.r, b)
	a.off += int64(n)
	if err != nil {
		return a.broken(err)
	}
	return nil
}

// broken is the error for a read that failed before the end of the archive.
func (a *archive) broken(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return a.refuse("the archive is truncated at byte %d", a.off)
	}
	return fmt.Errorf("reading the archive at byte %d: %w", a.off, err)
}

// grow reads n more bytes of header.
func (a *archive) grow(n int64) ([]byte, error) {
	old := len(a.raw)
	a.raw = append(a.raw, make([]byte, n)...)
	return a.raw[old:], a.full(a.raw[old:])
}

// next reads the headers of one entry; end is true instead if a zero block
// stands there. Whatever the headers say, they must be what [entry.append]
// writes for it: that alone excludes links, devices, sparse files, other
// dialects, base-256 numbers, repeated or unknown records, and two readers
// seeing two archives.
func (a *archive) next() (e entry, end bool, err error) {
	a.start, a.name, a.raw = a.off, "", a.raw[:0]
	block, err := a.grow(blockSize)
	if err != nil {
		return e, false, err
	}
	if zero(block) {
		return e, true, nil
	}
	records := map[string]string{}
	if block[156] == typePAX {
		if records, err = a.extended(block); err != nil {
			return e, false, err
		}
		if block, err = a.grow(blockSize); err != nil {
			return e, false, err
		}
	}
	if e, err = a.parse(block, records); err != nil {
		return e, false, err
	}
	a.canon = e.append(a.canon[:0])
	if !bytes.Equal(a.canon, a.raw) {
		return e, false, a.refuse("has a header in another form than this format's")
	}
	return e, false, nil
}

// extended reads the records behind the header block of an extended header.
func (a *archive) extended(block []byte) (map[string]string, error) {
	n, err := parseOctal(block[124:136])
	if err != nil || n == 0 || n > maxRecords {
		return nil, a.refuse("has an extended header of impossible size")
	}
	b, err := a.grow(n + padding(n))
	if err != nil {
		return nil, err
	}
	records := map[string]string{}
	for b = b[:n]; len(b) > 0; {
		size, rest, _ := strings.Cut(string(b[:min(len(b), 8)]), " ")
		l, err := strconv.Atoi(size)
		if err != nil || rest == "" || l <= len(size)+1 || l > len(b) {
			return nil, a.refuse("has a malformed extended header")
		}
		key, value, _ := strings.Cut(string(b[len(size)+1:l-1]), "=")
		if _, twice := records[key]; twice {
			return nil, a.refuse("has the extended record %q twice", key)
		}
		if key != paxMTime && key != paxPath && key != paxSize {
			return nil, a.refuse("has the extended record %q", key)
		}
		records[key] = value
		b = b[l:]
	}
	return records, nil
}

// parse reads the values of an entry from its block and records. It is
// lenient, because next compares the result with the bytes.
func (a *archive) parse(block []byte, records map[string]string) (e entry, err error) {
	e.name = string(bytes.TrimRight(block[:100], "\x00"))
	if p, ok := records[paxPath]; ok {
		e.name = p
	}
	a.name = e.name
	if typ := block[156]; typ != typeFile && typ != typeDir {
		return e, a.refuse("is of type %q (%s), neither a regular file nor a folder", typ, typeName(typ))
	}
	if e.size, err = parseOctal(block[124:136]); err == nil && records[paxSize] != "" {
		e.size, err = strconv.ParseInt(records[paxSize], 10, 64)
	}
	if err != nil || e.size < 0 || e.size > maxSize || e.dir() && e.size != 0 {
		return e, a.refuse("has an impossible size")
	}
	sec, err := parseOctal(block[136:148])
	if err != nil {
		return e, a.refuse("has an impossible modification time")
	}
	e.mtime = time.Unix(sec, 0)
	if s, ok := records[paxMTime]; ok {
		if e.mtime, ok = parseDecimal(s); !ok {
			return e, a.refuse("has an impossible modification time")
		}
	}
	return e, nil
}

// skip reads n bytes of content and its padding without using them.
func (a *archive) skip(n int64) error {
	if err := a.content(n, func([]byte) error { return nil }); err != nil {
		return err
	}
	return a.pad(n)
}

// content hands n bytes of content to f in pieces, valid during the call.
func (a *archive) content(n int64, f func([]byte) error) error {
	for n > 0 {
		if _, err := a.r.Peek(1); err != nil {
			return a.broken(err)
		}
		b, _ := a.r.Peek(int(min(int64(a.r.Buffered()), n)))
		if err := f(b); err != nil {
			return err
		}
		a.r.Discard(len(b)) // just peeked
		a.off += int64(len(b))
		n -= int64(len(b))
	}
	return nil
}

// pad reads the zeros behind n bytes of content.
func (a *archive) pad(n int64) error {
	b := make([]byte, padding(n))
	if err := a.full(b); err != nil {
		return err
	}
	if !zero(b) {
		return a.refuse("is followed by bytes that are not zero")
	}
	return nil
}

// finish reads the second zero block and then, to the end of the stream,
// nothing but zeros. It returns the length of the archive. Reading to the
// end matters: an encrypted stream is known to be whole only there.
func (a *archive) finish() (int64, error) {
	b := make([]byte, blockSize)
	if err := a.full(b); err != nil {
		return 0, err
	}
	size := a.off
	var err error
	for b = append(b, make([]byte, 64<<10)...); ; {
		if !zero(b) {
			return 0, a.refuse("there are bytes that are not zero after the end")
		}
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading the archive at byte %d: %w", a.off, err)
		}
		var n int
		n, err = a.r.Read(b[:cap(b)])
		b = b[:n]
		a.start = a.off
		a.off += int64(n)
	}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func parseOctal(b []byte) (int64, error) {
	return strconv.ParseInt(string(bytes.TrimRight(b, "\x00")), 8, 64)
}

// parseDecimal reads what decimal writes.
func parseDecimal(s string) (time.Time, bool) {
	abs, neg := strings.CutPrefix(s, "-")
	whole, frac, _ := strings.Cut(abs, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < 0 || len(frac) > 9 {
		return time.Time{}, false
	}
	ns, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
	if err != nil || ns < 0 {
		return time.Time{}, false
	}
	if neg {
		sec, ns = -sec, -ns
	}
	t := time.Unix(sec, ns)
	return t, timeInRange(t)
}

// typeName helps the reader of an error message.
func typeName(typ byte) string {
	switch typ {
	case '1':
		return "hard link"
	case '2':
		return "symbolic link"
	case '3', '4':
		return "device"
	case '6':
		return "named pipe"
	case 'g':
		return "global header"
	case 'K', 'L':
		return "GNU long name"
	case 'S':
		return "GNU sparse file"
	case typePAX:
		return "second extended header"
	}
	return "unknown"
}
