package bag

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A list of sources is one line for each item of an inventory, so that a later run
// can tell whether it still is the same without holding two of them:
//
//	kind size mtime fingerprint "path"
//
// where kind is f or d, mtime is in seconds with nine decimals, and the path is quoted
// as Go does it.

// maxSourceLine is longer than any line: numbers, and a path of escapes.
const maxSourceLine = 6*MaxPath + 256

func (it *Item) appendSource(b []byte) []byte {
	kind := byte('f')
	if it.Dir {
		kind = 'd'
	}
	b = append(b, kind, ' ')
	b = strconv.AppendInt(b, it.Size, 10)
	b = fmt.Appendf(b, " %d.%09d %s ", it.ModTime.Unix(), it.ModTime.Nanosecond(), it.Fingerprint)
	return append(strconv.AppendQuote(b, it.Path), '\n')
}

// parseSource reads what appendSource has written.
func parseSource(line string) (it Item, err error) {
	bad := fmt.Errorf("reading list of sources: %q is no line of it", line)
	f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 5)
	if len(f) != 5 {
		return it, bad
	}
	it.Dir = f[0] == "d"
	var sec, ns int64
	if _, err := fmt.Sscanf(f[2], "%d.%d", &sec, &ns); err != nil {
		return it, bad
	}
	it.ModTime = time.Unix(sec, ns).UTC()
	p := &it.Fingerprint
	if _, err := fmt.Sscanf(f[3], "%d:%d:%d", &p.Device, &p.Inode, &p.Changed); err != nil {
		return it, bad
	}
	if it.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil {
		return it, bad
	}
	if it.Path, err = strconv.Unquote(f[4]); err != nil || string(it.appendSource(nil)) != line {
		return it, bad
	}
	return it, nil
}

// WriteSources writes the list of sources, for Compare.
func (inv *Inventory) WriteSources(w io.Writer) error {
	b := bufio.NewWriter(w)
	var line []byte
	for it := range inv.Items() {
		line = it.appendSource(line[:0])
		if _, err := b.Write(line); err != nil {
			return err
		}
	}
	return b.Flush()
}

// ReadSources reads the inventory whose WriteSources r has. That it is one that a bag
// can hold is for [NewPlan].
func ReadSources(r io.Reader) (*Inventory, error) {
	inv, b := &Inventory{}, bufio.NewReaderSize(r, maxSourceLine)
	for {
		line, err := b.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return inv, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading list of sources: %w", err)
		}
		it, err := parseSource(string(line))
		if err != nil {
			return nil, err
		}
		inv.Add(it)
	}
}

// Compare returns nil if the inventory is the one whose WriteSources r has, and a
// [*ChangedError] naming the first item that is not.
func (inv *Inventory) Compare(r io.Reader) error {
	was := bufio.NewReaderSize(r, maxSourceLine)
	var line []byte
	for it := range inv.Items() {
		line = it.appendSource(line[:0])
		b, err := was.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading list of sources: %w", err)
		}
		if string(b) == string(line) {
			continue
		}
		if len(b) == 0 {
			return &ChangedError{Path: it.Path, What: "has appeared"}
		}
		old, err := parseSource(string(b))
		if err != nil {
			return err
		}
		return differ(&old, &it)
	}
	b, err := was.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(b) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading list of sources: %w", err)
	}
	old, err := parseSource(string(b))
	if err != nil {
		return err
	}
	return &ChangedError{Path: old.Path, What: "is gone"}
}

// differ says what has become of an item.
func differ(was, is *Item) error {
	switch c := compare(was.Path, is.Path); {
	case c < 0:
		return &ChangedError{Path: was.Path, What: "is gone"}
	case c > 0:
		return &ChangedError{Path: is.Path, What: "has appeared"}
	}
	what := was.Fingerprint.differs(is.Fingerprint)
	switch {
	case was.Dir && !is.Dir:
		what = "is no folder"
	case is.Dir && !was.Dir:
		what = "is no regular file"
	case is.Size > was.Size:
		what = "has grown"
	case is.Size < was.Size:
		what = "has become shorter"
	case !is.ModTime.Equal(was.ModTime):
		what = "has another modification time"
	}
	return &ChangedError{Path: is.Path, What: what}
}
