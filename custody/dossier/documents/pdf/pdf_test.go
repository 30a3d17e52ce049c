package pdf_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"comity.example/comity/custody/dossier/documents/pdf"
)

// TestVisible: what the fonts have stays, all else becomes an escape that shows which
// character it is; and what came of it changes no more.
func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "Ångström, Жизнь, Ελλάδα, ქართული, Հայ": "Ångström, Жизнь, Ελλάδα, ქართული, Հայ", "€ „a“ – …": "€ „a“ – …",
		"photo\u202egpj.exe": `photo\u202egpj.exe`, "zero\u200bwidth": `zero\u200bwidth`, "e\u0301": `e\u0301`, "محضر": `\u0645\u062d\u0636\u0631`, "証": `\u8a3c`,
		"😀": `\U0001f600`, "a\tb\nc\x00\x1b": `a\tb\nc\x00\x1b`, "bad\xffbytes": `bad\xffbytes`, "\ufffd": `\ufffd`, "\u00ad": `\u00ad`,
	} {
		if got := pdf.Visible(in); got != want || pdf.Visible(got) != got {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestWrap: no line is wider than asked, nothing is lost but blanks at ends, and words
// that are longer than a line are broken.
func TestWrap(t *testing.T) {
	for _, s := range []string{"", "one", "several words that need a few lines", strings.Repeat("x", 300), "de/recipient/backup and de/recipient/lab", "ends with blanks   ", "two\nparagraphs"} {
		lines := pdf.Wrap(pdf.Sans, 9*pdf.Point, 60*pdf.Point, s)
		for _, l := range lines {
			if w := pdf.Measure(pdf.Sans, 9*pdf.Point, l); w > 60*pdf.Point {
				t.Errorf("%q: line %q is %d wide", s, l, w)
			}
		}
		strip := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := strip(strings.Join(lines, " ")); len(lines) == 0 || got != strip(s) {
			t.Errorf("%q wrapped is %q", s, lines)
		}
	}
}

// TestBytes: the same drawing gives the same file, and each page, element and character
// is in it once.
func TestBytes(t *testing.T) {
	draw := func() []byte {
		d := pdf.New("Title (with) \\ signs", "en")
		for range 3 {
			p := d.AddPage()
			table := d.Element(nil, "Table")
			p.Text(d.Element(table, "TD"), pdf.Mono, 9*pdf.Point, 0x102030, 50*pdf.Point, 50*pdf.Point, "ÅÅ é") // composites
			p.Text(nil, pdf.Bold, 9*pdf.Point, 0, 50*pdf.Point, 70*pdf.Point, "page")
			p.Box(0, 0, 1, -1, 0xffffff)
			p.Line(0, 0, 1, 1, 1, 0)
			p.Frame(0, 0, 1, 1, 1, 0)
		}
		return d.Bytes()
	}
	b := draw()
	if !bytes.Equal(b, draw()) {
		t.Error("the same drawing gives two files")
	}
	if n := bytes.Count(b, []byte("/Type /Page ")); n != 3 {
		t.Errorf("%d pages", n)
	}
	if !bytes.HasPrefix(b, []byte("%PDF-1.7\n")) || !bytes.HasSuffix(b, []byte("%%EOF\n")) || bytes.Count(b, []byte("/S /TD")) != 3 {
		t.Errorf("the file begins with %.20q and ends with %.20q", b, b[len(b)-20:])
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("photo\u202egpj.exe\xff")
	f.Fuzz(func(t *testing.T, s string) {
		v := pdf.Visible(s)
		if !utf8.ValidString(v) || pdf.Visible(v) != v {
			t.Errorf("Visible(%q) = %q", s, v)
		}
		for _, l := range pdf.Wrap(pdf.Mono, 8*pdf.Point, 100*pdf.Point, v) {
			if pdf.Measure(pdf.Mono, 8*pdf.Point, l) > 100*pdf.Point {
				t.Errorf("%q has line %q", v, l)
			}
		}
	})
}
