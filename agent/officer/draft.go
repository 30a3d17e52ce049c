package officer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// listingLife is how long a new listing lasts unless its dates are given. The
// directory expires earlier and says so; a forgotten deputy ends by itself.
const listingLife = 2 * 365 * 24 * time.Hour

// Draft is the directory as it will be signed next.
type Draft struct {
	Base   custody.Digest     `json:"base,omitzero"` // payload hash of the published directory it was begun from
	Rules  custody.Thresholds `json:"rules"`
	Relays []custody.RelayPin `json:"relays"`

	Emergency *custody.Emergency `json:"emergency,omitempty"` // nil: nothing moves before it was examined
	Calendar  *custody.Calendar  `json:"calendar,omitempty"`  // nil: UTC, Saturday and Sunday

	Entries []custody.Listing `json:"entries"` // ascending by id
}

// newDraft returns the draft that equals a published directory, or an empty one
// by which one officer's signature is enough for everything.
func newDraft(published *custody.Statement) *Draft {
	if published == nil {
		return &Draft{Rules: custody.Thresholds{Request: 1, Review: 1, Grant: 1, Sensitive: 1, Refusal: 1, Acceptance: 1, Revocation: 1},
			Relays: []custody.RelayPin{}, Entries: []custody.Listing{}}
	}
	b := published.Body.(*custody.Directory)
	return &Draft{Base: published.SHA256, Rules: b.Rules, Emergency: b.Emergency, Calendar: b.Calendar, Relays: slices.Clone(b.Relays), Entries: slices.Clone(b.Entries)}
}

// Draft returns the draft of the next directory.
func (r *Registry) Draft() (*Draft, error) {
	data, err := os.ReadFile(r.path("draft.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the directory draft of %q: %w", r.home.Authority(), ErrNoDraft)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the directory draft: %w", err)
	}
	var d Draft
	if err := statement.Decode(data, &d); err != nil {
		return nil, fmt.Errorf("reading the directory draft: %v", err)
	}
	return &d, r.rebase(&d)
}

// rebase moves a draft that equals the published directory onto it: the process
// that published it may have crashed before it could say so in the draft.
func (r *Registry) rebase(d *Draft) error {
	pub, err := r.Published()
	if err != nil || pub == nil {
		return err
	}
	if d.same(pub.Body.(*custody.Directory)) {
		d.Base = pub.SHA256
	}
	return nil
}

// Save stores the draft. Signatures on an earlier one do not carry over: Sign
// compares.
func (r *Registry) Save(d *Draft) error { return r.write(statement.Encode(d), "draft.json") }

// Reset begins the draft again from the published directory. Before the first one it
// accepts the relays that are pinned here.
func (r *Registry) Reset() (*Draft, error) {
	pub, err := r.Published()
	if err != nil {
		return nil, err
	}
	d := newDraft(pub)
	if pub == nil {
		for _, p := range r.home.Trust.Relays {
			d.Accept(custody.RelayPin{Origin: p.Origin, Fingerprint: p.Fingerprint})
		}
	}
	return d, r.Save(d)
}

// same reports whether a directory says what the draft says.
func (d *Draft) same(b *custody.Directory) bool {
	return d.Rules == b.Rules && d.Emergency.Equal(b.Emergency) && d.Calendar.Equal(b.Calendar) && slices.Equal(d.Relays, b.Relays) &&
		slices.EqualFunc(d.Entries, b.Entries, custody.Listing.Equal)
}

// AddOptions are what the registrar decides of a new entry.
type AddOptions struct {
	Duties    []string  // of an agent: lab, desk; of an officer: emergency, or none
	NotBefore time.Time // if zero, the beginning of today, UTC
	NotAfter  time.Time // if zero, two years later
}

// Add lists the party of an enrolment, or changes its entry. It returns a
// sentence that says what changed.
func (r *Registry) Add(d *Draft, envelope []byte, opt AddOptions, now time.Time) (string, error) {
	e, _, err := custody.ParseEnrolment(envelope)
	if err != nil {
		return "", err
	}
	if err := checkOwn(r.home, e.ID, custody.RoleOfficer, custody.RoleAgent, custody.RoleAuditor, custody.RoleRecipient, custody.RoleWitness); err != nil {
		return "", err
	}
	l, err := listing(e, envelope, opt, now)
	if err != nil {
		return "", err
	}
	i, found := d.find(e.ID)
	// A recipient that is listed already with these keys has answered before.
	known := found && bytes.Equal(d.Entries[i].Enrolment, envelope)
	if e.ID.Role() == custody.RoleRecipient && !known {
		if err := r.answered(e); err != nil {
			return "", err
		}
	}
	if !found {
		d.Entries = slices.Insert(d.Entries, i, l)
		return fmt.Sprintf("%s is new", e.ID), nil
	}
	d.Entries[i] = l
	if known {
		return fmt.Sprintf("%s keeps its keys", e.ID), nil
	}
	return fmt.Sprintf("%s gets new keys; its old ones end when this directory is published", e.ID), nil
}

func listing(e *custody.Enrolment, envelope []byte, opt AddOptions, now time.Time) (custody.Listing, error) {
	l := custody.Listing{ID: e.ID, Status: custody.StatusActive, Enrolment: envelope}
	known := map[custody.Role][]string{custody.RoleAgent: {custody.DutyLab, custody.DutyDesk}, custody.RoleOfficer: {custody.DutyEmergency}}[e.ID.Role()]
	switch {
	case e.ID.Role() == custody.RoleAgent && len(opt.Duties) == 0:
		return l, fmt.Errorf("agent %q needs a duty: lab or desk", e.ID)
	case known == nil && len(opt.Duties) > 0:
		return l, fmt.Errorf("%q is neither agent nor officer and has no duties", e.ID)
	}
	for _, d := range opt.Duties {
		if !slices.Contains(known, d) {
			return l, fmt.Errorf("unknown duty %q of %q: want %s", d, e.ID, strings.Join(known, " or "))
		}
	}
	if len(opt.Duties) > 0 {
		l.Duties = slices.Compact(slices.Sorted(slices.Values(opt.Duties)))
	}
	from, to := opt.NotBefore, opt.NotAfter
	if from.IsZero() {
		from = now.UTC().Truncate(24 * time.Hour)
	}
	if to.IsZero() {
		to = from.Add(listingLife)
	}
	if !to.After(from) {
		return l, fmt.Errorf("entry %q would end before it begins", e.ID)
	}
	l.NotBefore, l.NotAfter = statement.At(from), statement.At(to)
	return l, nil
}

func (d *Draft) find(id custody.PartyID) (int, bool) {
	return slices.BinarySearchFunc(d.Entries, id, func(l custody.Listing, id custody.PartyID) int {
		return strings.Compare(string(l.ID), string(id))
	})
}

// SetStatus retires or revokes an entry. Retiring ends it with the publication
// like an ordinary leaving; revoking says that its keys must not be trusted, and
// a directory that does nothing else needs one registrar only.
func (d *Draft) SetStatus(id custody.PartyID, status string) error {
	i, found := d.find(id)
	if !found {
		return fmt.Errorf("%q is not in the directory draft", id)
	}
	if d.Entries[i].Status == custody.StatusRevoked && status != custody.StatusRevoked {
		return fmt.Errorf("%q is revoked, which is final: enrol it again with new keys", id)
	}
	d.Entries[i].Status = status
	return nil
}

// Accept adds a relay to the relays that the authority accepts, in place of an
// older fingerprint of the same origin. It reports whether that changes anything.
func (d *Draft) Accept(p custody.RelayPin) bool {
	for i, o := range d.Relays {
		if o.Origin == p.Origin {
			d.Relays[i] = p
			return o != p
		}
	}
	d.Relays = append(d.Relays, p)
	return true
}
