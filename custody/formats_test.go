package custody_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/doctable"
)

// signing says who signs a kind, as the second verifier and docs/formats.md have it.
// Nothing makes these lines: they are that verifier's own.
type signing struct {
	Record   string `json:"record"`   // authority, relay or request
	Signed   string `json:"signed"`   // by whom
	Officers any    `json:"officers"` // a field of a directory's rules, or a number
	Says     string `json:"says"`
}

// formatField is one field of a type, as the second verifier reads it.
type formatField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
}

// formats are the fields of all kinds, and of the types that they and what surrounds
// them are made of.
type formats struct {
	Kinds map[custody.Kind][]formatField `json:"kinds"`
	Types map[string][]formatField       `json:"types"`
}

func formatsOf(t *testing.T) formats {
	f := formats{map[custody.Kind][]formatField{}, map[string][]formatField{}}
	for k, s := range oneOfEach(t) {
		f.Kinds[k] = f.fields(reflect.TypeOf(s.Body).Elem())
	}
	for _, v := range []any{custody.Entry{}, custody.Inner{}, custody.Enrolment{}} {
		f.word(reflect.TypeOf(v))
	}
	return f
}

// fields lists the fields of a struct as encoding/json writes them.
func (f formats) fields(t reflect.Type) (list []formatField) {
	for _, x := range reflect.VisibleFields(t) {
		name, opts, _ := strings.Cut(x.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			list = append(list, formatField{name, f.word(x.Type), strings.Contains(opts, "omit")})
		}
	}
	return list
}

// word names a type, and notes the fields of one that has any.
func (f formats) word(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return f.word(t.Elem())
	case t == reflect.TypeFor[statement.Digest]():
		return "digest"
	case t == reflect.TypeFor[statement.Time]():
		return "time"
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		panic("a type with a text form of its own: " + t.String())
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "bytes"
	case t.Kind() == reflect.Slice:
		return "[]" + f.word(t.Elem())
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Int64:
		return "integer"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Struct:
		if _, known := f.Types[t.Name()]; !known {
			f.Types[t.Name()] = nil
			f.Types[t.Name()] = f.fields(t)
		}
		return t.Name()
	}
	panic("a type that formats do not have: " + t.String())
}

const pageFolder = "dossier/page/"

// TestFormatsFile: the second verifier knows the fields of every kind as they are.
func TestFormatsFile(t *testing.T) {
	doctable.File(t, pageFolder+"kinds.json", string(statement.Encode(formatsOf(t))))
}

// TestFormatsDocument: docs/formats.md shows the fields of every kind, and who signs it.
// A kind that nobody told the second verifier of fails here.
func TestFormatsDocument(t *testing.T) {
	data, err := os.ReadFile(pageFolder + "signers.json")
	if err != nil {
		t.Fatal(err)
	}
	signers := map[custody.Kind]signing{}
	if err := json.Unmarshal(data, &signers); err != nil {
		t.Fatal(err)
	}
	f := formatsOf(t)
	var b strings.Builder
	fmt.Fprintf(&b, "\n| kind | record | signed by | officers |\n|---|---|---|---|\n")
	for _, k := range custody.Kinds() {
		s, ok := signers[k]
		if !ok || s.Says == "" {
			t.Errorf("%ssigners.json does not say who signs a %s, and what it says", pageFolder, k)
		}
		officers := "-"
		if s.Officers != nil {
			officers = fmt.Sprint(s.Officers)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k, s.Record, s.Signed, officers)
	}
	if len(signers) != len(custody.Kinds()) {
		t.Errorf("%ssigners.json has %d kinds, want %d", pageFolder, len(signers), len(custody.Kinds()))
	}
	for _, k := range custody.Kinds() {
		fmt.Fprintf(&b, "\n`%s`: %s\n", k, fieldLine(f.Kinds[k]))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Types)) {
		fmt.Fprintf(&b, "\n**%s**: %s\n", name, fieldLine(f.Types[name]))
	}
	doctable.Check(t, "../docs/formats.md", "kinds", b.String()+"\n")
}

// fieldLine writes the fields of a type in a line.
func fieldLine(list []formatField) string {
	var s []string
	for _, x := range list {
		what := fmt.Sprintf("`%s` %s", x.Name, x.Type)
		if x.Optional {
			what += "?"
		}
		s = append(s, what)
	}
	return strings.Join(s, ", ") + "."
}
