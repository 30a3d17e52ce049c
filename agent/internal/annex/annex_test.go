package annex_test

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/seal"

	"filippo.io/age"
)

func party(t testing.TB) (age.Identity, age.Recipient) {
	t.Helper()
	id, to, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	i, err := seal.ParseIdentity(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := seal.ParseRecipient(to)
	if err != nil {
		t.Fatal(err)
	}
	return i, r
}

func TestRoundTrip(t *testing.T) {
	id, to := party(t)
	in := annex.Annex{
		Text:        annex.Text{Reference: "NL-2026-0412", Facts: "a case"},
		Attachments: []annex.Attachment{{Name: "order.pdf", Data: []byte("%PDF-1.7")}, {Name: "empty.txt", Data: []byte{}}},
	}
	file, ref, err := annex.Seal(in, []age.Recipient{to})
	if err != nil {
		t.Fatal(err)
	}
	if ref.Size != int64(len(file)) {
		t.Errorf("size %d, want %d", ref.Size, len(file))
	}
	out, err := annex.Open(file, id)
	if err != nil {
		t.Fatal(err)
	}
	if out.Text.Reference != in.Text.Reference || out.Text.Facts != in.Text.Facts || len(out.Attachments) != 2 ||
		string(out.Attachments[0].Data) != "%PDF-1.7" || out.Attachments[1].Name != "empty.txt" {
		t.Errorf("got %+v", out)
	}
	other, _ := party(t)
	if _, err := annex.Open(file, other); err == nil {
		t.Error("a stranger opened the annex")
	}
	if bytes.Contains(file, []byte("NL-2026")) {
		t.Error("the reference stands in the file in clear")
	}
}

func TestSealRefuses(t *testing.T) {
	_, to := party(t)
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, ".hidden", "a\nb", "a:b", strings.Repeat("x", 201), "annex.json"} {
		a := annex.Annex{Attachments: []annex.Attachment{{Name: name, Data: []byte("x")}}}
		if _, _, err := annex.Seal(a, []age.Recipient{to}); err == nil {
			t.Errorf("attachment %q was packed", name)
		}
	}
	twice := annex.Annex{Attachments: []annex.Attachment{{Name: "a"}, {Name: "a"}}}
	if _, _, err := annex.Seal(twice, []age.Recipient{to}); err == nil {
		t.Error("two attachments of one name were packed")
	}
}

// TestOpenRefuses opens annexes that another program made.
func TestOpenRefuses(t *testing.T) {
	id, to := party(t)
	good := `{"_type":"comity/annex/v1","attachments":["a.txt"]}`
	rows := map[string][]tar.Header{
		"no annex.json":        {{Name: "a.txt"}},
		"path":                 {{Name: "annex.json"}, {Name: "../a.txt"}},
		"link":                 {{Name: "annex.json"}, {Name: "a.txt", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		"undescribed member":   {{Name: "annex.json"}, {Name: "b.txt"}},
		"missing member":       {{Name: "annex.json"}},
		"annex.json not first": {{Name: "a.txt"}, {Name: "annex.json"}},
	}
	for name, headers := range rows {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if h.Typeflag == 0 {
				h.Typeflag = tar.TypeReg
			}
			data := ""
			if h.Name == "annex.json" {
				data = good
			}
			h.Size = int64(len(data))
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			w.Write([]byte(data))
		}
		w.Close()
		file, err := seal.SealSmall(b.Bytes(), 1<<20, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := annex.Open(file, id); err == nil {
			t.Errorf("%s: the annex was opened", name)
		}
	}
}

// TestSparse: five kilobytes do not become 256 MB in memory. archive/tar does not
// write sparse members, so a header of the same length is rewritten.
func TestSparse(t *testing.T) {
	id, to := party(t)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header, data []byte) {
		t.Helper()
		h.Typeflag, h.Size = tar.TypeReg, int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Name: "annex.json"}, []byte(`{"_type":"comity/annex/v1","attachments":["a.bin"]}`))
	add(&tar.Header{Name: "x", Format: tar.FormatPAX, PAXRecords: map[string]string{
		"GNUxsparsexmajor": "1", "GNUxsparsexminor": "0", "GNUxsparsexname": "a.bin", "GNUxsparsexrealsize": "268435456",
	}}, append([]byte("0\n"), make([]byte, 510)...)) // a map without data: all is hole
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := []byte(strings.ReplaceAll(b.String(), "GNUxsparsex", "GNU.sparse."))
	r := tar.NewReader(bytes.NewReader(raw))
	r.Next()
	if h, err := r.Next(); err != nil || h.Size != 256<<20 {
		t.Fatalf("the bomb is none: %+v, %v", h, err)
	}
	file, err := seal.SealSmall(raw, 1<<20, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := annex.Open(file, id); err == nil {
		t.Error("the annex opens")
	}
}
