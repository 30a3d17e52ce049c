package officer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"

	"filippo.io/age"
)

// Office drafts what an authority's officers say, from what the log proves. It
// signs nothing and reads no file.
type Office struct {
	Authority string
	View      *custody.View
	Now       time.Time
}

// Paper is a drafted statement and the annex that it binds.
type Paper struct {
	Body  custody.Body
	Annex []byte // age file; nil if none
}

// Attachment is a document that goes into an annex, byte for byte.
type Attachment = annex.Attachment

// RequestSpec is what a person says of a request.
type RequestSpec struct {
	To          string
	Instrument  string
	Assistance  string
	Categories  []string
	Sensitive   []string
	Urgency     string
	Deadline    time.Time  // zero if there is none
	Order       Attachment // the signed legal order: its hash is public, its text is in the annex
	Attachments []Attachment
	Reference   string
	Facts       string
	Contents    *Contents         // what else treaties ask for; nil if nothing
	Recipients  []custody.PartyID // if empty, all active ones of the authority
	Expires     time.Time
}

// Request drafts a request. All that tells of the case is in its annex, sealed to
// the active recipients of both authorities.
func (o Office) Request(h custody.Header, spec RequestSpec) (*Paper, error) {
	own, err := o.members(o.Authority)
	if err != nil {
		return nil, err
	}
	if len(spec.Recipients) == 0 {
		for _, m := range own {
			spec.Recipients = append(spec.Recipients, m.ID)
		}
	}
	for _, id := range spec.Recipients {
		if !slices.ContainsFunc(own, func(m *custody.Member) bool { return m.ID == id }) {
			return nil, fmt.Errorf("recipient %q is not active in the directory of %q", id, o.Authority)
		}
	}
	file, ref, err := o.seal(annex.Annex{
		Text:        annex.Text{Reference: spec.Reference, Facts: spec.Facts, Contents: spec.Contents},
		Attachments: append([]Attachment{spec.Order}, spec.Attachments...),
	}, o.Authority, spec.To)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Request{
		Header: h, To: spec.To, Instrument: spec.Instrument, Assistance: spec.Assistance, Categories: spec.Categories,
		Sensitive: spec.Sensitive, Urgency: spec.Urgency, OrderSHA256: custody.HashOf(spec.Order.Data), Recipients: spec.Recipients,
		Deadline: atOrNever(spec.Deadline), Expires: statement.At(spec.Expires), Annex: ref,
	}, file)
}

// Review drafts the review of a request. Its findings are sealed to the
// recipients of the reviewing authority alone.
func (o Office) Review(h custody.Header, c *custody.Case, r ReviewDraft) (*Paper, error) {
	file, ref, err := o.seal(annex.Annex{Text: annex.Text{Reasons: r.Text, Examined: r.examined()}}, o.Authority)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Review{Header: h, Request: c.RequestSHA256, Body: r.Body, Finding: r.Finding, Annex: ref}, file)
}

// Grant drafts a grant that rests on a review, or in an emergency on the danger. It refuses, with names, what the
// rule book would refuse with a code.
func (o Office) Grant(h custody.Header, c *custody.Case, review custody.Digest, d *GrantDraft) (*Paper, error) {
	if err := o.Check(c, d); err != nil {
		return nil, err
	}
	b := &custody.Grant{Header: h, Request: c.RequestSHA256, Review: review, To: c.From, Terms: d.terms()}
	if !d.ValidateBy.IsZero() {
		b.Review, b.Danger, b.ValidateBy = custody.Digest{}, c.Danger.SHA256, statement.At(d.ValidateBy)
	}
	file, ref, err := o.optional(annex.Text{Conditions: d.ConditionsText}, d.ConditionsText, c)
	if err != nil {
		return nil, err
	}
	b.Annex = ref
	return o.paper(b, file)
}

// Amendment drafts new terms for the grant that stands, on a review. It refuses as Grant
// does.
func (o Office) Amendment(h custody.Header, c *custody.Case, review custody.Digest, d *GrantDraft) (*Paper, error) {
	if err := o.CheckAmendment(c, d); err != nil {
		return nil, err
	}
	file, ref, err := o.optional(annex.Text{Conditions: d.ConditionsText}, d.ConditionsText, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Amendment{Header: h, Request: c.RequestSHA256, Review: review, Amends: c.Live().Newest(), To: c.From,
		Terms: d.terms(), Annex: ref}, file)
}

// ConsentSpec is what a person says of a consent.
type ConsentSpec struct {
	To, Purpose string
	Packages    []string // if empty, all of the case that can be passed on
	Expires     time.Time
	Words       string
}

// Consent drafts the consent to pass packages on.
func (o Office) Consent(h custody.Header, c *custody.Case, spec ConsentSpec) (*Paper, error) {
	if len(spec.Packages) == 0 {
		for _, p := range c.Packages {
			if p.Recall == nil && !p.Grant.Revoked {
				spec.Packages = append(spec.Packages, p.Package)
			}
		}
	}
	if len(spec.Packages) == 0 {
		return nil, fmt.Errorf("there is nothing to pass on: %w", refused("consent", custody.CodeNoSuchPackage))
	}
	file, ref, err := o.optional(annex.Text{Conditions: spec.Words}, spec.Words, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Consent{Header: h, Request: c.RequestSHA256, To: spec.To, Purpose: spec.Purpose, Packages: spec.Packages,
		Expires: statement.At(spec.Expires), Annex: ref}, file)
}

// Refusal drafts a refusal on the grounds named; the reasons, if any, are sealed
// to both authorities.
func (o Office) Refusal(h custody.Header, c *custody.Case, grounds []string, reasons string) (*Paper, error) {
	file, ref, err := o.optional(annex.Text{Reasons: reasons}, reasons, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Refusal{Header: h, Request: c.RequestSHA256, Grounds: grounds, Annex: ref}, file)
}

// Acceptance drafts the acceptance of exactly the newest grant, as it was last amended.
func (o Office) Acceptance(h custody.Header, c *custody.Case) (*Paper, error) {
	g := c.Live()
	if g == nil {
		return nil, refused("acceptance", custody.CodeNoGrant)
	}
	return o.paper(&custody.Acceptance{Header: h, Request: c.RequestSHA256, Grant: g.Newest()}, nil)
}

// Revocation drafts the revocation of the newest grant.
func (o Office) Revocation(h custody.Header, c *custody.Case, reason string) (*Paper, error) {
	g := c.Live()
	if g == nil {
		return nil, refused("revocation", custody.CodeNoGrant)
	}
	return o.paper(&custody.Revocation{Header: h, Request: c.RequestSHA256, Grant: g.SHA256, Reason: reason}, nil)
}

// Withdrawal drafts the end of a request by who asked for it.
func (o Office) Withdrawal(h custody.Header, c *custody.Case, reason, words string) (*Paper, error) {
	file, ref, err := o.optional(annex.Text{Reasons: words}, words, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Withdrawal{Header: h, Request: c.RequestSHA256, Reason: reason, Annex: ref}, file)
}

// Closure drafts the end of a request that was granted.
func (o Office) Closure(h custody.Header, c *custody.Case, outcome, words string) (*Paper, error) {
	if c.Live() == nil {
		return nil, refused("closure", custody.CodeNoGrant)
	}
	file, ref, err := o.optional(annex.Text{Reasons: words}, words, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Closure{Header: h, Request: c.RequestSHA256, Outcome: outcome, Annex: ref}, file)
}

// Hold drafts that nothing of a request may be destroyed, or that it may again, as the
// state says. It names what was said of that before. What changes nothing is refused
// here: at the relay it would wait for signatures first.
func (o Office) Hold(h custody.Header, c *custody.Case, state, reason, words string) (*Paper, error) {
	switch {
	case c.To != o.Authority:
		return nil, refused("hold", custody.CodeNotRequested)
	case c.OnHold() == (state == custody.StateHeld):
		return nil, refused("hold", custody.CodeAlreadyDecided)
	}
	file, ref, err := o.optional(annex.Text{Reasons: words}, words, c)
	if err != nil {
		return nil, err
	}
	b := &custody.Hold{Header: h, Request: c.RequestSHA256, State: state, Reason: reason, Annex: ref}
	if c.Hold != nil {
		b.Prev = c.Hold.SHA256
	}
	return o.paper(b, file)
}

// UseSpec is what a person says of the use of evidence.
type UseSpec struct {
	Package string // if empty, all that was received
	Use     string
	Date    time.Time
	Words   string
}

// UseReport drafts the account of the use that was made of what arrived.
func (o Office) UseReport(h custody.Header, c *custody.Case, spec UseSpec) (*Paper, error) {
	file, ref, err := o.optional(annex.Text{Reasons: spec.Words}, spec.Words, c)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.UseReport{Header: h, Request: c.RequestSHA256, Package: spec.Package, Use: spec.Use,
		Date: statement.At(spec.Date), Annex: ref}, file)
}

// Suspension drafts that nothing moves any more between this authority and another,
// or that it may again, as the state says. It names what this authority said of the
// pair before.
func (o Office) Suspension(h custody.Header, with, state, reason string) (*Paper, error) {
	b := &custody.Suspension{Header: h, With: with, State: state, Reason: reason}
	if p := o.View.Authorities[o.Authority].Pair(with); p != nil {
		b.Prev = p.SHA256
	}
	return o.paper(b, nil)
}

// Report drafts the publication of statistics of this authority's requests.
func (o Office) Report(h custody.Header, s *custody.Statistics) (*Paper, error) {
	return o.paper(&custody.Report{Header: h, Statistics: *s}, nil)
}

// Recall drafts the recall of a package in the name of the authority.
func (o Office) Recall(h custody.Header, c *custody.Case, pkg, reason string, docs []Attachment) (*Paper, error) {
	p := c.Package(pkg)
	if p == nil {
		return nil, refused("recall", custody.CodeNoSuchPackage)
	}
	file, ref, err := o.RecallAnnex(c, docs)
	if err != nil {
		return nil, err
	}
	return o.paper(&custody.Recall{Header: h, Request: c.RequestSHA256, Package: pkg, Seal: p.SHA256, Reason: reason, Annex: ref}, file)
}

// RecallAnnex seals documents that say why a package is taken back to both
// authorities, or nothing if there are none. The agent that sealed the package takes it
// back itself, and binds them then.
func (o Office) RecallAnnex(c *custody.Case, docs []Attachment) ([]byte, *custody.AnnexRef, error) {
	if len(docs) == 0 {
		return nil, nil, nil
	}
	file, ref, err := o.seal(annex.Annex{Attachments: docs}, c.From, c.To)
	return file, &ref, err
}

// paper checks the form of a body before anybody is asked for a passphrase.
func (o Office) paper(b custody.Body, file []byte) (*Paper, error) {
	if _, err := custody.Draft(b); err != nil {
		return nil, err
	}
	return &Paper{b, file}, nil
}

// optional seals a text to both authorities of a case, or nothing if it is empty.
func (o Office) optional(t annex.Text, text string, c *custody.Case) ([]byte, *custody.AnnexRef, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil, nil
	}
	file, ref, err := o.seal(annex.Annex{Text: t}, c.From, c.To)
	return file, &ref, err
}

// seal packs an annex and seals it to all active recipients of authorities.
func (o Office) seal(a annex.Annex, to ...string) ([]byte, custody.AnnexRef, error) {
	var list []age.Recipient
	for _, name := range to {
		ms, err := o.members(name)
		if err != nil {
			return nil, custody.AnnexRef{}, err
		}
		for _, m := range ms {
			r, err := seal.ParseRecipient(m.Recipient)
			if err != nil {
				return nil, custody.AnnexRef{}, fmt.Errorf("reading key of %q: %v", m.ID, err)
			}
			list = append(list, r)
		}
	}
	return annex.Seal(a, list)
}

// members returns the active recipients of an authority, of which there is at
// least one.
func (o Office) members(name string) ([]*custody.Member, error) {
	a := o.View.Authorities[name]
	list := a.ActiveRole(custody.RoleRecipient, o.at())
	switch {
	case a == nil || a.Directory == nil:
		return nil, fmt.Errorf("the relay's log holds no directory of authority %q", name)
	case len(list) == 0:
		return nil, fmt.Errorf("authority %q has no active recipient in its directory", name)
	}
	return list, nil
}

// errWide is wrapped where a grant would allow more than the request asks for.
func errWide() error { return refused("grant", custody.CodeWiderThanRequest) }

// atOrNever writes a time as statements do, where the zero time stands for none.
func atOrNever(t time.Time) custody.Time {
	if t.IsZero() {
		return custody.Time{}
	}
	return statement.At(t)
}

// at is the moment of drafting as statements write it.
func (o Office) at() custody.Time { return statement.At(o.Now) }
