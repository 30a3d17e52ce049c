package postgres

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suite is the name of the test that calls Suite.
const suite = "TestPostgres"

// Chosen reports whether a test runs below TestPostgres: then its relay is to be on
// PostgreSQL.
func Chosen(t testing.TB) bool { return strings.HasPrefix(t.Name(), suite+"/") }

// Suite runs the tests of a package once more, as parts of its test TestPostgres. Every
// test of the package must be among them, or among those that are left out for a reason.
func Suite(t *testing.T, tests map[string]func(*testing.T), except map[string]string) {
	if testing.Short() {
		t.Skip("without -short: every test of the package once more")
	}
	programs(t)
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{suite: true}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				declared[fn.Name.Name] = true
			}
		}
	}
	for name := range declared {
		if _, left := except[name]; tests[name] == nil && !left && name != suite {
			t.Errorf("%s is not run on PostgreSQL", name)
		}
	}
	for name := range except {
		if !declared[name] {
			t.Errorf("%s is left out, and is no test", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		if !declared[name] {
			t.Errorf("%s is no test", name)
		}
		t.Run(name, tests[name])
	}
}
