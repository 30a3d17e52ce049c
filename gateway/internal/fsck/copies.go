package fsck

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
)

const (
	copyHeader = 8 + 4      // index and length before each age file
	lineHeader = 8 + 32 + 4 // index, salt and length of the entry in it
)

// parseCopyKey reads the name of an object of copies: the index of its first entry
// and their number.
func parseCopyKey(path string) (index, n int64, ok bool) {
	folder, name, _ := strings.Cut(path, "/")
	first, number, _ := strings.Cut(name, ".")
	index, err := strconv.ParseInt(first, 10, 64)
	n, err2 := strconv.ParseInt(number, 10, 32)
	ok = err == nil && err2 == nil && index >= 0 && n > 0 && index < math.MaxInt64-n &&
		path == fmt.Sprintf("%010d/%016d.%d", index/10000, index, n) && folder != ""
	return index, n, ok
}

// checkCopies checks one object of sealed copies. Objects come in the order of
// their first entries; after a crash two may overlap.
func (c *checker) checkCopies(ctx context.Context, key, path string) error {
	index, n, ok := parseCopyKey(path)
	if !ok {
		c.found(CodeOrphan, objectAt(key), "no copies have that name")
		return nil
	}
	if index+n > c.log.size {
		c.found(CodeCopyBeyond, objectAt(key), "the log has %d entries", c.log.size)
		return nil
	}
	c.copiesMissing(index)
	c.report.Counts.Copies += max(0, index+n-c.copied)
	c.copied = max(c.copied, index+n)
	if c.copyErased(key, index, n) {
		return nil
	}
	data, _, err := c.get(ctx, key, objects.MaxPut)
	if err != nil || data == nil {
		return err
	}
	whole, err := c.checkCopySizes(ctx, key, data, index, n)
	if err != nil || !whole || c.cfg.Recovery == nil {
		return err
	}
	return c.openCopies(ctx, key, data, index, n)
}

// copiesMissing names the published entries before an index that have no copy.
func (c *checker) copiesMissing(before int64) {
	before = min(before, c.published())
	none := c.uncopied()
	for from := c.copied; from < before; from++ {
		to := from
		for to < before && !none[to] {
			to++
		}
		if to > from {
			c.found(CodeCopyMissing, entryAt(from), "entries %d to %d have no copy in the store", from, to-1)
		}
		from = to
	}
	c.copied = max(c.copied, before)
}

// checkCopySizes checks that an object has an age file of the right size for each
// of its entries, in order. That needs no key.
func (c *checker) checkCopySizes(ctx context.Context, key string, data []byte, index, n int64) (whole bool, err error) {
	query := fmt.Sprintf("SELECT idx, LENGTH(entry) + LENGTH(envelope) FROM entries WHERE idx >= %d AND idx < %d", index, index+n)
	sizes := map[int64]int64{}
	err = c.again(ctx, query, "entries", func(scan func(...any) error) error {
		var i, size int64
		err := scan(&i, &size)
		if err == nil {
			sizes[i] = size
		}
		return err
	})
	if err != nil {
		return false, err
	}
	for i := index; i < index+n; i++ {
		file, rest, ok := cutCopy(data, i)
		if !ok {
			c.found(CodeCopy, objectAt(key), "it does not hold entry %d at its place", i)
			return false, nil
		}
		if size, known := sizes[i]; known && !c.damaged[i] && !fits(file, lineHeader+size) {
			c.found(CodeCopy, objectAt(key), "the copy of entry %d has another size, or is not sealed as copies are", i)
			return false, nil
		}
		data = rest
	}
	if len(data) > 0 {
		c.found(CodeCopy, objectAt(key), "something follows its last entry")
	}
	return len(data) == 0, nil
}

func cutCopy(data []byte, index int64) (file, rest []byte, ok bool) {
	if len(data) < copyHeader || binary.BigEndian.Uint64(data) != uint64(index) {
		return nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(data[8:]))
	data = data[copyHeader:]
	if n > int64(len(data)) {
		return nil, nil, false
	}
	return data[:n], data[n:], true
}

// fits reports whether an age file is a head for one post-quantum recipient and
// the payload of a plaintext of that size.
func fits(file []byte, plain int64) bool {
	head := int64(len(file)) - seal.PayloadSize(plain)
	if head <= 0 {
		return false
	}
	n, err := seal.CountRecipients(file[:head])
	return err == nil && n == 1
}

// openCopies compares copies with the rows of their entries.
func (c *checker) openCopies(ctx context.Context, key string, data []byte, index, n int64) error {
	lines, err := ledger.OpenCopies(data, c.cfg.Recovery)
	if err != nil || int64(len(lines)) != n {
		c.found(CodeCopy, objectAt(key), "the recovery identity does not open it")
		return nil
	}
	query := fmt.Sprintf("SELECT idx, record, seq, kind, statement_sha256, entry, envelope, salt, leaf FROM entries WHERE idx >= %d AND idx < %d", index, index+n)
	return c.again(ctx, query, "entries", func(scan func(...any) error) error {
		row, err := readLine(scan)
		if err != nil || c.damaged[row.Index] {
			return nil // named already
		}
		l := lines[row.Index-index]
		c.report.Counts.Opened++
		if l.Index != row.Index || l.Salt != row.Salt || !bytes.Equal(l.Entry, row.Entry) || !bytes.Equal(l.Envelope, row.Envelope) {
			c.found(CodeCopy, objectAt(key), "the copy of entry %d is of another line", row.Index)
		}
		return nil
	})
}
