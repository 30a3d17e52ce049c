package dossier_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
)

func sum(b []byte) custody.Digest { return sha256.Sum256(b) }

// rezip writes the same files with archive/zip and a method.
func rezip(raw []byte, method uint16) []byte {
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			panic(err)
		}
		o, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: method})
		if err != nil {
			panic(err)
		}
		if _, err := io.Copy(o, r); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestTailCut declares the one alteration that a dossier does not show: whole
// entries cut off the end of a record, with everything else consistent. Nobody
// attested where the record ended, so the verdict must never claim that it is
// complete. A cut anywhere else, or one that leaves a later act without what it
// refers to, fails.
func TestTailCut(t *testing.T) {
	s, whole, _ := wholeTale(t)
	for id, lines := range whole.Records {
		for keep := range lines {
			d := clone(whole)
			d.Records[id] = d.Records[id][:keep]
			if keep == 0 {
				delete(d.Records, id)
			}
			d.Packages = map[string]dossier.Contents{}
			v, err := dossier.Verify(d, s.Pins())
			// Only the request's own record can be shorter: each act in it needs
			// what the other three hold.
			if own := string(id) == whole.Request && keep > 0; own != (err == nil) {
				t.Errorf("record %s cut to %d entries: Verify: %v", id, keep, err)
				continue
			}
			if err == nil && (v.Completeness != "completeness not attested" ||
				!strings.Contains(v.Text(), "whether that log has more of them is not shown: completeness not attested") || !strings.Contains(v.NotProved[0], "cut off the end")) {
				t.Errorf("record %s cut to %d entries: the verdict claims to be complete:\n%s", id, keep, v.Text())
			}
		}
	}
}

// TestCutElsewhere: an entry taken out before the end of its record fails, even if
// the rest is numbered anew.
func TestCutElsewhere(t *testing.T) {
	s, whole, _ := wholeTale(t)
	for id, lines := range whole.Records {
		for i := range len(lines) - 1 {
			d := clone(whole)
			d.Records[id] = slices.Delete(d.Records[id], i, i+1)
			d.Packages = map[string]dossier.Contents{}
			if _, err := dossier.Verify(d, s.Pins()); err == nil {
				t.Errorf("record %s without entry %d passes", id, i)
			}
		}
	}
}

// TestNamedFailures: a failure names the check, so that a reader knows where.
func TestNamedFailures(t *testing.T) {
	s, whole, _ := wholeTale(t)
	pkg := s.Packages[0].Seal.Package
	req := custody.RecordID(whole.Request)
	for _, tt := range []struct {
		want   string
		change func(d *dossier.Dossier)
	}{
		{fmt.Sprintf("log inclusion of entry 3 of record %q", req), func(d *dossier.Dossier) { d.Records[req][3].Proof[0][0] ^= 1 }},
		{fmt.Sprintf("entry 2 of record %q", req), func(d *dossier.Dossier) { d.Records[req][2].Envelope = d.Records[req][1].Envelope }},
		{"signature of the checkpoint", func(d *dossier.Dossier) { d.Checkpoint = append(slices.Clone(d.Checkpoint), '\n') }},
		{"set of records", func(d *dossier.Dossier) { delete(d.Records, "authority/nl") }},
		{"set of records", func(d *dossier.Dossier) { d.Records["authority/fr"] = d.Records["authority/nl"] }},
		{"request", func(d *dossier.Dossier) { d.Records[req] = d.Records[req][1:] }},
		{"request", func(d *dossier.Dossier) { d.Records = nil }},
		{`root of authority "nl"`, func(d *dossier.Dossier) { d.Records["authority/nl"] = d.Records["authority/nl"][1:] }},
		{`root of relay "relay.example"`, func(d *dossier.Dossier) { d.Records["relay"] = d.Records["authority/nl"] }},
		{`descriptor of relay "other.example"`, func(d *dossier.Dossier) { d.Relay = "other.example" }},
		{fmt.Sprintf("inner statement of package %q", pkg), func(d *dossier.Dossier) { d.Packages[pkg] = dossier.Contents{} }},
		{fmt.Sprintf("tag manifest of package %q", pkg), func(d *dossier.Dossier) {
			d.Packages[pkg] = dossier.Contents{Inner: d.Packages[pkg].Inner, Manifest: d.Packages[pkg].Manifest}
		}},
	} {
		d := clone(whole)
		tt.change(d)
		pins := s.Pins()
		pins.Relays["other.example"] = pins.Relays["relay.example"]
		v, err := dossier.Verify(d, pins)
		if err == nil || v.Failed == nil || v.Failed.Check != tt.want {
			t.Errorf("Verify: %v, want the check %q to fail", err, tt.want)
		}
	}
}

// TestReadRefuses: hostile archives end in an error, before memory is taken for
// what they claim.
func TestReadRefuses(t *testing.T) {
	_, d, raw := wholeTale(t)
	files := dossier.Files(d)
	claim := bytes.Clone(raw)
	copy(claim[18:], "\xff\xff\xff\x7f\xff\xff\xff\x7f") // the first member says 2 GiB
	long := dossier.File{Name: strings.Repeat("a", 200), Data: []byte("x")}
	for name, b := range map[string][]byte{
		"empty": {}, "no zip": []byte("%PDF-1.7 and more than that"), "empty zip": dossier.Pack(nil),
		"a member of 2 GiB": claim, "a long name": dossier.Pack([]dossier.File{long}), "deflated": rezip(raw, zip.Deflate),
		"huge checkpoint": dossier.Pack(swapFile(files, "checkpoint", make([]byte, 1<<20))),
		"other type":      dossier.Pack(swapFile(files, "dossier.json", bytes.Replace(files[1].Data, []byte("v1"), []byte("v2"), 1))),
	} {
		if _, err := read(b); err == nil {
			t.Errorf("%s: Read takes it", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if _, err := dossier.Read(bytes.NewReader(raw), dossier.MaxSize+1); err == nil {
		t.Error("Read takes more than MaxSize")
	}
}
