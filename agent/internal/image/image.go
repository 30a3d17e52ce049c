// Package image recognises forensic images in a folder that is to be sent, by name and
// by their first and last bytes: EWF (.E01, .S01, .L01), EWF2 (.Ex01, .Lx01), AFF4 and
// raw ones, whole or in numbered pieces. It says which segments are missing, are there
// twice, or are not what their names say.
//
// It refuses to interpret. It decompresses nothing, compares no hash and reads a few
// hundred bytes of most files; what it finds is a warning to who sends, for the
// exhibits go as they are. All sizes and offsets in a file are checked before they
// are used, and no loop is longer than the file allows.
package image

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"comity.example/comity/custody/bag"
)

// The formats by their names in an acquisition record.
const (
	EWF  = "EWF"  // EnCase 1 to 6, SMART, FTK: .E01, .S01; logical: .L01
	EWF2 = "EWF2" // EnCase 7: .Ex01; logical: .Lx01
	AFF4 = "AFF4"
	Raw  = "raw"
)

// maxFindings bounds what is said of one image.
const maxFindings = 20

// Image is a forensic image.
type Image struct {
	Format   string
	Segments []Segment // in their order, at least one
	Findings []string  // what seems wrong, in words
}

// Segment is one file of an image.
type Segment struct {
	bag.Item
	Number int // by its name, from 1
}

// finding adds what seems wrong. Of very many the first ones tell enough.
func (m *Image) finding(format string, args ...any) {
	switch n := len(m.Findings); {
	case n < maxFindings-1:
		m.Findings = append(m.Findings, fmt.Sprintf(format, args...))
	case n == maxFindings-1:
		m.Findings = append(m.Findings, "there is more")
	}
}

// Find returns the images among the files of an inventory, in the order of their first
// segments. An error is one of reading src.
func Find(src bag.Source, inv *bag.Inventory) ([]Image, error) {
	s := sets{}
	for it := range inv.Items() {
		if !it.Dir {
			s.begin(it)
		}
	}
	for it := range inv.Items() { // names like .EAA count only beside others of the set
		if !it.Dir {
			s.extend(it)
		}
	}
	var list []Image
	for _, k := range s.keys() {
		m, err := s.image(src, k)
		if err != nil {
			return nil, err
		}
		if m != nil {
			list = append(list, *m)
		}
	}
	slices.SortFunc(list, func(a, b Image) int { return strings.Compare(a.Segments[0].Path, b.Segments[0].Path) })
	return list, nil
}

// key is what the segments of one image share: everything but the number.
type key struct {
	stem   string // with the folder
	format string
	series byte // first letter of the extension, in capitals; 0 for raw
}

// sets collects files by key.
type sets map[key][]Segment

// begin takes a file whose name alone says that it may be of an image.
func (s sets) begin(it bag.Item) {
	stem, ext := cut(it.Path)
	switch {
	case strings.EqualFold(ext, "aff4"):
		s.add(key{stem: it.Path, format: AFF4}, it, 1)
	case slices.Contains([]string{"dd", "raw", "img"}, strings.ToLower(ext)):
		// Cameras write .raw as well; what is read from a disk has whole sectors.
		if it.Size >= 1<<20 && it.Size%512 == 0 {
			s.add(key{stem: it.Path, format: Raw}, it, 1)
		}
	case len(ext) >= 3 && digits(ext):
		if n, err := strconv.Atoi(ext); err == nil && n <= 1<<20 {
			s.add(key{stem: stem, format: Raw}, it, n)
		}
	default:
		if f, series, n := ewfNumber(ext); n > 0 && n < 100 {
			s.add(key{stem, f, series}, it, n)
		}
	}
}

// extend takes a file with a letter where others of its set have a digit.
func (s sets) extend(it bag.Item) {
	stem, ext := cut(it.Path)
	if len(ext) < 3 || digits(ext[len(ext)-2:]) {
		return
	}
	for _, series := range "ESL" {
		f, n := ewfLetters(ext, byte(series))
		if n > 0 && len(s[key{stem, f, byte(series)}]) > 0 {
			s.add(key{stem, f, byte(series)}, it, n)
		}
	}
}

func (s sets) add(k key, it bag.Item, n int) {
	s[k] = append(s[k], Segment{it, n})
}

func (s sets) keys() []key {
	var list []key
	for k := range s {
		list = append(list, k)
	}
	return list
}

// image examines the files of one key; nil if they are no image after all.
func (s sets) image(src bag.Source, k key) (*Image, error) {
	m := &Image{Format: k.format, Segments: s[k]}
	slices.SortFunc(m.Segments, func(a, b Segment) int {
		if a.Number != b.Number {
			return a.Number - b.Number
		}
		return strings.Compare(a.Path, b.Path)
	})
	var ok bool
	var err error
	switch k.format {
	case AFF4:
		ok, err = m.aff4(src)
	case Raw:
		ok, err = m.raw(src)
	default:
		ok, err = m.ewf(src)
	}
	if err != nil || !ok {
		return nil, err
	}
	return m, nil
}

// sequence says which numbers are missing or there twice, from the first on.
func (m *Image) sequence(first int) {
	due := first
	for i, g := range m.Segments {
		if i > 0 && g.Number == m.Segments[i-1].Number {
			m.finding("segment %d is there twice, as %q and as %q", g.Number, m.Segments[i-1].Path, g.Path)
			continue
		}
		m.missing(due, g.Number-1)
		due = g.Number + 1
	}
}

func (m *Image) missing(from, to int) {
	switch {
	case from == to:
		m.finding("segment %d is missing", from)
	case from < to:
		m.finding("segments %d to %d are missing", from, to)
	}
}

// with opens a segment and calls f with it. That its file is another one by now is
// found by packing.
func with(src bag.Source, g Segment, f func(io.ReaderAt, int64) error) error {
	file, err := src.Open(g.Item)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f(file, g.Size); err != nil {
		return fmt.Errorf("reading %q: %w", g.Path, err)
	}
	return nil
}

// readAt reads n bytes; fewer if the file ends before.
func readAt(r io.ReaderAt, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := r.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:got], err
}

// cut parts a path before the last dot of its last component.
func cut(path string) (stem, ext string) {
	i := strings.LastIndexByte(path, '.')
	if i <= strings.LastIndexByte(path, '/')+1 {
		return path, ""
	}
	return path[:i], path[i+1:]
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
