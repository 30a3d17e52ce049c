package officer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"

	"go.yaml.in/yaml/v3"
)

// GrantDraft is the file that a person edits to grant a request.
type GrantDraft struct {
	// Request is the id of the request, so that the file cannot be filed to
	// another one. Required.
	Request string `yaml:"request"`
	// Amends is the payload hash of the grant, or of its last amendment, whose terms the
	// file changes, so that what nobody has seen is not undone. Absent in a grant.
	Amends string `yaml:"amends"`
	// Categories are the data that may move, of those of the request: fewer grant it in
	// part. Required.
	Categories []string `yaml:"categories"`
	// Sensitive are the request's marks, all of them, and others. Optional.
	Sensitive []string `yaml:"sensitive"`
	// Senders are the lab agents that may send. Required, and absent where the request
	// is for preservation, as the next three are.
	Senders []custody.PartyID `yaml:"senders"`
	// Recipients are those of the request that may receive. Required.
	Recipients []custody.PartyID `yaml:"recipients"`
	// MaxBytes bounds the sealed bytes over all packages, like 1 TiB. Required.
	MaxBytes Bytes `yaml:"max_bytes"`
	// MaxPackages bounds the number of packages. Required.
	MaxPackages int64 `yaml:"max_packages"`
	// RetentionDays is how long the relay keeps each package at least, from its deposit. If
	// 0, the relay's own window. Its operator may refuse to keep any for so long.
	RetentionDays int64 `yaml:"retention_days"`
	// NotBefore and Expires are the window in which packages move. Required.
	NotBefore time.Time `yaml:"not_before"`
	// Expires is at most the request's own date. Required.
	Expires time.Time `yaml:"expires"`
	// Release is origin if the sender decides over each release by itself. Optional.
	Release string `yaml:"release"`
	// Conditions are codes, see Conditions. Optional.
	Conditions []string `yaml:"conditions"`
	// DeleteBy is when the other State has deleted what it received. Optional.
	DeleteBy time.Time `yaml:"delete_by"`
	// Handling are codes of who may see it, see Handlings. Optional.
	Handling []string `yaml:"handling"`
	// ConditionsText says more, sealed to both authorities. Optional.
	ConditionsText string `yaml:"conditions_text"`
	// ValidateBy makes it a grant in an emergency: it rests on the danger that the other
	// State sees, and lapses then unless it was validated. Absent otherwise.
	ValidateBy time.Time `yaml:"validate_by"`
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
	// Grounds are those on which the request could be refused, see Grounds, each with
	// what was found about it; empty if nothing. Required in a file: a ground that nobody
	// looked at is not left out. Sealed to the own authority alone.
	Grounds map[string]string `yaml:"grounds"`
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
	for _, f := range []struct {
		name    string
		missing bool
	}{{"categories", len(g.Categories) == 0}, {"not_before", g.NotBefore.IsZero()}, {"expires", g.Expires.IsZero()},
		{"senders", g.moves() && len(g.Senders) == 0}, {"recipients", g.moves() && len(g.Recipients) == 0},
		{"max_bytes", g.moves() && g.MaxBytes == 0}, {"max_packages", g.moves() && g.MaxPackages == 0}} {
		if f.missing {
			return nil, fmt.Errorf("reading the grant draft: %s is missing", f.name)
		}
	}
	if err := g.Review.check(); err != nil {
		return nil, fmt.Errorf("reading the grant draft: review: %v", err)
	}
	return &g, nil
}

// NothingFound lists the grounds of refusal, each examined and with nothing found: what an
// examination begins with.
func NothingFound() map[string]string {
	m := map[string]string{}
	for _, g := range RequestGrounds {
		m[g.Code] = ""
	}
	return m
}

// check wants every ground of refusal in a review, and no other.
func (r *ReviewDraft) check() error {
	if r == nil {
		return nil
	}
	for _, g := range RequestGrounds {
		if _, ok := r.Grounds[g.Code]; !ok {
			return fmt.Errorf("grounds: %q is not there: a review says of each ground of refusal what was found, or \"\" for nothing (comity grant --draft lists them)", g.Code)
		}
	}
	for code := range r.Grounds {
		if Means(RequestGrounds, code) == "" {
			return fmt.Errorf("grounds: %q is unknown", code)
		}
	}
	return nil
}

// examined lists what was found about each ground, in the order of the codes.
func (r *ReviewDraft) examined() []annex.Ground {
	var list []annex.Ground
	for _, g := range RequestGrounds {
		if found, ok := r.Grounds[g.Code]; ok {
			list = append(list, annex.Ground{Ground: g.Code, Found: found})
		}
	}
	return list
}

// moves reports whether the draft says anything of what may move: an answer to a request
// for preservation says nothing of it.
func (g *GrantDraft) moves() bool {
	return len(g.Senders) > 0 || len(g.Recipients) > 0 || g.MaxBytes != 0 || g.MaxPackages != 0
}

// terms returns what the draft allows as a statement writes it.
func (g *GrantDraft) terms() custody.Terms {
	return custody.Terms{Senders: g.Senders, Recipients: g.Recipients, Categories: g.Categories, Sensitive: g.Sensitive,
		MaxBytes: int64(g.MaxBytes), MaxPackages: g.MaxPackages, NotBefore: statement.At(g.NotBefore), Expires: statement.At(g.Expires),
		Conditions: g.Conditions, DeleteBy: atOrNever(g.DeleteBy), Handling: g.Handling, RetentionDays: g.RetentionDays, Release: g.Release}
}

// DraftGrant returns the grant that a case suggests: all of the request's
// recipients, the own lab agents, 1 TiB in ten packages, and a window of at most
// 30 days that ends with the request.
func (o Office) DraftGrant(request string, c *custody.Case, reviewed bool) (*GrantDraft, error) {
	switch {
	case c.To != o.Authority:
		return nil, refused("grant", custody.CodeNotRequested)
	case c.Offer != nil:
		return nil, refused("grant", custody.CodeOffered)
	}
	from := o.Now.UTC().Truncate(time.Minute)
	g := &GrantDraft{Request: request, Categories: slices.Clone(c.Request.Categories), NotBefore: from, Expires: from.Add(defaultWindow)}
	g.Sensitive = append(g.Sensitive, c.Request.Sensitive...)
	if !reviewed {
		g.Review = &ReviewDraft{Body: "prosecutorial", Finding: custody.FindingNoObjection, Grounds: NothingFound()}
	}
	end := c.Request.Expires.Time()
	if c.Request.Assistance == custody.AssistancePreservation {
		g.Expires = end // it is asked to be kept until then
		return g, nil
	}
	if g.Expires.After(end) {
		g.Expires = end
	}
	g.Recipients, g.MaxBytes, g.MaxPackages = slices.Sorted(slices.Values(c.Request.Recipients)), defaultBytes, defaultPackets
	g.Conditions = []string{"use-limitation", "confidentiality", "no-onward-transfer-without-consent"}
	var err error
	g.Senders, err = o.labs()
	return g, err
}

// DraftAmendment returns the terms in force as a draft, to be changed.
func (o Office) DraftAmendment(request string, c *custody.Case) (*GrantDraft, error) {
	g := c.Live()
	switch {
	case c.To != o.Authority:
		return nil, refused("amendment", custody.CodeNotRequested)
	case c.Offer != nil:
		return nil, refused("amendment", custody.CodeOffered)
	case g == nil:
		return nil, refused("amendment", custody.CodeNoGrant)
	}
	d := &GrantDraft{Request: request, Amends: g.Newest().String(), Categories: g.Categories, Sensitive: g.Sensitive, Senders: g.Senders,
		Recipients: g.Recipients, MaxBytes: Bytes(g.MaxBytes), MaxPackages: g.MaxPackages, NotBefore: g.NotBefore.Time(), Expires: g.Expires.Time(),
		Conditions: g.Conditions, Handling: g.Handling, RetentionDays: g.RetentionDays, Release: g.Release}
	if !g.DeleteBy.IsZero() {
		d.DeleteBy = g.DeleteBy.Time()
	}
	return d, nil
}

// YAML writes the draft for people, with a comment at every field. title names
// the request in words.
func (g *GrantDraft) YAML(title string) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# %s", title)
	amend := ""
	if g.Amends != "" {
		amend = "--amend "
	}
	p("# Change what has to change, then file it: comity grant %s %s-f THIS-FILE", g.Request[:8], amend)
	p("request: %s", g.Request)
	if g.Amends != "" {
		p("# The terms that are in force, and changed by this. All of them stand below.\namends: %s", g.Amends)
	}
	p("")
	p("# The data that may move: what is asked for, or less of it.")
	yamlList(p, "categories", g.Categories)
	p("\n# What takes more care, and maybe more officers: all that the request marks. Known codes:")
	codeComments(p, Sensitives)
	yamlList(p, "sensitive", g.Sensitive)
	g.movesYAML(p)
	p("\n# What the other State has to promise. Known codes:")
	codeComments(p, Conditions)
	yamlList(p, "conditions", g.Conditions)
	p("\n# The day by which the other State has deleted it, like 2027-06-30; none if absent.")
	if g.DeleteBy.IsZero() {
		p("# delete_by:")
	} else {
		p("delete_by: %s", g.DeleteBy.Format(time.RFC3339))
	}
	p("\n# Who may see it there. Known codes:")
	codeComments(p, Handlings)
	yamlList(p, "handling", g.Handling)
	p("\n# More on the conditions, in free text; sealed to both authorities.\nconditions_text: %q", g.ConditionsText)
	g.reviewYAML(p)
	return []byte(b.String())
}

// movesYAML writes who may move how much, and when.
func (g *GrantDraft) movesYAML(p func(string, ...any)) {
	if !g.moves() {
		p("\n# How long it is kept, UTC: as the request asks, or shorter. Nothing moves.")
	} else {
		p("\n# The lab agents that may send.")
		yamlList(p, "senders", g.Senders)
		p("\n# Who may receive: those of the request, or fewer.")
		yamlList(p, "recipients", g.Recipients)
		p("\n# Bounds over all packages, in sealed bytes.\nmax_bytes: %s\nmax_packages: %d", g.MaxBytes, g.MaxPackages)
		p("\n# For how many days the relay keeps each package, from its deposit; its own window if absent or shorter. Nobody can")
		p("# undo it, and its operator may not take packages that it would have to keep for so long.")
		if g.RetentionDays == 0 {
			p("# retention_days:")
		} else {
			p("retention_days: %d", g.RetentionDays)
		}
		p("\n# When keys leave the sender: once for all recipients, or, with release: origin, for each")
		p("# taking by itself: its lab checks again and answers every recipient that signs.")
		if g.Release == "" {
			p("# release: origin")
		} else {
			p("release: %s", g.Release)
		}
		p("\n# The window in which packages move, UTC. It ends with the request at the latest.")
	}
	p("not_before: %s\nexpires: %s", g.NotBefore.Format(time.RFC3339), g.Expires.Format(time.RFC3339))
}

func yamlList[T ~string](p func(string, ...any), name string, list []T) {
	p("%s:", name)
	for _, v := range list {
		p("  - %s", v)
	}
}

func (g *GrantDraft) reviewYAML(p func(string, ...any)) {
	if !g.ValidateBy.IsZero() {
		p("\n# In an emergency: it rests on the danger that the other State sees, and lapses at this time")
		p("# unless it was validated: comity grant %s --validate", g.Request[:8])
		p("validate_by: %s", g.ValidateBy.Format(time.RFC3339))
		return
	}
	if g.Review == nil {
		p("\n# The record holds a review without objection; the grant will rest on it.")
		p("# For another one, write: review: {body: judicial, finding: no-objection, text: \"…\"}")
		return
	}
	p("\n# The examination that the grant rests on. It is filed first. Body:")
	codeComments(p, ReviewBodies)
	p("# Finding:")
	codeComments(p, ReviewFindings)
	p("# Grounds and text are sealed to the own authority alone. Say of each ground what was found,")
	p("# or leave it empty if nothing stands against a grant.")
	p("review:\n  body: %s\n  finding: %s\n  grounds:", g.Review.Body, g.Review.Finding)
	for _, c := range RequestGrounds {
		if found, ok := g.Review.Grounds[c.Code]; ok {
			p("    %-20s %q # %s", c.Code+":", found, c.Means)
		}
	}
	p("  text: %q", g.Review.Text)
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
	case c.Offer != nil:
		return refused("grant", custody.CodeOffered)
	case g.Amends != "":
		return fmt.Errorf("the draft is of an amendment: file it with --amend")
	case c.End != nil:
		return refused("grant", custody.CodeRequestEnded)
	case c.Refusal != nil || live != nil && !live.Revoked && !live.Lapsed(o.at()) && o.Now.Before(live.Expires.Time()):
		return refused("grant", custody.CodeAlreadyDecided)
	case !o.Now.Before(c.Request.Expires.Time()):
		return refused("grant", custody.CodeRequestExpired)
	case g.Expires.After(c.Request.Expires.Time()):
		return fmt.Errorf("expires %s is after the request's %s: %w", g.Expires.Format(time.RFC3339), c.Request.Expires, errWide())
	case !g.Expires.After(o.Now):
		return fmt.Errorf("expires %s is past", g.Expires.Format(time.RFC3339))
	}
	if !g.ValidateBy.IsZero() {
		if err := o.checkEmergency(c, g); err != nil {
			return err
		}
	}
	return o.checkTerms(c.Request, g)
}

// CheckAmendment is Check for new terms of a grant that stands.
func (o Office) CheckAmendment(c *custody.Case, g *GrantDraft) error {
	live := c.Live()
	switch {
	case c.To != o.Authority:
		return refused("amendment", custody.CodeNotRequested)
	case c.Offer != nil:
		return refused("amendment", custody.CodeOffered)
	case c.End != nil:
		return refused("amendment", custody.CodeRequestEnded)
	case live == nil:
		return refused("amendment", custody.CodeNoGrant)
	case live.Revoked:
		return refused("amendment", custody.CodeGrantRevoked)
	case live.Lapsed(o.at()):
		return refused("amendment", custody.CodeGrantLapsed)
	case live.InEmergency() && live.Validated.IsZero():
		return refused("amendment", custody.CodeNotValidated)
	case !g.ValidateBy.IsZero():
		return fmt.Errorf("validate_by: an amendment has none")
	case !o.Now.Before(live.Expires.Time()):
		return refused("amendment", custody.CodeGrantExpired)
	case g.Amends != live.Newest().String():
		return fmt.Errorf("the draft changes terms that are not in force any more: draft it anew: %w", refused("amendment", custody.CodeBadAfter))
	case g.Release != live.Release && live.Packages > 0:
		return refused("amendment", custody.CodeReleaseFixed)
	case g.Expires.After(c.Request.Expires.Time()):
		return fmt.Errorf("expires %s is after the request's %s: %w", g.Expires.Format(time.RFC3339), c.Request.Expires, errWide())
	case !g.Expires.After(o.Now):
		return fmt.Errorf("expires %s is past", g.Expires.Format(time.RFC3339))
	}
	return o.checkTerms(c.Request, g)
}

// checkTerms names what of a draft the request does not ask for, what it leaves out, and
// who could not send.
func (o Office) checkTerms(b *custody.Request, g *GrantDraft) error {
	if keep := b.Assistance == custody.AssistancePreservation; keep && g.moves() {
		return fmt.Errorf("the request is for preservation: a grant of it names no senders, recipients, bytes or packages: %w", errWide())
	} else if !keep && !g.moves() {
		return fmt.Errorf("the request is for disclosure: name senders, recipients, max_bytes and max_packages: %w", errWide())
	}
	for _, id := range g.Recipients {
		if !slices.Contains(b.Recipients, id) {
			return fmt.Errorf("recipient %q is not among those of the request: %w", id, errWide())
		}
	}
	for _, c := range g.Categories {
		if !slices.Contains(b.Categories, c) {
			return fmt.Errorf("category %q is not among those of the request: %w", c, errWide())
		}
	}
	for _, m := range b.Sensitive {
		if !slices.Contains(g.Sensitive, m) {
			return fmt.Errorf("sensitive: %q is marked in the request: %w", m, refused("grant", custody.CodeMarkLeftOut))
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
