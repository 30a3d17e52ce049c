package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/config"
)

// TestPolicyCasesExample loads the shipped example; that its policy decides so is
// tested with the command.
func TestPolicyCasesExample(t *testing.T) {
	file := filepath.Join("testdata", "policy-cases.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPolicyCases(file, b)
	if err != nil || len(c.Cases) < 5 {
		t.Fatalf("%d cases, %v", len(c.Cases), err)
	}
}

const aCase = "cases: [{name: x, expect: allowed, action: reserve, agent: nl/agent/lab-1, now: 2026-03-02T10:00:00Z, request: {from: fr, to: nl}}]"

// TestPolicyCaseDefaults: what a case leaves out has the value that its field says.
func TestPolicyCaseDefaults(t *testing.T) {
	c, err := config.LoadPolicyCases("cases.yaml", []byte(aCase))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	p := c.Cases[0]
	r, g, k := p.Request, p.Grant, p.Package
	if len(p.Duties) != 1 || p.Duties[0] != "lab" || r.Instrument != "other" || r.Assistance != "disclosure" || r.Urgency != "routine" || !r.Deadline.IsZero() ||
		!r.Expires.Equal(now.AddDate(0, 0, 60)) || !g.NotBefore.Equal(now.AddDate(0, 0, -1)) || !g.Expires.Equal(now.AddDate(0, 0, 30)) ||
		g.MaxBytes != 1<<40 || g.MaxPackages != 100 || g.UsedBytes != 0 || k.Bytes != 1<<30 || k.Delivery != 1 || k.Final {
		t.Errorf("case is %+v", p)
	}
}

func TestPolicyCasesRefuse(t *testing.T) {
	change := func(old, to string) string { return strings.Replace(aCase, old, to, 1) }
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "there is no case"},
		{"no cases", "cases: []", "there is no case"},
		{"an unknown key", change("name: x", "name: x, expects: allowed"), "expects"},
		{"no name", change("name: x", "name: ''"), "name is missing"},
		{"no expectation", change("expect: allowed, ", ""), "expect"},
		{"another expectation", change("allowed", "permitted"), "expect"},
		{"forbidden by nobody", change("allowed", "forbidden"), "by lists"},
		{"allowed by somebody", change("allowed", "allowed, by: [a]"), "by lists"},
		{"no time", change("now: 2026-03-02T10:00:00Z, ", ""), "now is missing"},
		{"a time that is none", change("2026-03-02T10:00:00Z", "noon"), "noon"},
		{"an action that no policy is asked about", change("reserve", "revocation"), `action "revocation"`},
		{"no authority", change("from: fr, ", ""), "request.from"},
		{"a release for nobody", change("reserve", "release"), "package.recipient"},
		{"a recipient of a reservation", change("to: nl}", "to: nl}, package: {recipient: fr/recipient/lab}"), "package.recipient"},
		{"less than nothing", change("to: nl}", "to: nl}, package: {bytes: -1}"), "negative"},
		{"a name twice", aCase[:len(aCase)-1] + ", " + strings.TrimPrefix(aCase, "cases: ["), "two cases"},
	} {
		_, err := config.LoadPolicyCases("cases.yaml", []byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one with %q", row.name, err, row.want)
		}
	}
}

func FuzzLoadPolicyCases(f *testing.F) {
	f.Add([]byte(aCase))
	f.Add([]byte("cases: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.LoadPolicyCases("cases.yaml", data)
		if err == nil && (len(c.Cases) == 0 || c.Cases[0].Name == "" || c.Cases[0].Package.Bytes < 1) {
			t.Errorf("accepted %+v", c)
		}
	})
}
