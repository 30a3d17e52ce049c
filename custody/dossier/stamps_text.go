package dossier

import (
	"fmt"
	"slices"
	"strings"
)

// bound counts the acts that others than the relay bound from above, and those of them
// that they bound from below as well.
func (v *Verdict) bound() (above, both int) {
	for _, a := range v.Acts {
		if a.Before != nil {
			above++
			if a.After != nil {
				both++
			}
		}
	}
	return above, both
}

// witnessed reports whether witnesses cosigned what the policy counts.
func (v *Verdict) witnessed() bool {
	return slices.ContainsFunc(v.Witnessed, func(w Witnessed) bool { return w.Checked })
}

// vouched says who vouches for the times.
func (v *Verdict) vouched() string {
	by, s := timesText, ""
	if v.witnessed() {
		by = "asserted by the relay"
	}
	switch above, both := v.bound(); {
	case both > 0:
		s = fmt.Sprintf("; of %d of %d acts others show between which times they came into the log", both, len(v.Acts))
	case above > 0:
		s = fmt.Sprintf("; of %d of %d acts a time stamp shows by when they existed", above, len(v.Acts))
		if v.witnessed() {
			s = fmt.Sprintf("; of %d of %d acts others show by when they existed", above, len(v.Acts))
		}
	}
	return by + s
}

// stamped tells of the time stamps.
func (v *Verdict) stamped(b *strings.Builder) {
	if len(v.Stamps) == 0 {
		return
	}
	fmt.Fprintf(b, "\nTime stamps (RFC 3161)\n")
	for _, s := range v.Stamps {
		fmt.Fprintf(b, "  %s  by %q: the first %d entries of the log existed before %s\n", s.Time, s.Authority, s.Size, s.Latest)
		if s.Checked {
			fmt.Fprintf(b, "      it leads to the certificate %s that you named\n", s.Root)
		} else {
			fmt.Fprintf(b, "      time stamp present, authority not checked: it leads to no certificate that you named\n")
		}
	}
	if x := v.LastBefore; x != nil {
		fmt.Fprintf(b, "  the last entry in this file existed before %s by %s\n", x.Time, x.who())
	} else {
		fmt.Fprintf(b, "  no time stamp that is checked covers the last entry in this file\n")
	}
}

// unprovedTimes says what is not shown of the times.
func (v *Verdict) unprovedTimes() string {
	const said = "the times: the order of entries is the log's, the hours are the relay's"
	switch above, both := v.bound(); {
	case above == 0:
		return said
	case both == len(v.Acts):
		return "the times to the minute: the order of entries is the log's, the hours are the relay's, and others show only the intervals in which they lie"
	case both > 0:
		return said + "; others show the intervals in which those of some acts lie"
	case above < len(v.Acts):
		return said + "; others show by when some acts existed, and not how long before"
	}
	return said + "; others show by when the acts existed, and not how long before"
}

// unchecked names the time stamps that nobody who was named made.
func (v *Verdict) unchecked() (list []string) {
	var names []string
	add := func(name string, checked bool) {
		if n := fmt.Sprintf("%q", name); !checked && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, s := range v.Stamps {
		add(s.Authority, s.Checked)
	}
	for _, r := range v.Renewals {
		add(r.Authority, r.Checked)
	}
	if len(names) > 0 {
		list = append(list, "what the time stamps of "+strings.Join(names, " and ")+" say: no certificate of theirs was named, and anybody can make such a stamp")
	}
	return list
}
