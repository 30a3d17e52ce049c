package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/doctable"
	"comity.example/comity/internal/wire"
)

// The roles of the matrix: nl is asked, fr asks, de has no part in any case.
const (
	parties  = "nl lab|nl other lab|nl desk|fr lab|fr backup lab|fr desk" // agents of the two
	thirds   = "de lab|de desk"
	auditors = "nl auditor|fr auditor|de auditor"
	agents   = parties + "|" + thirds
	others   = "nl other lab|nl desk|fr lab|fr backup lab|fr desk|" + thirds // but the granted sender
)

var roleNames = strings.Split("stranger|nl lab|nl other lab|nl desk|nl auditor|fr lab|fr backup lab|fr desk|fr auditor|de lab|de desk|de auditor", "|")

// The states of a case, as far as the relay treats them differently.
var matrixStates = []string{"nothing", "requested", "granted", "accepted", "sealed", "unlocked", "released", "received", "revoked", "recalled",
	"withdrawn", "emergency", "lapsed", "on hold", "offered", "offered+accepted", "suspended", "unlocked+suspended", "released+suspended"}

const (
	live      = "granted accepted sealed unlocked released received recalled emergency|on hold|offered+accepted" // something may move
	suspended = "suspended unlocked+suspended released+suspended"
	closed    = "nothing requested offered" // no package was ever opened
)

// cell is what is answered to some roles in some states. An empty code is yes.
type cell struct {
	who, when string
	want      custody.Code
}

// answers are the cells of one route, of which the first that fits counts. Where none
// fits the table is wrong.
type answers []cell

// The first cells of routes for principals: no stranger, no auditor.
var (
	principals = answers{{"stranger", "*", wire.CodeHelloRequired}}
	agentsOnly = answers{{"stranger", "*", wire.CodeHelloRequired}, {auditors, "*", custody.CodeAuditorReads}}
	everybody  = answers{{"*", "*", ""}}
)

// matrix is who gets what by which route in which state of a case, written from what the
// design says and not from how the relay decides.
var matrix = map[string]answers{
	"POST /v1/hello": {{"stranger", "*", wire.CodeUnknownKey}, {"*", "*", ""}},

	"GET /v1/relay":                           everybody,
	"GET /v1/directory/{authority}":           everybody,
	"GET /v1/directory/{authority}/{version}": everybody,
	"GET /log/checkpoint":                     everybody,
	"GET /log/cosigned":                       {{"*", "*", wire.CodeNotFound}}, // no witnesses here
	"GET /v1/cosigned":                        everybody,
	"GET /log/tile/{path...}":                 everybody,

	"GET /v1/records/relay":                 of(principals, cell{"*", "*", ""}),
	"GET /v1/records/authority/{authority}": of(principals, cell{"*", "*", ""}),
	"GET /v1/changes":                       of(principals, cell{"*", "*", ""}),
	"GET /v1/tokens":                        of(principals, cell{"*", "*", ""}),
	"GET /v1/records/{request}": of(principals, cell{"*", "nothing", custody.CodeNoSuchRequest}, cell{thirds + "|de auditor", "*", custody.CodeNoSuchRequest},
		cell{"*", "*", ""}),
	"GET /v1/annexes/{sha256}": of(agentsOnly, cell{"*", "nothing", custody.CodeNoSuchRequest}, cell{thirds, "*", custody.CodeNoSuchRequest}, cell{parties, "*", ""}),

	// A hold in the name of the caller's authority, which only nl may put. As a proposal the
	// relay keeps one of fr's for fr: what a kind demands is asked when all have signed.
	"POST /v1/statements": {{"stranger", "*", wire.CodeHelloRequired}, {"*", "nothing", custody.CodeNoSuchRequest},
		{thirds + "|de auditor", "*", custody.CodeNoSuchRequest}, {"nl auditor|fr auditor", "*", custody.CodeAuditorReads},
		{"nl desk", "*", ""}, {"fr desk", "*", custody.CodeNotRequested}, {parties, "*", custody.CodeNotCarrier}},
	"POST /v1/proposals": of(agentsOnly, cell{"*", "nothing", custody.CodeNoSuchRequest}, cell{thirds, "*", custody.CodeNoSuchRequest},
		cell{"nl desk|fr desk", "*", ""}, cell{parties, "*", custody.CodeNotCarrier}),
	"GET /v1/proposals": of(agentsOnly, cell{agents, "*", ""}),
	"GET /v1/proposals/{sha256}": of(agentsOnly, cell{"*", "nothing", wire.CodeNotFound}, cell{"nl lab|nl other lab|nl desk", "*", ""},
		cell{agents, "*", wire.CodeNotFound}),
	"POST /v1/proposals/{sha256}/signatures": of(agentsOnly, cell{"*", "nothing", wire.CodeNotFound}, cell{"nl desk", "*", ""},
		cell{"nl lab|nl other lab", "*", custody.CodeNotCarrier}, cell{agents, "*", wire.CodeNotFound}),

	"POST /v1/packages": of(agentsOnly, cell{"*", "nothing", custody.CodeNoSuchRequest}, cell{thirds, "*", custody.CodeNoSuchRequest},
		cell{"nl lab", live, ""}, cell{parties, "requested", custody.CodeNoGrant}, cell{parties, "offered", custody.CodeNotAccepted},
		cell{parties, "revoked", custody.CodeGrantRevoked}, cell{parties, "withdrawn", custody.CodeRequestEnded}, cell{parties, "lapsed", custody.CodeGrantLapsed},
		cell{"nl lab", suspended, custody.CodePairSuspended}, cell{parties, "*", custody.CodeSenderNotGranted}),

	// The package that the granted sender has reserved, and nobody else knows.
	"POST /v1/packages/{id}/epoch": of(agentsOnly, cell{others, "*", custody.CodeNoSuchPackage}, cell{"nl lab", closed, custody.CodeNoSuchPackage},
		cell{"nl lab", "*", ""}),
	"PUT /v1/packages/{id}/parts/{n}": of(agentsOnly, cell{others, "*", custody.CodeNoSuchPackage}, cell{"nl lab", closed, custody.CodeNoSuchPackage},
		cell{"nl lab", live, ""}, cell{"nl lab", "revoked", custody.CodeGrantRevoked}, cell{"nl lab", "withdrawn", custody.CodeRequestEnded},
		cell{"nl lab", "lapsed", custody.CodeGrantLapsed}, cell{"nl lab", suspended, custody.CodePairSuspended}),
	"POST /v1/packages/{id}/seal": of(agentsOnly, cell{others, "*", custody.CodeNoSuchPackage}, cell{"nl lab", closed, custody.CodeNoSuchPackage},
		cell{"nl lab", live, ""}, cell{"nl lab", "revoked", custody.CodeGrantRevoked}, cell{"nl lab", "withdrawn", custody.CodeRequestEnded},
		cell{"nl lab", "lapsed", custody.CodeGrantLapsed}, cell{"nl lab", suspended, custody.CodePairSuspended}),
	"DELETE /v1/packages/{id}": of(agentsOnly, cell{others, "*", custody.CodeNoSuchPackage}, cell{"nl lab", closed, custody.CodeNoSuchPackage},
		cell{"nl lab", "*", ""}),
	"GET /v1/packages/{id}": of(agentsOnly, cell{agents, closed, custody.CodeNoSuchPackage}, cell{thirds, "*", custody.CodeNoSuchPackage}, cell{parties, "*", ""}),

	// The package that was sealed, where one was.
	"POST /v1/packages/{id}/unlock": of(agentsOnly, cell{others, "*", custody.CodeNoSuchPackage}, cell{"nl lab", unsealed, custody.CodeNoSuchPackage},
		cell{"nl lab", "sealed emergency", ""}, cell{"nl lab", "unlocked released received unlocked+suspended released+suspended|on hold", custody.CodeAlreadyUnlocked},
		cell{"nl lab", "revoked", custody.CodeGrantRevoked}, cell{"nl lab", "withdrawn", custody.CodeRequestEnded},
		cell{"nl lab", "recalled", custody.CodePackageRecalled}, cell{"nl lab", "lapsed", custody.CodeGrantLapsed}, cell{"nl lab", suspended, custody.CodePairSuspended}),
	"POST /v1/packages/{id}/release": of(agentsOnly, cell{agents, unsealed, custody.CodeNoSuchPackage}, cell{thirds, "*", custody.CodeNoSuchPackage},
		cell{"nl lab|nl other lab|nl desk|fr desk", "*", custody.CodeRecipientNotGrant}, // from here on those of fr who hold a recipient
		cell{"*", "unlocked|on hold", ""}, cell{"fr lab", "released received released+suspended", custody.CodeDuplicate}, cell{"fr backup lab", "released received", ""},
		cell{"*", "sealed emergency suspended", custody.CodeNotUnlocked}, cell{"*", "unlocked+suspended released+suspended", custody.CodePairSuspended},
		cell{"*", "revoked", custody.CodeGrantRevoked}, cell{"*", "withdrawn", custody.CodeRequestEnded},
		cell{"*", "recalled", custody.CodePackageRecalled}, cell{"*", "lapsed", custody.CodeGrantLapsed}),
	"GET /v1/packages/{id}/head":    handedOut,
	"GET /v1/packages/{id}/inner":   handedOut,
	"GET /v1/packages/{id}/payload": handedOut,
}

const unsealed = closed + " granted accepted|offered+accepted"

// handedOut are the bytes of a package: for the agent that has taken it, while it may.
var handedOut = of(agentsOnly, cell{agents, unsealed, custody.CodeNoSuchPackage}, cell{thirds, "*", custody.CodeNoSuchPackage},
	cell{"fr lab", "released received", ""}, cell{"fr lab", "recalled", custody.CodePackageRecalled},
	cell{"fr lab", "released+suspended", custody.CodePairSuspended}, cell{parties, "*", custody.CodeNotReleased})

func of(first answers, more ...cell) answers { return slices.Concat(first, more) }

// fits reports whether a list names a thing. Names of states with a space stand between bars.
func fits(list, name string) bool {
	if list == "*" {
		return true
	}
	for _, part := range strings.Split(list, "|") {
		if part == name || !strings.Contains(name, " ") && slices.Contains(strings.Fields(part), name) {
			return true
		}
	}
	return false
}

// known reports whether a list names only what there is.
func known(list string, names []string) bool {
	for _, part := range strings.Split(list, "|") {
		if part == "*" || slices.Contains(names, part) {
			continue
		}
		for _, word := range strings.Fields(part) {
			if !slices.Contains(names, word) {
				return false
			}
		}
	}
	return true
}

// expected is what a table says, and whether it says anything.
func (a answers) expected(role, state string) (custody.Code, bool) {
	for _, c := range a {
		if fits(c.who, role) && fits(c.when, state) {
			return c.want, true
		}
	}
	return "", false
}

// TestRoutesDocument: docs/matrix.md shows the table of routes as it is.
func TestRoutesDocument(t *testing.T) {
	var tables []string
	routes := map[string][]string{} // of those that have one table
	for _, ask := range asked {
		rows := matrix[ask.route].rows()
		if routes[rows] == nil {
			tables = append(tables, rows)
		}
		routes[rows] = append(routes[rows], "`"+ask.route+"`")
	}
	var b strings.Builder
	for _, rows := range tables {
		fmt.Fprintf(&b, "\n%s\n\n| who | gets |\n|---|---|\n%s", strings.Join(routes[rows], ", "), rows)
	}
	doctable.Check(t, "../docs/matrix.md", "routes", b.String()+"\n")
}

// rows are the answers for people: those who get the same share a row.
func (a answers) rows() string {
	var order []string
	who := map[string][]string{}
	for _, role := range roleNames {
		got := a.inWords(role)
		if who[got] == nil {
			order = append(order, got)
		}
		who[got] = append(who[got], role)
	}
	var b strings.Builder
	for _, got := range order {
		names := strings.Join(who[got], ", ")
		if len(order) == 1 {
			names = "everybody"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", names, got)
	}
	return b.String()
}

// inWords is what a role gets in each state: what it gets in most of them comes last.
func (a answers) inWords(role string) string {
	var codes []custody.Code
	when := map[custody.Code][]string{}
	for _, state := range matrixStates {
		code, _ := a.expected(role, state)
		if when[code] == nil {
			codes = append(codes, code)
		}
		when[code] = append(when[code], state)
	}
	slices.SortStableFunc(codes, func(x, y custody.Code) int { return len(when[x]) - len(when[y]) })
	var list []string
	for i, code := range codes {
		word := "yes"
		if code != "" {
			word = "`" + string(code) + "`"
		}
		switch {
		case i < len(codes)-1:
			word += " when " + strings.Join(when[code], ", ")
		case i > 0:
			word = "otherwise " + word
		}
		list = append(list, word)
	}
	return strings.Join(list, "; ")
}

// TestRoutesMatrix tries every route as every role in every state of a case.
func TestRoutesMatrix(t *testing.T) {
	w := newMatrixWorld(t)
	listed := map[string]bool{}
	for _, r := range w.gate.Routes() {
		name := r.Method + " " + r.Path
		listed[name] = true
		if matrix[name] == nil {
			t.Errorf("the matrix has no row for %s", name)
		}
	}
	for name := range matrix {
		if !listed[name] {
			t.Errorf("the matrix has a row for %s, which is no route", name)
		}
	}
	for name, row := range matrix {
		for _, c := range row {
			if !known(c.who, roleNames) || !known(c.when, matrixStates) {
				t.Errorf("the row of %s has a cell of %q when %q, which is nobody or never", name, c.who, c.when)
			}
		}
	}
	if len(asked) != len(matrix) {
		t.Errorf("%d routes are asked, want %d", len(asked), len(matrix))
	}
	for i, role := range w.roles {
		if role.name != roleNames[i] {
			t.Fatalf("role %d is %s, want %s", i, role.name, roleNames[i])
		}
	}
	tried := 0
	for _, state := range matrixStates {
		c := w.cases[state]
		if c == nil {
			t.Fatalf("there is no case that is %s", state)
		}
		if state == "suspended" { // from here on all cases of the two are
			w.suspends(w.nl, "fr")
		}
		for _, ask := range asked {
			for _, role := range w.roles {
				want, ok := matrix[ask.route].expected(role.name, state)
				if !ok {
					t.Errorf("%s as %s when %s: the matrix says nothing", ask.route, role.name, state)
					continue
				}
				a := w.asks(ask, role, c)
				tried++
				if got := codeOf(a); got != want {
					t.Errorf("%s as %s when %s: %q, want %q", ask.route, role.name, state, got, want)
				}
			}
		}
	}
	t.Logf("%d answers", tried)
}

// codeOf is the code of an answer, empty if it is yes.
func codeOf(a answer) custody.Code {
	if a.status/100 == 2 {
		return ""
	}
	if a.problem.Code == "" {
		return custody.Code(fmt.Sprint(a.status))
	}
	return a.problem.Code
}
