package documents

import (
	"fmt"
	"slices"

	"comity.example/comity/custody"
)

// span is a time in which somebody had a package in one way.
type span struct {
	from, to custody.Time // to is zero: up to the checkpoint, and nothing is known beyond
	who      string
	role     string
	how      held
	short    string // in the chart
	long     string // in the table
	act      string // under which it began
}

// spans tells who had a package when, in the order in which they began. Electronic
// evidence is copied and not handed over, so several have it at once.
func (p *Package) spans(f *Facts) []span {
	s, relay := p.State, f.Relay.Name
	sender := string(s.Sender)
	list := []span{{s.Deposited, custody.Time{}, sender, "sender", heldOwn, "what it sealed",
		"has what it sealed; nothing shows that it gave that up later", "seal"}}
	with := span{from: s.Unlocked, who: relay, role: "relay", how: heldHead, short: "sealed bytes and head",
		long: "stores the sealed bytes, as it says, and now the head: it can hand both out, and has no key to open them", act: "unlock"}
	without := span{s.Deposited, s.Unlocked, relay, "relay", heldSealed, "sealed bytes only",
		"stores the sealed bytes, as it says; the head, without which no recipient opens them, is with the sender", "seal"}
	gone := span{from: s.Destroyed, who: relay, role: "relay", how: heldSealed, short: "head destroyed",
		long: "says that it destroyed the head: no recipient opens what it may still store", act: "destroyed"}
	with.to = s.Destroyed
	list = append(list, without)
	if !s.Unlocked.IsZero() {
		list = append(list, with)
	}
	if !s.Destroyed.IsZero() {
		if s.Unlocked.IsZero() {
			list[1].to = s.Destroyed
		}
		list = append(list, gone)
	}
	for _, r := range s.Releases {
		list = append(list, p.taken(r)...)
	}
	slices.SortStableFunc(list, func(a, b span) int { return a.from.Time().Compare(b.from.Time()) })
	return list
}

// taken tells what a recipient had from its release on.
func (p *Package) taken(r *custody.ReleaseState) []span {
	who, role := string(r.By), "for "+string(r.Recipient)
	list := []span{{r.Time, custody.Time{}, who, role, heldTaken, "signed for it",
		"has signed that it takes it and may have all of it; nothing here says what arrived", "release"}}
	end := func(t custody.Time) {
		if last := &list[len(list)-1]; last.to.IsZero() {
			last.to = t
		}
	}
	for _, s := range r.Singles {
		end(s.Time)
		list = append(list, span{s.Time, custody.Time{}, who, role, heldPart, "has single files",
			fmt.Sprintf("has, by its signed word, the files of the manifest's %s, arrived and verified; of the others it said nothing", custody.Lines(s.Exhibits)), "receipt"})
	}
	switch {
	case r.Receipt != nil:
		end(r.Closed)
		list = append(list, span{r.Closed, custody.Time{}, who, role, heldVerified, "has it, verified",
			"has it: by its signed word everything in it arrived and verified", "receipt"})
	case r.Rejection != nil:
		end(r.Closed)
		list = append(list, span{r.Closed, custody.Time{}, who, role, heldRejected, "rejected it",
			"rejected it (" + r.Rejection.Reason + "): by its signed word what reached it did not verify; what it kept of that is not shown", "rejection"})
	}
	if g := p.State.Gone; g != nil && g.Time.Time().After(list[len(list)-1].from.Time()) {
		end(g.Time)
		list = append(list, span{g.Time, custody.Time{}, who, role, heldGone, "says: destroyed",
			"belongs to the State that says that it destroyed all it had of it; nobody can see that here", "destruction"})
	}
	return list
}

// maxTicks is how many moments a chart can show side by side.
const maxTicks = 8

// drawn is the chart of the spans; ok is false if they have more moments than it holds.
func drawn(f *Facts, p *Package, title string, list []span) (c chart, ok bool) {
	var at []custody.Time
	what := map[custody.Time]string{}
	mark := func(t custody.Time, s string) {
		if t.IsZero() {
			return
		}
		if what[t] == "" {
			at = append(at, t)
			what[t] = s
		}
	}
	names := map[string]string{"seal": "deposited", "unlock": "head let go", "release": "signed for", "receipt": "receipted", "rejection": "rejected", "destroyed": "head gone", "destruction": "destroyed"}
	if r := p.State.Recall; r != nil {
		mark(r.Time, "recalled")
	}
	for _, s := range list {
		mark(s.from, names[s.act])
	}
	slices.SortFunc(at, func(a, b custody.Time) int { return a.Time().Compare(b.Time()) })
	if len(at) > maxTicks {
		return c, false
	}
	c.title = title
	for _, t := range at {
		c.ticks = append(c.ticks, tick{day(t), hour(t), what[t]})
	}
	c.ticks = append(c.ticks, tick{"end of what", "is shown", "checkpoint"})
	place := func(t custody.Time) int {
		if t.IsZero() {
			return len(at)
		}
		return slices.Index(at, t)
	}
	for _, s := range list {
		i := slices.IndexFunc(c.lanes, func(l lane) bool { return l.name == s.who && l.role == s.role })
		if i < 0 {
			i = len(c.lanes)
			c.lanes = append(c.lanes, lane{name: s.who, role: s.role})
		}
		c.lanes[i].bars = append(c.lanes[i].bars, bar{place(s.from), place(s.to), s.short, s.how})
	}
	return c, true
}
