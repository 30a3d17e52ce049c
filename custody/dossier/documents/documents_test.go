package documents_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier/documents"
)

var update = flag.Bool("update", false, "write testdata anew")

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(minute int) custody.Time {
	return statement.At(time.Date(2026, 3, 1, 10, minute, 0, 0, time.UTC))
}

func digest(s string) custody.Digest { return sha256.Sum256([]byte(s)) }

// files is a manifest of n files; one of each three has a receipt behind it.
func files(n int) iter.Seq[documents.Line] {
	return func(yield func(documents.Line) bool) {
		for i := range n {
			l := documents.Line{Line: bag.Line{Path: fmt.Sprintf("data/folder %d/file-%06d.bin", i/100, i), Sum: digest(fmt.Sprint(i))}, Size: int64(i) - 1, Stands: "unconfirmed"}
			if i%3 == 0 {
				l.Stands = "confirmed"
			}
			if !yield(l) {
				return
			}
		}
	}
}

// facts are of a case that was never played: fixed, so that their documents can be held.
func facts(n int) *documents.Facts {
	terms := custody.Terms{Senders: []custody.PartyID{"nl/agent/lab-1"}, Recipients: []custody.PartyID{"de/recipient/backup", "de/recipient/lab"},
		Categories: []string{"stored-data"}, MaxBytes: 1 << 40, MaxPackages: 10, NotBefore: at(2), Expires: at(59), Conditions: []string{"use-limitation"}}
	grant := &custody.GrantState{Grant: &custody.Grant{Header: custody.Header{By: "nl"}, To: "de", Terms: terms}, Terms: &terms, SHA256: digest("grant"), Time: at(2), Acceptance: digest("acceptance"), Accepted: at(3)}
	p := &custody.PackageState{
		Seal: &custody.Seal{Package: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Delivery: 1, PayloadSize: 30736, Parts: 1, HeadSHA256: digest("head"), PayloadRoot: digest("root"), InnerSHA256: digest("inner.age"),
			Recipients: []custody.RecipientRef{{ID: "de/recipient/backup"}, {ID: "de/recipient/lab"}}},
		SHA256: digest("seal"), Grant: grant, Sender: "nl/agent/lab-1", Deposited: at(4), Unlocked: at(5),
		Releases: []*custody.ReleaseState{{By: "de/agent/lab-1", Recipient: "de/recipient/lab", Time: at(6), Receipt: &custody.Receipt{Scope: custody.ScopeWhole}, Closed: at(7)}},
	}
	f := &documents.Facts{
		Relay: documents.Root{Name: "relay.example", Fingerprint: digest("relay")}, Request: "bbbbbbbbbbbbbbbbbbbbbbbbbb",
		Authorities: [2]documents.Root{{Name: "de", Fingerprint: digest("de")}, {Name: "nl", Fingerprint: digest("nl")}},
		Case: &custody.Case{From: "de", To: "nl", Filed: at(0), RequestSHA256: digest("request"), Grants: []*custody.GrantState{grant}, Packages: []*custody.PackageState{p},
			Request: &custody.Request{Header: custody.Header{By: "de"}, To: "nl", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine",
				OrderSHA256: digest("order"), Recipients: terms.Recipients}},
		Checkpoint: custody.CheckpointRef{Size: 13, Root: digest("log")}, Note: digest("checkpoint"),
		Times: "asserted by the relay alone", Complete: "completeness not attested", NotProved: []string{"the hours", "who sat at a keyboard"},
	}
	add := func(kind custody.Kind, by, says string, rests ...custody.Digest) {
		i := int64(len(f.Acts))
		f.Acts = append(f.Acts, documents.Act{Seq: i, Index: i + 5, Kind: kind, Time: at(int(i)), By: by, Signers: []custody.PartyID{custody.PartyID(by)}, Signed: "signed by " + by, Says: says,
			Statement: digest(string(kind)), Rests: rests})
	}
	add(custody.KindRequest, "de", "de asks nl")
	add(custody.KindReview, "nl", "nl examined it")
	add(custody.KindGrant, "nl", "nl grants it", digest("review"))
	add(custody.KindAcceptance, "de", "de accepts it", digest("grant"))
	add(custody.KindSeal, "nl/agent/lab-1", "nl/agent/lab-1 seals package aaaaaaaaaaaaaaaaaaaaaaaaaa", digest("grant"))
	f.Acts[4].Package, f.Acts[4].RestsOn = "aaaaaaaaaaaaaaaaaaaaaaaaaa", []string{"grant 2"}
	f.Packages = []documents.Package{{
		State: p, Stands: "confirmed", Why: "the receipt names this inner statement", Inner: digest("inner"), Lines: files(n), Listing: int64(n) * 100,
		Opened: &custody.Inner{Files: int64(n), Bytes: int64(n) * 1000, Description: "image of a seized disk", Examiner: "examiner 7"},
	}}
	return f
}

// TestVersion holds the bytes of this version: whoever changes one, by a new sentence, a
// new font, or a new Go whose tables of characters or whose JSON differ, makes dossiers
// fail that were made before. Until the format is released, -update writes the new sums;
// from then on a change needs a new Version.
func TestVersion(t *testing.T) {
	const name = "testdata/v1.sums"
	var b strings.Builder
	docs := documents.Render(facts(30))
	for _, n := range documents.Names() {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(docs[n]), n)
	}
	if *update {
		fatalIfErr(t, os.WriteFile(name, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(name)
	fatalIfErr(t, err)
	if b.String() != string(want) {
		t.Errorf("the documents of form %s are not those that they were:\n%s\nwant\n%s", documents.Version, b.String(), want)
	}
}

// TestTransferSchema: transfer.json is what its schema says, with files, without, and
// with too many.
func TestTransferSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(documents.Schema))
	fatalIfErr(t, err)
	fatalIfErr(t, c.AddResource("transfer.json", doc))
	schema, err := c.Compile("transfer.json")
	fatalIfErr(t, err)
	without := facts(0)
	without.Packages[0].Opened, without.Packages[0].Stands = nil, ""
	for name, f := range map[string]*documents.Facts{"files": facts(30), "too many": facts(5001), "without contents": without} {
		text := documents.Render(f)["transfer.json"]
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		fatalIfErr(t, err)
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var r struct {
			Transfers []struct {
				Sender    string
				Deposited string
				Contents  struct {
					Known, Listed bool
					Why           string
					List          []struct {
						Name string
						Size *int64
					}
				}
			}
		}
		fatalIfErr(t, json.Unmarshal(text, &r))
		x := r.Transfers[0].Contents
		switch {
		case name == "files" && (!x.Known || !x.Listed || len(x.List) != 30 || x.List[2].Name != "folder 0/file-000002.bin" || *x.List[2].Size != 1 || x.List[0].Size != nil):
			t.Errorf("files: %+v", x)
		case name == "too many" && (!x.Known || x.Listed || len(x.List) > 0 || !strings.Contains(x.Why, "packages/aaaaaaaaaaaaaaaaaaaaaaaaaa/manifest-sha256.txt")):
			t.Errorf("too many: %+v", x)
		case name == "without contents" && (x.Known || x.Listed || !strings.Contains(x.Why, "names no file")):
			t.Errorf("without: %+v", x)
		}
	}
}

// TestCaseGraph: every term stands in the list of those of CASE and UCO, every object has
// an id of its own, and every reference leads to one.
func TestCaseGraph(t *testing.T) {
	terms, err := os.ReadFile("testdata/terms.txt")
	fatalIfErr(t, err)
	known := map[string]bool{}
	for line := range strings.Lines(string(terms)) {
		known[strings.TrimSpace(line)] = true
	}
	var doc struct {
		Context map[string]any   `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	fatalIfErr(t, json.Unmarshal(documents.Render(facts(3))["case.jsonld"], &doc))
	ids, refs := map[string]bool{}, []string{}
	var walk func(m map[string]any)
	walk = func(m map[string]any) {
		id := m["@id"].(string)
		if ids[id] || !strings.HasPrefix(id, "urn:uuid:") || id[23] != '8' {
			t.Errorf("id %q", id)
		}
		ids[id] = true
		for k, v := range m {
			if k == "@type" {
				k = v.(string)
			} else if k == "@id" {
				continue
			}
			prefix, _, _ := strings.Cut(k, ":")
			if _, ok := doc.Context[prefix]; !ok || !known[k] {
				t.Errorf("%q is no term of CASE or UCO, or its prefix has no namespace", k)
			}
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, x := range list {
				switch x := x.(type) {
				case map[string]any:
					walk(x)
				case string:
					if strings.HasPrefix(x, "urn:uuid:") {
						refs = append(refs, x)
						if c, _ := doc.Context[k].(map[string]any); c["@type"] != "@id" {
							t.Errorf("%q holds an id, and the context does not say so", k)
						}
					}
				}
			}
		}
	}
	for _, m := range doc.Graph {
		walk(m)
	}
	for _, r := range refs {
		if !ids[r] {
			t.Errorf("%q leads nowhere", r)
		}
	}
	if len(ids) < 30 || len(refs) < 20 {
		t.Errorf("only %d objects and %d references", len(ids), len(refs))
	}
}

// TestBounds: a million files make no document longer than one of a few, and each says
// where they are. What is listed at most stays far below MaxSize.
func TestBounds(t *testing.T) {
	for n, most := range map[int]int{1_000_000: 200 << 10, 5000: 6 << 20, 1000: 3 << 20} {
		for name, data := range documents.Render(facts(n)) {
			if len(data) > most {
				t.Errorf("%d files: %s has %d bytes", n, name, len(data))
			}
			t.Logf("%d files: %s has %d bytes", n, name, len(data))
		}
	}
	docs := documents.Render(facts(1_000_000))
	for _, name := range []string{"timeline.html", "transfer.json", "case.jsonld"} {
		if !bytes.Contains(docs[name], []byte("packages/aaaaaaaaaaaaaaaaaaaaaaaaaa/manifest-sha256.txt")) {
			t.Errorf("%s does not say where the files are", name)
		}
	}
	f := facts(3)
	for range 5000 {
		f.Acts = append(f.Acts, documents.Act{Kind: custody.KindDenied, Time: at(30), Says: strings.Repeat("<", 9000), Signed: "the word of the relay"})
	}
	for name, data := range documents.Render(f) {
		if len(data) > documents.MaxSize {
			t.Errorf("hostile acts: %s has %d bytes", name, len(data))
		}
	}
	if html := documents.Render(f)["timeline.html"]; !bytes.Contains(html, []byte("3005 more acts are not listed here")) || !bytes.Contains(html, []byte("(cut here: 7000 bytes more, which comity-verify tells)")) {
		t.Error("the timeline does not say what it leaves out")
	}
	f = facts(3)
	for range 600 {
		f.Packages = append(f.Packages, f.Packages[0])
	}
	docs = documents.Render(f)
	for name, data := range docs {
		if len(data) > 8<<20 {
			t.Errorf("601 packages: %s has %d bytes", name, len(data))
		}
	}
	if !bytes.Contains(docs["timeline.html"], []byte("401 more packages are not told of here one by one")) || bytes.Count(docs["transfer.json"], []byte(`"deposited"`)) != 601 {
		t.Error("of 601 packages the timeline does not say what it leaves out, or the record lacks some")
	}
}
