package law

import (
	"errors"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // calendars name zones, and a machine may lack the list

	"comity.example/comity/custody"
)

// Clock is a period that an instrument sets.
type Clock struct {
	Code       string   `yaml:"code"`
	Who        string   `yaml:"who"`  // requested or requesting
	What       string   `yaml:"what"` // that State does by then
	N          int      `yaml:"n"`
	Unit       string   `yaml:"unit"`
	Calendar   string   `yaml:"calendar"` // whose: requested or requesting
	Starts     string   `yaml:"starts"`
	Stops      string   `yaml:"stops"`
	Sense      string   `yaml:"sense"`
	Binding    bool     `yaml:"binding"`
	Instrument []string `yaml:"instruments"`
	Assistance string   `yaml:"assistance"`
	Categories []string `yaml:"categories"`
	Source     `yaml:",inline"`
}

// The units of a clock.
const (
	Hours       = "hours"
	Days        = "days"
	WorkingDays = "working-days"
)

// Whose calendar or duty it is.
const (
	Requested  = "requested"
	Requesting = "requesting"
)

// What starts and stops a clock.
const (
	AtRequest  = "request"
	AtGrant    = "grant"
	AtDecision = "decision" // a grant or a refusal
	AtDelivery = "delivery" // the final one, or the end
	AtEnd      = "end"      // the request's
)

// The senses of a clock.
const (
	By      = "by"
	AtLeast = "at-least"
)

func (c *Clock) check() error {
	for _, f := range []struct {
		key, value string
		known      []string
	}{{"who", c.Who, []string{Requested, Requesting}}, {"unit", c.Unit, []string{Hours, Days, WorkingDays}},
		{"calendar", c.Calendar, []string{Requested, Requesting}}, {"starts", c.Starts, []string{AtRequest, AtGrant}},
		{"stops", c.Stops, []string{AtDecision, AtDelivery, AtEnd}}, {"sense", c.Sense, []string{By, AtLeast}}} {
		if !slices.Contains(f.known, f.value) {
			return fmt.Errorf("%s %q: want one of %q", f.key, f.value, f.known)
		}
	}
	if c.N < 1 || c.What == "" || c.Cite == "" || len(c.Instrument) == 0 {
		return errors.New("n, what, cite and instruments are needed")
	}
	return nil
}

// For reports whether the clock runs for a request.
func (c *Clock) For(b *custody.Request) bool {
	return slices.Contains(c.Instrument, b.Instrument) && (c.Assistance == "" || c.Assistance == b.Assistance) &&
		(len(c.Categories) == 0 || slices.ContainsFunc(b.Categories, func(s string) bool { return slices.Contains(c.Categories, s) }))
}

// Calendar is a State's calendar, ready to count in.
type Calendar struct {
	Zone     *time.Location
	weekend  map[time.Weekday]bool
	holidays map[string]bool // like 2026-12-25
}

// NewCalendar returns the calendar that a directory has; without one it is UTC, with
// Saturday and Sunday free. A zone that is not known here is an error: counting in another
// one would be a guess.
func NewCalendar(c *custody.Calendar) (*Calendar, error) {
	if c == nil {
		return &Calendar{time.UTC, map[time.Weekday]bool{time.Saturday: true, time.Sunday: true}, nil}, nil
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q of the directory is not known here: %v", c.TimeZone, err)
	}
	out := &Calendar{zone, map[time.Weekday]bool{}, map[string]bool{}}
	for _, d := range c.Weekend {
		out.weekend[custody.Weekdays[d]] = true
	}
	for _, h := range c.Holidays {
		out.holidays[h] = true
	}
	return out, nil
}

// free reports whether nobody works on the day of a time there.
func (c *Calendar) free(t time.Time) bool {
	return c.weekend[t.Weekday()] || c.holidays[t.Format(time.DateOnly)]
}

// Ends returns when a period ends that starts at a time, in the strictest reading and in
// the most generous. Hours have one. Days and working days may count the day on which
// they start, and end at the hour at which they began; or they count from the next day,
// end with the last one, and, if nobody works on that, with the next working day
// (Regulation (EEC, Euratom) 1182/71, article 3, has the latter; treaties say nothing).
func (c *Calendar) Ends(n int, unit string, start time.Time) (earliest, latest time.Time) {
	at := start.In(c.Zone)
	switch unit {
	case Hours:
		t := start.Add(time.Duration(n) * time.Hour)
		return t, t
	case WorkingDays:
		earliest, latest = c.working(at, n, false), c.working(at, n, true)
	default:
		earliest, latest = at.AddDate(0, 0, n), at.AddDate(0, 0, n)
		for c.free(latest) {
			latest = latest.AddDate(0, 0, 1)
		}
	}
	return earliest, endOf(latest)
}

// working returns the n-th working day after a time, at its hour; or, if the first day is
// not to be left out, counted from that day on if somebody works on it.
func (c *Calendar) working(at time.Time, n int, leaveOut bool) time.Time {
	if !leaveOut && !c.free(at) {
		n--
	}
	for n > 0 {
		if at = at.AddDate(0, 0, 1); !c.free(at) {
			n--
		}
	}
	return at
}

// endOf returns the last second of the day.
func endOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 23, 59, 59, 0, t.Location())
}
