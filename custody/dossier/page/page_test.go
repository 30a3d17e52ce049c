package page_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/dossier"
	"comity.example/comity/custody/dossier/page"
	"comity.example/comity/test/env"
	"comity.example/comity/test/need"
)

// told is a folder with the page, a dossier, an altered one, pins and exhibits.
type told struct {
	dir   string
	pins  string
	story *env.Story
}

// hostileName is a file name that shows another one to who does not look: it turns the
// direction of writing, and is markup besides.
const hostileName = "photo\u202egpj.<img src=x onerror=alert(1)>.exe"

func tell(t *testing.T) *told {
	t.Helper()
	dir, from := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"server.log": strings.Repeat("evidence\n", 5000), "notes.txt": "found on a desk\n", hostileName: "not what it seems\n"} {
		fatalIfErr(t, os.WriteFile(filepath.Join(from, name), []byte(text), 0o600))
	}
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	fatalIfErr(t, err)
	fatalIfErr(t, s.Play(from))
	d, err := s.Dossier(true)
	fatalIfErr(t, err)
	var b bytes.Buffer
	fatalIfErr(t, dossier.Write(&b, d))
	altered := bytes.Replace(b.Bytes(), []byte("index 9\n"), []byte("index 8\n"), 1)
	if bytes.Equal(altered, b.Bytes()) {
		t.Fatal("nothing was altered")
	}
	p := s.Pins()
	for name, data := range map[string][]byte{
		"page.html": page.HTML(), "case.comity": b.Bytes(), "altered.comity": altered, "later.comity": ofLater(b.Bytes()),
		"pins": []byte(p.String()), "notes.txt": []byte("found on a desk\n"), "strange.txt": []byte("never sent\n"), hostileName: []byte("not what it seems\n"),
	} {
		fatalIfErr(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return &told{dir, p.String(), s}
}

// ofLater makes a dossier one of a version that is to come, checksum included.
func ofLater(raw []byte) []byte {
	at := bytes.Index(raw, []byte("{\n  \"_type\": \"comity/dossier/v1\""))
	old := raw[at : at+bytes.Index(raw[at:], []byte("\n}\n"))+3]
	next := bytes.Replace(old, []byte("/v1"), []byte("/v9"), 1)
	crc := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	return bytes.ReplaceAll(bytes.Replace(raw, old, next, 1), crc(old), crc(next))
}

func (s *told) file(name string) string { return filepath.Join(s.dir, name) }

// set types into the box of fingerprints.
func (b *browser) set(pins string) {
	v, _ := json.Marshal(pins)
	b.eval(`{ const e = document.getElementById('pins'); e.value = ` + string(v) + `; e.dispatchEvent(new Event('change')); } 1`)
}

const (
	shown = `!document.getElementById('result').hidden && document.getElementById('busy').hidden`
	words = `document.getElementById('verdict').innerText`
)

// TestPageInBrowser opens the page from a file, gives it a dossier, exhibits, forgeries,
// and reads what it says. It asks for nothing but itself and complains of nothing.
func TestPageInBrowser(t *testing.T) {
	s := tell(t)
	b := openPage(t, s.file("page.html"), 1100)
	b.picture("1-empty")

	b.choose("file", s.file("case.comity"))
	b.until(shown)
	if got := b.eval(words); !strings.Contains(got, "ORIGIN NOT CHECKED") || !strings.Contains(got, "Missing: de, nl, relay.example.") {
		t.Errorf("without pins: %s", got)
	}
	b.picture("2-unpinned")

	b.set(strings.ToUpper(strings.Replace(s.pins, "root de ", "root  DE \u00a0", 1))) // as from a phone
	b.until(shown + ` && ` + words + `.includes('CORE CHECKS PASSED')`)
	story := b.eval(`document.getElementById('story').innerText`)
	for _, want := range []string{"de asks nl for stored-data", "signed by nl/officer/a, nl/officer/b", "as on your paper", "confirmed", "2026-03-01 10:", "3 files"} {
		if !strings.Contains(story, want) {
			t.Errorf("the page does not show %q:\n%s", want, story)
		}
	}
	if strings.Contains(story, "not compared") {
		t.Errorf("a fingerprint was not compared:\n%s", story)
	}
	b.choose("exhibits", s.file("notes.txt"), s.file("strange.txt"), s.file(hostileName))
	b.until(`document.querySelectorAll('#exhibits-list li').length === 3`)
	found := b.eval(`[...document.querySelectorAll('#exhibits-list li')].map((e) => e.innerText).join('\n--\n')`)
	items := strings.Split(found, "\n--\n")
	if len(items) != 3 || !strings.Contains(items[0], "in the evidence") || !strings.Contains(items[0], "data/notes.txt") || !strings.Contains(items[1], "not found") {
		t.Errorf("exhibits:\n%s", found)
	} else if !strings.Contains(items[2], "photoU+202Egpj.<img src=x onerror=alert(1)>.exe") || strings.Contains(found, "\u202e") {
		t.Errorf("a hostile name is shown as %q", items[2])
	}
	b.picture("3-passed")
	if n := b.eval(`document.querySelectorAll('main img, main iframe, main a, [style]').length`); n != "0" {
		t.Errorf("the page has %s elements that a file made", n)
	}

	b.choose("file", s.file("altered.comity"))
	b.until(shown + ` && ` + words + `.includes('FAILED')`)
	if got := b.eval(words); !strings.Contains(got, "Do not rely on any part of it") || b.eval(`document.getElementById('story').hidden`) != "true" {
		t.Errorf("an altered dossier: %s", got)
	}
	b.picture("4-failed")

	b.set("root de " + strings.Repeat("ab", 32))
	b.choose("file", s.file("case.comity"))
	b.until(shown + ` && ` + words + `.includes('pinned is')`)
	b.set("root de ab")
	b.until(`!document.getElementById('pins-error').hidden`)
	b.set("")
	b.choose("file", s.file("later.comity"))
	b.until(shown + ` && ` + words + `.includes('newer version')`)
	b.picture("5-later")
	b.choose("file", s.file("pins"))
	b.until(`document.getElementById('pins').value.startsWith('relay') || document.getElementById('pins').value.startsWith('root')`)
	b.quiet()
}

// TestPageNarrow: on a telephone nothing stands beside the screen.
func TestPageNarrow(t *testing.T) {
	s := tell(t)
	b := openPage(t, s.file("page.html"), 390)
	b.set(s.pins)
	b.choose("file", s.file("case.comity"))
	b.until(shown)
	b.picture("6-narrow")
	if got := b.eval(`document.documentElement.scrollWidth <= 390`); got != "true" {
		t.Errorf("the page is wider than the screen: %s", b.eval(`document.documentElement.scrollWidth`))
	}
	b.quiet()
}

// TestPageIsClosed: the page names no address, loads nothing, and its policy allows
// exactly what is in it.
func TestPageIsClosed(t *testing.T) {
	html := string(page.HTML())
	if again := string(page.HTML()); again != html || strings.Contains(html, "{{") || strings.Contains(html, "\r") {
		t.Error("the page is not made of its parts alone")
	}
	if m := regexp.MustCompile(`(?i)<(link|iframe|img|object|embed|base|a|form)[ >]|\s(src|href|on[a-z]+|style)=["a-z]`).FindString(strings.Split(html, `<script type="application/json"`)[0]); m != "" {
		t.Errorf("the page has %q", m)
	}
	if m := regexp.MustCompile(`fetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|\beval\(|new Function|innerHTML|outerHTML|insertAdjacent|document\.write|localStorage|indexedDB|\bimport\(`).FindString(html); m != "" {
		t.Errorf("the page has %q", m)
	}
	policy := regexp.MustCompile(`content="(default-src [^"]*)"`).FindStringSubmatch(html)
	if policy == nil || !strings.HasPrefix(policy[1], "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-") || strings.Contains(policy[1], "unsafe") || strings.Count(policy[1], "'sha256-") != 3 {
		t.Errorf("the policy is %q", policy)
	}
	if n := strings.Count(html, "</script"); n != 3 {
		t.Errorf("%d scripts end in the page, want 3", n)
	}
	if !strings.Contains(html, "noble-post-quantum - MIT License") || !strings.Contains(html, "noble-curves - MIT License") {
		t.Error("the page does not name the licences of what is bundled")
	}
}

// TestVerifierRebuilds: verifier.js is what npm makes of src/ with the versions that
// package-lock.json pins by their hashes, to the byte.
func TestVerifierRebuilds(t *testing.T) {
	npm := os.Getenv("COMITY_TEST_PAGE_NPM")
	if npm == "" {
		need.Missing(t, "the npm packages of the page: COMITY_TEST_PAGE_NPM is empty; to install them: cp custody/dossier/page/package*.json FOLDER && npm ci --prefix FOLDER --ignore-scripts")
	}
	dir := t.TempDir()
	fatalIfErr(t, os.CopyFS(filepath.Join(dir, "src"), os.DirFS("src")))
	for _, name := range []string{"package.json", "package-lock.json"} {
		own, err := os.ReadFile(name)
		fatalIfErr(t, err)
		installed, err := os.ReadFile(filepath.Join(npm, name))
		fatalIfErr(t, err)
		if !bytes.Equal(own, installed) {
			t.Fatalf("%s in COMITY_TEST_PAGE_NPM is another one", name)
		}
		fatalIfErr(t, os.WriteFile(filepath.Join(dir, name), own, 0o600))
	}
	fatalIfErr(t, os.Symlink(filepath.Join(npm, "node_modules"), filepath.Join(dir, "node_modules")))
	cmd := exec.Command(need.Program(t, "npm"), "run", "--silent", "build")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "verifier.js"))
	fatalIfErr(t, err)
	if !bytes.Equal(made, page.Verifier()) {
		t.Error("verifier.js is not what npm run build makes of src/")
	}
}
