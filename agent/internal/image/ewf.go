package image

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"io"
	"strings"

	"comity.example/comity/custody/bag"
)

// How segments begin. The formats are described by Joachim Metz, "Expert Witness
// Compression Format specification" and "EWF version 2".
var (
	ewfMagic  = []byte("EVF\x09\x0d\x0a\xff\x00")
	lvfMagic  = []byte("LVF\x09\x0d\x0a\xff\x00")
	ewf2Magic = []byte("EVF2\x0d\x0a\x81\x00")
	lef2Magic = []byte("LEF2\x0d\x0a\x81\x00")
)

const (
	ewfHeader      = 13 // bytes of a file header
	ewfDescriptor  = 76 // bytes of a section's, before the section
	ewf2Header     = 32
	ewf2Descriptor = 64 // behind the section
	ewf2Next       = 0x0d
	ewf2Done       = 0x0f
)

// ewfNumber reads .E01 to .E99 and .Ex01 to .Ex99, and the same with S and L, in
// capitals or not. The number is 0 for another extension.
func ewfNumber(ext string) (format string, series byte, n int) {
	format, rest := ewfSeries(ext)
	if format == "" || !digits(rest) {
		return "", 0, 0
	}
	return format, upper(ext[0]), int(rest[0]-'0')*10 + int(rest[1]-'0')
}

// ewfLetters reads what follows .E99: .EAA to .EZZ, .FAA to .ZZZ, for the series that
// begins with a letter, and what follows .Ex99: .ExAA to .EzZZ. The number is 0 for
// another extension.
func ewfLetters(ext string, series byte) (format string, n int) {
	e := strings.ToUpper(ext)
	if len(e) == 4 && e[0] == series && e[1] >= 'X' && e[1] <= 'Z' {
		return EWF2, letters(e[1]-'X', e[2], e[3])
	}
	if len(e) == 3 && e[0] >= series && e[0] <= 'Z' {
		return EWF, letters(e[0]-series, e[1], e[2])
	}
	return "", 0
}

func letters(high, a, b byte) int {
	if a < 'A' || a > 'Z' || b < 'A' || b > 'Z' {
		return 0
	}
	return 100 + (int(high)*26+int(a-'A'))*26 + int(b-'A')
}

// ewfSeries parts the extension of a segment into format and number.
func ewfSeries(ext string) (format, rest string) {
	switch {
	case len(ext) == 3 && strings.IndexByte("ESL", upper(ext[0])) >= 0:
		return EWF, ext[1:]
	case len(ext) == 4 && strings.IndexByte("EL", upper(ext[0])) >= 0 && upper(ext[1]) == 'X':
		return EWF2, ext[2:]
	}
	return "", ""
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// ending is how a segment ends.
type ending int

const (
	endDamaged ending = iota // nowhere that can be found
	endNext                  // another segment follows
	endDone                  // it is the last one
)

// content is what the content of a segment says of it.
type content struct {
	number int // 0: it does not begin like a segment
	end    ending
}

// ewf examines an EWF image of either version. Files of which none begins like a
// segment are no image.
func (m *Image) ewf(src bag.Source) (bool, error) {
	var says []content
	var segments []Segment
	some := false
	for _, g := range m.Segments {
		c, err := m.content(src, g)
		if err != nil {
			return false, err
		}
		if c.number == 0 && g.Number > 99 {
			continue // "disk.txt" beside "disk.E01" is what it looks like
		}
		some = some || c.number > 0
		segments, says = append(segments, g), append(says, c)
	}
	if !some {
		return false, nil
	}
	m.Segments = segments
	m.sequence(1)
	for i, c := range says {
		m.contradiction(segments[i], c, i == len(says)-1)
	}
	last := len(says) - 1
	if n := segments[last].Number; says[last].end == endNext {
		m.finding("segment %d is missing: segment %d says that another one follows", n+1, n)
	}
	return true, nil
}

func (m *Image) content(src bag.Source, g Segment) (c content, err error) {
	err = with(src, g, func(r io.ReaderAt, size int64) (err error) {
		if m.Format == EWF2 {
			c.number, c.end, err = readEWF2(r, size)
		} else {
			c.number, c.end, err = readEWF(r, size)
		}
		return err
	})
	return c, err
}

// contradiction says where a segment is not what its name and place say.
func (m *Image) contradiction(g Segment, c content, last bool) {
	switch {
	case c.number == 0:
		m.finding("%q does not begin like a segment", g.Path)
	case c.number != g.Number:
		m.finding("%q is segment %d by its name, %d by its content", g.Path, g.Number, c.number)
	case c.end == endDamaged:
		m.finding("%q does not end like a segment: it is cut off or damaged", g.Path)
	case c.end == endDone && !last:
		m.finding("%q says that it is the last segment, but others follow", g.Path)
	}
}

// readEWF reads the number in the header of a segment, 0 if it has none, and follows
// its sections to the end. Each begins with its type, and the offset of the next, and
// a checksum of both.
func readEWF(r io.ReaderAt, size int64) (number int, end ending, err error) {
	b, err := readAt(r, 0, ewfHeader)
	if err != nil || len(b) < ewfHeader || !bytes.HasPrefix(b, ewfMagic) && !bytes.HasPrefix(b, lvfMagic) {
		return 0, endDamaged, err
	}
	if number = int(binary.LittleEndian.Uint16(b[9:])); number == 0 {
		return 0, endDamaged, nil
	}
	for at := int64(ewfHeader); at <= size-ewfDescriptor; {
		b, err := readAt(r, at, ewfDescriptor)
		if err != nil || len(b) < ewfDescriptor || adler32.Checksum(b[:72]) != binary.LittleEndian.Uint32(b[72:]) {
			return number, endDamaged, err
		}
		kind, _, _ := strings.Cut(string(b[:16]), "\x00")
		switch kind {
		case "next":
			return number, endNext, nil
		case "done":
			return number, endDone, nil
		}
		// Offsets only grow, so this ends with the file.
		next := binary.LittleEndian.Uint64(b[16:])
		if next < uint64(at+ewfDescriptor) || next > uint64(size) {
			return number, endDamaged, nil
		}
		at = int64(next)
	}
	return number, endDamaged, nil
}

// readEWF2 is readEWF for version 2, whose descriptors stand behind their sections:
// the last one is at the end of the file.
func readEWF2(r io.ReaderAt, size int64) (number int, end ending, err error) {
	b, err := readAt(r, 0, ewf2Header)
	if err != nil || len(b) < ewf2Header || !bytes.HasPrefix(b, ewf2Magic) && !bytes.HasPrefix(b, lef2Magic) {
		return 0, endDamaged, err
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n == 0 || n > 1<<20 {
		return 0, endDamaged, nil
	}
	if size < ewf2Header+ewf2Descriptor {
		return int(n), endDamaged, nil
	}
	d, err := readAt(r, size-ewf2Descriptor, ewf2Descriptor)
	if err != nil || len(d) < ewf2Descriptor || adler32.Checksum(d[:60]) != binary.LittleEndian.Uint32(d[60:]) {
		return int(n), endDamaged, err
	}
	switch binary.LittleEndian.Uint32(d) {
	case ewf2Next:
		end = endNext
	case ewf2Done:
		end = endDone
	}
	return int(n), end, nil
}
