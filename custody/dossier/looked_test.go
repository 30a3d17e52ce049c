package dossier_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"comity.example/comity/test/need"
)

// browse lets a real browser load one page of a server and print it. It returns what the
// browser asked the server for, what stood on its console, and the text on each sheet of paper.
func browse(t *testing.T, pages map[string][]byte, page string) (asked []string, console string, paper []string) {
	t.Helper()
	chromium, pdftotext := need.Program(t, "chromium"), need.Program(t, "pdftotext")
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pages[r.URL.Path])
	}))
	defer srv.Close()
	dir := t.TempDir()
	out := filepath.Join(dir, "page.pdf")
	cmd := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-dev-shm-usage", "--enable-logging=stderr", "--user-data-dir="+filepath.Join(dir, "profile"), "--no-pdf-header-footer", "--print-to-pdf="+out, srv.URL+page)
	log, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "CONSOLE") {
			console += line
		}
	}
	raw, err := exec.Command(pdftotext, "-raw", out, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	mu.Lock()
	defer mu.Unlock()
	for page := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\f"), "\f") {
		paper = append(paper, squeeze(page))
	}
	return asked, console, paper
}

// squeeze makes one blank of all white space.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// seen is what must be read on every timeline of the full tale, in whatever form.
func seen(t *testing.T, what, text string) {
	t.Helper()
	s, d, _ := fullTale(t)
	first, last := s.Packages[0].Seal.Package, s.Packages[3].Seal.Package
	for _, want := range []string{
		"This document proves nothing by itself", "Custody timeline", "Request " + d.Request + ", by which de asked nl for evidence",
		"package " + first + " was recalled by the side that sent it", "transfers between nl and de were suspended by nl from 2026-03-01T10:16:00Z to 2026-03-01T10:17:00Z (incident)",
		"On 1 March 2026, 10:05:00 UTC the authority de asked the authority nl for stored-data",
		"On 1 March 2026, 10:07:00 UTC nl granted it (signed by nl/officer/a and nl/officer/b (2 officers)",
		"The terms are those of the last of one amendment", "nl/agent/lab-1 deposited 4 packages: 1 receipted whole, 1 receipted in single files, 1 rejected, 1 without any receipt",
		"RECALLED by the sending side", "single files receipted: lines 1, 3", "rejected: inner-mismatch", "Who had package " + first,
		"has signed that it takes it and may have all of it", "says that it destroyed the head", "Package " + last + " was sent in its place",
		"the relay says that it refused to let de/agent/lab-1 reserve room for a package", "nobody signed it", "What is not proved", "who sat at a keyboard",
		"How to check", "comity-verify FILE --root de=FINGERPRINT", s.Case().RequestSHA256.String(), "<script>alert(1)<script>.html", "Допрос свидетеля.docx", `photo\u202egpj.exe`, `zero\u200bwidth.txt`,
	} {
		if !strings.Contains(text, want) && !strings.Contains(strings.ReplaceAll(text, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s does not show %q", what, want)
		}
	}
	if strings.ContainsAny(text, "\u202e\u200b") {
		t.Errorf("%s holds a character that is not seen", what)
	}
}

// TestBrowser: a real browser shows the timeline, asks for nothing else and complains of
// nothing. What a forger adds to the page, a script or a picture from elsewhere, its
// policy keeps out.
func TestBrowser(t *testing.T) {
	_, d, _ := fullTale(t)
	page := d.Documents.Files["timeline.html"]
	asked, console, paper := browse(t, map[string][]byte{"/timeline.html": page}, "/timeline.html")
	if !slices.Equal(asked, []string{"/timeline.html"}) || console != "" {
		t.Errorf("the browser asked for %q and says:\n%s", asked, console)
	}
	text := strings.Join(paper, " ")
	seen(t, "the browser", text)
	for i, p := range paper {
		if !strings.Contains(p, fmt.Sprintf("page %d of %d", i+1, len(paper))) || !strings.Contains(p, "request "+d.Request+" statement SHA-256") {
			t.Errorf("printed by the browser, page %d has no number, or does not name the request", i+1)
		}
	}
	if !strings.Contains(text, "محضر") && !strings.Contains(text, "ﻣﺤﻀﺮ") {
		t.Error("the browser does not show the Arabic name")
	}
	forged := bytes.Replace(page, []byte("</main>"), []byte(`<script>fetch("/leak")</script><img src="/leak.png" alt=""><p style="background:url(/leak.css)">forged</p></main>`), 1)
	asked, console, paper = browse(t, map[string][]byte{"/forged.html": forged}, "/forged.html")
	if !slices.Equal(asked, []string{"/forged.html"}) || !strings.Contains(console, "Content Security Policy") || !strings.Contains(strings.Join(paper, " "), "forged") {
		t.Errorf("of a forged page the browser asked for %q and says:\n%s", asked, console)
	}
}

// TestAccessible: the page has a language, a title, one first heading, no level left out,
// a caption in each table and a scope in each head, and no id or style that its policy
// would refuse.
func TestAccessible(t *testing.T) {
	_, d, _ := fullTale(t)
	page := string(d.Documents.Files["timeline.html"])
	if !strings.HasPrefix(page, "<!DOCTYPE html>\n<html lang=\"en\">") || !strings.Contains(page, "<title>Custody timeline</title>") || strings.Count(page, "<h1>") != 1 {
		t.Error("no language, no title, or not one first heading")
	}
	level := 1
	for _, m := range regexp.MustCompile(`<h([1-6])>`).FindAllStringSubmatch(page, -1) {
		n := int(m[1][0] - '0')
		if n > level+1 {
			t.Errorf("a heading of level %d follows one of %d", n, level)
		}
		level = n
	}
	tables := strings.Count(page, "<table>")
	if tables < 6 || strings.Count(page, "<table>\n<caption>") != tables {
		t.Errorf("%d tables, %d with a caption", tables, strings.Count(page, "<table>\n<caption>"))
	}
	for _, never := range []string{"<th>", "<script", " style=", " onload", "href=", "src=", "javascript:", "http://", "https://"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	for _, open := range []string{"section", "table", "tr", "td", "ul", "li", "dl", "dd", "p", "aside", "figure", "svg", "bdi", "span"} {
		if a, b := len(regexp.MustCompile("<"+open+"[ >]").FindAllString(page, -1)), strings.Count(page, "</"+open+">"); a != b {
			t.Errorf("%d of <%s> are opened, %d closed", a, open, b)
		}
	}
}

// TestPDF: other programs read the PDFs without complaint: their text, their title and
// structure, fonts that are inside, and on every page its number and what ties it to the
// file.
func TestPDF(t *testing.T) {
	pdftotext, pdfinfo, pdffonts := need.Program(t, "pdftotext"), need.Program(t, "pdfinfo"), need.Program(t, "pdffonts")
	_, d, _ := fullTale(t)
	dir := t.TempDir()
	run := func(program string, args ...string) string {
		t.Helper()
		var complaints bytes.Buffer
		cmd := exec.Command(program, args...)
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", program, err, complaints.String())
		}
		return string(out)
	}
	for _, name := range []string{"timeline.pdf", "transfer.pdf"} {
		file := filepath.Join(dir, name)
		fatalIfErr(t, os.WriteFile(file, d.Documents.Files[name], 0o600))
		info := squeeze(run(pdfinfo, file))
		for _, want := range []string{"Title: ", "Tagged: yes", "JavaScript: no", "Encrypted: no", "Form: none", "A4"} {
			if !strings.Contains(info, want) {
				t.Errorf("%s: no %q in %s", name, want, info)
			}
		}
		fonts := strings.Split(strings.TrimSpace(run(pdffonts, file)), "\n")[2:]
		for _, f := range fonts {
			if w := strings.Fields(f); !strings.HasPrefix(f, "COMITY+DejaVu") || !slices.Contains(w, "Identity-H") || slices.Contains(w, "no") {
				t.Errorf("%s: font %s", name, f)
			}
		}
		pages := strings.Split(strings.TrimSuffix(run(pdftotext, "-raw", file, "-"), "\f"), "\f")
		for i, p := range pages {
			if n := regexp.MustCompile(`page (\d+) of (\d+)`).FindStringSubmatch(p); n == nil || !strings.Contains(p, "request "+d.Request) || !strings.Contains(p, "statement SHA-256") {
				t.Errorf("%s: page %d has no number, or does not name the request", name, i+1)
			}
		}
		text := squeeze(strings.Join(pages, " "))
		if name == "timeline.pdf" {
			seen(t, name, text)
		}
		for _, want := range []string{"This document proves nothing by itself", `\u0645\u062d\u0636\u0631`, "Допрос свидетеля.docx", "Ångström & \"quotes\" 'n' more.txt", "What is not proved"} {
			if !strings.Contains(strings.ReplaceAll(text, " ", ""), strings.ReplaceAll(want, " ", "")) {
				t.Errorf("%s does not show %q", name, want)
			}
		}
	}
}
