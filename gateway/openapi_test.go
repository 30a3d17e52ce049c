package gateway_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/internal/wire"
	"go.yaml.in/yaml/v3"
)

// openapi is what the tests read of docs/openapi.yaml.
type openapi struct {
	Paths map[string]map[string]struct {
		Open bool `yaml:"x-open"`
	}
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]any
		}
	}
}

func readOpenAPI(t *testing.T) openapi {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "openapi.yaml"))
	check(t, err)
	var d openapi
	check(t, yaml.Unmarshal(b, &d))
	return d
}

// TestRoutesAreDescribed: the document and the relay have the same routes, open to
// the same callers.
func TestRoutesAreDescribed(t *testing.T) {
	var want, got []string
	for path, methods := range readOpenAPI(t).Paths {
		for m, r := range methods {
			want = append(want, line(strings.ToUpper(m), path, r.Open))
		}
	}
	w := newWorld(t)
	for _, r := range w.start().Routes() {
		got = append(got, line(r.Method, strings.ReplaceAll(r.Path, "...}", "}"), r.Open != nil))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the relay has\n%s\nthe document\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func line(method, path string, open bool) string {
	if open {
		return method + " " + path + " open"
	}
	return method + " " + path
}

// TestFieldsAreDescribed: the schemas have the fields of the wire types.
func TestFieldsAreDescribed(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	types := []any{
		wire.HelloRequest{}, wire.HelloResponse{}, wire.Line{}, wire.Proof{}, wire.RecordProof{}, wire.ProposalState{}, wire.Proposals{},
		wire.Change{}, wire.Changes{}, wire.AuthorityState{}, wire.Reserve{}, wire.Reservation{}, wire.PackageState{}, wire.Problem{}, wire.Cosigned{}, wire.CosignedNote{}, wire.Tokens{}, wire.Token{},
	}
	if len(types) != len(schemas) {
		t.Errorf("%d schemas, %d types", len(schemas), len(types))
	}
	for _, v := range types {
		typ := reflect.TypeOf(v)
		s := schemas[typ.Name()]
		var all, required []string
		for i := range typ.NumField() {
			name, opts, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			all = append(all, name)
			if opts == "" {
				required = append(required, name)
			}
		}
		var described []string
		for name := range s.Properties {
			described = append(described, name)
		}
		slices.Sort(all)
		slices.Sort(described)
		if !slices.Equal(all, described) || !slices.Equal(required, s.Required) {
			t.Errorf("%s has the fields %v, required %v; the document says %v and %v", typ.Name(), all, required, described, s.Required)
		}
	}
}
