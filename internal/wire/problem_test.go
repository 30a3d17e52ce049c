package wire_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// codes reads the constants that are codes from a source file.
func codes(t *testing.T, file string) (list []custody.Code) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil || len(v.Values) != 1 {
			return true
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, custody.Code(s))
		}
		return true
	})
	return list
}

// TestEveryCodeIsAProblem checks that each code of the rule book and of the wire
// has a status of failure and a sentence.
func TestEveryCodeIsAProblem(t *testing.T) {
	own, rules := codes(t, "problem.go"), codes(t, "../../custody/codes.go")
	if len(own) < 15 || len(rules) < 40 {
		t.Fatalf("found %d and %d codes", len(own), len(rules))
	}
	seen := map[custody.Code]bool{}
	for _, c := range append(own, rules...) {
		if seen[c] {
			t.Errorf("code %q stands twice", c)
		}
		seen[c] = true
		if c == custody.CodeAllowed {
			continue
		}
		p := wire.NewProblem(c, "")
		if p.Status < 400 || p.Status > 599 || p.Title == "" || p.Title == "refused" || p.Type != "urn:comity:problem:"+string(p.Code) {
			t.Errorf("problem of %q: %+v", c, p)
		}
		if p.Code != c && c != custody.CodeNotParty {
			t.Errorf("problem of %q has the code %q", c, p.Code)
		}
	}
	for _, c := range own {
		if c.Explain() != "refused" {
			t.Errorf("code %q belongs to the rule book too", c)
		}
	}
}

// TestRefusal checks that a refusal names its rule, and that none comes of a yes.
func TestRefusal(t *testing.T) {
	p := wire.Refusal(custody.Decision{Code: custody.CodeGrantExpired, Rule: "live-grant"})
	if p.Code != custody.CodeGrantExpired || p.Rule != "live-grant" || p.Status != 403 {
		t.Errorf("refusal: %+v", p)
	}
	if p := wire.Refusal(custody.Decision{Code: custody.CodeAllowed, Rule: "x"}); p.Code != wire.CodeInternal || p.Status != 500 || p.Rule != "" {
		t.Errorf("refusal of what is allowed: %+v", p)
	}
}

// TestStrangersReadTheSame checks that the problem of a request of others is the
// problem of none, byte for byte.
func TestStrangersReadTheSame(t *testing.T) {
	text := func(p *wire.Problem) string { return string(must(json.Marshal(p))) }
	want := text(wire.Refusal(custody.Decision{Code: custody.CodeNoSuchRequest, Rule: "request"}))
	for name, p := range map[string]*wire.Problem{
		"refusal":           wire.Refusal(custody.Decision{Code: custody.CodeNotParty, Rule: "parties-only"}),
		"problem":           wire.NewProblem(custody.CodeNotParty, ""),
		"problem in detail": wire.NewProblem(custody.CodeNotParty, "request x belongs to nl and fr"),
		"none in detail":    wire.NewProblem(custody.CodeNoSuchRequest, "no x"),
	} {
		if got := text(p); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got, want := text(wire.NewProblem(custody.CodeNoSuchPackage, "of nl")), text(wire.Refusal(custody.Decision{Code: custody.CodeNoSuchPackage, Rule: "released"})); got != want {
		t.Errorf("packages: %s, want %s", got, want)
	}
}

func TestCodeOf(t *testing.T) {
	p := wire.NewProblem(wire.CodeBusy, "later")
	if got := wire.CodeOf(fmt.Errorf("sending: %w", p)); got != wire.CodeBusy {
		t.Errorf("code %q", got)
	}
	if got := wire.CodeOf(fmt.Errorf("sending")); got != "" {
		t.Errorf("code %q of another error", got)
	}
	if got, want := p.Error(), "busy: later"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
