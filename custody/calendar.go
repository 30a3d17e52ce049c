package custody

import (
	"regexp"
	"slices"
	"time"
)

// Calendar is how an authority counts days: its zone and the days on which nobody works
// there. No rule counts in it; people's clocks do.
type Calendar struct {
	TimeZone string   `json:"time_zone"` // of the IANA database, like Europe/Amsterdam
	Weekend  []string `json:"weekend"`   // mon to sun
	Holidays []string `json:"holidays"`  // like 2026-12-25, ascending
}

// Weekdays are the names of the days in Calendar.Weekend.
var Weekdays = map[string]time.Weekday{"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
	"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday}

// maxHolidays bounds a calendar: some years of them.
const maxHolidays = 400

var zonePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}$`)

func (c *Calendar) check() error {
	if c == nil {
		return nil
	}
	if len(c.TimeZone) > 64 || !zonePattern.MatchString(c.TimeZone) {
		return bad("calendar: time_zone %q: want one like Europe/Amsterdam", c.TimeZone)
	}
	if len(c.Weekend) > 6 {
		return bad("calendar: weekend: no day is left to work on")
	}
	for i, d := range c.Weekend {
		if _, ok := Weekdays[d]; !ok || slices.Contains(c.Weekend[:i], d) {
			return bad("calendar: weekend: %q is no day like sat, or repeated", d)
		}
	}
	if len(c.Holidays) > maxHolidays {
		return bad("calendar: %d holidays, more than %d", len(c.Holidays), maxHolidays)
	}
	for i, h := range c.Holidays {
		if _, err := time.Parse(time.DateOnly, h); err != nil || i > 0 && h <= c.Holidays[i-1] {
			return bad("calendar: holidays: %q is no date like 2026-12-25, or out of order", h)
		}
	}
	return nil
}

// Equal reports whether two calendars are the same; nil is none.
func (c *Calendar) Equal(o *Calendar) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.TimeZone == o.TimeZone && slices.Equal(c.Weekend, o.Weekend) && slices.Equal(c.Holidays, o.Holidays)
}
