package custody

import (
	"slices"
	"time"
)

// In an emergency evidence may move before the requested State has examined the request:
// with a signed danger, between two authorities that provided for it, by officers that
// are listed for it, within caps, and for hours only. Then either a validation stands in
// the record, with the review that was left out, or the grant has lapsed by itself. The
// rule is Comity's own; treaties know emergencies and set no such order (ETS 185, Second
// Additional Protocol, articles 9 and 10; Regulation (EU) 2023/1543, article 4(5)).

// DutyEmergency lets an officer sign emergency grants.
const DutyEmergency = "emergency"

// MaxEmergencyHours bounds the time within which an emergency grant is validated.
const MaxEmergencyHours = 96

// Emergency is what a directory provides for emergencies.
type Emergency struct {
	With        []string `json:"with"` // the authorities that may be given evidence so
	MaxBytes    int64    `json:"max_bytes"`
	MaxPackages int64    `json:"max_packages"`
	Hours       int64    `json:"hours"` // from a grant to its validation
}

func (b *Emergency) check(by string) error {
	if b == nil {
		return nil
	}
	if len(b.With) == 0 || len(b.With) > 300 {
		return bad("emergency: with %d authorities, want 1 to 300", len(b.With))
	}
	for i, a := range b.With {
		if CheckAuthority(a) != nil || a == by || slices.Contains(b.With[:i], a) {
			return bad("emergency: with %q: want other authorities, each once", a)
		}
	}
	if b.MaxBytes < 1 || b.MaxPackages < 1 || b.MaxPackages > 10000 || b.Hours < 1 || b.Hours > MaxEmergencyHours {
		return bad("emergency: max_bytes %d, max_packages %d, hours %d: out of range", b.MaxBytes, b.MaxPackages, b.Hours)
	}
	return nil
}

// Equal reports whether two directories provide for the same; nil is nothing.
func (b *Emergency) Equal(o *Emergency) bool {
	if b == nil || o == nil {
		return b == o
	}
	return slices.Equal(b.With, o.With) && b.MaxBytes == o.MaxBytes && b.MaxPackages == o.MaxPackages && b.Hours == o.Hours
}

// Danger says that the requesting State sees an imminent danger. What is known of it is
// in the annex.
type Danger struct {
	Header
	Request Digest   `json:"request_sha256"`
	Danger  string   `json:"danger"`
	Annex   AnnexRef `json:"annex"`
}

var dangers = codes("life", "safety", "critical-infrastructure")

// Validation says that the requested State examined a request after it had granted it in
// an emergency, and stands by the grant.
type Validation struct {
	Header
	Request Digest `json:"request_sha256"`
	Grant   Digest `json:"grant_sha256"`
	Review  Digest `json:"review_sha256"`
}

// Order tells the requesting State to destroy, or no longer use, what it received under a
// grant that lapsed or was revoked.
type Order struct {
	Header
	Request Digest    `json:"request_sha256"`
	Grant   Digest    `json:"grant_sha256"`
	Measure string    `json:"measure"` // delete or restrict
	Due     Time      `json:"due"`
	Annex   *AnnexRef `json:"annex,omitempty"`
}

// The measures of an order.
const (
	MeasureDelete   = "delete"
	MeasureRestrict = "restrict"
)

var measures = codes(MeasureDelete, MeasureRestrict)

// Destruction says that the requesting State has destroyed all that it had of a package.
// It is its signed word: nothing here can see it.
type Destruction struct{ Execution }

// Restriction says that it uses a package no longer, and what it keeps it for.
type Restriction struct{ Execution }

// Execution is what the answers to an order have in common.
type Execution struct {
	Header
	Request Digest    `json:"request_sha256"`
	Package string    `json:"package"`
	Order   Digest    `json:"order_sha256,omitzero"` // zero where nobody ordered it: a condition, or own law
	Annex   *AnnexRef `json:"annex,omitempty"`
}

func (b *Danger) check() error {
	if !dangers[b.Danger] {
		return bad("danger %q is unknown", b.Danger)
	}
	if err := checkAnnex(&b.Annex); err != nil {
		return err
	}
	return refs(b.Request)
}

func (b *Validation) check() error { return refs(b.Request, b.Grant, b.Review) }

func (b *Order) check() error {
	if !measures[b.Measure] {
		return bad("measure %q is unknown", b.Measure)
	}
	if !b.Due.Time().After(b.Issued.Time()) {
		return bad("due %s is not after issued %s", b.Due, b.Issued)
	}
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return refs(b.Request, b.Grant)
}

func (b *Execution) check() error {
	if err := checkAnnex(b.Annex); err != nil {
		return err
	}
	return packageRefs(b.Package, b.Request)
}

// checkBasis: a grant rests on a review, or on a danger and for hours.
func (b *Grant) checkBasis() error {
	switch {
	case b.Review.IsZero() == b.Danger.IsZero():
		return bad("review_sha256, danger_sha256: want exactly one")
	case b.Danger.IsZero() != b.ValidateBy.IsZero():
		return bad("validate_by: a grant in an emergency, and only such a one, has it")
	}
	return nil
}

// InEmergency reports whether the grant was made before an examination.
func (b *Grant) InEmergency() bool { return !b.Danger.IsZero() }

// emergencySigners is how many officers listed for emergencies sign a grant: one for who
// a subscriber is, two for everything else.
func (t *Terms) emergencySigners() int64 {
	if len(t.Sensitive) == 0 && len(t.Categories) == 1 && t.Categories[0] == CategorySubscriber {
		return 1
	}
	return 2
}

// Lapsed reports whether the grant was made in an emergency and not validated in time.
func (g *GrantState) Lapsed(now Time) bool {
	return g.InEmergency() && g.Validated.IsZero() && !now.Time().Before(g.ValidateBy.Time())
}

// decideDanger: by the requesting State, once.
func decideDanger(c *Case, b *Danger) Decision {
	const rule = "danger"
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case c.Danger != nil || c.Refusal != nil:
		return deny(rule, CodeAlreadyDecided)
	}
	return allow(rule)
}

// decideEmergency: what a grant may rest on instead of a review. The caps are those of
// the directory in force. A reviewing body that has objected is not passed over.
func decideEmergency(c *Case, v *View, b *Grant, now Time) Decision {
	const rule = "emergency"
	e := v.Authorities[b.By].Directory.Emergency
	switch {
	case c.Danger == nil || c.Danger.SHA256 != b.Danger:
		return deny(rule, CodeNoDanger)
	case e == nil || !slices.Contains(e.With, c.From):
		return deny(rule, CodeNoEmergency)
	case c.objectedSeq > 0:
		return deny(rule, CodeNoReview)
	case b.MaxBytes > e.MaxBytes || b.MaxPackages > e.MaxPackages || b.RetentionDays > 0 || // what a store locks no validation undoes
		b.ValidateBy.Time().After(now.Time().Add(time.Duration(e.Hours)*time.Hour)):
		return deny(rule, CodeBeyondEmergency)
	case !now.Time().Before(b.ValidateBy.Time()):
		return deny(rule, CodeGrantLapsed)
	}
	for _, g := range c.Grants {
		if g.InEmergency() { // one: another would pass over the validation that the first one lacked
			return deny(rule, CodeAlreadyDecided)
		}
	}
	return allow(rule)
}

// decideValidation: by the requested State, on a review, before the grant has lapsed.
func decideValidation(c *Case, b *Validation, now Time) Decision {
	const rule = "validation"
	g := c.Live()
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case g == nil || g.SHA256 != b.Grant:
		return deny(rule, CodeNoGrant)
	case !g.InEmergency() || !g.Validated.IsZero():
		return deny(rule, CodeAlreadyDecided)
	case g.Revoked:
		return deny(rule, CodeGrantRevoked)
	case g.Lapsed(now):
		return deny(rule, CodeGrantLapsed)
	case !c.cleared(b.Review):
		return deny(rule, CodeNoReview)
	case b.After.Seq < c.objectedSeq:
		return deny(rule, CodeBadAfter)
	}
	return allow(rule)
}

// decideOrder: by the State whose grant stands no more. It only ever restricts, so it is
// heard at any time after that.
func decideOrder(c *Case, b *Order, now Time) Decision {
	const rule = "order"
	g := c.grant(b.Grant)
	switch {
	case b.By != c.To:
		return deny(rule, CodeNotRequested)
	case g == nil:
		return deny(rule, CodeNoGrant)
	case !g.Revoked && !g.Lapsed(now):
		return deny(rule, CodeGrantStands)
	}
	return allow(rule)
}

// decideExecution: by the State that received the package, in answer to an order or of
// its own accord.
func decideExecution(c *Case, b *Execution) Decision {
	const rule = "execution"
	p := c.Package(b.Package)
	switch {
	case b.By != c.From:
		return deny(rule, CodeNotRequesting)
	case p == nil:
		return deny(rule, CodeNoSuchPackage)
	case !p.Received():
		return deny(rule, CodeNotReceived)
	case p.Gone != nil:
		return deny(rule, CodeAlreadyDecided)
	case !b.Order.IsZero() && !slices.ContainsFunc(c.Orders, func(o *OrderState) bool { return o.SHA256 == b.Order && p.Grant.SHA256 == o.Grant }):
		return deny(rule, CodeNoOrder)
	}
	return allow(rule)
}

// decideLapsed: a relay says that a grant has lapsed, when it has, once.
func decideLapsed(r *Record, e *Lapsed, now Time) Decision {
	const rule = "lapsed"
	if r.kase == nil {
		return deny("request", CodeNoSuchRequest)
	}
	g := r.kase.grant(e.Grant)
	switch {
	case g == nil:
		return deny(rule, CodeNoGrant)
	case !g.LapsedAt.IsZero():
		return deny(rule, CodeDuplicate)
	case g.Over() || !g.Lapsed(now):
		return deny(rule, CodeGrantStands)
	}
	return allow(rule)
}

// DangerState is a danger and its place.
type DangerState struct {
	*Danger
	SHA256 Digest
	Time   Time
}

// OrderState is an order and its place.
type OrderState struct {
	*Order
	SHA256 Digest
	Time   Time
}

// ExecutionState is what the receiving State says that it did with a package.
type ExecutionState struct {
	Kind Kind // KindDestruction or KindRestriction
	*Execution
	SHA256 Digest
	Time   Time
}

// Unexecuted lists the packages that an order of the State they are from speaks of, and
// of which the receiving State has not said that it did as told.
func (c *Case) Unexecuted() []*PackageState {
	var list []*PackageState
	for _, p := range c.Packages {
		for _, o := range c.Orders {
			if p.Received() && p.Grant.SHA256 == o.Grant && p.Gone == nil && (o.Measure == MeasureDelete || p.Restricted == nil) {
				list = append(list, p)
				break
			}
		}
	}
	return list
}

// execute notes what the receiving State did with a package.
func (c *Case) execute(e *Entry, s *Statement, b *Execution) error {
	p := c.Package(b.Package)
	if p == nil {
		return errOrder
	}
	x := &ExecutionState{s.Kind, b, s.SHA256, e.Time}
	if s.Kind == KindDestruction {
		p.Gone = x
	} else {
		p.Restricted = x
	}
	return nil
}
