package officer

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// Changes says in words how a directory differs from the one before, which is
// nil for the first: what a registrar reads before signing.
func Changes(old, next *custody.Directory) []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if old == nil {
		old = &custody.Directory{}
	}
	before := map[custody.PartyID]custody.Listing{}
	for _, l := range old.Entries {
		before[l.ID] = l
	}
	for _, l := range next.Entries {
		o, known := before[l.ID]
		delete(before, l.ID)
		if s := entryChange(o, l, known); s != "" {
			say("%s", s)
		}
	}
	for _, l := range old.Entries {
		if _, gone := before[l.ID]; gone {
			say("%s is left out", l.ID)
		}
	}
	list = append(list, ruleChanges(old.Rules, next.Rules)...)
	list = append(list, emergencyChanges(old.Emergency, next.Emergency)...)
	if !old.Calendar.Equal(next.Calendar) {
		list = append(list, calendarWords(next.Calendar))
	}
	return append(list, relayChanges(old.Relays, next.Relays)...)
}

func entryChange(o, l custody.Listing, known bool) string {
	switch {
	case !known:
		return fmt.Sprintf("%s is new: %s%s", l.ID, l.Status, dutyWords(l))
	case o.Equal(l):
		return ""
	case o.Status != l.Status:
		return fmt.Sprintf("%s was %s and is %s", l.ID, o.Status, l.Status)
	case string(o.Enrolment) != string(l.Enrolment):
		return fmt.Sprintf("%s gets new keys", l.ID)
	case strings.Join(o.Duties, ",") != strings.Join(l.Duties, ","):
		return fmt.Sprintf("%s changes its duties%s", l.ID, dutyWords(l))
	}
	return fmt.Sprintf("%s is listed from %s to %s", l.ID, l.NotBefore, l.NotAfter)
}

func dutyWords(l custody.Listing) string {
	if len(l.Duties) == 0 {
		return ""
	}
	return ", duty " + strings.Join(l.Duties, " and ")
}

// rule is a threshold with what it is for.
type rule struct {
	of      string
	signers int64
}

// rules lists the thresholds, in the order of a case's life; that of sensitive grants
// comes last.
func rules(t custody.Thresholds) []rule {
	return []rule{{"request", t.Request}, {"review", t.Review}, {"grant", t.Grant}, {"refusal", t.Refusal},
		{"acceptance", t.Acceptance}, {"revocation", t.Revocation}, {"grant of sensitive data", t.Sensitive}}
}

func ruleChanges(old, next custody.Thresholds) []string {
	var list []string
	before := rules(old)
	for i, r := range rules(next) {
		plain := old.Sensitive == old.Grant && next.Sensitive == next.Grant // "each grant" says it
		if r != before[i] && (!plain || i < len(before)-1) {
			list = append(list, fmt.Sprintf("each %s needs %s", r.of, plural(r.signers, "officer")))
		}
	}
	return list
}

func calendarWords(c *custody.Calendar) string {
	if c == nil {
		return "days are counted in UTC, with Saturday and Sunday free"
	}
	return fmt.Sprintf("days are counted in %s, free are %s and %s", c.TimeZone, strings.Join(c.Weekend, ", "), plural(int64(len(c.Holidays)), "holiday"))
}

func emergencyChanges(old, next *custody.Emergency) []string {
	switch {
	case old.Equal(next):
		return nil
	case next == nil:
		return []string{"nothing is granted any more before it was examined, in no emergency"}
	}
	return []string{fmt.Sprintf("in an emergency, %s may be granted before it was examined: %s in %s, to be validated within %s",
		strings.Join(next.With, ", "), Bytes(next.MaxBytes), plural(next.MaxPackages, "package"), plural(next.Hours, "hour"))}
}

func relayChanges(old, next []custody.RelayPin) []string {
	var list []string
	before := map[string]custody.Digest{}
	for _, p := range old {
		before[p.Origin] = p.Fingerprint
	}
	for _, p := range next {
		if before[p.Origin] != p.Fingerprint {
			list = append(list, fmt.Sprintf("relay %s with root %s is accepted", p.Origin, p.Fingerprint))
		}
		delete(before, p.Origin)
	}
	for _, p := range old {
		if _, gone := before[p.Origin]; gone {
			list = append(list, fmt.Sprintf("relay %s is accepted no more", p.Origin))
		}
	}
	return list
}

// Warnings says what a directory lacks for work to be possible under it.
func Warnings(b *custody.Directory) []string {
	active, duties := map[custody.Role]int64{}, map[string]bool{}
	for _, l := range b.Entries {
		if l.Status != custody.StatusActive {
			continue
		}
		active[l.ID.Role()]++
		for _, d := range l.Duties {
			duties[d] = true
		}
	}
	var list []string
	if len(b.Relays) == 0 {
		list = append(list, "no relay is accepted: nothing can be filed")
	}
	if !duties[custody.DutyDesk] {
		list = append(list, "no agent has the duty desk: no officer's statement can be filed")
	}
	if active[custody.RoleRecipient] == 0 {
		list = append(list, "no recipient is active: nothing can be requested")
	}
	for _, r := range rules(b.Rules) {
		if r.signers > active[custody.RoleOfficer] && (r.signers != b.Rules.Grant || r.of != "grant of sensitive data") {
			list = append(list, fmt.Sprintf("each %s needs %s, active: %d", r.of, plural(r.signers, "officer"), active[custody.RoleOfficer]))
		}
	}
	return list
}

// plural writes a number with its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
