package command

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var daysPattern = regexp.MustCompile(`^([1-9][0-9]{0,3})d$`)

// when reads a moment from the command line: RFC 3339 in UTC, a number of days
// from now like 90d, or a date, which stands for its beginning in UTC or, if last
// is set, for its last second.
func when(s string, now time.Time, last bool) (time.Time, error) {
	if m := daysPattern.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return time.Time{}, usageError{err}
		}
		return now.Add(time.Duration(n) * 24 * time.Hour).UTC().Truncate(time.Second), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		if last {
			t = t.Add(24*time.Hour - time.Second)
		}
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("malformed date %q: want a date like 2027-03-01, days like 90d, or a time like 2027-03-01T12:00:00Z", s)}
	}
	return t.UTC(), nil
}

// optionalWhen is when for a flag that may be absent: then the time is zero.
func optionalWhen(s string, now time.Time, last bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return when(s, now, last)
}
