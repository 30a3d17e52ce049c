// Package pdf writes PDF 1.7 files of text, lines and boxes, whose bytes depend on
// nothing but what is drawn: a verifier of another year, on another machine, makes the
// same file again and compares. So it is written here and not by a library, it computes
// in integers, it compresses nothing, and its three fonts are part of it.
//
// The files carry what people and machines need to read them: the characters behind
// the glyphs, a structure of headings, paragraphs and tables, title and language.
//
// It refuses to guess: no hyphenation, no script that joins or turns its letters, no
// character that its fonts lack (Visible writes those as escapes), no image, no link, no
// script, no attachment, no form.
package pdf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Units of length are thousandths of a point; 72 points are an inch. The origin is the
// upper left corner of the page.
const (
	Point  = 1000
	Width  = 595276 // A4
	Height = 841890
)

// Color is red, green, blue, one byte each: 0xRRGGBB.
type Color uint32

// Document is a file that is being made. It is not safe for concurrent use.
type Document struct {
	title, lang string
	pages       []*Page
	faces       [faces]*used
	root        element // of the structure
}

// New begins a document. The title is what a reader shows; lang is a language tag.
func New(title, lang string) *Document {
	d := &Document{title: title, lang: lang, root: element{role: "Document"}}
	for f := range d.faces {
		d.faces[f] = newUsed(fonts[f]())
	}
	return d
}

// Page is one page, A4 upright.
type Page struct {
	doc  *Document
	n    int
	body bytes.Buffer
	mcid int // marked contents so far

}

// AddPage adds a page at the end. Earlier ones can still be drawn on.
func (d *Document) AddPage() *Page {
	p := &Page{doc: d, n: len(d.pages)}
	d.pages = append(d.pages, p)
	return p
}

// Pages returns all pages, in order.
func (d *Document) Pages() []*Page { return d.pages }

// num writes a length in points.
func num(v int) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	s := fmt.Sprintf("%s%d.%03d", sign, v/1000, v%1000)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func (c Color) operands() string {
	part := func(shift uint) string { return num(int(c>>shift&255) * 1000 / 255) }
	return part(16) + " " + part(8) + " " + part(0)
}

// Box fills a rectangle.
func (p *Page) Box(x, y, w, h int, c Color) {
	fmt.Fprintf(&p.body, "/Artifact BMC %s rg %s %s %s %s re f EMC\n", c.operands(), num(x), num(Height-y-h), num(w), num(h))
}

// Frame draws the edges of a rectangle.
func (p *Page) Frame(x, y, w, h, thick int, c Color) {
	fmt.Fprintf(&p.body, "/Artifact BMC %s RG %s w %s %s %s %s re S EMC\n", c.operands(), num(thick), num(x), num(Height-y-h), num(w), num(h))
}

// Line draws a line.
func (p *Page) Line(x1, y1, x2, y2, thick int, c Color) {
	fmt.Fprintf(&p.body, "/Artifact BMC %s RG %s w %s %s m %s %s l S EMC\n", c.operands(), num(thick), num(x1), num(Height-y1), num(x2), num(Height-y2))
}

// Text draws one line of text with its base line at y, as part of the element e of the
// structure; of none, such as a page number, if e is nil. Characters that the font lacks
// are drawn as boxes: let Visible replace them before.
func (p *Page) Text(e *Element, f Face, size int, c Color, x, y int, s string) {
	if s == "" {
		return
	}
	mark, end := "/Artifact BMC ", "EMC"
	if e != nil {
		mark = fmt.Sprintf("/%s <</MCID %d>> BDC ", e.at.role, p.mcid)
		e.at.kids = append(e.at.kids, kid{page: p.n, mcid: p.mcid})
		p.mcid++
	}
	fmt.Fprintf(&p.body, "%sBT %s rg /F%d %s Tf %s %s Td <", mark, c.operands(), f, num(size), num(x), num(Height-y))
	u := p.doc.faces[f]
	for _, r := range s {
		fmt.Fprintf(&p.body, "%04X", u.glyph(r))
	}
	fmt.Fprintf(&p.body, "> Tj ET %s\n", end)
}

// Bytes returns the file.
func (d *Document) Bytes() []byte {
	w := &writer{}
	w.buf.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	catalog, pages, info, tree, parents := w.reserve(), w.reserve(), w.reserve(), w.reserve(), w.reserve()
	var refs [faces]int
	for f, u := range d.faces {
		refs[f] = u.write(w)
	}
	res := "<</Font <<"
	for f, r := range refs {
		res += fmt.Sprintf("/F%d %d 0 R ", f, r)
	}
	res += ">> >>"
	var pageRefs []int
	for _, p := range d.pages {
		content := w.stream("", p.body.Bytes())
		pageRefs = append(pageRefs, w.object(fmt.Sprintf(
			"<</Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /Resources %s /Contents %d 0 R /StructParents %d /Tabs /S>>",
			pages, num(Width), num(Height), res, content, p.n)))
	}
	var kids strings.Builder
	for _, r := range pageRefs {
		fmt.Fprintf(&kids, "%d 0 R ", r)
	}
	w.set(pages, fmt.Sprintf("<</Type /Pages /Count %d /Kids [%s]>>", len(pageRefs), kids.String()))
	d.structure(w, tree, parents, pageRefs)
	w.set(info, fmt.Sprintf("<</Title %s /Producer (Comity)>>", text(d.title)))
	w.set(catalog, fmt.Sprintf("<</Type /Catalog /Pages %d 0 R /Lang %s /MarkInfo <</Marked true>> /StructTreeRoot %d 0 R /ViewerPreferences <</DisplayDocTitle true>>>>",
		pages, text(d.lang), tree))
	return w.finish(catalog, info)
}

// text writes a string object: UTF-16 in hexadecimal, which needs no escapes.
func text(s string) string {
	b := []byte("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		b = fmt.Appendf(b, "%04X", u)
	}
	return string(append(b, '>'))
}

// writer numbers objects and remembers where they begin.
type writer struct {
	buf bytes.Buffer
	at  []int // offset by number less one; 0: reserved
}

func (w *writer) reserve() int {
	w.at = append(w.at, 0)
	return len(w.at)
}

func (w *writer) set(n int, body string) {
	w.at[n-1] = w.buf.Len()
	fmt.Fprintf(&w.buf, "%d 0 obj\n%s\nendobj\n", n, body)
}

func (w *writer) object(body string) int {
	n := w.reserve()
	w.set(n, body)
	return n
}

func (w *writer) stream(dict string, data []byte) int {
	return w.object(fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data))
}

// finish writes the table of objects. The file's id is the hash of all before it.
func (w *writer) finish(catalog, info int) []byte {
	id := sha256.Sum256(w.buf.Bytes())
	start := w.buf.Len()
	fmt.Fprintf(&w.buf, "xref\n0 %d\n0000000000 65535 f \n", len(w.at)+1)
	for _, off := range w.at {
		fmt.Fprintf(&w.buf, "%010d 00000 n \n", off)
	}
	fmt.Fprintf(&w.buf, "trailer\n<</Size %d /Root %d 0 R /Info %d 0 R /ID [<%X> <%X>]>>\nstartxref\n%d\n%%%%EOF\n",
		len(w.at)+1, catalog, info, id[:16], id[:16], start)
	return w.buf.Bytes()
}
