package pdf

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Face is one of the fonts.
type Face int

// The faces.
const (
	Sans Face = iota
	Bold
	Mono
	faces
)

var (
	//go:embed fonts/DejaVuSansCondensed.ttf
	sansData []byte
	//go:embed fonts/DejaVuSansCondensed-Bold.ttf
	boldData []byte
	//go:embed fonts/DejaVuSansMono.ttf
	monoData []byte

	fonts = [faces]func() *font{
		sync.OnceValue(func() *font { return parse("DejaVuSansCondensed", sansData) }),
		sync.OnceValue(func() *font { return parse("DejaVuSansCondensed-Bold", boldData) }),
		sync.OnceValue(func() *font { return parse("DejaVuSansMono", monoData) }),
	}
)

// font is a parsed TrueType font. The files are part of the program, so what is wrong
// with one is an internal error.
type font struct {
	name             string
	em               int
	box              [4]int16
	ascent, descent  int16
	widths           []uint16 // by glyph
	glyphs           [][]byte // outlines
	chars            map[rune]uint16
	head, hhea, maxp []byte
	bearings         []int16
}

var be = binary.BigEndian

func parse(name string, data []byte) *font {
	tables := map[string][]byte{}
	for i := range int(be.Uint16(data[4:])) {
		r := data[12+16*i:]
		tables[string(r[:4])] = data[be.Uint32(r[8:]):][:be.Uint32(r[12:])]
	}
	f := &font{name: name, head: tables["head"], hhea: tables["hhea"], maxp: tables["maxp"], chars: map[rune]uint16{}}
	f.em = int(be.Uint16(f.head[18:]))
	for i := range f.box {
		f.box[i] = int16(be.Uint16(f.head[36+2*i:]))
	}
	f.ascent, f.descent = int16(be.Uint16(f.hhea[4:])), int16(be.Uint16(f.hhea[6:]))
	n, metrics := int(be.Uint16(f.maxp[4:])), int(be.Uint16(f.hhea[34:]))
	hmtx, loca, glyf := tables["hmtx"], tables["loca"], tables["glyf"]
	long := be.Uint16(f.head[50:]) == 1
	offset := func(i int) int {
		if long {
			return int(be.Uint32(loca[4*i:]))
		}
		return 2 * int(be.Uint16(loca[2*i:]))
	}
	for i := range n {
		f.widths = append(f.widths, be.Uint16(hmtx[4*min(i, metrics-1):]))
		at := 4*i + 2
		if i >= metrics {
			at = 4*metrics + 2*(i-metrics)
		}
		f.bearings = append(f.bearings, int16(be.Uint16(hmtx[at:])))
		f.glyphs = append(f.glyphs, glyf[offset(i):offset(i+1)])
	}
	f.characters(tables["cmap"])
	return f
}

// characters reads the table of characters in its format 4, which all fonts have.
func (f *font) characters(cmap []byte) {
	for i := range int(be.Uint16(cmap[2:])) {
		t := cmap[be.Uint32(cmap[4+8*i+4:]):]
		if be.Uint16(t) != 4 {
			continue
		}
		segs := int(be.Uint16(t[6:])) / 2
		ends, starts := t[14:], t[16+2*segs:]
		deltas, ranges := t[16+4*segs:], t[16+6*segs:]
		for s := range segs {
			from, to := int(be.Uint16(starts[2*s:])), int(be.Uint16(ends[2*s:]))
			for c := from; c <= to && c < 0xffff; c++ {
				g := uint16(c)
				if off := int(be.Uint16(ranges[2*s:])); off != 0 {
					if g = be.Uint16(ranges[2*s+off+2*(c-from):]); g == 0 {
						continue
					}
				}
				if g += be.Uint16(deltas[2*s:]); g != 0 {
					f.chars[rune(c)] = g
				}
			}
		}
		return
	}
	panic("pdf: internal error: font " + f.name + " has no table of characters")
}

// width returns the advance of a character in units of the font.
func (f *font) width(r rune) int { return int(f.widths[f.chars[r]]) }

// Measure returns the width of a line of text.
func Measure(f Face, size int, s string) int {
	n, t := 0, fonts[f]()
	for _, r := range s {
		n += t.width(r)
	}
	return n * size / t.em
}

// Visible returns s with every character that one of the faces lacks written as the
// escape that Go's %q has for it. So control characters, those that turn the direction
// of writing, marks that combine, and whole scripts are seen as what they are.
func Visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if drawn(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(s[:n])
		} else {
			q := strconv.QuoteToASCII(s[:n])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func drawn(r rune) bool {
	for _, f := range fonts {
		if f().chars[r] == 0 {
			return false
		}
	}
	return true
}

// used is the part of a font that a document uses, with glyphs numbered anew in the
// order of their use.
type used struct {
	*font
	new  map[uint16]uint16 // by number in the font
	old  []uint16
	char []rune // of each new glyph; 0 of a part of another
}

func newUsed(f *font) *used {
	return &used{font: f, new: map[uint16]uint16{0: 0}, old: []uint16{0}, char: []rune{0}}
}

func (u *used) glyph(r rune) uint16 { return u.add(u.chars[r], r) }

func (u *used) add(old uint16, r rune) uint16 {
	n, ok := u.new[old]
	if !ok {
		n = uint16(len(u.old))
		u.new[old], u.old, u.char = n, append(u.old, old), append(u.char, r)
	}
	return n
}

// outlines returns the glyphs that are used and, after them, those that they consist of.
func (u *used) outlines() [][]byte {
	var list [][]byte
	for i := 0; i < len(u.old); i++ {
		g := append([]byte(nil), u.glyphs[u.old[i]]...)
		if len(g) >= 10 && int16(be.Uint16(g)) < 0 {
			u.renumber(g[10:])
		}
		list = append(list, g)
	}
	return list
}

// renumber replaces the numbers of the glyphs that a composite one consists of.
func (u *used) renumber(b []byte) {
	for {
		flags := be.Uint16(b)
		be.PutUint16(b[2:], u.add(be.Uint16(b[2:]), 0))
		n := 6
		if flags&1 != 0 { // arguments are words
			n += 2
		}
		switch {
		case flags&8 != 0: // one scale
			n += 2
		case flags&0x40 != 0: // two
			n += 4
		case flags&0x80 != 0: // a matrix
			n += 8
		}
		if flags&0x20 == 0 { // no more
			return
		}
		b = b[n:]
	}
}

// file is a TrueType file of the used glyphs, with the tables that PDF asks for.
func (u *used) file() []byte {
	outlines := u.outlines()
	var glyf, loca, hmtx []byte
	for i, g := range outlines {
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, g...)
		glyf = append(glyf, make([]byte, -len(glyf)&3)...)
		hmtx = be.AppendUint16(hmtx, u.widths[u.old[i]])
		hmtx = be.AppendUint16(hmtx, uint16(u.bearings[u.old[i]]))
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))
	clone := func(b []byte) []byte { return append([]byte(nil), b...) }
	head, hhea, maxp := clone(u.head), clone(u.hhea), clone(u.maxp)
	be.PutUint32(head[8:], 0)  // checksum of the file, which readers of PDF ignore
	be.PutUint16(head[50:], 1) // long offsets
	be.PutUint16(hhea[34:], uint16(len(outlines)))
	be.PutUint16(maxp[4:], uint16(len(outlines)))
	tables := []struct {
		name string
		data []byte
	}{{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp}}
	out := []byte{0, 1, 0, 0, 0, byte(len(tables)), 0, 64, 0, 2, 0, 32}
	at := len(out) + 16*len(tables)
	var body []byte
	for _, t := range tables {
		data := append(t.data, make([]byte, -len(t.data)&3)...)
		var sum uint32
		for i := 0; i < len(data); i += 4 {
			sum += be.Uint32(data[i:])
		}
		out = append(out, t.name...)
		out = be.AppendUint32(out, sum)
		out = be.AppendUint32(out, uint32(at+len(body)))
		out = be.AppendUint32(out, uint32(len(t.data)))
		body = append(body, data...)
	}
	return append(out, body...)
}

// write writes the font's objects and returns the number of the one to refer to.
func (u *used) write(w *writer) int {
	data := u.file()
	em := func(v int) int { return v * 1000 / u.em }
	name := "COMITY+" + u.name
	file := w.stream(fmt.Sprintf("/Length1 %d ", len(data)), data)
	desc := w.object(fmt.Sprintf("<</Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [%d %d %d %d] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight %d /StemV 80 /FontFile2 %d 0 R>>",
		name, em(int(u.box[0])), em(int(u.box[1])), em(int(u.box[2])), em(int(u.box[3])), em(int(u.ascent)), em(int(u.descent)), 729, file))
	var widths strings.Builder
	for _, old := range u.old {
		fmt.Fprintf(&widths, "%d ", em(int(u.widths[old])))
	}
	cid := w.object(fmt.Sprintf("<</Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> /FontDescriptor %d 0 R /CIDToGIDMap /Identity /W [0 [%s]]>>",
		name, desc, widths.String()))
	return w.object(fmt.Sprintf("<</Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R>>",
		name, cid, w.stream("", u.unicode())))
}

// unicode is the table from glyphs to characters, for search and copying.
func (u *used) unicode() []byte {
	var b strings.Builder
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	var list []string
	for n, r := range u.char {
		if r != 0 {
			list = append(list, fmt.Sprintf("<%04X> <%04X>\n", n, r))
		}
	}
	for len(list) > 0 {
		n := min(100, len(list))
		fmt.Fprintf(&b, "%d beginbfchar\n%sendbfchar\n", n, strings.Join(list[:n], ""))
		list = list[n:]
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return []byte(b.String())
}
