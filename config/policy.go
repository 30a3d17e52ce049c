package config

import (
	"errors"
	"fmt"
	"time"
)

// PolicyCases is the file of comity-gateway policy test: what an operator expects of
// its policy, case by case.
type PolicyCases struct {
	// Cases are the cases, at least one. Required.
	Cases []PolicyCase `yaml:"cases"`
}

// PolicyCase is one act, and what is expected of it.
type PolicyCase struct {
	// Name says what the case shows; no two have the same. Required.
	Name string `yaml:"name"`

	// Expect is allowed or forbidden. Required.
	Expect string `yaml:"expect"`

	// By lists the ids of the policies that forbid it, all of them. Required if it is
	// expected to be forbidden, and only then.
	By []string `yaml:"by"`

	// Action is request, reserve, part, seal or release. Required.
	Action string `yaml:"action"`

	// Agent is the id of the agent that asks. Required.
	Agent string `yaml:"agent"`

	// Duties are lab, desk or both. If empty, desk for a request, else lab.
	Duties []string `yaml:"duties"`

	// Now is the time by the relay's clock, RFC 3339. Required.
	Now time.Time `yaml:"now"`

	// Request is what the act is for. Required.
	Request PolicyRequest `yaml:"request"`

	// Grant is what the act is under; not of a request.
	Grant PolicyGrant `yaml:"grant"`

	// Package is what is to move; not of a request.
	Package PolicyPackage `yaml:"package"`
}

// PolicyRequest is a request in a case.
type PolicyRequest struct {
	// ID is 26 letters and digits. If empty, 26 times a.
	ID string `yaml:"id"`

	// From and To are the requesting and the requested authority. Required.
	From string `yaml:"from"`
	To   string `yaml:"to"`

	// Instrument is the code of the treaty or law. If empty, other.
	Instrument string `yaml:"instrument"`

	// Assistance is disclosure or preservation. If empty, disclosure.
	Assistance string `yaml:"assistance"`

	// Categories and Sensitive are codes. If empty, there are none.
	Categories []string `yaml:"categories"`
	Sensitive  []string `yaml:"sensitive"`

	// Urgency is routine, urgent or emergency. If empty, routine.
	Urgency string `yaml:"urgency"`

	// Deadline is when it is needed. If empty, there is none.
	Deadline time.Time `yaml:"deadline"`

	// Expires is its end. If empty, 60 days after now.
	Expires time.Time `yaml:"expires"`
}

// PolicyGrant is a grant in a case.
type PolicyGrant struct {
	// Senders and Recipients are ids. If empty, there are none.
	Senders    []string `yaml:"senders"`
	Recipients []string `yaml:"recipients"`

	// Categories, Sensitive, Conditions and Handling are codes. If empty, there are none.
	Categories []string `yaml:"categories"`
	Sensitive  []string `yaml:"sensitive"`
	Conditions []string `yaml:"conditions"`
	Handling   []string `yaml:"handling"`

	// MaxBytes and MaxPackages are what it allows. If zero, 1 TiB and 100.
	MaxBytes    int64 `yaml:"max_bytes"`
	MaxPackages int64 `yaml:"max_packages"`

	// UsedBytes and UsedPackages were deposited under it before. May be zero.
	UsedBytes    int64 `yaml:"used_bytes"`
	UsedPackages int64 `yaml:"used_packages"`

	// NotBefore and Expires are its dates. If empty, a day before now and 30 days after.
	NotBefore time.Time `yaml:"not_before"`
	Expires   time.Time `yaml:"expires"`
}

// PolicyPackage is a package in a case.
type PolicyPackage struct {
	// Bytes is the size of the sealed payload. If zero, 1 GiB.
	Bytes int64 `yaml:"bytes"`

	// Delivery is its number under the grant. If zero, 1.
	Delivery int64 `yaml:"delivery"`

	// Final says that no other follows.
	Final bool `yaml:"final"`

	// Recipient is the id of the recipient that a release is for. Required of a
	// release, and only there.
	Recipient string `yaml:"recipient"`
}

// LoadPolicyCases reads a file of cases, whose path is name. It checks their form; what
// ids and codes there are it does not know.
func LoadPolicyCases(name string, data []byte) (*PolicyCases, error) {
	c := &PolicyCases{}
	if err := load(name, data, c); err != nil {
		return nil, err
	}
	if len(c.Cases) == 0 {
		return nil, fmt.Errorf("reading %q: there is no case", name)
	}
	seen := map[string]bool{}
	for i := range c.Cases {
		p := &c.Cases[i]
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("reading %q: case %d, %q: %v", name, i+1, p.Name, err)
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("reading %q: two cases are named %q", name, p.Name)
		}
		seen[p.Name] = true
		p.defaults()
	}
	return c, nil
}

func (p *PolicyCase) check() error {
	forbidden := p.Expect == "forbidden"
	switch {
	case p.Name == "":
		return errors.New("name is missing")
	case p.Expect != "allowed" && !forbidden:
		return fmt.Errorf("expect %q is not allowed or forbidden", p.Expect)
	case forbidden != (len(p.By) > 0):
		return errors.New("by lists the policies of what is expected to be forbidden, and only of that")
	case p.Now.IsZero():
		return errors.New("now is missing")
	case p.Request.From == "" || p.Request.To == "":
		return errors.New("request.from or request.to is missing")
	}
	switch p.Action {
	case "request", "reserve", "part", "seal", "release":
	default:
		return fmt.Errorf("action %q is not request, reserve, part, seal or release", p.Action)
	}
	if (p.Package.Recipient != "") != (p.Action == "release") {
		return errors.New("package.recipient is of a release, and only of that")
	}
	g, k := p.Grant, p.Package
	if g.MaxBytes < 0 || g.MaxPackages < 0 || g.UsedBytes < 0 || g.UsedPackages < 0 || k.Bytes < 0 || k.Delivery < 0 {
		return errors.New("a number is negative")
	}
	return nil
}

func (p *PolicyCase) defaults() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	num := func(n *int64, v int64) {
		if *n == 0 {
			*n = v
		}
	}
	date := func(t *time.Time, days int) {
		if t.IsZero() {
			*t = p.Now.AddDate(0, 0, days)
		}
	}
	if len(p.Duties) == 0 {
		p.Duties = []string{"lab"}
		if p.Action == "request" {
			p.Duties = []string{"desk"}
		}
	}
	r, g, k := &p.Request, &p.Grant, &p.Package
	set(&r.ID, "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	set(&r.Instrument, "other")
	set(&r.Assistance, "disclosure")
	set(&r.Urgency, "routine")
	date(&r.Expires, 60)
	num(&g.MaxBytes, 1<<40)
	num(&g.MaxPackages, 100)
	date(&g.NotBefore, -1)
	date(&g.Expires, 30)
	num(&k.Bytes, 1<<30)
	num(&k.Delivery, 1)
}
