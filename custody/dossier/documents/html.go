package documents

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"

	"comity.example/comity/custody/display"
)

// style is the page's only style sheet. The page's policy names its hash, and allows
// nothing else to be loaded or run.
//
//go:embed style.css
var style string

// escape makes text harmless: what people do not read becomes a visible escape, what
// HTML reads a reference.
func escape(s string) string { return markup.Replace(display.Line(s)) }

// escapeText is escape for text of several lines.
func escapeText(s string) string { return markup.Replace(display.Text(s)) }

var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// printer writes HTML. Text goes through escape, all else is written here.
type printer struct {
	strings.Builder
	depth int // open sections
}

func (p *printer) raw(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// asHTML is the page in one file.
func asHTML(s *sheet) []byte {
	p := &printer{}
	css := style + foot(s.id)
	sum := sha256.Sum256([]byte(css))
	p.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"+
		"<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	p.raw("<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", escape(s.title), css)
	p.raw("<header>\n<h1>%s</h1>\n<p class=\"under\">%s</p>\n</header>\n", bdi(s.title), bdi(s.under))
	for _, b := range s.blocks {
		p.block(b)
	}
	p.section(0)
	p.raw("<footer>%s</footer>\n</main>\n</body>\n</html>\n", strings.ReplaceAll(escapeText(s.id), "\n", "<br>"))
	return []byte(p.String())
}

// foot puts what ties a printed page to the file on each of them, and its number, where
// a browser knows how.
func foot(id string) string {
	var b strings.Builder
	for _, r := range id {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == ' ' || r == '.' || r == ',' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\%06x", r) // six digits end by themselves
		}
	}
	return "@page{@bottom-left{content:\"" + b.String() + "\";white-space:pre;font:6.5pt/1.35 monospace;color:#4a5564;vertical-align:top;padding-top:3mm}" +
		"@bottom-right{content:\"page \" counter(page) \" of \" counter(pages);font:8pt sans-serif;vertical-align:top;padding-top:3mm}}\n"
}

// bdi keeps the direction of a text within it, from left to right as the page is: a name
// that begins with letters from right to left turns neither what is around it nor the
// place of its own ending.
func bdi(s string) string { return "<bdi dir=\"ltr\">" + escape(s) + "</bdi>" }

// section closes what is open above a level, and opens one.
func (p *printer) section(level int) {
	for ; p.depth > 0 && p.depth >= level-1; p.depth-- {
		p.raw("</section>\n")
	}
	if level > 0 {
		p.raw("<section>\n")
		p.depth++
	}
}

func (p *printer) block(b block) {
	switch b := b.(type) {
	case heading:
		p.section(b.level)
		p.raw("<h%d>%s</h%d>\n", b.level, bdi(b.text), b.level)
	case paragraph:
		if b.look == shell {
			p.raw("<pre class=\"shell\"><code>%s</code></pre>\n", escapeText(b.text))
			return
		}
		p.raw("<p%s>%s</p>\n", class(b.look), bdi(b.text))
	case boxed:
		p.raw("<aside%s>", class(b.look))
		if b.title != "" {
			p.raw("<span class=\"label\">%s</span>", escape(b.title))
		}
		if len(b.items) == 1 {
			p.raw("%s</aside>\n", bdi(b.items[0]))
			return
		}
		p.list("", b.items)
		p.raw("</aside>\n")
	case bullets:
		p.list(" class=\"list\"", b)
	case facts:
		p.raw("<dl>\n")
		for _, f := range b {
			p.raw("<dt>%s</dt><dd>", escape(f.label))
			p.lines(f.value)
			p.raw("</dd>\n")
		}
		p.raw("</dl>\n")
	case table:
		p.table(b)
	case chart:
		p.chart(b)
	default:
		panic(fmt.Sprintf("documents: internal error: no HTML for %T", b))
	}
}

func (p *printer) list(attr string, items []string) {
	p.raw("<ul%s>\n", attr)
	for _, s := range items {
		p.raw("<li>%s</li>\n", bdi(s))
	}
	p.raw("</ul>\n")
}

func class(l look) string {
	if l == plain {
		return ""
	}
	return fmt.Sprintf(" class=\"%s\"", l)
}

func (p *printer) lines(list []line) {
	for _, l := range list {
		p.raw("<span%s>%s</span>", class(l.look), bdi(l.text))
	}
}

func (p *printer) table(t table) {
	p.raw("<table>\n<caption>%s</caption>\n<colgroup>", bdi(t.caption))
	for _, c := range t.columns {
		p.raw("<col class=\"w%d\">", c.share)
	}
	p.raw("</colgroup>\n<thead><tr>")
	for _, c := range t.columns {
		p.raw("<th scope=\"col\">%s</th>", escape(c.head))
	}
	p.raw("</tr></thead>\n<tbody>\n")
	for _, row := range t.rows {
		p.raw("<tr>")
		for _, c := range row {
			p.raw("<td>")
			p.lines(c)
			p.raw("</td>")
		}
		p.raw("</tr>\n")
	}
	p.raw("</tbody>\n</table>\n")
}

// chart draws in units of a tenth of a millimetre, as wide as the page. Everything it
// says is in the table that follows, and it says so to who does not see it.
func (p *printer) chart(c chart) {
	d := layChart(c, 1800)
	p.raw("<figure>\n<svg viewBox=\"0 0 1800 %d\" role=\"img\" aria-label=\"%s\">\n", d.height, escape(c.title+": the table below says the same in words"))
	for _, r := range d.boxes {
		p.raw("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n", r.x, r.y, r.w, r.h, r.color)
	}
	for _, t := range d.texts {
		weight := ""
		if t.bold {
			weight = " font-weight=\"700\""
		}
		p.raw("<text x=\"%d\" y=\"%d\" font-size=\"%d\" fill=\"#%06x\"%s>%s</text>\n", t.x, t.y, t.size, t.color, weight, escape(t.text))
	}
	p.raw("</svg>\n</figure>\n")
}
