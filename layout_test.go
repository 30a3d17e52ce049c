package comity_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "comity.example/comity/"

// mayImport says which of our own top-level folders a folder may import. Programs
// have rows of their own. Test files are exempt.
var mayImport = map[string][]string{
	"crypto":             {"crypto"},
	"custody":            {"crypto", "custody"},
	"config":             {"crypto", "config"},
	"internal":           {"crypto", "custody", "internal"},
	"gateway":            {"gateway", "internal", "custody", "crypto"},
	"agent":              {"agent", "internal", "config", "custody", "crypto"},
	"cmd/comity":         {"cmd/comity", "agent", "config", "internal", "custody", "crypto"},
	"cmd/comity-gateway": {"cmd/comity-gateway", "gateway", "config", "internal", "custody", "crypto"},
	"cmd/comity-verify":  {"cmd/comity-verify", "custody", "crypto"},
	"cmd/comity-witness": {"cmd/comity-witness", "config", "internal", "custody", "crypto"},
	"test":               {"test", "cmd/comity", "cmd/comity-gateway", "cmd/comity-verify", "cmd/comity-witness", "agent", "gateway", "config", "custody", "crypto", "internal"},
}

// pure lists what folders that compute may not import, and why.
var pure = map[string]map[string]string{
	"crypto": {
		"net": "no network", "net/http": "no network", "os": "no disk", "os/exec": "no programs",
		"log": "no log", "log/slog": "no log", "database/sql": "no database", "math/rand": "not random enough", "math/rand/v2": "not random enough",
	},
	"config": {
		"net/http": "no network", "os/exec": "no programs", "log": "no log", "log/slog": "no log", "database/sql": "no database",
	},
	"custody": {
		"net": "no network", "net/http": "no network", "os/exec": "no programs", "log": "no log", "log/slog": "no log", "database/sql": "no database",
	},
}

// TestLayout keeps the tree as docs/design.md says: who may import whom, what the
// computing folders may not touch, and one package comment in each folder.
func TestLayout(t *testing.T) {
	comments := map[string]int{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name == "testdata" || strings.HasPrefix(d.Name(), ".") && name != "." || isModule(name)) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		if documented(f) {
			comments[path.Dir(name)]++
		} else {
			comments[path.Dir(name)] += 0
		}
		for _, i := range f.Imports {
			checkImport(t, name, i)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s: %d package comments, want exactly one", dir, n)
		}
	}
}

// isModule reports whether a folder below the root is a module of its own.
func isModule(name string) bool {
	_, err := os.Stat(path.Join(name, "go.mod"))
	return name != "." && err == nil
}

func documented(f *ast.File) bool {
	return f.Doc != nil && (strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ") || strings.HasPrefix(f.Doc.Text(), "Command "))
}

// row returns the key of mayImport that a file falls under, or "".
func row(name string) string {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) == 3 && parts[0] == "cmd" {
		return "cmd/" + parts[1]
	}
	return parts[0]
}

func checkImport(t *testing.T, name string, i *ast.ImportSpec) {
	t.Helper()
	p, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	key := row(name)
	allowed, known := mayImport[key]
	if !known {
		t.Errorf("%s: folder %q has no row in the layout", name, key)
		return
	}
	if why, banned := pure[key][p]; banned {
		t.Errorf("%s: %s may not import %s: %s", name, key, p, why)
	}
	if own, ok := strings.CutPrefix(p, module); ok && !slices.Contains(allowed, row(own+"/")) && !slices.Contains(allowed, strings.SplitN(own, "/", 2)[0]) {
		t.Errorf("%s: %s may not import %s", name, key, own)
	}
}

// TestLicence checks that the licence text is the one that README names.
func TestLicence(t *testing.T) {
	b, err := os.ReadFile("LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "Apache License") || !strings.Contains(string(b), "Version 2.0, January 2004") {
		t.Error("LICENSE is not the Apache License 2.0")
	}
}

// TestClaimsAreTested: every row of docs/threats.md, and of the demands in docs/legal.md,
// names a test behind it, and each exists.
func TestClaimsAreTested(t *testing.T) {
	t.Run("threats", func(t *testing.T) { claims(t, "docs/threats.md", "| act |", "", 30) })
	t.Run("legal", func(t *testing.T) { claims(t, "docs/legal.md", "| what is asked |", "## What it does not do", 12) })
}

// named are the tests that a document names, with their folders.
var named = regexp.MustCompile("`([a-z0-9/-]+) (Test[A-Za-z0-9]+)`")

// claims checks the rows of a document's tables, up to a line that begins so.
func claims(t *testing.T, file, head, until string, least int) {
	t.Helper()
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(doc)) {
		if until != "" && strings.HasPrefix(line, until) {
			break
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, head) {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("%s has a row without a test: %s", file, line)
		}
		for _, n := range tests {
			if !hasTest(t, n[1], n[2]) {
				t.Errorf("%s names %s in %s, which does not exist", file, n[2], n[1])
			}
		}
	}
	if rows < least {
		t.Fatalf("%s has %d rows", file, rows)
	}
}

// TestMatrixNames: the tests that docs/matrix.md says have tried it exist.
func TestMatrixNames(t *testing.T) {
	doc, err := os.ReadFile("docs/matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := named.FindAllStringSubmatch(string(doc), -1)
	for _, n := range tests {
		if !hasTest(t, n[1], n[2]) {
			t.Errorf("docs/matrix.md names %s in %s, which does not exist", n[2], n[1])
		}
	}
	if len(tests) < 5 {
		t.Errorf("docs/matrix.md names %d tests", len(tests))
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(folder + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		b, err := os.ReadFile(f)
		return err == nil && strings.Contains(string(b), "func "+name+"(")
	})
}
