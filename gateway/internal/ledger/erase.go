package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// Erase files the event that what an erasure names is gone; in empties the rows in the same
// transaction, so that no crash can part the two. When it returns nil, nothing that the
// ledger keeps in memory holds the entries any more. Errors are as of File.
func (l *Ledger) Erase(ctx context.Context, id custody.RecordID, e *custody.Erased, in func(*records.Tx) error) error {
	p := &pending{ctx: ctx, record: id, event: &custody.Event{Erased: e}, sub: Submission{In: in}}
	if _, err := l.enqueue(p); err != nil {
		return fmt.Errorf("filing an erasure in record %q: %w", id, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots.drop(id)
	return nil
}

// Copies is one object of sealed copies.
type Copies struct {
	Key  string
	Data []byte
}

// CopiesWithout returns the keys of the objects that hold the sealed copy of an entry, and
// the objects that hold what else is in these. It opens none: each entry's copy is a file of
// its own.
func (l *Ledger) CopiesWithout(ctx context.Context, index int64) (old []string, rest []Copies, err error) {
	keys, err := l.copiesOf(ctx, index)
	for _, key := range keys {
		if err != nil {
			break
		}
		var data []byte
		if data, err = l.readCopies(ctx, key); err == nil {
			var parts []Copies
			if parts, err = without(data, index); err == nil {
				old, rest = append(old, key), append(rest, parts...)
			}
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("taking the copy of entry %d out: %w", index, err)
	}
	return old, rest, nil
}

// copiesOf lists the objects whose name says that they hold an entry: after a crash there
// may be several. None holds more than maxBatch entries.
func (l *Ledger) copiesOf(ctx context.Context, index int64) (keys []string, err error) {
	for folder := max(0, index-maxBatch) / 10000; folder <= index/10000; folder++ {
		for key, err := range l.cfg.Store.List(ctx, fmt.Sprintf("%s%010d/", copyPrefix, folder)) {
			if err != nil {
				return nil, err
			}
			if from, n, ok := parseCopyKey(key); ok && from <= index && index < from+n {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

func parseCopyKey(key string) (index, n int64, ok bool) {
	first, number, _ := strings.Cut(key[strings.LastIndexByte(key, '/')+1:], ".")
	index, err := strconv.ParseInt(first, 10, 64)
	n, err2 := strconv.ParseInt(number, 10, 64)
	return index, n, err == nil && err2 == nil && n > 0 && n <= maxBatch && key == copyKey(index, int(n))
}

func (l *Ledger) readCopies(ctx context.Context, key string) ([]byte, error) {
	r, info, err := l.cfg.Store.Get(ctx, key, "", 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if info.Size > objects.MaxPut {
		return nil, fmt.Errorf("%q has %d bytes", key, info.Size)
	}
	return io.ReadAll(io.LimitReader(r, info.Size))
}

// without splits an object of copies before and behind one entry.
func without(data []byte, index int64) (parts []Copies, err error) {
	rest := data
	first, from := int64(-1), 0 // of the part that is read
	cut := func(next int64, to int) {
		if first >= 0 && next > first {
			parts = append(parts, Copies{copyKey(first, int(next-first)), data[from:to]})
		}
	}
	next := int64(-1)
	for len(rest) > 0 {
		at := len(data) - len(rest)
		var i int64
		if i, _, rest, err = cutCopy(rest); err != nil {
			return nil, err
		}
		if next >= 0 && i != next {
			return nil, errors.New("its entries do not follow each other")
		}
		next = i + 1
		switch {
		case i == index:
			cut(i, at)
			first = -1
			from = len(data) - len(rest)
		case first < 0:
			first, from = i, at
		}
	}
	cut(next, len(data))
	return parts, nil
}
