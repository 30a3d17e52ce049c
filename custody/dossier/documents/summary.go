package documents

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// summary tells the case in a few sentences: who asked whom for what, who granted it
// under which conditions, what moved, how it ended.
func (f *Facts) summary() []string {
	list := []string{f.asked()}
	list = append(list, f.granted()...)
	list = append(list, f.moved())
	if s := f.ended(); s != "" {
		list = append(list, s)
	}
	return list
}

func (f *Facts) asked() string {
	c := f.Case
	if o := c.Offer; o != nil {
		return fmt.Sprintf("On %s the authority %s offered %s evidence that it had not asked for: %s, under the instrument “%s” and to serve %s.",
			when(c.Filed), c.To, c.From, strings.Join(o.Categories, ", "), o.Instrument, strings.Join(o.Purposes, ", "))
	}
	r := c.Request
	s := fmt.Sprintf("On %s the authority %s asked the authority %s %s, under the instrument “%s” (%s), for %s.",
		when(c.Filed), c.From, c.To, r.Wants(), r.Instrument, r.Urgency, ids(r.Recipients))
	if len(r.Sensitive) > 0 {
		s += " The request is marked " + strings.Join(r.Sensitive, ", ") + "."
	}
	if d := c.Danger; d != nil {
		s += fmt.Sprintf(" At %s it declared an imminent danger (%s).", when(d.Time), d.Danger.Danger)
	}
	return s
}

func (f *Facts) granted() []string {
	c := f.Case
	var list []string
	for _, g := range c.Grants {
		list = append(list, f.grant(g))
	}
	if r := c.Refusal; r != nil {
		list = append(list, fmt.Sprintf("%s refused: %s.", r.By, strings.Join(r.Grounds, ", ")))
	}
	if len(list) == 0 {
		list = append(list, "Nothing was granted, "+f.record()+".")
	}
	return list
}

func (f *Facts) grant(g *custody.GrantState) string {
	t := g.Terms
	s := fmt.Sprintf("On %s %s granted it (%s)", when(g.Time), g.Grant.By, f.signersOf(g.SHA256))
	if g.Offered {
		s = "The offer allows"
	}
	if t.MaxPackages == 0 {
		s += fmt.Sprintf(": %s to be kept until %s, and nothing to be handed over.", strings.Join(t.Categories, ", "), when(t.Expires))
	} else {
		s += fmt.Sprintf(": %s, until %s, from %s to %s.", strings.Join(t.Categories, ", "), when(t.Expires), ids(t.Senders), ids(t.Recipients))
	}
	if len(t.Conditions)+len(t.Handling) > 0 || !t.DeleteBy.IsZero() {
		s += " Conditions: " + strings.Join(append(append([]string{}, t.Conditions...), t.Handling...), ", ")
		if !t.DeleteBy.IsZero() {
			s += ", to be deleted by " + when(t.DeleteBy)
		}
		s += "."
	} else {
		s += " It has no condition in codes."
	}
	if n := len(g.Amendments); n > 0 {
		s += fmt.Sprintf(" The terms are those of the last of %s, %s.", plural(n, "amendment"), when(g.Amendments[n-1].Time))
	}
	switch {
	case g.Acceptance.IsZero():
		s += fmt.Sprintf(" %s has not accepted them, %s.", f.Case.From, f.record())
	default:
		s += fmt.Sprintf(" %s accepted exactly that on %s.", f.Case.From, when(g.Accepted))
	}
	switch {
	case g.Revoked:
		s += fmt.Sprintf(" The grant was REVOKED on %s.", when(g.RevokedAt))
	case !g.LapsedAt.IsZero():
		s += fmt.Sprintf(" Made in an emergency, it lapsed on %s: it was not validated.", when(g.LapsedAt))
	}
	return s
}

// signersOf names who signed the statement of that hash.
func (f *Facts) signersOf(sum custody.Digest) string {
	for i := range f.Acts {
		if f.Acts[i].Statement == sum {
			return f.Acts[i].Signed
		}
	}
	return "signed as told below"
}

func (f *Facts) moved() string {
	var receipted, rejected, recalled, single, open int
	for i := range f.Packages {
		whole, bad, some := false, false, false
		for _, r := range f.Packages[i].State.Releases {
			whole, bad, some = whole || r.Receipt != nil, bad || r.Rejection != nil, some || len(r.Singles) > 0
		}
		switch {
		case whole:
			receipted++
		case some:
			single++
		case bad:
			rejected++
		default:
			open++
		}
		if f.Packages[i].State.Recall != nil {
			recalled++
		}
	}
	if len(f.Packages) == 0 {
		return "No package was deposited, " + f.record() + "."
	}
	s := fmt.Sprintf("%s deposited %s", ids(f.senders()), plural(len(f.Packages), "package"))
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{{receipted, "receipted whole"}, {single, "receipted in single files"}, {rejected, "rejected"}, {open, "without any receipt"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	s += ": " + strings.Join(parts, ", ") + "."
	if recalled > 0 {
		s += fmt.Sprintf(" %s RECALLED by the sending side; that takes nothing back of what had arrived.", was(recalled))
	}
	return s
}

func was(n int) string {
	if n == 1 {
		return "One was"
	}
	return fmt.Sprintf("%d were", n)
}

func (f *Facts) senders() []custody.PartyID {
	var list []custody.PartyID
	seen := map[custody.PartyID]bool{}
	for i := range f.Packages {
		if id := f.Packages[i].State.Sender; !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}

func (f *Facts) ended() string {
	e := f.Case.End
	switch {
	case e == nil:
		return ""
	case e.Kind == custody.KindWithdrawal:
		return fmt.Sprintf("%s withdrew the request on %s: %s.", f.Case.From, when(e.Time), e.Code)
	}
	return fmt.Sprintf("%s closed it on %s: %s.", f.Case.From, when(e.Time), e.Code)
}

func ids(list []custody.PartyID) string {
	var s []string
	for _, id := range list {
		s = append(s, string(id))
	}
	if len(s) == 0 {
		return "nobody"
	}
	return strings.Join(s, " and ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
