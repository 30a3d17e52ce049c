package documents

import (
	"fmt"
	"strings"

	"comity.example/comity/custody/dossier/documents/pdf"
)

const (
	pt      = pdf.Point
	left    = 52 * pt
	right   = pdf.Width - 52*pt
	top     = 56 * pt
	bottom  = pdf.Height - 62*pt
	columnW = right - left
)

const (
	inkWarn = 0x8a1f1f
	inkGood = 0x1d5a3f
	inkHead = 0x16304b
)

// press sets a sheet on pages.
type press struct {
	doc   *pdf.Document
	page  *pdf.Page
	y     int // the upper edge of what comes next
	sheet *sheet
}

// asPDF is the sheet on A4.
func asPDF(s *sheet) []byte {
	p := &press{doc: pdf.New(pdf.Visible(s.title), "en"), sheet: s}
	p.turn()
	p.page.Box(left, p.y-18*pt, columnW, 3*pt, inkHead)
	p.text("H1", line{s.title, strong}, left, columnW, 17*pt, inkDark)
	p.y += 2 * pt
	p.text("P", line{s.under, plain}, left, columnW, 9500, inkQuiet)
	p.y += 8 * pt
	for i, b := range s.blocks {
		p.keep(b, s.blocks[i+1:])
		p.block(b)
	}
	p.footers()
	return p.doc.Bytes()
}

func (p *press) turn() { p.page, p.y = p.doc.AddPage(), top }

// room begins a new page if less than h is left on this one.
func (p *press) room(h int) {
	if p.y+h > bottom && p.y > top {
		p.turn()
	}
}

// footers: what ties a printed page to the file stands on every one.
func (p *press) footers() {
	pages := p.doc.Pages()
	for i, page := range pages {
		page.Line(left, bottom+16*pt, right, bottom+16*pt, 400, inkGrid)
		id := setLine(line{p.sheet.id, shell}, columnW-60*pt, 7500, inkQuiet)
		for j, s := range id.lines {
			page.Text(nil, id.face, id.size, id.color, left, bottom+27*pt+j*id.lead(), s)
		}
		n := fmt.Sprintf("page %d of %d", i+1, len(pages))
		page.Text(nil, pdf.Sans, 8*pt, inkDark, right-pdf.Measure(pdf.Sans, 8*pt, n), bottom+27*pt, n)
	}
}

// set is a line broken to a width.
type set struct {
	lines []string
	face  pdf.Face
	size  int
	color pdf.Color
}

func (s set) lead() int { return s.size * 140 / 100 }
func (s set) height() int {
	return len(s.lines) * s.lead()
}

func setLine(l line, width, size int, color pdf.Color) set {
	s := set{face: pdf.Sans, size: size, color: color}
	switch l.look {
	case strong:
		s.face = pdf.Bold
	case mono, shell:
		s.face, s.size = pdf.Mono, size*82/100
	case quiet:
		s.size, s.color = size*92/100, inkQuiet
	case good:
		s.face, s.color = pdf.Bold, inkGood
	case warn:
		s.face, s.color = pdf.Bold, inkWarn
	}
	text := l.text
	if l.look == shell { // a command has lines of its own
		parts := strings.Split(text, "\n")
		for i := range parts {
			parts[i] = pdf.Visible(parts[i])
		}
		text = strings.Join(parts, "\n")
	} else {
		text = pdf.Visible(text)
	}
	s.lines = pdf.Wrap(s.face, s.size, width, text)
	return s
}

// draw sets lines below each other, on as many pages as it takes.
func (p *press) draw(e *pdf.Element, s set, x int) {
	for _, l := range s.lines {
		p.room(s.lead())
		p.page.Text(e, s.face, s.size, s.color, x, p.y+s.size, l)
		p.y += s.lead()
	}
}

func (p *press) text(role string, l line, x, width, size int, color pdf.Color) {
	p.draw(p.doc.Element(nil, role), setLine(l, width, size, color), x)
}

// keep turns the page before a heading that would stand alone at its foot.
func (p *press) keep(b block, after []block) {
	if _, ok := b.(heading); !ok {
		return
	}
	h := 70 * pt
	if len(after) > 0 {
		switch n := after[0].(type) {
		case chart:
			h = layChart(n, columnW).height + 90*pt
		case heading:
			h = 110 * pt
		case boxed:
			h = min(40*pt+p.boxHeight(n), bottom-top)
		}
	}
	p.room(h)
}

const body = 9 * pt

func (p *press) block(b block) {
	switch b := b.(type) {
	case heading:
		p.heading(b)
	case paragraph:
		size := body
		if b.look == lead {
			size = 10 * pt
		}
		if b.look == shell {
			p.shell(b.text)
			return
		}
		p.text("P", line(b), left, columnW, size, inkDark)
		p.y += 4 * pt
	case boxed:
		p.boxed(b)
	case bullets:
		p.list(b, left, columnW)
		p.y += 4 * pt
	case facts:
		p.facts(b)
	case table:
		p.table(b)
	case chart:
		p.chart(b)
	default:
		panic(fmt.Sprintf("documents: internal error: no PDF for %T", b))
	}
}

func (p *press) heading(h heading) {
	if h.level == 2 {
		if p.y > top {
			p.y += 14 * pt
		}
		p.text("H2", line{h.text, strong}, left, columnW, 12500, inkHead)
		p.page.Line(left, p.y+1*pt, right, p.y+1*pt, 1200, inkHead)
		p.y += 8 * pt
		return
	}
	p.y += 6 * pt
	p.text("H3", line{h.text, strong}, left, columnW, 10*pt, inkDark)
	p.y += 3 * pt
}

func (p *press) list(items []string, x, width int) {
	l := p.doc.Element(nil, "L")
	for _, s := range items {
		e := p.doc.Element(l, "LI")
		t := setLine(line{s, plain}, width-10*pt, body, inkDark)
		p.room(t.lead())
		p.page.Text(e, pdf.Sans, body, inkDark, x, p.y+body, "–")
		p.draw(e, t, x+10*pt)
		p.y += 2500
	}
}

func (p *press) boxHeight(b boxed) int {
	h := 14 * pt
	if b.title != "" {
		h += 14 * pt
	}
	for _, s := range b.items {
		h += setLine(line{s, plain}, columnW-24*pt-indent(b), body, inkDark).height()
		if len(b.items) > 1 {
			h += 2500
		}
	}
	return h
}

// indent is how far the items of a box stand to the right, if there are several.
func indent(b boxed) int {
	if len(b.items) > 1 {
		return 10 * pt
	}
	return 0
}

// boxed stands on one page if it can; one that is longer goes on without its box.
func (p *press) boxed(b boxed) {
	h := p.boxHeight(b)
	edge, back := pdf.Color(inkHead), pdf.Color(0xf5f7fa)
	if b.look == warn {
		edge, back = inkWarn, 0xfdf4f3
	}
	if h <= bottom-top {
		p.room(h)
		p.page.Box(left, p.y, columnW, h, back)
		p.page.Box(left, p.y, 4*pt, h, edge)
	}
	p.y += 7 * pt
	if b.title != "" {
		p.text("P", line{b.title, strong}, left+14*pt, columnW-24*pt, body, edge)
		p.y += 1400
	}
	if len(b.items) == 1 {
		p.text("P", line{b.items[0], plain}, left+14*pt, columnW-24*pt, body, inkDark)
	} else {
		p.list(b.items, left+14*pt, columnW-24*pt)
	}
	p.y += 14 * pt // and what is between the box and what follows
}

func (p *press) shell(s string) {
	t := setLine(line{s, shell}, columnW-20*pt, body, inkDark)
	h := t.height() + 10*pt
	p.room(h)
	p.page.Box(left, p.y, columnW, h, 0xf2f4f7)
	p.page.Box(left, p.y, 2*pt, h, inkHead)
	p.y += 5 * pt
	p.draw(p.doc.Element(nil, "Code"), t, left+10*pt)
	p.y += 9 * pt
}

func (p *press) facts(list facts) {
	const label = 118 * pt
	for _, f := range list {
		name := setLine(line{f.label, plain}, label-8*pt, 8500, inkQuiet)
		p.room(name.height())
		e := p.doc.Element(nil, "P")
		y, page := p.y, p.page
		for i, l := range name.lines {
			page.Text(e, name.face, name.size, name.color, left, y+name.size+i*name.lead(), l)
		}
		for _, l := range f.value {
			p.draw(e, setLine(l, columnW-label, body, inkDark), left+label)
		}
		if p.page == page {
			p.y = max(p.y, y+name.height())
		}
		p.y += 2 * pt
	}
	p.y += 4 * pt
}

// table sets rows whole where they fit on a page, and repeats its head on each.
func (p *press) table(t table) {
	e := p.doc.Element(nil, "Table")
	p.room(70 * pt)
	p.draw(p.doc.Element(e, "Caption"), setLine(line{t.caption, strong}, columnW, body, inkHead), left)
	p.y += 2 * pt
	p.head(t, e)
	for _, row := range t.rows {
		p.row(t, e, row)
	}
	p.y += 8 * pt
}

func (t *table) edges() (x, w []int) {
	at := left
	for _, c := range t.columns {
		width := columnW * c.share / 100
		x, w = append(x, at), append(w, width-7*pt)
		at += width
	}
	return x, w
}

func (p *press) head(t table, e *pdf.Element) {
	x, w := t.edges()
	tr := p.doc.Element(e, "TR")
	most, y := 0, p.y
	for i, c := range t.columns {
		s := setLine(line{c.head, strong}, w[i], 7500, inkQuiet)
		th := p.doc.Element(tr, "TH")
		for j, l := range s.lines {
			p.page.Text(th, s.face, s.size, s.color, x[i], y+s.size+j*s.lead(), l)
		}
		most = max(most, s.height())
	}
	p.y += most + 1*pt
	p.page.Line(left, p.y, right, p.y, 900, inkHead)
	p.y += 3 * pt
}

// row draws its cells line by line, so that a row that is longer than a page goes on.
func (p *press) row(t table, e *pdf.Element, row []cell) {
	x, w := t.edges()
	type piece struct {
		set
		text string
	}
	cols := make([][]piece, len(row))
	heights, most := make([]int, len(row)), 0
	for i, c := range row {
		for _, l := range c {
			s := setLine(l, w[i], 8500, inkDark)
			for _, one := range s.lines {
				cols[i] = append(cols[i], piece{s, one})
			}
			heights[i] += s.height()
		}
		most = max(most, heights[i])
	}
	if p.y+most > bottom && p.y > top {
		p.turn()
		p.head(t, e)
	}
	tr := p.doc.Element(e, "TR")
	tds := make([]*pdf.Element, len(row))
	for i := range row {
		tds[i] = p.doc.Element(tr, "TD")
	}
	for {
		lowest, more := p.y, false
		for i := range cols {
			y := p.y
			for len(cols[i]) > 0 && y+cols[i][0].lead() <= bottom {
				c := cols[i][0]
				p.page.Text(tds[i], c.face, c.size, c.color, x[i], y+c.size, c.text)
				y += c.lead()
				cols[i] = cols[i][1:]
			}
			lowest, more = max(lowest, y), more || len(cols[i]) > 0
		}
		p.y = lowest
		if !more {
			break
		}
		p.turn()
		p.head(t, e)
	}
	p.y += 3 * pt
	p.page.Line(left, p.y, right, p.y, 400, inkGrid)
	p.y += 3 * pt
}

func (p *press) chart(c chart) {
	d := layChart(c, columnW)
	p.room(d.height)
	for _, b := range d.boxes {
		p.page.Box(left+b.x, p.y+b.y, b.w, b.h, pdf.Color(b.color))
	}
	e := p.doc.Element(nil, "Figure")
	for _, t := range d.texts {
		f := pdf.Sans
		if t.bold {
			f = pdf.Bold
		}
		p.page.Text(e, f, t.size, pdf.Color(t.color), left+t.x, p.y+t.y, pdf.Visible(t.text))
	}
	p.y += d.height + 8*pt
}
