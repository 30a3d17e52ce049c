package dossier_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/custody/dossier/documents"
	"comity.example/comity/test/env"
)

// withDocuments renders the documents of a dossier into a copy of it.
func withDocuments(t testing.TB, s *env.Story, d *dossier.Dossier) *dossier.Dossier {
	t.Helper()
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	c := clone(d)
	c.Documents = v.Render()
	return c
}

var rendered, eventful played

// renderedTale is the whole path with its documents, played once for all tests that
// change nothing in it.
func renderedTale(t testing.TB) (*env.Story, *dossier.Dossier, []byte) {
	rendered.once.Do(func() {
		rendered.story, rendered.d, _ = wholeTale(t)
		rendered.d = withDocuments(t, rendered.story, rendered.d)
		rendered.raw = write(t, rendered.d)
	})
	return rendered.story, rendered.d, rendered.raw
}

// fullTale is a case in which nearly everything happens, with files of odd names, and
// its documents; played once for all tests that change nothing in it.
func fullTale(t testing.TB) (*env.Story, *dossier.Dossier, []byte) {
	eventful.once.Do(func() {
		dir := t.TempDir()
		fatalIfErr(t, env.OddFiles(dir))
		s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
		fatalIfErr(t, err)
		fatalIfErr(t, s.PlayAll(dir))
		d, err := s.Dossier(true)
		fatalIfErr(t, err)
		eventful.story, eventful.d = s, withDocuments(t, s, d)
		eventful.raw = write(t, eventful.d)
	})
	return eventful.story, eventful.d, eventful.raw
}

// TestShow writes the documents of an eventful case into the folder COMITY_SHOW, for
// people to look at, and checks that nobody else's eyes are needed: they are all there.
func TestShow(t *testing.T) {
	_, d, raw := fullTale(t)
	to := os.Getenv("COMITY_SHOW")
	if to == "" {
		to = t.TempDir()
	}
	for _, name := range documents.Names() {
		if len(d.Documents.Files[name]) < 1000 {
			t.Errorf("%s has %d bytes", name, len(d.Documents.Files[name]))
		}
		fatalIfErr(t, os.WriteFile(filepath.Join(to, name), d.Documents.Files[name], 0o600))
	}
	fatalIfErr(t, os.WriteFile(filepath.Join(to, "case.comity"), raw, 0o600))
}

// TestRendered: documents survive writing and reading, are found the same, with and
// without pins, and the text says so in its first lines.
func TestRendered(t *testing.T) {
	s, d, raw := fullTale(t)
	back, err := read(raw)
	fatalIfErr(t, err)
	if !maps.EqualFunc(back.Documents.Files, d.Documents.Files, bytes.Equal) || !slices.Equal(slices.Sorted(maps.Keys(back.Documents.Files)), documents.Names()) {
		t.Error("the documents read back are not those written")
	}
	for name, pins := range map[string]dossier.Pins{"pinned": s.Pins(), "unpinned": {}} {
		v, err := dossier.Verify(back, pins)
		fatalIfErr(t, err)
		first := strings.Join(strings.SplitN(v.Text(), "\n", 4)[:3], "\n")
		if v.Documents != dossier.DocumentsSame || !strings.Contains(first, "are as rendered again from what is told below") {
			t.Errorf("%s: documents %q:\n%s", name, v.Documents, first)
		}
		html := string(back.Documents.Files["timeline.html"])
		for _, want := range []string{"asserted by the relay; whether witnesses or time stamps bound them, comity-verify says", "the hours are the relay&#39;s; whether others bound them", "this same log: whether witnesses cosigned it"} {
			if !strings.Contains(html, want) {
				t.Errorf("the timeline does not say %q", want)
			}
		}
		if strings.Contains(html, "no witness") {
			t.Error("the timeline says of witnesses what depends on whom its reader believes")
		}
		if again := v.Render(); !maps.EqualFunc(again.Files, d.Documents.Files, bytes.Equal) {
			t.Errorf("%s: rendered again they differ", name)
		}
	}
	bare := clone(d)
	bare.Documents = nil
	v, err := dossier.Verify(bare, s.Pins())
	fatalIfErr(t, err)
	if v.Documents != dossier.DocumentsNone || strings.Contains(v.Text(), "rendered") {
		t.Errorf("without documents: %q", v.Documents)
	}
}

// TestRenderedUnknown: documents of a form that this version does not know fail
// nothing, and the text says first that they were not checked.
func TestRenderedUnknown(t *testing.T) {
	s, d, _ := renderedTale(t)
	c := clone(d)
	c.Documents = &dossier.Documents{Form: "comity/documents/v\u202e9", Files: d.Documents.Files}
	back, err := read(write(t, c))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	lines := strings.Split(v.Text(), "\n")
	if v.Documents != dossier.DocumentsNotChecked || !strings.HasPrefix(lines[1], `  RENDERED DOCUMENTS NOT CHECKED: they are of the form "comity/documents/v\u202e9"`) {
		t.Errorf("documents %q:\n%s", v.Documents, v.Text())
	}
}

// TestRenderedOfFailed: a dossier that fails has no documents to give.
func TestRenderedOfFailed(t *testing.T) {
	s, d, _ := renderedTale(t)
	c := clone(d)
	c.Records["relay"] = nil
	if v, err := dossier.Verify(c, s.Pins()); err == nil || v.Render() != nil {
		t.Error("a failed dossier is rendered")
	}
}

// TestDocumentMutants alters every document, the word on their form, and the archive
// around them: each mutant fails, or the verifier says that it did not check. The limit
// is declared by TestRendered: a dossier without documents is one.
func TestDocumentMutants(t *testing.T) {
	s, d, raw := renderedTale(t)
	files := dossier.Files(d)
	_, other, _ := fullTale(t)
	var all []mutant
	add := func(what string, fs []dossier.File) { all = append(all, packed(what, fs)) }
	without := func(drop ...string) []dossier.File {
		return slices.DeleteFunc(slices.Clone(files), func(f dossier.File) bool { return slices.Contains(drop, f.Name) })
	}
	for i, name := range documents.Names() {
		data := d.Documents.Files[name]
		for at := 0; at < len(data); at += max(len(data)/3, 1) {
			b := bytes.Clone(data)
			b[at] ^= 1
			add(name+": byte", swapFile(files, name, b))
		}
		add(name+" dropped", without(name))
		add(name+" emptied", swapFile(files, name, nil))
		add(name+" cut", swapFile(files, name, data[:len(data)-1]))
		add(name+" longer", swapFile(files, name, append(bytes.Clone(data), '\n')))
		add(name+" of another case", swapFile(files, name, other.Documents.Files[name]))
		next := documents.Names()[(i+1)%len(documents.Names())]
		add(name+" holds "+next, swapFile(files, name, d.Documents.Files[next]))
	}
	index := files[slices.IndexFunc(files, func(f dossier.File) bool { return f.Name == "dossier.json" })]
	for _, form := range []string{"comity/documents/v0", "comity/documents/v2", "", " comity/documents/v1"} {
		add("form "+form, swapFile(files, "dossier.json", bytes.Replace(index.Data, []byte(documents.Version), []byte(form), 1)))
	}
	add("all dropped, form kept", without(documents.Names()...))
	add("form dropped, all kept", swapFile(files, "dossier.json", slices.Concat(bytes.Split(index.Data, []byte(",\n  \"documents\""))[0], []byte("\n}\n"))))
	add("another document", append(slices.Clone(files), dossier.File{Name: "timeline.htm", Data: []byte("<p>")}))
	bare := clone(d)
	bare.Packages, bare.Documents = map[string]dossier.Contents{}, nil
	fewer := withDocuments(t, s, bare).Documents
	all = append(all, altered("documents of the dossier without contents", d, func(c *dossier.Dossier) { c.Documents = fewer }),
		altered("documents of the dossier with contents", d, func(c *dossier.Dossier) { c.Packages = map[string]dossier.Contents{} }))
	all = append(all, zipMutants(raw)...)
	pins := s.Pins()
	for _, name := range parallel(all, func(m mutant) bool { return m.passes(d, raw, pins) }) {
		t.Errorf("mutant passes: %s", name)
	}
	t.Logf("%d mutants", len(all))
}

// TestWithoutIndex declares a limit: the index of a bag can be taken out of a dossier
// that has no documents, and then the sizes of single files are not told; they are never
// wrong. Documents were made with it or without.
func TestWithoutIndex(t *testing.T) {
	s, d, _ := renderedTale(t)
	if html := d.Documents.Files["timeline.html"]; !bytes.Contains(html, []byte(">45 000<")) || bytes.Contains(html, []byte("not told")) {
		t.Error("the timeline does not tell the sizes of files")
	}
	bare := clone(d)
	for id, x := range bare.Packages {
		x.Index = nil
		bare.Packages[id] = x
	}
	if _, err := dossier.Verify(bare, s.Pins()); err == nil {
		t.Error("the index can be taken away from beside documents that tell sizes")
	}
	bare.Documents = nil
	v, err := dossier.Verify(bare, s.Pins())
	fatalIfErr(t, err)
	if html := v.Render().Files["timeline.html"]; bytes.Contains(html, []byte("45 000")) || !bytes.Contains(html, []byte("not told")) {
		t.Error("without the index the timeline tells sizes")
	}
}

func BenchmarkRender(b *testing.B) {
	s, d, _ := fullTale(b)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(b, err)
	for b.Loop() {
		v.Render()
	}
}

// TestRenderedGaps: what is withheld is seen on every page, nothing of it stands on one,
// and the commands of VERIFY.txt find the log whole all the same.
func TestRenderedGaps(t *testing.T) {
	s, d, _ := renderedTale(t)
	withheld := d.Records[custody.RecordID(d.Request)][3] // the acceptance
	st, err := custody.ParseStatement(withheld.Envelope)
	fatalIfErr(t, err)
	r, _, err := dossier.Redact(d, dossier.Redaction{By: "nl/officer/<a>", Entries: []int64{3}})
	fatalIfErr(t, err)
	back, err := read(write(t, r))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	if v.Result != dossier.ResultInPart || v.Documents != dossier.DocumentsSame {
		t.Errorf("result %q, documents %q", v.Result, v.Documents)
	}
	for name, data := range r.Documents.Files {
		if bytes.Contains(data, []byte(st.SHA256.String())) {
			t.Errorf("%s holds the hash of what is withheld", name)
		}
	}
	html := string(r.Documents.Files["timeline.html"])
	for _, want := range []string{
		"entry 3 of the request", "nl/officer/&lt;a&gt;", "AN ENTRY OF THE RECORD IS NOT SHOWN HERE",
		"de has not accepted them, in what is shown of this record", "It must say VERIFIED IN PART in its first line",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the timeline does not say %q", want)
		}
	}
	if !bytes.Contains(r.Documents.Files["transfer.json"], []byte(`"withheld_entries": 1`)) || !bytes.Contains(r.Documents.Files["case.jsonld"], []byte("to know: ")) {
		t.Error("the record of the transfer or the graph does not say what is withheld")
	}
	b := blocks(t, string(r.Documents.Files["VERIFY.txt"]))
	out := court(t, write(t, r), nil, b["1"], b["3"], b["5"], b["6"])
	if !strings.Contains(out, "withheld: records/request/000003 (redacted)") || !strings.Contains(out, "ok: the log holds every entry") || strings.Contains(out, "FAILED") {
		t.Errorf("the shell says:\n%s", out)
	}
	files := dossier.Files(r)
	for i := range files {
		if strings.HasSuffix(files[i].Name, "gap.json") {
			files[i].Data = bytes.Replace(files[i].Data, []byte(`"salted": "`+withheld.Salted().String()[:4]), []byte(`"salted": "0000`), 1)
		}
	}
	if out := court(t, dossier.Pack(files), nil, b["1"], b["5"], b["6"]); !strings.Contains(out, "FAILED: records/request/000003 is not in the log") || !strings.Contains(out, "FAILED: records/request/000004 does not follow") {
		t.Errorf("of another gap the shell says:\n%s", out)
	}
}
