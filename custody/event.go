package custody

import (
	"slices"
	"time"
)

// The kinds of event: entries that a relay makes of what it did or found itself,
// without a statement. Nobody signs an event. It stands in the log, so it cannot
// be taken back, but it is the relay's word alone.
const (
	KindDenied  Kind = "denied"  // in a request's record: the rules refused one of its parties something
	KindCounted Kind = "counted" // in the relay's record: what it refused within an hour, by code
	KindProbed  Kind = "probed"  // in the relay's record: what its store was found to enforce

	KindLapsed Kind = "lapsed" // in a request's record: a grant made in an emergency was not validated in time

	KindDestroyed Kind = "destroyed" // in a request's record: head and inner file of a recalled package are gone

	KindErased Kind = "erased" // in a request's record: what an erasure names is gone
)

// IsEvent reports whether entries of that kind are made without a statement.
func (k Kind) IsEvent() bool {
	return k == KindDenied || k == KindCounted || k == KindProbed || k == KindDestroyed || k == KindLapsed || k == KindErased
}

// Event is what an entry without a statement says. Exactly one field is set: that
// of the entry's kind.
type Event struct {
	Denied    *Denied    `json:"denied,omitempty"`
	Counted   *Counted   `json:"counted,omitempty"`
	Probed    *Probed    `json:"probed,omitempty"`
	Destroyed *Destroyed `json:"destroyed,omitempty"`
	Lapsed    *Lapsed    `json:"lapsed,omitempty"`
	Erased    *Erased    `json:"erased,omitempty"`
}

// Denied says that the rules refused an act to an agent of a party. A record has
// at most one within an hour of UTC for each agent, act and code.
type Denied struct {
	By   PartyID `json:"by"`
	Act  Act     `json:"act"`
	Code Code    `json:"code"`
	Rule string  `json:"rule"` // that answered; of repeats within the hour, the first

	Policy *PolicyRef `json:"policy,omitempty"` // of CodeOperatorPolicy, and only of that
}

// Counted says how many requests of all sorts a relay refused, strangers' and
// repeated ones included. It tells no more than numbers: to whom and in which
// request is not the business of those who read the relay's record. One that counts
// nothing is a sign of life: the log at this place is not older than its entry.
type Counted struct {
	From   Time    `json:"from"` // within one hour of UTC
	To     Time    `json:"to"`   // not beyond the end of that hour
	Counts []Count `json:"counts"`
}

// Count is how often a code was answered.
type Count struct {
	Code  Code  `json:"code"` // of the rule book or of the protocol
	Count int64 `json:"count"`
}

// The sorts of store that a probe names.
const (
	StoreDir = "dir" // a folder: nobody but the relay keeps its locks
	StoreS3  = "s3"  // an S3-compatible server
)

// Probed says what a relay saw its store do when it opened it, whatever the store
// claims. Of a folder nothing is enforced: the locks are the relay's own promise.
type Probed struct {
	Store           string `json:"store"`            // dir or s3
	Versions        bool   `json:"versions"`         // keeps each version of an object
	LocksCompliance bool   `json:"locks_compliance"` // keeps a version under COMPLIANCE, whoever asks
	LocksGovernance bool   `json:"locks_governance"` // keeps a version under GOVERNANCE from a plain deletion
	RefusesBypass   bool   `json:"refuses_bypass"`   // and from one by the relay's credential with bypass
	RefusesShorter  bool   `json:"refuses_shorter"`  // does not shorten a COMPLIANCE lock
	RefusesDigest   bool   `json:"refuses_digest"`   // a body with another SHA-256 than declared
	KeepsChecksums  bool   `json:"keeps_checksums"`  // shows the SHA-256 of an object afterwards
	RefusesSecond   bool   `json:"refuses_second"`   // a second version where none is wanted
}

// Destroyed says that a relay has deleted head and inner file of a package from its
// store: no key opens what it still holds of it. It had them from the unlock on, and
// deletes them because the package was recalled.
type Destroyed struct {
	Package string `json:"package"`
}

// Lapsed says that a grant that was made in an emergency was not validated in time. The
// rules know that by the clock; the entry tells everybody at once, and what is under way
// is cut with it.
type Lapsed struct {
	Grant Digest `json:"grant_sha256"`
}

// maxCounts bounds the codes in one Counted.
const maxCounts = 200

// kind returns the kind of the one body that is set, or "" if it is not one.
func (ev *Event) kind() Kind {
	var list []Kind
	if ev.Denied != nil {
		list = append(list, KindDenied)
	}
	if ev.Counted != nil {
		list = append(list, KindCounted)
	}
	if ev.Probed != nil {
		list = append(list, KindProbed)
	}
	if ev.Destroyed != nil {
		list = append(list, KindDestroyed)
	}
	if ev.Lapsed != nil {
		list = append(list, KindLapsed)
	}
	if ev.Erased != nil {
		list = append(list, KindErased)
	}
	if len(list) != 1 {
		return ""
	}
	return list[0]
}

// check checks what holds for an event whatever the state of its record.
func (ev *Event) check() error {
	switch ev.kind() {
	case KindDenied:
		return ev.Denied.check()
	case KindCounted:
		return ev.Counted.check()
	case KindProbed:
		if p := ev.Probed; p.Store != StoreDir && p.Store != StoreS3 {
			return bad("store %q is unknown", p.Store)
		}
		return nil
	case KindLapsed:
		return refs(ev.Lapsed.Grant)
	case KindErased:
		return ev.Erased.check()
	case KindDestroyed:
		if err := CheckID(ev.Destroyed.Package); err != nil {
			return bad("package: %v", err)
		}
		return nil
	}
	return bad("an event says exactly one thing")
}

func (d *Denied) check() error {
	if p, err := ParsePartyID(string(d.By)); err != nil || !p.Role().Connects() {
		return bad("by %q: want an agent's or auditor's id", d.By)
	}
	switch {
	case !slices.Contains(acts, d.Act):
		return bad("act %q is unknown", d.Act)
	case !d.Code.refuses():
		return bad("code %q is not one by which a party is refused", d.Code)
	case !codePattern.MatchString(d.Rule):
		return bad("rule %q is malformed", d.Rule)
	case (d.Code == CodeOperatorPolicy) != (d.Policy != nil):
		return bad("a policy of the operator stands in its own denials, and in no others")
	case d.Policy != nil:
		return d.Policy.check()
	}
	return nil
}

// refuses reports whether the rule book can answer a party of a request so. That
// it is none, or that there is no such request, it never tells a party.
func (c Code) refuses() bool {
	_, known := explanations[c]
	return known && c != CodeAllowed && c != CodeNotParty && c != CodeNoSuchRequest
}

func (c *Counted) check() error {
	hour := c.From.Time().Truncate(time.Hour)
	if c.From.IsZero() || c.To.Time().Before(c.From.Time()) || c.To.Time().After(hour.Add(time.Hour)) {
		return bad("from %s to %s is not within one hour", c.From, c.To)
	}
	if c.Counts == nil || len(c.Counts) > maxCounts { // null is not how statements write an empty list
		return bad("counts: %d codes, want a list of at most %d", len(c.Counts), maxCounts)
	}
	for i, n := range c.Counts {
		if !codePattern.MatchString(string(n.Code)) || n.Count < 1 || i > 0 && n.Code <= c.Counts[i-1].Code {
			return bad("counts[%d]: want codes in ascending order, each at least once", i)
		}
	}
	return nil
}

// events is what a record remembers of its events, for deciding about the next.
type events struct {
	hour    time.Time // of the denials below
	denials map[denial]bool
	counted Time // the end of the last count
	probed  *Probed
}

// denial is what a record holds at most once within an hour.
type denial struct {
	by   PartyID
	act  Act
	code Code
}

func (d *Denied) once() denial { return denial{d.By, d.Act, d.Code} }

// apply folds an event into the memory. Denials of an hour that is over are
// forgotten: entries do not go back in time.
func (m *events) apply(ev *Event, now Time) {
	switch {
	case ev.Denied != nil:
		if hour := now.Time().Truncate(time.Hour); m.denials == nil || !hour.Equal(m.hour) {
			m.hour, m.denials = hour, map[denial]bool{}
		}
		m.denials[ev.Denied.once()] = true
	case ev.Counted != nil:
		m.counted = ev.Counted.To
	case ev.Probed != nil:
		p := *ev.Probed
		m.probed = &p
	}
}

// has reports whether a denial stands in the record in this hour.
func (m *events) has(d *Denied, now Time) bool {
	return m.hour.Equal(now.Time().Truncate(time.Hour)) && m.denials[d.once()]
}
