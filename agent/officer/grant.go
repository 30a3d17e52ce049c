package officer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"comity.example/comity/custody"

	"go.yaml.in/yaml/v3"
)

// GrantDraft is the file that a person edits to grant a request.
type GrantDraft struct {
	// Request is the id of the request, so that the file cannot be filed to
	// another one. Required.
	Request string `yaml:"request"`
	// Senders are the lab agents that may send. Required.
	Senders []custody.PartyID `yaml:"senders"`
	// Recipients are those of the request that may receive. Required.
	Recipients []custody.PartyID `yaml:"recipients"`
	// MaxBytes bounds the sealed bytes over all packages, like 1 TiB. Required.
	MaxBytes Bytes `yaml:"max_bytes"`
	// MaxPackages bounds the number of packages. Required.
	MaxPackages int64 `yaml:"max_packages"`
	// NotBefore and Expires are the window in which packages move. Required.
	NotBefore time.Time `yaml:"not_before"`
	// Expires is at most the request's own date. Required.
	Expires time.Time `yaml:"expires"`
	// Conditions are codes, see Conditions. Optional.
	Conditions []string `yaml:"conditions"`
	// ConditionsText says more, sealed to both authorities. Optional.
	ConditionsText string `yaml:"conditions_text"`
	// Review is the examination that the grant rests on. If absent, a review
	// that the record holds already.
	Review *ReviewDraft `yaml:"review"`
}

// ReviewDraft is the review in a grant's file.
type ReviewDraft struct {
	// Body is who examined the request, see ReviewBodies. Required.
	Body string `yaml:"body"`
	// Finding is no-objection or objection. Required.
	Finding string `yaml:"finding"`
	// Text is what was found, sealed to the own authority alone. Optional.
	Text string `yaml:"text"`
}

const (
	maxDraft       = 1 << 20 // bytes of the file
	defaultWindow  = 30 * 24 * time.Hour
	defaultBytes   = Bytes(1 << 40)
	defaultPackets = 10
)

// ParseGrantDraft reads the file. Unknown and repeated keys, missing ones and a
// second document are errors.
func ParseGrantDraft(data []byte) (*GrantDraft, error) {
	if len(data) > maxDraft {
		return nil, fmt.Errorf("reading the grant draft: %d bytes, more than %d", len(data), maxDraft)
	}
	var g GrantDraft
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&g); err != nil {
		return nil, fmt.Errorf("reading the grant draft: %v", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the grant draft: more than one document")
	}
	if err := custody.CheckID(g.Request); err != nil {
		return nil, fmt.Errorf("reading the grant draft: request: %v", err)
	}
	for name, missing := range map[string]bool{"senders": len(g.Senders) == 0, "recipients": len(g.Recipients) == 0,
		"max_bytes": g.MaxBytes == 0, "max_packages": g.MaxPackages == 0, "not_before": g.NotBefore.IsZero(), "expires": g.Expires.IsZero()} {
		if missing {
			return nil, fmt.Errorf("reading the grant draft: %s is missing", name)
		}
	}
	return &g, nil
}

// DraftGrant returns the grant that a case suggests: all of the request's
// recipients, the own lab agents, 1 TiB in ten packages, and a window of at most
// 30 days that ends with the request.
func (o Office) DraftGrant(request string, c *custody.Case, reviewed bool) (*GrantDraft, error) {
	if c.To != o.Authority {
		return nil, refused("grant", custody.CodeNotRequested)
	}
	from := o.Now.UTC().Truncate(time.Minute)
	g := &GrantDraft{Request: request, Recipients: slices.Sorted(slices.Values(c.Request.Recipients)), MaxBytes: defaultBytes,
		MaxPackages: defaultPackets, NotBefore: from, Expires: from.Add(defaultWindow),
		Conditions: []string{"use-limitation", "confidentiality", "no-onward-transfer-without-consent"}}
	if end := c.Request.Expires.Time(); g.Expires.After(end) {
		g.Expires = end
	}
	for _, m := range o.View.Authorities[o.Authority].ActiveRole(custody.RoleAgent, o.at()) {
		if slices.Contains(m.Duties, custody.DutyLab) {
			g.Senders = append(g.Senders, m.ID)
		}
	}
	if len(g.Senders) == 0 {
		return nil, fmt.Errorf("no agent of %q has the duty lab: nobody could send", o.Authority)
	}
	if !reviewed {
		g.Review = &ReviewDraft{Body: "prosecutorial", Finding: custody.FindingNoObjection}
	}
	return g, nil
}

// YAML writes the draft for people, with a comment at every field. title names
// the request in words.
func (g *GrantDraft) YAML(title string) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# %s", title)
	p("# Change what has to change, then file it: comity grant %s -f THIS-FILE", g.Request[:8])
	p("request: %s\n", g.Request)
	p("# The lab agents that may send.\nsenders:")
	for _, id := range g.Senders {
		p("  - %s", id)
	}
	p("\n# Who may receive: those of the request, or fewer.\nrecipients:")
	for _, id := range g.Recipients {
		p("  - %s", id)
	}
	p("\n# Bounds over all packages, in sealed bytes.\nmax_bytes: %s\nmax_packages: %d", g.MaxBytes, g.MaxPackages)
	p("\n# The window in which packages move, UTC. It ends with the request at the latest.")
	p("not_before: %s\nexpires: %s", g.NotBefore.Format(time.RFC3339), g.Expires.Format(time.RFC3339))
	p("\n# What the other State has to promise. Known codes:")
	codeComments(p, Conditions)
	p("conditions:")
	for _, c := range g.Conditions {
		p("  - %s", c)
	}
	p("\n# More on the conditions, in free text; sealed to both authorities.\nconditions_text: %q", g.ConditionsText)
	g.reviewYAML(p)
	return []byte(b.String())
}

func (g *GrantDraft) reviewYAML(p func(string, ...any)) {
	if g.Review == nil {
		p("\n# The record holds a review without objection; the grant will rest on it.")
		p("# For another one, write: review: {body: judicial, finding: no-objection, text: \"…\"}")
		return
	}
	p("\n# The examination that the grant rests on. It is filed first. Body:")
	codeComments(p, ReviewBodies)
	p("# Finding:")
	codeComments(p, ReviewFindings)
	p("# The text is sealed to the own authority alone.")
	p("review:\n  body: %s\n  finding: %s\n  text: %q", g.Review.Body, g.Review.Finding, g.Review.Text)
}

func codeComments(p func(string, ...any), list []Code) {
	for _, c := range list {
		p("#   %-36s %s", c.Code, c.Means)
	}
}

// Check checks a grant against its case before anything is signed, and names what
// the rule book would only give a code for.
func (o Office) Check(c *custody.Case, g *GrantDraft) error {
	live := c.Live()
	switch {
	case c.To != o.Authority:
		return refused("grant", custody.CodeNotRequested)
	case c.End != nil:
		return refused("grant", custody.CodeRequestEnded)
	case c.Refusal != nil || live != nil && !live.Revoked && o.Now.Before(live.Expires.Time()):
		return refused("grant", custody.CodeAlreadyDecided)
	case !o.Now.Before(c.Request.Expires.Time()):
		return refused("grant", custody.CodeRequestExpired)
	case g.Expires.After(c.Request.Expires.Time()):
		return fmt.Errorf("expires %s is after the request's %s: %w", g.Expires.Format(time.RFC3339), c.Request.Expires, errWide())
	case !g.Expires.After(o.Now):
		return fmt.Errorf("expires %s is past", g.Expires.Format(time.RFC3339))
	}
	for _, id := range g.Recipients {
		if !slices.Contains(c.Request.Recipients, id) {
			return fmt.Errorf("recipient %q is not among those of the request: %w", id, errWide())
		}
	}
	for _, id := range g.Senders {
		m, ok := o.View.Authorities[o.Authority].Active(id, o.at())
		if !ok || !slices.Contains(m.Duties, custody.DutyLab) {
			return fmt.Errorf("sender %q is not an active lab agent of %q", id, o.Authority)
		}
	}
	return nil
}
