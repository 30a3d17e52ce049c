package officer

import (
	"fmt"
	"slices"
	"time"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Dangers are what makes an emergency.
var Dangers = []Code{
	{"life", "somebody's life is in imminent danger"},
	{"safety", "somebody's physical safety is in imminent danger"},
	{"critical-infrastructure", "what many people's lives or safety depend on is"},
}

// Measures are what may be ordered of evidence whose grant stands no more.
var Measures = []Code{
	{custody.MeasureDelete, "destroy all copies"},
	{custody.MeasureRestrict, "keep it apart and use it no more"},
}

// Danger drafts that the requesting State sees an imminent danger. Its facts are sealed
// to both authorities.
func (o Office) Danger(h custody.Header, c *custody.Case, danger, facts string) (*Paper, error) {
	file, ref, err := o.seal(annex.Annex{Text: annex.Text{Facts: facts}}, c.From, c.To)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Danger{Header: h, Request: c.RequestSHA256, Danger: danger, Annex: ref}, file)
}

// Validation drafts that the request was examined after it was granted in an emergency.
func (o Office) Validation(h custody.Header, c *custody.Case, review custody.Digest) (*Paper, error) {
	g := c.Live()
	switch {
	case c.To != o.Authority:
		return nil, refused("validation", custody.CodeNotRequested)
	case g == nil:
		return nil, refused("validation", custody.CodeNoGrant)
	case !g.InEmergency() || !g.Validated.IsZero():
		return nil, refused("validation", custody.CodeAlreadyDecided)
	case g.Lapsed(o.at()):
		return nil, fmt.Errorf("the grant lapsed at %s; another one can be filed, on a review: %w", g.ValidateBy, refused("validation", custody.CodeGrantLapsed))
	}
	return o.paper(&custody.Validation{Header: h, Request: c.RequestSHA256, Grant: g.SHA256, Review: review}, nil)
}

// Order drafts that the other State destroys, or uses no more, what it received under the
// last grant, which stands no more.
func (o Office) Order(h custody.Header, c *custody.Case, measure string, due time.Time, words string) (*Paper, error) {
	i := len(c.Grants) - 1
	for ; i >= 0 && !c.Grants[i].Revoked && !c.Grants[i].Lapsed(o.at()); i-- {
	}
	if i < 0 {
		return nil, refused("order", custody.CodeGrantStands)
	}
	file, ref, err := o.optional(annex.Text{Reasons: words}, words, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Order{Header: h, Request: c.RequestSHA256, Grant: c.Grants[i].SHA256, Measure: measure, Due: statement.At(due), Annex: ref}, file)
}

// Executed drafts that this State has destroyed a package that it received, or uses it no
// more, in answer to the newest order for it if there is one.
func (o Office) Executed(h custody.Header, c *custody.Case, pkg string, destroyed bool, words string) (*Paper, error) {
	p := c.Package(pkg)
	if p == nil {
		return nil, refused("execution", custody.CodeNoSuchPackage)
	}
	file, ref, err := o.optional(annex.Text{Reasons: words}, words, c)
	if err != nil {
		return nil, err
	}
	x := custody.Execution{Header: h, Request: c.RequestSHA256, Package: pkg, Annex: ref}
	for _, r := range c.Orders {
		if r.Order.Grant == p.Grant.SHA256 {
			x.Order = r.SHA256
		}
	}
	if destroyed {
		return o.paper(&custody.Destruction{Execution: x}, file)
	}
	return o.paper(&custody.Restriction{Execution: x}, file)
}

// DraftEmergency returns the grant that an emergency suggests: within what this
// authority's directory provides for, for as many hours as it has until the validation.
func (o Office) DraftEmergency(request string, c *custody.Case) (*GrantDraft, error) {
	g, err := o.DraftGrant(request, c, true)
	if err != nil {
		return nil, err
	}
	e, err := o.emergency(c)
	if err != nil {
		return nil, err
	}
	g.ValidateBy = o.Now.UTC().Truncate(time.Minute).Add(time.Duration(e.Hours) * time.Hour)
	if g.moves() {
		g.MaxBytes, g.MaxPackages = min(g.MaxBytes, Bytes(e.MaxBytes)), min(g.MaxPackages, e.MaxPackages)
	}
	return g, nil
}

// emergency returns what the directory provides for in a case, or which of its
// conditions is missing.
func (o Office) emergency(c *custody.Case) (*custody.Emergency, error) {
	e := o.View.Authorities[o.Authority].Directory.Emergency
	switch {
	case c.Danger == nil:
		return nil, refused("emergency", custody.CodeNoDanger)
	case e == nil || !slices.Contains(e.With, c.From):
		return nil, refused("emergency", custody.CodeNoEmergency)
	}
	return e, nil
}

// checkEmergency names what of a grant in an emergency is beyond the directory.
func (o Office) checkEmergency(c *custody.Case, g *GrantDraft) error {
	e, err := o.emergency(c)
	if err != nil {
		return err
	}
	beyond := refused("emergency", custody.CodeBeyondEmergency)
	switch last := o.Now.Add(time.Duration(e.Hours) * time.Hour); {
	case g.Review != nil:
		return fmt.Errorf("validate_by and review: a grant that rests on a review needs no validation; leave one of them out")
	case g.MaxBytes > Bytes(e.MaxBytes):
		return fmt.Errorf("max_bytes %s is more than the directory's %s: %w", g.MaxBytes, Bytes(e.MaxBytes), beyond)
	case g.MaxPackages > e.MaxPackages:
		return fmt.Errorf("max_packages %d is more than the directory's %d: %w", g.MaxPackages, e.MaxPackages, beyond)
	case g.RetentionDays > 0:
		return fmt.Errorf("retention_days %d: what the relay locks no validation undoes, so an emergency has none: %w", g.RetentionDays, beyond)
	case g.ValidateBy.After(last):
		return fmt.Errorf("validate_by %s is more than %d hours away: %w", g.ValidateBy.Format(time.RFC3339), e.Hours, beyond)
	case !g.ValidateBy.After(o.Now):
		return fmt.Errorf("validate_by %s is past", g.ValidateBy.Format(time.RFC3339))
	}
	return nil
}
