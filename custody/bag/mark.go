package bag

import (
	"bufio"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Mark is a place in an archive from which a later run can write on, without
// reading again what lies before it. It says nothing of the sources: that they are
// still the same is for [Inventory.Compare].
type Mark struct {
	At   int64      // bytes of the archive before it
	Item int        // how many items are complete before it
	Hash []byte     // the state of SHA-256 in the content of the next item; nil if it lies in no content
	Sums [][32]byte // of the files completed before it and, when it is noted, after the mark before
}

// WriteFrom is Write for an archive that takes several runs. It writes what lies
// behind from, the zero Mark being the beginning; from.Sums must be of all files
// before it. It calls note at every multiple of every bytes, before the bytes that
// lie before the mark are written to w, and once for the multiple behind the end. If a
// source changes between two marks, w gets no byte that completes what lies between.
// note must not change Sums. If every is 0, note is not called.
func (p *Plan) WriteFrom(w io.Writer, src Source, from Mark, every int64, note func(Mark)) (*Summary, error) {
	if err := p.check(&from); err != nil {
		return nil, fmt.Errorf("writing bag %q: %v", p.id, err)
	}
	o := &output{w: w, buf: bufio.NewWriterSize(w, writeBuffer), src: src}
	o.marks = marks{from: from, every: every, noted: note, next: from.At + every, known: len(from.Sums),
		sums: append(make([][32]byte, 0, p.tally.files), from.Sums...)}
	o.head(p)
	for it := range p.inv.Items() {
		if o.item < from.Item {
			o.leaveOut(it.entry(p.id))
			continue
		}
		if err := o.put(it.entry(p.id), &it); err != nil {
			return nil, err
		}
	}
	s := &Summary{Files: p.tally.files, Bytes: p.tally.bytes, plan: p, sums: o.sums}
	if err := o.tail(s); err != nil {
		return nil, err
	}
	if every > 0 && o.next < p.size+every {
		o.note() // padding follows
	}
	if err := o.flush(); err != nil {
		return nil, err
	}
	if o.n != p.size {
		return nil, fmt.Errorf("writing bag %q: wrote %d bytes instead of %d", p.id, o.n, p.size)
	}
	return s, nil
}

var errMark = errors.New("the mark is of another archive")

// check refuses a mark that lies before the end of an item that is complete, or
// behind one that is not, or that has not the hashes of exactly the complete files.
func (p *Plan) check(m *Mark) error {
	if m.At < 0 || m.Item < 0 || m.Item > p.inv.Len() {
		return errMark
	}
	l := layout{id: p.id, off: p.first}
	item, files := 0, 0
	for it := range p.inv.Items() {
		end := l.item(it) + it.Size
		switch done := item < m.Item; {
		case done && end > m.At, !done && l.off < m.At:
			return errMark
		case done && !it.Dir:
			files++
		}
		if item++; item > m.Item {
			break
		}
	}
	if files != len(m.Sums) {
		return errMark
	}
	return nil
}

// sha256 returns the hash of a file that begins at the mark, or goes on.
func (m *Mark) sha256(goesOn bool) (hash.Hash, error) {
	h := sha256.New()
	if !goesOn {
		return h, nil
	}
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(m.Hash); err != nil {
		return nil, errMark
	}
	return h, nil
}

// marks are the marks of an archive that is written.
type marks struct {
	from  Mark
	every int64
	noted func(Mark)

	next  int64      // where the next mark is
	item  int        // items complete
	hash  hash.Hash  // of the file whose content is written; else nil
	sums  [][32]byte // of all files complete
	known int        // how many of them were noted
}

// pass notes the marks among the next n bytes behind at.
func (m *marks) pass(at, n int64) {
	for m.every > 0 && m.next > at && m.next <= at+n {
		m.note()
	}
}

func (m *marks) note() {
	k := Mark{At: m.next, Item: m.item, Sums: m.sums[m.known:len(m.sums):len(m.sums)]}
	if m.hash != nil {
		// The state of crypto/sha256 never fails to marshal.
		k.Hash, _ = m.hash.(encoding.BinaryMarshaler).MarshalBinary()
	}
	m.next += m.every
	m.known = len(m.sums)
	m.noted(k)
}

// room returns how many bytes lie between at and the next mark.
func (m *marks) room(at int64) int64 {
	if m.every == 0 {
		return maxSize
	}
	return m.next - at
}

// summed takes the end of a file.
func (m *marks) summed(sum [32]byte) {
	m.sums = append(m.sums, sum)
	m.item++
	m.hash = nil
}

// leaveOut passes over an item that an earlier run has written, but for zeros after
// its content.
func (o *output) leaveOut(e entry) {
	o.header = e.append(o.header[:0])
	o.n += int64(len(o.header)) + e.size
	o.item++
	o.zeros(padding(e.size))
}
