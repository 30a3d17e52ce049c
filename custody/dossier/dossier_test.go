package dossier_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// tale plays one story and makes the dossier of it.
func tale(t testing.TB, play func(*env.Story, string) error) (*env.Story, *dossier.Dossier) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"disk.img": strings.Repeat("evidence ", 5000), "notes.txt": "found on a desk\n", "copy.txt": "found on a desk\n"} {
		fatalIfErr(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	fatalIfErr(t, err)
	fatalIfErr(t, play(s, dir))
	d, err := s.Dossier(true)
	fatalIfErr(t, err)
	return s, d
}

// played is the whole path, played once for all tests that change nothing in it.
type played struct {
	once  sync.Once
	story *env.Story
	d     *dossier.Dossier
	raw   []byte
}

var whole played

func wholeTale(t testing.TB) (*env.Story, *dossier.Dossier, []byte) {
	whole.once.Do(func() {
		whole.story, whole.d = tale(t, (*env.Story).Play)
		whole.raw = write(t, whole.d)
	})
	return whole.story, whole.d, whole.raw
}

func write(t testing.TB, d *dossier.Dossier) []byte {
	t.Helper()
	var b bytes.Buffer
	fatalIfErr(t, dossier.Write(&b, d))
	return b.Bytes()
}

func read(raw []byte) (*dossier.Dossier, error) {
	return dossier.Read(bytes.NewReader(raw), int64(len(raw)))
}

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerified(t *testing.T) {
	s, _, raw := wholeTale(t)
	d, err := read(raw)
	fatalIfErr(t, err)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() || v.Result != dossier.ResultVerified {
		t.Errorf("result %q, want verified", v.Result)
	}
	text := v.Text()
	for _, want := range []string{
		"VERIFIED: request " + d.Request,
		"de asks nl for stored-data, under ets-185, for de/recipient/backup and de/recipient/lab",
		"nl grants it to de",
		"signed by nl/officer/a and nl/officer/b (2 officers), brought by nl/agent/desk-1 as the relay says",
		"conditions: use-limitation, confidentiality",
		"de accepts exactly these conditions",
		"asserted by the relay alone: no witness cosigned",
		"all in the log of size 13;\n  whether that log has more of them is not shown: completeness not attested",
		"head released  2026-03-01T10:10:00Z by the sender",
		"receipted      2026-03-01T10:12:00Z: by its signed word everything in it arrived",
		`described as   "image of a seized disk", examiner "examiner 7"`,
		"3 files of",
		"Not proved",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if got := len(v.Acts); got != 8 {
		t.Errorf("%d acts, want 8", got)
	}
}

// TestChecks: the checks are named, and there is one for each claim.
func TestChecks(t *testing.T) {
	s, d, _ := wholeTale(t)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	id := s.Packages[0].Seal.Package
	for _, want := range []string{
		"set of records", `root of authority "de"`, `root of authority "nl"`, `root of relay "relay.example"`,
		`descriptor of relay "relay.example"`, "signature of the checkpoint",
		`entry 1 of record "authority/nl"`, `log inclusion of entry 3 of record "` + d.Request + `"`,
		`deposit of package "` + id + `"`, `inner statement of package "` + id + `"`,
		`receipt of package "` + id + `" by "de/agent/lab-1"`, `tag manifest of package "` + id + `"`, `manifest of package "` + id + `"`,
	} {
		if !slices.Contains(v.Checks, want) {
			t.Errorf("no check %q in %q", want, v.Checks)
		}
	}
}

func TestUnpinned(t *testing.T) {
	s, d, _ := wholeTale(t)
	all := s.Pins()
	for name, pins := range map[string]dossier.Pins{
		"no pins":           {},
		"relay only":        {Relays: all.Relays},
		"authorities only":  {Authorities: all.Authorities},
		"one authority":     {Authorities: map[string]custody.Digest{"de": all.Authorities["de"]}, Relays: all.Relays},
		"pins of strangers": {Authorities: map[string]custody.Digest{"fr": all.Authorities["de"]}},
	} {
		v, err := dossier.Verify(d, pins)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Verified() || v.Result != dossier.ResultUnchecked || !strings.HasPrefix(v.Text(), "CONSISTENT, ORIGIN NOT CHECKED") {
			t.Errorf("%s: result %q, want origin not checked", name, v.Result)
		}
	}
}

// TestWrongPin: a pin that is not the dossier's fails, whichever of the three.
func TestWrongPin(t *testing.T) {
	s, d, _ := wholeTale(t)
	for _, name := range []string{"de", "nl", "relay.example"} {
		pins := s.Pins()
		for _, m := range []map[string]custody.Digest{pins.Authorities, pins.Relays} {
			if fp, ok := m[name]; ok {
				fp[7] ^= 1
				m[name] = fp
			}
		}
		v, err := dossier.Verify(d, pins)
		var c *dossier.CheckError
		if !errors.As(err, &c) || !strings.HasPrefix(c.Check, "root of ") || !strings.Contains(c.Check, name) {
			t.Errorf("%s: Verify: %v, want the root of %s named", name, err, name)
		}
		if v == nil || v.Failed == nil || len(v.Acts) != 0 || !strings.HasPrefix(v.Text(), "FAILED: root of ") {
			t.Errorf("%s: the verdict of a failure tells a story: %+v", name, v)
		}
	}
}

// TestStages: a dossier can be made at any point of a case's life.
func TestStages(t *testing.T) {
	agree := func(s *env.Story, _ string) error { return s.Agree() }
	send := func(s *env.Story, dir string) error {
		_, err := s.Send(dir)
		return err
	}
	for _, tt := range []struct {
		name string
		play []func(*env.Story, string) error
		want string
	}{
		{"agreed", []func(*env.Story, string) error{agree}, "none was deposited, not in this record up to the checkpoint"},
		{"deposited", []func(*env.Story, string) error{agree, send}, "head released  not in this record up to the checkpoint\n    signed for     not in this record up to the checkpoint"},
		{"twice deposited", []func(*env.Story, string) error{agree, send, send}, "delivery 2"},
		{"revoked", []func(*env.Story, string) error{agree, send, func(s *env.Story, _ string) error { return s.Revoke() }},
			"nl takes the grant back: no-longer-justified"},
		{"rejected", []func(*env.Story, string) error{agree, send, func(s *env.Story, _ string) error {
			p := s.Packages[0]
			return errors.Join(s.Unlock(p), s.Release(p), s.Reject(p, "not-decryptable"))
		}}, "rejected       2026-03-01T10:12:00Z: by its signed word it could not decrypt what reached it (not-decryptable); whose doing that is, it does not show"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d := tale(t, func(s *env.Story, dir string) error {
				for _, p := range tt.play {
					if err := p(s, dir); err != nil {
						return err
					}
				}
				return nil
			})
			back, err := read(write(t, d))
			fatalIfErr(t, err)
			v, err := dossier.Verify(back, s.Pins())
			fatalIfErr(t, err)
			if !v.Verified() || !strings.Contains(v.Text(), tt.want) {
				t.Errorf("the text lacks %q:\n%s", tt.want, v.Text())
			}
		})
	}
}

// TestWithoutContents: the relay's half alone proves the path and says that it
// does not show the files.
func TestWithoutContents(t *testing.T) {
	s, _, _ := wholeTale(t)
	d, err := s.Dossier(false)
	fatalIfErr(t, err)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() || len(v.Exhibits(nil)) != 0 || !strings.Contains(v.Text(), "which files are in package") {
		t.Errorf("without contents: %s", v.Text())
	}
}

func TestExhibits(t *testing.T) {
	s, d, _ := wholeTale(t)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	m := v.Exhibits(nil)
	if len(m) != 2 {
		t.Fatalf("%d distinct exhibits, want 2", len(m))
	}
	for _, list := range m {
		if len(list) == 2 && (list[0].Path != "data/copy.txt" || list[1].Path != "data/notes.txt") {
			t.Errorf("the file that is there twice has paths %v", list)
		}
	}
}

// TestJSON: the verdict's JSON names its version and tells the same.
func TestJSON(t *testing.T) {
	s, d, _ := wholeTale(t)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	b, err := json.Marshal(v)
	fatalIfErr(t, err)
	var got struct {
		Type         string            `json:"_type"`
		Result       string            `json:"result"`
		Acts         []dossier.Act     `json:"acts"`
		Completeness string            `json:"completeness"`
		Packages     []dossier.Package `json:"packages"`
	}
	fatalIfErr(t, json.Unmarshal(b, &got))
	if got.Type != "comity/verdict/v1" || got.Result != "verified" || len(got.Acts) != 8 || len(got.Packages) != 1 ||
		got.Completeness != "completeness not attested" || got.Packages[0].Opened == nil {
		t.Errorf("JSON: %s", b)
	}
}

// TestZip: any zip reader opens a dossier, and finds the same.
func TestZip(t *testing.T) {
	_, d, raw := wholeTale(t)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	fatalIfErr(t, err)
	files := dossier.Files(d)
	if len(z.File) != len(files) {
		t.Fatalf("archive/zip finds %d files, want %d", len(z.File), len(files))
	}
	for i, f := range z.File {
		r, err := f.Open()
		fatalIfErr(t, err)
		b, err := io.ReadAll(r)
		fatalIfErr(t, err)
		if f.Name != files[i].Name || !bytes.Equal(b, files[i].Data) || f.Method != zip.Store {
			t.Errorf("file %d: %q differs", i, f.Name)
		}
		if y := f.Modified.Year(); y != 1980 {
			t.Errorf("%q is dated %v", f.Name, f.Modified)
		}
	}
	again, err := read(raw)
	fatalIfErr(t, err)
	if !bytes.Equal(write(t, again), raw) {
		t.Error("Write(Read(x)) is not x")
	}
}

func TestWriteRefuses(t *testing.T) {
	_, good, _ := wholeTale(t)
	for name, change := range map[string]func(d *dossier.Dossier){
		"relay's name":      func(d *dossier.Dossier) { d.Relay = "Relay Example" },
		"request's id":      func(d *dossier.Dossier) { d.Request = "../x" },
		"package's id":      func(d *dossier.Dossier) { d.Packages["../../x"] = dossier.Contents{} },
		"record's name":     func(d *dossier.Dossier) { d.Records["authority/../x"] = nil },
		"another request":   func(d *dossier.Dossier) { d.Records["aaaaaaaaaaaaaaaaaaaaaaaaaa"] = nil },
		"envelope":          func(d *dossier.Dossier) { d.Records["relay"][0].Envelope = []byte("{}") },
		"huge tag manifest": func(d *dossier.Dossier) { d.Packages[d.Request] = dossier.Contents{TagManifest: make([]byte, 9<<10)} },
	} {
		d := clone(good)
		change(d)
		if err := dossier.Write(io.Discard, d); err == nil {
			t.Errorf("%s: Write takes it", name)
		}
	}
}

// clone copies a dossier so that a change of a record, line or proof stays in the
// copy.
func clone(d *dossier.Dossier) *dossier.Dossier {
	c := *d
	c.Records, c.Packages = map[custody.RecordID][]dossier.Line{}, map[string]dossier.Contents{}
	for id, lines := range d.Records {
		for _, l := range lines {
			l.Proof = slices.Clone(l.Proof)
			c.Records[id] = append(c.Records[id], l)
		}
	}
	for id, x := range d.Packages {
		c.Packages[id] = x
	}
	c.Earlier = maps.Clone(d.Earlier)
	return &c
}

func FuzzRead(f *testing.F) {
	raw := write(f, small())
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	f.Add(dossier.Pack([]dossier.File{{Name: "dossier.json", Data: []byte("{}")}}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := read(b)
		if err != nil {
			return
		}
		if !bytes.Equal(write(t, d), b) {
			t.Fatal("Write(Read(x)) is not x")
		}
		if v, err := dossier.Verify(d, dossier.Pins{}); (err == nil) != (v.Failed == nil) {
			t.Fatalf("Verify: %v, verdict %+v", err, v.Failed)
		}
	})
}

// small is a dossier that Read takes and Verify does not.
func small() *dossier.Dossier {
	l := dossier.Line{Proof: []tlog.Hash{{1}, {2}}}
	l.Index, l.Entry, l.Envelope = 7, []byte("{}"), statement.New("x", []byte("{}")).Marshal()
	id := custody.PackageID([16]byte{1})
	return &dossier.Dossier{
		Relay: "relay.example", Request: id, Checkpoint: []byte("relay.example\n"),
		Records:  map[custody.RecordID][]dossier.Line{"relay": {l, l}, custody.RecordID(id): {l}, "authority/nl": {l}},
		Packages: map[string]dossier.Contents{id: {Inner: []byte("{}"), Manifest: []byte("x"), TagManifest: []byte("y")}},
	}
}

func TestSmall(t *testing.T) {
	d, err := read(write(t, small()))
	fatalIfErr(t, err)
	if _, err := dossier.Verify(d, dossier.Pins{}); err == nil {
		t.Error("a dossier of nothing is verified")
	}
}
