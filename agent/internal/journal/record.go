package journal

import (
	"encoding/binary"
	"errors"

	"comity.example/comity/custody/bag"
)

// The kinds of record. Numbers are big-endian.
const (
	// kindBound: u8 length and package id, 32 bytes of home. The first record, and
	// only that.
	kindBound = 'b'
	// kindTakeover has nothing more.
	kindTakeover = 't'
	// kindPart: u32 number, 32 bytes SHA-256, then the mark: u64 at, u32 items, u8
	// length and hash state, u32 count and sums of 32 bytes.
	kindPart = 'p'
)

// bound is what a journal belongs to.
type bound struct {
	pkg  string
	home [32]byte // see home
}

// record is one record: bound, part, or if both are nil a takeover.
type record struct {
	bound *bound
	part  *Part
}

func appendBound(b []byte, x bound) []byte {
	b = append(b, kindBound, byte(len(x.pkg)))
	b = append(b, x.pkg...)
	return append(b, x.home[:]...)
}

func appendPart(b []byte, p *Part) []byte {
	b = append(b, kindPart)
	b = binary.BigEndian.AppendUint32(b, uint32(p.N))
	b = append(b, p.SHA256[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Mark.At))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Mark.Item))
	b = append(b, byte(len(p.Mark.Hash)))
	b = append(b, p.Mark.Hash...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Mark.Sums)))
	for _, s := range p.Mark.Sums {
		b = append(b, s[:]...)
	}
	return b
}

// appendRecord prints a record as it was parsed.
func appendRecord(b []byte, r record) []byte {
	switch {
	case r.bound != nil:
		return appendBound(b, *r.bound)
	case r.part != nil:
		return appendPart(b, r.part)
	}
	return append(b, kindTakeover)
}

var errRecord = errors.New("it has a record of no known form")

// parseRecords parses the records of a frame of a package of so many parts.
func parseRecords(b []byte, parts int) (list []record, err error) {
	c := cutter{b: b}
	for len(c.b) > 0 && !c.short {
		switch c.cut(1)[0] {
		case kindBound:
			x := bound{pkg: string(c.cut(int(c.cut(1)[0])))}
			copy(x.home[:], c.cut(32))
			list = append(list, record{bound: &x})
		case kindTakeover:
			list = append(list, record{})
		case kindPart:
			p := c.part()
			if p.N >= parts {
				return nil, errRecord
			}
			list = append(list, record{part: p})
		default:
			return nil, errRecord
		}
	}
	if c.short {
		return nil, errRecord
	}
	return list, nil
}

// cutter cuts fields off the front. Behind the end it gives zeros and notes it.
type cutter struct {
	b     []byte
	short bool
}

func (c *cutter) cut(n int) []byte {
	if n > len(c.b) {
		c.short = true
		return make([]byte, min(n, 255))
	}
	f := c.b[:n]
	c.b = c.b[n:]
	return f
}

func (c *cutter) part() *Part {
	p := &Part{N: int(binary.BigEndian.Uint32(c.cut(4)))}
	copy(p.SHA256[:], c.cut(32))
	at := binary.BigEndian.Uint64(c.cut(8))
	p.Mark = bag.Mark{At: int64(at), Item: int(binary.BigEndian.Uint32(c.cut(4)))}
	if n := c.cut(1)[0]; n > 0 {
		p.Mark.Hash = append([]byte(nil), c.cut(int(n))...)
	}
	n := int64(binary.BigEndian.Uint32(c.cut(4)))
	if n*32 > int64(len(c.b)) || at>>62 != 0 {
		c.short = true
		return p
	}
	for range n {
		p.Mark.Sums = append(p.Mark.Sums, [32]byte(c.cut(32)))
	}
	return p
}
