package image

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"

	"comity.example/comity/custody/bag"
)

// The parts of a Zip file (APPNOTE 6.3.10) that an AFF4 volume is recognised by.
const (
	zipFile       = 0x04034b50 // local file header
	zipEntry      = 0x02014b50 // in the directory
	zipEnd        = 0x06054b50
	zip64Locator  = 0x07064b50
	zip64End      = 0x06064b50
	zipEndSize    = 22
	zipComment    = 1 << 16 // longest
	zipDirectory  = 1 << 30 // longest that is looked through, in bytes
	zipEntrySize  = 46
	zip64LocSize  = 20
	zip64EndSize  = 56
	zip64SizeMark = 0xffffffff
)

// aff4 examines an AFF4 volume (AFF4 Standard 1.0): a Zip file with the names that
// the standard gives to its description or to its facts.
func (m *Image) aff4(src bag.Source) (ok bool, err error) {
	g := m.Segments[0]
	err = with(src, g, func(r io.ReaderAt, size int64) error {
		var whole bool
		ok, whole, err = readAFF4(r, size)
		switch {
		case err != nil || !ok:
		case !whole:
			m.finding("%q has no directory at its end: it is cut off or damaged", g.Path)
		}
		return err
	})
	return ok, err
}

// readAFF4 tells whether a file may be an AFF4 volume, and whether it is a whole one.
func readAFF4(r io.ReaderAt, size int64) (ok, whole bool, err error) {
	b, err := readAt(r, 0, 4)
	if err != nil || len(b) < 4 || binary.LittleEndian.Uint32(b) != zipFile {
		return false, false, err
	}
	at, length, err := zipFind(r, size)
	if err != nil || length == 0 {
		return true, false, err
	}
	found, err := zipHas(io.NewSectionReader(r, at, length), "container.description", "information.turtle")
	return found, found, err
}

// zipFind returns where the directory stands; zero length if there is none that fits
// into the file.
func zipFind(r io.ReaderAt, size int64) (at, length int64, err error) {
	from := max(0, size-zipEndSize-zipComment)
	tail, err := readAt(r, from, int(size-from))
	if err != nil {
		return 0, 0, err
	}
	i := len(tail) - zipEndSize
	for ; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) == zipEnd && i+zipEndSize+int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail) {
			break
		}
	}
	if i < 0 {
		return 0, 0, nil
	}
	n, off := uint64(binary.LittleEndian.Uint32(tail[i+12:])), uint64(binary.LittleEndian.Uint32(tail[i+16:]))
	if n == zip64SizeMark || off == zip64SizeMark {
		if n, off, err = zip64Find(r, from+int64(i)); err != nil {
			return 0, 0, err
		}
	}
	if n > zipDirectory || off > uint64(size) || n > uint64(size)-off {
		return 0, 0, nil
	}
	return int64(off), int64(n), nil
}

// zip64Find reads the larger record that a locator before the end names.
func zip64Find(r io.ReaderAt, end int64) (length, at uint64, err error) {
	if end < zip64LocSize {
		return 0, 0, nil
	}
	b, err := readAt(r, end-zip64LocSize, zip64LocSize)
	if err != nil || len(b) < zip64LocSize || binary.LittleEndian.Uint32(b) != zip64Locator {
		return 0, 0, err
	}
	off := binary.LittleEndian.Uint64(b[8:])
	if off > uint64(end) {
		return 0, 0, nil
	}
	if b, err = readAt(r, int64(off), zip64EndSize); err != nil || len(b) < zip64EndSize || binary.LittleEndian.Uint32(b) != zip64End {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint64(b[40:]), binary.LittleEndian.Uint64(b[48:]), nil
}

// zipHas looks for one of the names in a directory, with constant memory.
func zipHas(directory io.Reader, names ...string) (bool, error) {
	r := bufio.NewReaderSize(directory, 1<<17)
	for {
		h, err := r.Peek(zipEntrySize)
		if err != nil || binary.LittleEndian.Uint32(h) != zipEntry {
			return false, ended(err)
		}
		n := int(binary.LittleEndian.Uint16(h[28:]))
		rest := int(binary.LittleEndian.Uint16(h[30:])) + int(binary.LittleEndian.Uint16(h[32:]))
		e, err := r.Peek(zipEntrySize + n)
		if err != nil {
			return false, ended(err)
		}
		for _, name := range names {
			if bytes.Equal(e[zipEntrySize:], []byte(name)) {
				return true, nil
			}
		}
		if _, err := r.Discard(zipEntrySize + n + rest); err != nil {
			return false, ended(err)
		}
	}
}

// ended takes the end of the directory for what it is.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
