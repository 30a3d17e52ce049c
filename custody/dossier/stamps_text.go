package dossier

import (
	"fmt"
	"slices"
	"strings"
)

// unstamped is the verdict as it would be without time stamps. Documents are rendered
// from it: what a stamp shows depends on whom a verifier trusts, and they must not.
func (v *Verdict) unstamped() *Verdict {
	x := *v
	x.Stamps, x.Renewals, x.LastBefore, x.Acts = nil, nil, nil, slices.Clone(v.Acts)
	for i := range x.Acts {
		x.Acts[i].Before = nil
	}
	return &x
}

// boundBy counts the acts that a time stamp bounds.
func (v *Verdict) boundBy() (n int) {
	for _, a := range v.Acts {
		if a.Before != nil {
			n++
		}
	}
	return n
}

// vouched says who vouches for the times.
func (v *Verdict) vouched() string {
	if n := v.boundBy(); n > 0 {
		return fmt.Sprintf("%s; of %d of %d acts a time stamp shows by when they existed", timesText, n, len(v.Acts))
	}
	return timesText
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
		fmt.Fprintf(b, "  the last entry in this file existed before %s by the time stamp of %q\n", x.Time, x.Authority)
	} else {
		fmt.Fprintf(b, "  no time stamp that is checked covers the last entry in this file\n")
	}
}

// unprovedTimes says what is not shown of the times.
func (v *Verdict) unprovedTimes() string {
	switch n := v.boundBy(); {
	case n == 0:
		return "the times: the order of entries is the log's, the hours are the relay's"
	case n < len(v.Acts):
		return "the times: the order of entries is the log's, the hours are the relay's; the time stamps show by when some acts existed, and not how long before"
	}
	return "the times: the order of entries is the log's, the hours are the relay's; the time stamps show by when the acts existed, and not how long before"
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
