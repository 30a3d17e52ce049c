package policy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/policy"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(text string) (*policy.Set, error) {
	return policy.Parse([]policy.File{{Name: "a.cedar", Data: []byte(text)}})
}

// TestRefused: what is not a policy that can do what it says is refused when it is
// loaded, with its place and a hint.
func TestRefused(t *testing.T) {
	const head = `@id("x") forbid (principal, action == Action::"reserve", resource) when { `
	for _, row := range []struct {
		name, text, place, why, hint string
	}{
		{"nothing", "", "a.cedar", "0 policies", "leave the key policy out"},
		{"a comment alone", "// forbid\n", "a.cedar", "0 policies", "leave the key policy out"},
		{"a syntax error", "@id(\"x\")\nforbid (principal, action, resource)\nwhen { context. };", "a.cedar:3:18", "syntax error", "grammar"},
		{"a template", `@id("x") forbid (principal == ?principal, action, resource);`, "a.cedar:1:32", "syntax error", "grammar"},
		{"not UTF-8", "@id(\"x\") forbid (principal, action, resource); // \xff", "a.cedar", "UTF-8", ""},
		{"without an id", "\nforbid (principal, action, resource);", "a.cedar:2", "no @id", `@id("no-nights")`},
		{"a malformed id", `@id("No nights") forbid (principal, action, resource);`, "a.cedar:1", "malformed policy id", `@id("no-nights")`},
		{"an id twice", "@id(\"x\") forbid (principal, action, resource);\n@id(\"x\") forbid (principal, action, resource);", "a.cedar:2", "another policy has this @id: a.cedar:1", "@id"},
		{"two ids", `@id("x") @id("y") forbid (principal, action, resource);`, "a.cedar:1:13", "duplicate annotation", ""},
		{"an unknown annotation", `@id("x") @idd("y") forbid (principal, action, resource);`, "a.cedar:1", "@idd is unknown", "@reason"},
		{"a permit", `@id("x") permit (principal, action, resource);`, "a.cedar:1", "it is a permit", "can only narrow"},
		{"revocations", `@id("x") forbid (principal, action == Action::"revocation", resource);`, "a.cedar:1", "unrecognized action", "what stops or decides"},
		{"suspensions among others", `@id("x") forbid (principal, action in [Action::"reserve", Action::"suspension"], resource);`, "a.cedar:1", "unrecognized action", "what stops or decides"},
		{"an unknown entity type", `@id("x") forbid (principal == User::"nl", action, resource);`, "a.cedar:1", "unrecognized entity type", "policy schema"},
		{"an unknown entity type in a condition", head + `User::"x" == principal };`, "a.cedar:1", "unrecognized entity type", "policy schema"},
		{"an unknown attribute", head + `context.byte > 1 };`, "a.cedar:1", "attribute `byte`", "policy schema"},
		{"an attribute of another action", `@id("x") forbid (principal, action, resource) when { context.bytes > 1 };`, "a.cedar:1", "attribute `bytes`", "policy schema"},
		{"an unknown attribute behind has", head + `resource has dedline };`, "a.cedar:1", `attribute "dedline" is unknown`, "policy schema"},
		{"an attribute that may be missing", head + `resource.deadline < context.now };`, "a.cedar:1", "optional attribute `deadline`", "resource has deadline"},
		{"a wrong type", head + `context.bytes > "1 GiB" };`, "a.cedar:1", "unexpected type", "policy schema"},
		{"a condition that is none", head + `context.bytes };`, "a.cedar:1", "expected Bool", "policy schema"},
		{"a malformed time", head + `context.now > datetime("noon") };`, "a.cedar:1", "datetime", "policy schema"},
		{"an unknown function", head + `shell("ls") };`, "a.cedar:1:81", "not a function", ""},
		{"an authority nobody is", `@id("x") forbid (principal in Authority::"NL", action, resource);`, "a.cedar:1", "malformed authority", "policy schema"},
		{"an agent nobody is", `@id("x") forbid (principal == Agent::"nl/lab-1", action, resource);`, "a.cedar:1", "malformed id", "policy schema"},
		{"an officer as agent", head + `principal == Agent::"nl/officer/mla-1" };`, "a.cedar:1", "not the id of an agent", "policy schema"},
		{"a request nobody made", `@id("x") forbid (principal, action, resource == Request::"2026-17");`, "a.cedar:1", "malformed id", "policy schema"},
		{"too deep", head + strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300) + " };", "a.cedar", "more than 200 deep", ""},
		{"too deep behind texts and comments", head + strings.Repeat("\")\" == \")\\\")\" || ( // )\n", 300), "a.cedar", "more than 200 deep", ""},
		{"too much", strings.Repeat(" ", 256<<10+1), "a.cedar", "more than 262144 bytes", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parse(row.text)
			var e *policy.Error
			if !errors.As(err, &e) {
				t.Fatalf("loaded: %v", err)
			}
			if e.Place != row.place || !strings.Contains(e.Why, row.why) || !strings.Contains(e.Hint, row.hint) {
				t.Errorf("error is %+v", *e)
			}
		})
	}
}

// TestAllWrong: every policy that is wrong is told, not the first alone.
func TestAllWrong(t *testing.T) {
	_, err := parse("forbid (principal, action, resource);\n@id(\"x\") permit (principal, action, resource);")
	if err == nil || !strings.Contains(err.Error(), "a.cedar:1: it has no @id") || !strings.Contains(err.Error(), `a.cedar:2: policy "x": it is a permit`) {
		t.Errorf("error is %v", err)
	}
}

// TestDeep: no text makes the reader fall, and as deep as it may be it is understood.
func TestDeep(t *testing.T) {
	for _, s := range []string{"(", "!", "[", "{a:", "if true then ", "-"} {
		if _, err := parse(`@id("x") forbid (principal, action, resource) when { ` + strings.Repeat(s, (255<<10)/len(s))); err == nil {
			t.Errorf("%q without end is loaded", s)
		}
	}
	const n = 190
	s, err := parse(`@id("x") forbid (principal, action, resource) when { ` + strings.Repeat("!(", n) + "true" + strings.Repeat(")", n) + " };")
	fatal(t, err)
	if len(s.Decide(question(policy.ActionReserve))) != 1 {
		t.Error("an even number of negations changed what is said")
	}
}

// TestLoad reads files and folders, and names a set as sha256sum does.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		fatal(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	_, err := policy.Load(dir)
	var e *policy.Error
	if !errors.As(err, &e) || !strings.Contains(e.Why, "no file whose name ends in .cedar") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := policy.Load(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	a := `@id("b") forbid (principal, action, resource);`
	b := `@id("a") forbid (principal, action, resource);`
	one := write("x.cedar", a)
	s, err := policy.Load(one)
	fatal(t, err)
	if want := named("x.cedar", a); s.SHA256().String() != want || s.Len() != 1 {
		t.Errorf("a file: %d policies, %s, want %s", s.Len(), s.SHA256(), want)
	}
	write("Y.cedar", b)
	write("README", "not read")
	s, err = policy.Load(dir)
	fatal(t, err)
	if want := named("Y.cedar", b, "x.cedar", a); s.SHA256().String() != want || s.Len() != 2 {
		t.Errorf("a folder: %d policies, %s, want %s", s.Len(), s.SHA256(), want)
	}
	write("z.cedar", b)
	if _, err = policy.Load(dir); !errors.As(err, &e) || e.Place != "z.cedar:1" || !strings.Contains(e.Why, "Y.cedar:1") {
		t.Errorf("an id in two files: %v", err)
	}
	write("z.cedar", strings.Repeat("\n", 256<<10))
	if _, err = policy.Load(dir); !errors.As(err, &e) || !strings.Contains(e.Why, "together") {
		t.Errorf("too much: %v", err)
	}
}

// named is what sha256sum NAME… | sha256sum prints.
func named(files ...string) string {
	h := sha256.New()
	for f := range slices.Chunk(files, 2) {
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256([]byte(f[1])), f[0])
	}
	return hex.EncodeToString(h.Sum(nil))
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// question is about a lab of nl that answers a request of fr.
func question(a policy.Action) *policy.Question {
	q := &policy.Question{
		Action: a, Agent: "nl/agent/lab-1", Duties: []string{"lab"}, ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Now: noon,
		Request: &custody.Request{
			Header: custody.Header{By: "fr"}, To: "nl", Instrument: "eio", Assistance: "disclosure", Urgency: "routine",
			Categories: []string{"content-data", "traffic-data"}, Sensitive: []string{"press"}, Expires: statement.At(noon.AddDate(0, 2, 0)),
		},
	}
	if a == policy.ActionRequest {
		q.Agent, q.Duties = "fr/agent/desk-1", []string{"desk"}
		return q
	}
	q.Terms = &custody.Terms{
		Senders: []custody.PartyID{"nl/agent/lab-1"}, Recipients: []custody.PartyID{"fr/recipient/lab"}, Categories: []string{"traffic-data"},
		MaxBytes: 1 << 40, MaxPackages: 3, NotBefore: statement.At(noon), Expires: statement.At(noon.AddDate(0, 1, 0)), Conditions: []string{"confidentiality"},
	}
	q.Bytes, q.UsedBytes, q.UsedPackages = 5<<30, 1<<30, 1
	if a == policy.ActionSeal || a == policy.ActionRelease {
		q.Delivery, q.Final = 2, true
	}
	if a == policy.ActionRelease {
		q.Agent, q.Recipient = "fr/agent/lab-1", "fr/recipient/lab"
	}
	return q
}

// TestDecide: every attribute of the schema is there, with its value, in every action
// that has it.
func TestDecide(t *testing.T) {
	actions := []policy.Action{policy.ActionRequest, policy.ActionReserve, policy.ActionPart, policy.ActionSeal, policy.ActionRelease}
	for _, row := range []struct {
		head, when string
		forbids    string // the actions, in order
	}{
		{"principal, action, resource", "true", "request reserve part seal release"},
		{"principal, action, resource", "false", ""},
		{`principal in Authority::"nl", action, resource`, "true", "reserve part seal"},
		{`principal == Agent::"fr/agent/desk-1", action, resource`, "true", "request"},
		{"principal is Agent, action, resource is Request", "principal.authority == resource.requesting", "request release"},
		{"principal, action, resource", "principal.authority == resource.requested", "reserve part seal"},
		{"principal, action, resource", `principal.duties.contains("desk")`, "request"},
		{`principal, action, resource == Request::"aaaaaaaaaaaaaaaaaaaaaaaaaa"`, "true", "request reserve part seal release"},
		{`principal, action, resource == Request::"baaaaaaaaaaaaaaaaaaaaaaaaa"`, "true", ""},
		{`principal, action == Action::"request", resource`, `resource.instrument == "eio" && resource.assistance == "disclosure" && resource.urgency == "routine"`, "request"},
		{`principal, action == Action::"request", resource`, `resource.categories == ["traffic-data", "content-data"] && resource.sensitive.contains("press")`, "request"},
		{`principal, action == Action::"request", resource`, `resource.expires > context.now.offset(duration("30d")) && !(resource has deadline)`, "request"},
		{"principal, action, resource", `context.now.toTime() == duration("12h")`, "request reserve part seal release"},
		{`principal, action in [Action::"reserve", Action::"part", Action::"seal", Action::"release"], resource`, "context.bytes == 5368709120", "reserve part seal release"},
		{`principal, action in [Action::"reserve", Action::"part", Action::"seal", Action::"release"], resource`,
			`context.grant.maxBytes == 1099511627776 && context.grant.maxPackages == 3 && context.grant.usedBytes == 1073741824 && context.grant.usedPackages == 1`, "reserve part seal release"},
		{`principal, action in [Action::"reserve", Action::"part", Action::"seal", Action::"release"], resource`,
			`context.grant.senders == ["nl/agent/lab-1"] && context.grant.recipients == ["fr/recipient/lab"] && context.grant.categories == ["traffic-data"] &&
			context.grant.conditions == ["confidentiality"] && context.grant.sensitive.isEmpty() && context.grant.handling.isEmpty()`, "reserve part seal release"},
		{`principal, action == Action::"part", resource`, `context.grant.notBefore <= context.now && context.grant.expires > context.now`, "part"},
		{`principal, action in [Action::"seal", Action::"release"], resource`, "context.delivery == 2 && context.final", "seal release"},
		{`principal, action == Action::"release", resource`, `context.recipient == "fr/recipient/lab"`, "release"},
	} {
		s, err := parse(fmt.Sprintf(`@id("x") @reason("because") forbid (%s) when { %s };`, row.head, row.when))
		if err != nil {
			t.Errorf("%s: %v", row.when, err)
			continue
		}
		var got []string
		for _, a := range actions {
			against := s.Decide(question(a))
			for _, f := range against {
				if f.ID != "x" || f.Reason != "because" || f.Place != "a.cedar:1" || !f.Forbids || f.Err != nil {
					t.Errorf("%s: %s: %+v", row.when, a, f)
				}
				got = append(got, string(a))
			}
		}
		if strings.Join(got, " ") != row.forbids {
			t.Errorf("(%s) when %s forbids %q, want %q", row.head, row.when, got, row.forbids)
		}
	}
}

// TestError: Cedar skips a forbid that it cannot evaluate. Here it forbids, whether the
// loader could have known or not, and whatever the others say.
func TestError(t *testing.T) {
	overflow, err := parse(`@id("x") forbid (principal, action == Action::"reserve", resource) when { context.bytes * 9223372036854775807 > 1 };`)
	fatal(t, err)
	for name, s := range map[string]*policy.Set{
		"an overflow":         overflow,
		"a missing attribute": policy.Unchecked(`forbid (principal, action, resource) when { resource.secret == "x" };`),
		"a missing optional":  policy.Unchecked(`forbid (principal, action, resource) when { resource.deadline < context.now };`),
		"a wrong type":        policy.Unchecked(`forbid (principal, action, resource) when { context.bytes < "x" };`),
		"beside one that is silent": policy.Unchecked(`forbid (principal, action, resource) when { false };
			forbid (principal, action, resource) when { context.nothing };`),
	} {
		against := s.Decide(question(policy.ActionReserve))
		if len(against) != 1 || against[0].Err == nil || against[0].Forbids {
			t.Errorf("%s: %+v", name, against)
		}
	}
	if against := overflow.Decide(question(policy.ActionRelease)); len(against) != 0 {
		t.Errorf("a policy on another action: %+v", against)
	}
	both := policy.Unchecked(`forbid (principal, action, resource); forbid (principal, action, resource) when { context.nothing };`)
	if ref := both.Ref(both.Decide(question(policy.ActionPart))); !slices.Equal(ref.IDs, []string{"policy-0", "policy-1"}) || ref.SHA256 != both.SHA256() {
		t.Errorf("reference is %+v", ref)
	}
	if all := both.Explain(question(policy.ActionRequest)); len(all) != 2 || !all[0].Forbids || all[1].Err == nil {
		t.Errorf("explained as %+v", all)
	}
}

// TestPanic: an evaluator that panics forbids, in the name of the policy that it panicked
// at, and beside what the others say.
func TestPanic(t *testing.T) {
	s := policy.Unchecked(`forbid (principal, action, resource); forbid (principal, action, resource) when { false };`).Panicking()
	against := s.Decide(question(policy.ActionReserve))
	if len(against) != 2 || !against[0].Forbids || against[0].ID != "policy-0" || against[1].ID != "z" || against[1].Err == nil || !strings.Contains(against[1].Err.Error(), "panicked") {
		t.Errorf("findings are %+v", against)
	}
}

// FuzzParse: no text panics, and the policies that are loaded say the same together and
// one by one.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`@id("x") @reason("y") forbid (principal in Authority::"nl", action in [Action::"reserve", Action::"part"], resource) when { context.bytes > 5 } unless { resource has deadline };`))
	f.Add([]byte(`@id("x") permit (principal, action, resource);`))
	f.Add([]byte(`@id("x") forbid (principal, action, resource) when { context.now.toTime() < duration("6h") };`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := policy.Parse([]policy.File{{Name: "a.cedar", Data: data}})
		if err != nil {
			var e *policy.Error
			if !errors.As(err, &e) || e.Place == "" || e.Why == "" {
				t.Errorf("error without a place: %v", err)
			}
			return
		}
		for _, a := range []policy.Action{policy.ActionRequest, policy.ActionReserve, policy.ActionRelease} {
			all := slices.DeleteFunc(s.Explain(question(a)), func(f policy.Finding) bool { return !f.Forbids && f.Err == nil })
			if got := s.Decide(question(a)); fmt.Sprint(got) != fmt.Sprint(all) {
				t.Errorf("together they say %+v, one by one %+v", got, all)
			}
		}
	})
}
