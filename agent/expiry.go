package agent

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"comity.example/comity/custody"
)

// How long before its end something is told to expire, and when that gets urgent.
const (
	expirySoon   = 30 * 24 * time.Hour
	expiryUrgent = 7 * 24 * time.Hour
)

// Expiry is something that ends within 30 days, or has ended and has to be renewed.
type Expiry struct {
	What   string       `json:"what"`
	At     custody.Time `json:"at"`
	Urgent bool         `json:"urgent"` // within 7 days, or over
	Over   bool         `json:"over"`
	Renew  string       `json:"renew"` // who does it, and by which command
}

func expiry(list []Expiry, what string, at custody.Time, now time.Time, renew string) []Expiry {
	left := at.Time().Sub(now)
	if at.IsZero() || left > expirySoon {
		return list
	}
	return append(list, Expiry{what, at, left <= expiryUrgent, left <= 0, renew})
}

// Expiring lists what of an authority ends soon, the next one first: its root, its
// directory, active entries. An entry that has ended, as a deputy's should, is not
// listed. TLS certificates are not: keys are checked by their hash in the directory,
// and what a certificate says of its end counts for nobody.
func Expiring(v *custody.View, authority string, now time.Time) []Expiry {
	a := v.Authorities[authority]
	if a == nil || a.Root == nil {
		return nil
	}
	list := expiry(nil, "the root of "+authority, a.Root.Expires, now,
		"the holders of the root keys: comity authority rotate; then two registrars: comity directory reset --roots FILE, sign, publish")
	if a.Directory == nil {
		return list
	}
	list = expiry(list, "the directory of "+authority, a.Directory.Expires, now, "two registrars: comity directory reset, sign, publish")
	for _, l := range a.Directory.Entries {
		if l.Status == custody.StatusActive && now.Before(l.NotAfter.Time()) {
			list = expiry(list, "the entry of "+string(l.ID), l.NotAfter, now, "a registrar: comity directory add ENROLMENT --not-after DATE; then two: sign, publish")
		}
	}
	slices.SortStableFunc(list, func(x, y Expiry) int { return x.At.Time().Compare(y.At.Time()) })
	return list
}

// GrantEnd says when the grant of a case ends, whenever that is, if something under it
// has not arrived or more may be sent; else nil. name is how people call the request.
func GrantEnd(c *custody.Case, name string) *Expiry {
	g := c.Live()
	if g == nil || g.Over() || c.End != nil {
		return nil
	}
	e := &Expiry{At: g.Expires, Renew: g.By + ": comity grant " + name + " --amend"}
	if g.MaxPackages == 0 {
		e.What = "the preservation under request " + name
		e.Renew = c.From + " asks for disclosure, or " + e.Renew
		return e
	}
	waits := 0
	for _, p := range c.Packages {
		if p.Grant == g && p.Recall == nil && !arrived(p) {
			waits++
		}
	}
	switch {
	case waits > 0:
		e.What = fmt.Sprintf("the grant of request %s, with packages that have not arrived: %d", name, waits)
	case g.Final:
		return nil
	case len(c.Packages) == 0:
		e.What = "the grant of request " + name + ", under which nothing was sent"
	default:
		e.What = "the grant of request " + name + ", under which more may be sent"
	}
	return e
}

// Soon returns what GrantEnd says if that is within 30 days and not over: a grant that
// has ended cannot be renewed.
func (e *Expiry) Soon(now time.Time) []Expiry {
	if e == nil || !now.Before(e.At.Time()) {
		return nil
	}
	return expiry(nil, e.What, e.At, now, e.Renew)
}

// arrived reports whether a recipient has said what became of the whole package.
func arrived(p *custody.PackageState) bool {
	return slices.ContainsFunc(p.Releases, func(r *custody.ReleaseState) bool { return !r.Closed.IsZero() })
}

// Says writes an expiry as a sentence, with the time in UTC and in a zone.
func (e Expiry) Says(now time.Time, zone *time.Location) string {
	t := e.At.Time().UTC()
	when := t.Format("2006-01-02 15:04Z")
	if local := t.In(cmp.Or(zone, time.UTC)); local.Format("15:04 -0700") != t.Format("15:04 -0700") {
		when += local.Format(" (2006-01-02 15:04 MST)")
	}
	verb := fmt.Sprintf("expires in %d days, on", int(t.Sub(now).Hours()/24))
	if e.Over {
		verb = "has expired on"
	}
	return fmt.Sprintf("%s %s %s; to renew it: %s", e.What, verb, when, e.Renew)
}
