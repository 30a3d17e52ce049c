package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

// redact writes a dossier without what is to be left out.
func redact(from, to string, r dossier.Redaction) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	d, err := dossier.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return err
	}
	r.By = "nl"
	out, _, err := dossier.Redact(d, r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := dossier.Write(&b, out); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o600)
}

// TestExitCodes: the numbers that scripts rely on.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	s := build(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	raw, err := os.ReadFile(at("good.dossier"))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(raw, []byte("stored-data"), []byte("storeD-data"), 1)
	if err := os.WriteFile(at("broken.dossier"), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]dossier.Redaction{"part.dossier": {Kinds: []custody.Kind{custody.KindReview}}, "rest.dossier": {Kinds: []custody.Kind{custody.KindReceipt}}} {
		if err := redact(at("good.dossier"), at(name), r); err != nil {
			t.Fatal(err)
		}
	}
	long, err := os.OpenFile(at("sealed/payload"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if err := long.Close(); err != nil {
		t.Fatal(err)
	}
	nl := s.Pins().Authorities["nl"].String()
	for _, tt := range []struct {
		args string
		want int
	}{
		{"good --pins pins", 0},
		{"--help", 0},
		{"good --pins pins --exhibits src", 0},
		{"good --pins pins --tsa tsa.pem", 0},
		{"good --pins pins --tsa absent", 1},
		{"good --pins pins --policy absent", 1},
		{"good --pins pins --policy pins", 1},
		{"good --pins pins --tsa pins", 1},
		{"rest --pins pins --sealed sealed", 4},
		{"", 2},
		{"good --root nl=" + strings.ToUpper(nl), 2},
		{"good extra", 2},
		{"absent --pins pins", 1},
		{"src --pins pins", 1},
		{"broken --pins pins", 4},
		{"pins --pins pins", 4},
		{"good --pins absent", 1},
		{"good --pins pins --exhibits absent", 1},
		{"good --pins pins --sealed absent", 1},
		{"good --pins pins --sealed src", 4},
		{"part --pins pins", 5},
		{"rest --pins pins", 5},
		{"rest --pins pins --exhibits src", 4},
		{"part", 4},
		{"good", 4},
		{"good --root nl=" + nl, 4},
		{"good --pins other.pins", 4},
		{"good --pins pins --exhibits sealed", 4},
		{"good --pins pins --sealed sealed", 4},
	} {
		var args []string
		for _, a := range strings.Fields(tt.args) {
			switch a {
			case "good", "broken", "part", "rest":
				a = at(a + ".dossier")
			case "absent", "tsa.pem", "pins", "other.pins", "src", "sealed":
				a = at(a)
			}
			args = append(args, a)
		}
		var out, diag bytes.Buffer
		if got := run(args, &out, &diag); got != tt.want {
			t.Errorf("comity-verify %s: status %d, want %d\n%s%s", tt.args, got, tt.want, out.String(), diag.String())
		}
		if (diag.Len() == 0) != (tt.want == 0) {
			t.Errorf("comity-verify %s: status %d with stderr %q", tt.args, tt.want, diag.String())
		}
	}
}
