package officer_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const requestYAML = `to: de
instrument: untcc
categories: [subscriber-data, content-data]
sensitive: [press]
urgency: urgent
deadline: "2026-04-01"
expires: "2026-05-31"
order: order.pdf
annexes: [map.png]
reference: NL-2026-0412
facts: |
  A server was used.
  It was rented.
authority: Openbaar Ministerie, Amsterdam
nature: investigation
offence: Article 138ab Sr, computer intrusion
max_penalty_months: 48
persons: [unknown, "a customer of the provider"]
purpose: To identify who rented the server.
language: en
`

// schema compiles the schema of requests.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(officer.RequestSchema))
	fatalIfErr(t, err)
	c := jsonschema.NewCompiler()
	fatalIfErr(t, c.AddResource("request.json", doc))
	s, err := c.Compile("request.json")
	fatalIfErr(t, err)
	return s
}

// valid says what the schema has against a YAML text.
func valid(t testing.TB, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	raw, err := json.Marshal(v)
	fatalIfErr(t, err)
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	fatalIfErr(t, err)
	return s.Validate(v)
}

// TestRequestDraft: reader and schema agree on what is a request, and the reader names
// the key that is wrong.
func TestRequestDraft(t *testing.T) {
	s := schema(t)
	d, err := officer.ParseRequestDraft([]byte(requestYAML))
	if err != nil || d.Assistance != custody.AssistanceDisclosure || d.MaxPenaltyMonths != 48 || len(d.Persons) != 2 || d.Facts != "A server was used.\nIt was rented.\n" {
		t.Fatalf("ParseRequestDraft = %+v, %v", d, err)
	}
	fatalIfErr(t, valid(t, s, requestYAML))
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":       {"facts:", "fact:", "fact"},
		"no authority":      {"to: de\n", "", "to:"},
		"instrument":        {"untcc", "handshake", "instrument"},
		"no instrument":     {"instrument: untcc\n", "", "instrument"},
		"category":          {"content-data", "everything", "categories"},
		"category twice":    {"content-data", "subscriber-data", "categories"},
		"no category":       {"categories: [subscriber-data, content-data]\n", "", "categories is missing"},
		"mark":              {"press", "secret", "sensitive"},
		"urgency":           {"urgency: urgent", "urgency: now", "urgency"},
		"assistance":        {"urgency: urgent", "assistance: everything", "assistance"},
		"deadline":          {"2026-04-01", "soon", "deadline"},
		"no end":            {"expires: \"2026-05-31\"\n", "", "expires is missing"},
		"no order":          {"order: order.pdf\n", "", "order is missing"},
		"no reference":      {"reference: NL-2026-0412\n", "", "reference is missing"},
		"nature":            {"nature: investigation", "nature: grudge", "nature"},
		"penalty":           {"48", "1201", "max_penalty_months"},
		"negative penalty":  {"48", "-1", "max_penalty_months"},
		"what export adds":  {"to: de", "to: de\nfrom: nl", "from"},
		"an agent receives": {"to: de", "to: de\nrecipients: [nl/agent/lab-1]", "recipients"},
	} {
		text := strings.Replace(requestYAML, c.old, c.new, 1)
		if text == requestYAML {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := officer.ParseRequestDraft([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: ParseRequestDraft = %v, want %q", name, err, c.want)
		}
		if valid(t, s, text) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
	for name, text := range map[string]string{"two documents": requestYAML + "---\nto: de\n", "a repeated key": requestYAML + "to: de\n", "too large": requestYAML + "#" + strings.Repeat("x", 1<<20)} {
		if _, err := officer.ParseRequestDraft([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRequestForm: the empty form has every key of the schema that people fill in, lacks
// only what they must fill in, and is a request when they did.
func TestRequestForm(t *testing.T) {
	form := string(officer.RequestForm(start))
	var doc struct {
		Properties map[string]struct{ ReadOnly bool }
	}
	fatalIfErr(t, json.Unmarshal(officer.RequestSchema, &doc))
	var keys []string
	for f := range reflect.TypeFor[officer.RequestDraft]().Fields() {
		if f.Anonymous {
			for g := range f.Type.Fields() {
				keys = append(keys, g.Tag.Get("yaml"))
			}
			continue
		}
		keys = append(keys, f.Tag.Get("yaml"))
	}
	for key, p := range doc.Properties {
		if p.ReadOnly == slices.Contains(keys, key) {
			t.Errorf("key %q: of a draft %t, read-only %t", key, slices.Contains(keys, key), p.ReadOnly)
		}
	}
	for _, key := range keys {
		if _, ok := doc.Properties[key]; !ok {
			t.Errorf("the schema lacks %q", key)
		}
		if !strings.Contains(form, "\n"+key+":") && !strings.Contains(form, "\n# "+key+":") {
			t.Errorf("the form lacks %q", key)
		}
	}
	if _, err := officer.ParseRequestDraft([]byte(form)); err == nil {
		t.Error("an empty form is a request")
	}
	for key, value := range map[string]string{"to": "de", "instrument": "ets-185", "categories": "[traffic-data]", "order": "o.pdf", "reference": "NL-1"} {
		form = strings.Replace(strings.Replace(form, "\n"+key+": []\n", "\n"+key+":\n", 1), "\n"+key+":\n", "\n"+key+": "+value+"\n", 1)
	}
	if _, err := officer.ParseRequestDraft([]byte(form)); err != nil {
		t.Errorf("a filled form: %v\n%s", err, form)
	}
}

// TestExport: each form has what the request says in its place, tells what is missing,
// and the data is by the schema.
func TestExport(t *testing.T) {
	w := newWorld(t)
	d, err := officer.ParseRequestDraft([]byte(requestYAML))
	fatalIfErr(t, err)
	spec, err := d.Spec(func(path string) (officer.Attachment, error) {
		return officer.Attachment{Name: path, Data: []byte("contents of " + path)}, nil
	})
	fatalIfErr(t, err)
	spec.Facts = "A server was used.\x1b[2J"
	p, err := w.office("nl").Request(w.header("nl", ""), *spec)
	fatalIfErr(t, err)
	id := string(w.file("nl", p, nil).Record())
	b := w.kase(id).Request
	a, err := w.open("de", p.Annex)
	fatalIfErr(t, err)
	if !b.Deadline.Time().Equal(time.Date(2026, 4, 1, 23, 59, 59, 0, time.UTC)) || a.Text.Contents.Language != "en" {
		t.Errorf("deadline %s, contents %+v", b.Deadline, a.Text.Contents)
	}
	for form, want := range map[string][]string{
		"mla":          {"Request for mutual legal assistance", "UNTOC article 18(15)", "\na  the authority that makes the request\n   from: nl\n   authority: Openbaar Ministerie", "max penalty months: 48", "persons: unknown\n   persons: a customer", `\x1b[2J`, "order.pdf (SHA-256 "},
		"eio":          {"European Investigation Order", "to be checked", "\nD  relation to an earlier order\n   not stated\n", "G  grounds", "offence: Article 138ab Sr"},
		"preservation": {"ETS 185 article 29(2)", "f  that a request for search, seizure or disclosure is to follow\n   not stated"},
	} {
		f, err := officer.Export(id, b, a, form)
		fatalIfErr(t, err)
		for _, s := range want {
			if !strings.Contains(f.Text(), s) {
				t.Errorf("%s lacks %q:\n%s", form, s, f.Text())
			}
		}
		if n := strings.Count(f.Text(), "not stated"); n != len(f.Lacks) {
			t.Errorf("%s: %d not stated, lacks %q", form, n, f.Lacks)
		}
	}
	if _, err := officer.Export(id, b, a, "letter"); err == nil || !strings.Contains(err.Error(), "mla, eio, preservation") {
		t.Errorf("an unknown form: %v", err)
	}
	raw := statement.Encode(officer.Data(id, b, a))
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	fatalIfErr(t, err)
	if err := schema(t).Validate(v); err != nil {
		t.Errorf("the data is not by the schema: %v\n%s", err, raw)
	}
}

func FuzzParseRequestDraft(f *testing.F) {
	f.Add([]byte(requestYAML))
	f.Add(officer.RequestForm(start))
	f.Add([]byte(`{"to":"de","instrument":"eio","categories":["stored-data"],"expires":"2026-05-31T00:00:00Z","order":"o","reference":"r"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := officer.ParseRequestDraft(data)
		if err != nil {
			return
		}
		if _, err := d.Spec(func(string) (officer.Attachment, error) { return officer.Attachment{}, nil }); err != nil {
			t.Fatalf("what was read has no spec: %v", err)
		}
	})
}
