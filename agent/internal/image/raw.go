package image

import (
	"bytes"
	"io"

	"comity.example/comity/custody/bag"
)

// others are how files begin that have the names of raw images and are none.
var others = [][]byte{
	[]byte("7z\xbc\xaf\x27\x1c"), []byte("PK\x03\x04"), []byte("Rar!\x1a\x07"), []byte("\x1f\x8b"), []byte("\x28\xb5\x2f\xfd"), []byte("\xfd7zXZ\x00"),
	ewfMagic, lvfMagic, ewf2Magic, lef2Magic,
}

// raw examines a raw image. Nothing in it says where it ends.
func (m *Image) raw(src bag.Source) (bool, error) {
	first := m.Segments[0]
	if first.Number > 1 && (len(m.Segments) < 2 || m.Segments[1].Number != first.Number+1) {
		return false, nil // "minutes.123" by itself is no piece of an image
	}
	other := false
	err := with(src, first, func(r io.ReaderAt, _ int64) error {
		b, err := readAt(r, 0, 8)
		for _, o := range others {
			other = other || bytes.HasPrefix(b, o)
		}
		return err
	})
	if err != nil || other {
		return false, err
	}
	m.sequence(min(first.Number, 1))
	for i, g := range m.Segments[:len(m.Segments)-1] {
		if g.Size != first.Size && m.Segments[i+1].Number != g.Number {
			m.finding("segment %d has %d bytes, the first one has %d", g.Number, g.Size, first.Size)
		}
	}
	return true, nil
}
