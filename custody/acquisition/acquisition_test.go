package acquisition_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody/acquisition"
	"comity.example/comity/custody/bag"
)

var update = flag.Bool("update", false, "write testdata anew")

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(s string) statement.Time {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return statement.At(v)
}

// whole is a record that says everything a record can say.
func whole() *acquisition.Record {
	return &acquisition.Record{
		Examiner: "J. de Vries", Laboratory: "Digital forensic laboratory, Zürich", Case: "LAB-2026-117",
		Acquisitions: []acquisition.Acquisition{
			{
				Exhibit:      "2026-0412-03",
				Device:       acquisition.Device{Kind: "hard disk", Make: "Seagate", Model: "ST2000DM008", Serial: "WK30A1B2"},
				Tool:         acquisition.Tool{Name: "ewfacquire", Version: "20140813"},
				WriteBlocker: &acquisition.Device{Make: "Tableau", Model: "T8u", Serial: "000ECC58"},
				Started:      at("2026-03-04T09:12:00Z"), Ended: at("2026-03-04T13:40:05Z"),
				Place: "room 2.14", Notes: "Two bad sectors.\nRead again: the same.", Files: []string{"disk.E01", "disk.E02"},
			},
			{
				Device: acquisition.Device{Kind: "telephone", Model: "SM-G991B", IMEI: []string{"353456789012345", "353456789012352"}},
				Tool:   acquisition.Tool{Name: "A \"tool\" <7>"}, Files: []string{"phone.zip"},
			},
		},
		Files: []acquisition.File{
			{Path: "disk.E01", Size: 1 << 40, Hashes: acquisition.Hashes{MD5: strings.Repeat("a0", 16), SHA1: strings.Repeat("b1", 20), SHA256: strings.Repeat("c2", 32)}},
			{Path: "disk.E02", Size: 0, Notes: "the last"},
			{Path: "odd/ram.raw", Size: 4096},
			{Path: "phone.zip", Size: 1},
		},
		Images: []acquisition.Image{
			{Format: "EWF", Segments: []string{"disk.E01", "disk.E02"}, Media: acquisition.Hashes{MD5: strings.Repeat("d3", 16)}, Findings: []string{"segment 3 is missing"}},
			{Format: "raw", Segments: []string{"odd/ram.raw"}},
		},
		Assertions: []acquisition.Assertion{
			{Segment: "disk.E01", Program: "ewfverify 20140813", SHA256: statement.Digest{1}, Exit: 1, Media: acquisition.Hashes{MD5: strings.Repeat("d3", 16), SHA1: strings.Repeat("e4", 20)}},
			{Segment: "disk.E01", Program: "ewfverify", SHA256: statement.Digest{2}, Exit: -1},
		},
	}
}

// small is the least that a record can say.
func small() *acquisition.Record {
	return &acquisition.Record{
		Examiner: "a", Files: []acquisition.File{{Path: "x"}},
		Acquisitions: []acquisition.Acquisition{{Device: acquisition.Device{Kind: "k"}, Tool: acquisition.Tool{Name: "t"}, Files: []string{"x"}}},
	}
}

// TestRoundTrip: a record comes back as it was, in the same bytes, which stand in
// testdata for readers of other programs.
func TestRoundTrip(t *testing.T) {
	for name, r := range map[string]*acquisition.Record{"whole": whole(), "small": small()} {
		b, err := acquisition.Marshal(r)
		fatalIfErr(t, err)
		file := filepath.Join("testdata", name+".jsonld")
		if *update {
			fatalIfErr(t, os.WriteFile(file, b, 0o644))
		}
		want, err := os.ReadFile(file)
		fatalIfErr(t, err)
		if !bytes.Equal(b, want) {
			t.Errorf("%s is not what is written now: run go test -update", file)
		}
		got, err := acquisition.Parse(b)
		fatalIfErr(t, err)
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s came back as\n%+v, want\n%+v", name, got, r)
		}
	}
}

// TestTerms: every term that is written stands in the list of those that CASE and UCO
// 1.3.0 define, every one in the list is written, every prefix is in the context, and
// the context names nothing that would have to be fetched.
func TestTerms(t *testing.T) {
	b, err := acquisition.Marshal(whole())
	fatalIfErr(t, err)
	var doc map[string]any
	fatalIfErr(t, json.Unmarshal(b, &doc))
	context, ok := doc["@context"].(map[string]any)
	if !ok {
		t.Fatalf("the context is %T, which is not in the file itself", doc["@context"])
	}
	list, err := os.ReadFile(filepath.Join("testdata", "terms.txt"))
	fatalIfErr(t, err)
	known := map[string]bool{}
	for l := range strings.Lines(string(list)) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			known[l] = false
		}
	}
	use := func(term string) {
		prefix, _, ok := strings.Cut(term, ":")
		if _, there := context[prefix]; !ok || !there {
			t.Errorf("%q has no prefix of the context", term)
		}
		if _, there := known[term]; !there {
			t.Errorf("%q is not in terms.txt", term)
		}
		known[term] = true
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				switch name {
				case "@id":
				case "@type":
					use(e.(string))
				default:
					use(name)
					walk(e)
				}
			}
		}
	}
	walk(doc["@graph"])
	for term, used := range known {
		if !used {
			t.Errorf("%q in terms.txt is not written any more", term)
		}
	}
	for name, v := range context {
		switch v := v.(type) {
		case string:
			if strings.Contains(name, ":") || name == "@import" || name == "@vocab" || name == "@base" {
				t.Errorf("the context has %q: %q", name, v)
			}
		case map[string]any:
			if used, ok := known[name]; !ok || !used || len(v) != 1 || v["@type"] == nil {
				t.Errorf("the context says %v of %q", v, name)
			}
		}
	}
}

// TestGraph: no object is blank, no id stands twice, and each id that is referred to
// is there.
func TestGraph(t *testing.T) {
	b, err := acquisition.Marshal(whole())
	fatalIfErr(t, err)
	ids := map[string]int{}
	for part := range strings.SplitSeq(string(b), "\"@id\": \"") {
		if id, _, ok := strings.Cut(part, "\""); ok && strings.HasPrefix(id, "urn:uuid:") {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%q stands %d times", id, n)
		}
	}
	if n := strings.Count(string(b), "\"@type\": \""); n != len(ids)+countTypes(t) {
		t.Errorf("%d objects have a type, %d an id", n, len(ids))
	}
	for part := range strings.SplitSeq(string(b), "\"urn:uuid:") {
		if id, _, ok := strings.Cut(part, "\""); ok && !strings.Contains(id, "{") && ids["urn:uuid:"+id] == 0 {
			t.Errorf("%q is referred to and not there", id)
		}
	}
	other := whole()
	other.Case = "LAB-2026-118"
	c, err := acquisition.Marshal(other)
	fatalIfErr(t, err)
	for id := range ids {
		if bytes.Contains(c, []byte(id)) {
			t.Fatalf("another record has %q too", id)
		}
	}
}

// countTypes is how many terms the context gives a type.
func countTypes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("context.json")
	fatalIfErr(t, err)
	return bytes.Count(b, []byte("\"@type\""))
}

func TestMarshalRefuses(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(*acquisition.Record)
	}{
		{"examiner is missing", func(r *acquisition.Record) { r.Examiner = "" }},
		{"cannot be seen", func(r *acquisition.Record) { r.Examiner = "a\u202eb" }},
		{"cannot be seen", func(r *acquisition.Record) { r.Laboratory = "a\nb" }},
		{"cannot be seen", func(r *acquisition.Record) { r.Acquisitions[0].Notes = "a\x1b[2J" }},
		{"white space", func(r *acquisition.Record) { r.Case = " a" }},
		{"UTF-8", func(r *acquisition.Record) { r.Case = "\xff" }},
		{"at most 100", func(r *acquisition.Record) { r.Acquisitions[0].Place = strings.Repeat("a", 101) }},
		{"must be 1 to 64", func(r *acquisition.Record) { r.Acquisitions = nil }},
		{"must be 1 to 64", func(r *acquisition.Record) { r.Acquisitions = make([]acquisition.Acquisition, 65) }},
		{"at most 5000", func(r *acquisition.Record) { r.Files = make([]acquisition.File, 5001) }},
		{"nothing is said", func(r *acquisition.Record) { r.Acquisitions[0].Device = acquisition.Device{} }},
		{"nothing is said", func(r *acquisition.Record) { r.Acquisitions[0].WriteBlocker = &acquisition.Device{} }},
		{"14 to 16 digits", func(r *acquisition.Record) { r.Acquisitions[1].Device.IMEI[0] = "35345678901234X" }},
		{"tool is missing", func(r *acquisition.Record) { r.Acquisitions[1].Tool.Name = "" }},
		{"before it started", func(r *acquisition.Record) { r.Acquisitions[0].Ended = at("2026-03-04T09:11:59Z") }},
		{"none or out of order", func(r *acquisition.Record) { r.Acquisitions[0].Files = nil }},
		{"none or out of order", func(r *acquisition.Record) { slices.Reverse(r.Acquisitions[0].Files) }},
		{"two places", func(r *acquisition.Record) { r.Acquisitions[1].Files = []string{"disk.E01"} }},
		{"belongs to no", func(r *acquisition.Record) { r.Acquisitions[1].Files = []string{"other.zip"} }},
		{"not described", func(r *acquisition.Record) { r.Images[1].Segments = []string{"odd/ram.raw", "zz"} }},
		{"belongs to no", func(r *acquisition.Record) { r.Images = r.Images[:1] }},
		{"out of order", func(r *acquisition.Record) { slices.Reverse(r.Files) }},
		{"not possible", func(r *acquisition.Record) { r.Files[0].Size = -1 }},
		{"not possible", func(r *acquisition.Record) { r.Files[0].Size = 1 << 53 }},
		{"hexadecimal digits", func(r *acquisition.Record) { r.Files[0].Hashes.MD5 = strings.Repeat("A0", 16) }},
		{"hexadecimal digits", func(r *acquisition.Record) { r.Images[0].Media.SHA1 = "00" }},
		{"SHA256", func(r *acquisition.Record) { r.Files[0].Hashes.SHA256 = strings.Repeat("xy", 32) }},
		{"segments", func(r *acquisition.Record) { r.Images[0].Segments = nil }},
		{"stands twice", func(r *acquisition.Record) { r.Images[0].Segments[1] = "disk.E01" }},
		{"findings", func(r *acquisition.Record) { r.Images[0].Findings = make([]string, 21) }},
		{"first segment", func(r *acquisition.Record) { r.Assertions[0].Segment = "disk.E02" }},
		{"no hash", func(r *acquisition.Record) { r.Assertions[0].SHA256 = statement.Digest{} }},
		{"impossible status", func(r *acquisition.Record) { r.Assertions[0].Exit = -2 }},
	} {
		r := whole()
		tt.change(r)
		if b, err := acquisition.Marshal(r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d bytes, error %v, want %q", len(b), err, tt.want)
		}
	}
}

// TestParseRefuses: another spelling of the same graph is no record.
func TestParseRefuses(t *testing.T) {
	b, err := acquisition.Marshal(whole())
	fatalIfErr(t, err)
	text := string(b)
	for name, s := range map[string]string{
		"nothing":              "",
		"null":                 "null",
		"more after it":        text + " ",
		"white space":          strings.Replace(text, "\n", "", 1),
		"an unknown field":     strings.Replace(text, "\"@graph\"", "\"x\": 1, \"@graph\"", 1),
		"a context to fetch":   text[:strings.Index(text, "{\n  \"case")] + "\"https://example.org\"" + text[strings.Index(text, ",\n \"@graph"):],
		"another namespace":    strings.Replace(text, "unifiedcyberontology.org", "example.org", 1),
		"another id":           strings.Replace(text, "urn:uuid:", "urn:uuid:0", 1),
		"a changed hash":       strings.Replace(text, "a0a0", "a0a1", 1),
		"a null":               strings.Replace(text, "\"@graph\": [", "\"@graph\": [null,", 1),
		"a null facet":         strings.Replace(text, "\"uco-core:hasFacet\": [", "\"uco-core:hasFacet\": [null,", 1),
		"an escape":            strings.Replace(text, "J. de Vries", "\\u004a. de Vries", 1),
		"a repeated field":     strings.Replace(text, "\"uco-core:name\": \"J. de Vries\"", "\"uco-core:name\": \"x\", \"uco-core:name\": \"J. de Vries\"", 1),
		"a field in capitals":  strings.Replace(text, "\"uco-core:name\"", "\"UCO-CORE:NAME\"", 1),
		"a real number":        strings.Replace(text, "4096", "4096.0", 1),
		"a missing image":      strings.Replace(text, "uco-observable:Image\"", "uco-observable:Imago\"", 1),
		"objects without ids":  "{\"@context\": {}, \"@graph\": [" + strings.Repeat("{},", 1000) + "{}]}",
		"too many bytes":       strings.Repeat(" ", bag.MaxAcquisition+1),
		"another exit status":  strings.Replace(text, "exit status 1\"", "exit status 01\"", 1),
		"no exit status":       strings.Replace(text, "exit status 1\"", "exit 1\"", 1),
		"an hour in summer":    strings.Replace(text, "09:12:00Z", "10:12:00+01:00", 1),
		"another segment list": strings.Replace(text, "Has_Fragment", "Had_Fragment", 1),
	} {
		if s == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		if r, err := acquisition.Parse([]byte(s)); err == nil {
			t.Errorf("%s: read %+v", name, r)
		}
	}
}

// TestLargest: the largest fields fit into bag-info.txt, and many segments into a bag.
func TestLargest(t *testing.T) {
	r := &acquisition.Record{Examiner: "x", Case: strings.Repeat("c", acquisition.MaxLine), Laboratory: strings.Repeat("l", acquisition.MaxLine)}
	full := strings.Repeat("w", acquisition.MaxLine)
	for i := range acquisition.MaxAcquisitions {
		path := fmt.Sprintf("%02d.zip", i)
		r.Files = append(r.Files, acquisition.File{Path: path})
		r.Acquisitions = append(r.Acquisitions, acquisition.Acquisition{Exhibit: full, Tool: acquisition.Tool{Name: full, Version: full}, Files: []string{path},
			Device: acquisition.Device{Kind: full, Make: full, Model: full, Serial: full, IMEI: slices.Repeat([]string{"1234567890123456"}, 4)}})
	}
	fatalIfErr(t, r.Check())
	_, err := bag.NewPlan("x", &bag.Inventory{}, r.Fields())
	fatalIfErr(t, err)

	r = small()
	r.Images = []acquisition.Image{{Format: "EWF"}}
	for i := range acquisition.MaxFiles - 1 {
		path := fmt.Sprintf("disk-of-the-office/disk.%05d", i)
		r.Files = append(r.Files, acquisition.File{Path: path, Hashes: acquisition.Hashes{MD5: strings.Repeat("00", 16)}})
		r.Images[0].Segments = append(r.Images[0].Segments, path)
	}
	slices.SortFunc(r.Files, func(a, b acquisition.File) int { return strings.Compare(a.Path, b.Path) })
	b, err := acquisition.Marshal(r)
	fatalIfErr(t, err)
	t.Logf("%d segments take %d bytes", acquisition.MaxFiles, len(b))
	_, err = acquisition.Parse(b)
	fatalIfErr(t, err)
}

// TestParseMemory: a hostile file costs a bounded multiple of its size.
func TestParseMemory(t *testing.T) {
	object := "{\"@id\":\"urn:uuid:00000000-0000-8000-8000-000000000000\",\"@type\":\"a\"},"
	for name, s := range map[string]string{
		"objects": "{\"@context\":{},\"@graph\":[" + strings.Repeat(object, bag.MaxAcquisition/len(object)-2) + strings.TrimSuffix(object, ",") + "]}",
		"lists":   "{\"@context\":{},\"@graph\":[" + strings.TrimSuffix(object, "},") + ",\"uco-core:object\":[" + strings.Repeat("\"\",", bag.MaxAcquisition/3-100) + "\"\"]}]}",
		"empties": "{\"@context\":{},\"@graph\":[" + strings.Repeat("{},", bag.MaxAcquisition/3-100) + "{}]}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := acquisition.Parse([]byte(s))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: was read", name)
		}
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 400 {
			t.Errorf("%s: %d MiB were allocated in all", name, n)
		} else {
			t.Logf("%s: %d MiB allocated in all", name, n)
		}
	}
}

// FuzzParse: what is read is exactly what would be written.
func FuzzParse(f *testing.F) {
	for _, r := range []*acquisition.Record{whole(), small()} {
		b, err := acquisition.Marshal(r)
		fatalIfErr(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := acquisition.Parse(b)
		if err != nil {
			return
		}
		again, err := acquisition.Marshal(r)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("read %+v, which is not what is written: %v", r, err)
		}
	})
}
