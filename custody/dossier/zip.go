package dossier

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The zip format is written here and not by archive/zip, because the bytes of a
// dossier must be the same whatever version of a library reads it again: there is
// one header form, and every field but name, checksum and size is fixed.
const (
	localSig   = 0x04034b50
	centralSig = 0x02014b50
	endSig     = 0x06054b50
	zipVersion = 10     // 1.0: stored members need no more
	zipDate    = 0x0021 // 1980-01-01, the zero of this format

	localLen   = 30
	centralLen = 46
	endLen     = 22
	maxName    = 120
)

// file is one member.
type file struct {
	name string
	data []byte
}

// writeZip writes the members in the order given.
func writeZip(w io.Writer, files []file) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%d files, more than %d", len(files), MaxFiles)
	}
	var off, dir int64
	var central []byte
	for _, f := range files {
		head := f.local()
		if off+dir+int64(len(head)+len(f.data)+centralLen+len(f.name)+endLen) > MaxSize {
			return fmt.Errorf("more than %d bytes", MaxSize)
		}
		central = f.central(central, off)
		for _, b := range [][]byte{head, f.data} {
			n, err := w.Write(b)
			if off += int64(n); err != nil {
				return err
			}
		}
		dir = int64(len(central))
	}
	_, err := w.Write(append(central, endRecord(len(files), dir, off)...))
	return err
}

// common appends the fields that both headers share.
func (f *file) common(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, zipVersion)
	b = le.AppendUint16(b, 0) // flags
	b = le.AppendUint16(b, 0) // stored
	b = le.AppendUint16(b, 0) // 00:00:00
	b = le.AppendUint16(b, zipDate)
	b = le.AppendUint32(b, crc32.ChecksumIEEE(f.data))
	b = le.AppendUint32(b, uint32(len(f.data)))
	b = le.AppendUint32(b, uint32(len(f.data)))
	b = le.AppendUint16(b, uint16(len(f.name)))
	return le.AppendUint16(b, 0) // no extra field
}

func (f *file) local() []byte {
	b := binary.LittleEndian.AppendUint32(nil, localSig)
	return append(f.common(b), f.name...)
}

func (f *file) central(b []byte, off int64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, centralSig)
	b = le.AppendUint16(b, zipVersion)
	b = f.common(b)
	b = append(b, make([]byte, 2+2+2+4)...) // no comment, first disk, no attributes
	b = le.AppendUint32(b, uint32(off))
	return append(b, f.name...)
}

func endRecord(files int, size, off int64) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, endSig)
	b = append(b, make([]byte, 4)...) // one disk
	b = le.AppendUint16(b, uint16(files))
	b = le.AppendUint16(b, uint16(files))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(off))
	return le.AppendUint16(b, 0) // no comment
}

// readZip reads the members from the front. It looks only at what it needs: that
// the archive is otherwise what writeZip makes, the caller finds by comparison.
func readZip(r io.ReaderAt, size int64) ([]file, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)
	left := size
	var files []file
	for {
		sig, err := in.Peek(4)
		if err != nil {
			return nil, fmt.Errorf("not a zip archive: %v", noEOF(err))
		}
		if binary.LittleEndian.Uint32(sig) != localSig {
			break
		}
		if len(files) == MaxFiles {
			return nil, fmt.Errorf("more than %d files", MaxFiles)
		}
		f, err := readMember(in, left)
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", len(files), err)
		}
		left -= int64(localLen + len(f.name) + len(f.data))
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("not a zip archive, or an empty one")
	}
	return files, nil
}

// readMember reads one member out of at most left bytes.
func readMember(in io.Reader, left int64) (f file, err error) {
	var head [localLen]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return f, noEOF(err)
	}
	le := binary.LittleEndian
	if le.Uint16(head[6:]) != 0 || le.Uint16(head[8:]) != 0 || le.Uint16(head[28:]) != 0 {
		return f, errors.New("compressed, encrypted or with extra fields: a dossier has no such members")
	}
	name, size := int(le.Uint16(head[26:])), int64(le.Uint32(head[18:]))
	if name == 0 || name > maxName {
		return f, fmt.Errorf("name of %d bytes", name)
	}
	b := make([]byte, name)
	if _, err := io.ReadFull(in, b); err != nil {
		return f, noEOF(err)
	}
	f.name = string(b)
	// Before memory is taken: no more than its kind may have, or the file holds.
	if most := maxSizeOf(f.name); size > most || size > left {
		return f, fmt.Errorf("%q claims %d bytes, more than it may have", f.name, size)
	}
	f.data = make([]byte, size)
	if _, err := io.ReadFull(in, f.data); err != nil {
		return f, fmt.Errorf("%q: %v", f.name, noEOF(err))
	}
	return f, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
