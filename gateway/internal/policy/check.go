package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"comity.example/comity/custody"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Schema is what policies are checked against, for people and for other tools that
// know Cedar.
//
//go:embed schema.cedarschema
var Schema string

// Error is what is wrong with a set: where, what, and what to do about it.
type Error struct {
	Place string // FILE:LINE or FILE:LINE:COLUMN, or the file alone
	ID    string // of the policy, or ""
	Why   string
	Hint  string // or ""
}

// Error says where and what.
func (e *Error) Error() string {
	if e.ID == "" {
		return e.Place + ": " + e.Why
	}
	return fmt.Sprintf("%s: policy %q: %s", e.Place, e.ID, e.Why)
}

const (
	hintNone     = "without a policy the relay carries what the rules allow: leave the key policy out of gateway.yaml then"
	hintPermit   = "a policy can only narrow what the rules allow: write a forbid, with unless for what is to go on"
	hintID       = `put @id("no-nights") before forbid: refusals, entries and the log name the policy by it`
	hintActions  = "a policy is asked about request, reserve, part, seal and release, and nothing else: what stops or decides is never in its hands"
	hintSchema   = "comity-gateway policy schema lists what there is for which action; name the actions: forbid (principal, action == Action::\"reserve\", resource)"
	hintOptional = "ask first whether it is there: resource has deadline && resource.deadline < …"
)

// checked is the schema as the checks need it.
var checked = sync.OnceValue(func() *checks {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(Schema)); err != nil {
		panic(fmt.Sprintf("policy: internal error: reading the schema: %v", err))
	}
	r, err := s.Resolve()
	if err != nil {
		panic(fmt.Sprintf("policy: internal error: resolving the schema: %v", err))
	}
	c := &checks{validator: validate.New(r), names: map[string]bool{}}
	for _, e := range r.Entities {
		c.learn(e.Shape)
	}
	for _, a := range r.Actions {
		c.learn(a.AppliesTo.Context)
	}
	return c
})

type checks struct {
	validator *validate.Validator
	names     map[string]bool // of all attributes
}

// learn adds the names of a record's attributes.
func (c *checks) learn(r resolved.RecordType) {
	for name, a := range r {
		c.names[string(name)] = true
		if inner, ok := a.Type.(resolved.RecordType); ok {
			c.learn(inner)
		}
	}
}

// parseError is how cedar-go says where a text is wrong.
var parseError = regexp.MustCompile(`^parser error: parse error at <input>:(\d+:\d+) `)

// add reads the policies of a file into the set.
func (s *Set) add(f File) error {
	if !utf8.Valid(f.Data) {
		return &Error{Place: f.Name, Why: "the file is not UTF-8"}
	}
	if deep(f.Data) {
		return &Error{Place: f.Name, Why: fmt.Sprintf("brackets are nested more than %d deep", maxDepth)}
	}
	list, err := cedar.NewPolicyListFromBytes(f.Name, f.Data)
	if err != nil {
		e := &Error{Place: f.Name, Why: err.Error(), Hint: "the grammar: docs.cedarpolicy.com/policies/syntax-grammar.html"}
		if m := parseError.FindStringSubmatch(e.Why); m != nil {
			e.Place, e.Why = f.Name+":"+m[1], "syntax error at "+e.Why[len(m[0]):]
		}
		return e
	}
	var failed []error
	for _, p := range list {
		failed = append(failed, s.addOne(f.Name, p))
	}
	return errors.Join(failed...)
}

// plainText is what holds no bracket that counts: texts and comments.
var plainText = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"|//[^\n]*`)

// deep reports whether brackets are nested too deep.
func deep(text []byte) bool {
	depth := 0
	for _, c := range plainText.ReplaceAll(text, nil) {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth > maxDepth {
			return true
		}
	}
	return false
}

func (s *Set) addOne(file string, p *cedar.Policy) error {
	n := one{id: string(p.Annotations()["id"]), reason: string(p.Annotations()["reason"]), place: fmt.Sprintf("%s:%d", file, p.Position().Line), policy: p}
	wrong := func(why, hint string) error { return &Error{n.place, n.id, why, hint} }
	if _, ok := p.Annotations()["id"]; !ok {
		return wrong("it has no @id", hintID)
	}
	if err := custody.CheckPolicyID(n.id); err != nil {
		return wrong(err.Error(), hintID)
	}
	for k := range p.Annotations() {
		if k != "id" && k != "reason" {
			return wrong(fmt.Sprintf("the annotation @%s is unknown", k), "there are @id, and @reason for people")
		}
	}
	for _, o := range s.list {
		if o.id == n.id {
			return wrong("another policy has this @id: "+o.place, hintID)
		}
	}
	if p.Effect() == cedar.Permit {
		return wrong("it is a permit", hintPermit)
	}
	if err := checked().check(n.place, n.id, (*ast.Policy)(p.AST())); err != nil {
		return err
	}
	s.list = append(s.list, n)
	return nil
}

// check compares a policy with the schema.
func (c *checks) check(place, id string, p *ast.Policy) error {
	if err := c.validator.Policy("", p); err != nil {
		why := strings.ReplaceAll(err.Error(), "\n", "; ")
		return &Error{place, id, why, hint(why)}
	}
	var failed error
	found := func(why, hint string) {
		if failed == nil {
			failed = &Error{place, id, why, hint}
		}
	}
	for _, uid := range scope(p) {
		if err := checkEntity(uid); err != nil {
			found(err.Error(), hintSchema)
		}
	}
	for _, cond := range p.Conditions {
		ast.Inspect(ast.NewNode(cond.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeHas: // Cedar takes any name here: one that is mistyped would never be there
				if !c.names[string(n.Value)] {
					found(fmt.Sprintf("attribute %q is unknown", n.Value), hintSchema)
				}
			case ast.NodeValue:
				if uid, ok := n.Value.(cedar.EntityUID); ok {
					if err := checkEntity(uid); err != nil {
						found(err.Error(), hintSchema)
					}
				}
			}
			return true
		})
	}
	return failed
}

// hint says what to do about what the validator found.
func hint(why string) string {
	switch {
	case strings.Contains(why, "unrecognized action"):
		return hintActions
	case strings.Contains(why, "optional attribute"):
		return hintOptional
	}
	return hintSchema
}

// scope lists the entities that the head of a policy names, but its actions, which the
// validator knows.
func scope(p *ast.Policy) (list []cedar.EntityUID) {
	for _, n := range []ast.IsScopeNode{p.Principal, p.Resource} {
		switch n := n.(type) {
		case ast.ScopeTypeEq:
			list = append(list, n.Entity)
		case ast.ScopeTypeIn:
			list = append(list, n.Entity)
		case ast.ScopeTypeIsIn:
			list = append(list, n.Entity)
		}
	}
	return list
}

// checkEntity refuses an id that nobody can have: a policy about it would look as if it
// did something.
func checkEntity(uid cedar.EntityUID) error {
	id := string(uid.ID)
	switch uid.Type {
	case typeAuthority:
		return custody.CheckAuthority(id)
	case typeRequest:
		return custody.CheckID(id)
	case typeAgent:
		p, err := custody.ParsePartyID(id)
		if err == nil && p.Role() != custody.RoleAgent {
			err = fmt.Errorf("%q is not the id of an agent", id)
		}
		return err
	}
	return nil
}
