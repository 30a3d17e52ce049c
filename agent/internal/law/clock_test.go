package law

import (
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
)

// TestEnds counts in the calendars of a State with holidays, with a Friday weekend, and
// over the night in which clocks are put forward.
func TestEnds(t *testing.T) {
	nl := &custody.Calendar{TimeZone: "Europe/Amsterdam", Weekend: []string{"sat", "sun"}, Holidays: []string{"2026-12-25", "2026-12-26", "2027-01-01"}}
	eg := &custody.Calendar{TimeZone: "Africa/Cairo", Weekend: []string{"fri", "sat"}}
	for _, c := range []struct {
		name     string
		calendar *custody.Calendar
		n        int
		unit     string
		start    string
		earliest string
		latest   string
	}{
		{"hours", nl, 48, Hours, "2026-12-24T20:00:00+01:00", "2026-12-26T20:00:00+01:00", "2026-12-26T20:00:00+01:00"},
		{"hours over the change", nl, 48, Hours, "2026-03-28T10:00:00+01:00", "2026-03-30T11:00:00+02:00", "2026-03-30T11:00:00+02:00"},
		{"days over the change", nl, 2, Days, "2026-03-28T10:00:00+01:00", "2026-03-30T10:00:00+02:00", "2026-03-30T23:59:59+02:00"},
		{"days that end on a Sunday", nl, 3, Days, "2026-03-05T10:00:00+01:00", "2026-03-08T10:00:00+01:00", "2026-03-09T23:59:59+01:00"},
		{"days that end on Christmas", nl, 5, Days, "2026-12-20T10:00:00+01:00", "2026-12-25T10:00:00+01:00", "2026-12-28T23:59:59+01:00"},
		{"working days from a Thursday", nl, 3, WorkingDays, "2026-03-05T10:00:00+01:00", "2026-03-09T10:00:00+01:00", "2026-03-10T23:59:59+01:00"},
		{"working days from a Sunday", nl, 1, WorkingDays, "2026-03-08T10:00:00+01:00", "2026-03-09T10:00:00+01:00", "2026-03-09T23:59:59+01:00"},
		{"working days over Christmas", nl, 2, WorkingDays, "2026-12-24T10:00:00+01:00", "2026-12-28T10:00:00+01:00", "2026-12-29T23:59:59+01:00"},
		{"working days where Friday is free", eg, 2, WorkingDays, "2026-03-05T10:00:00+02:00", "2026-03-08T10:00:00+02:00", "2026-03-09T23:59:59+02:00"},
		{"days without a calendar", nil, 30, Days, "2026-03-02T09:00:00Z", "2026-04-01T09:00:00Z", "2026-04-01T23:59:59Z"},
		{"a day begins earlier there", nl, 1, Days, "2026-03-02T23:30:00Z", "2026-03-03T23:30:00Z", "2026-03-04T22:59:59Z"},
	} {
		cal, err := NewCalendar(c.calendar)
		if err != nil {
			t.Fatal(err)
		}
		at := func(s string) time.Time {
			v, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		early, late := cal.Ends(c.n, c.unit, at(c.start))
		if !early.Equal(at(c.earliest)) || !late.Equal(at(c.latest)) {
			t.Errorf("%s: ends %s or %s, want %s or %s", c.name, early.Format(time.RFC3339), late.Format(time.RFC3339), c.earliest, c.latest)
		}
	}
	if _, err := NewCalendar(&custody.Calendar{TimeZone: "Europe/Atlantis"}); err == nil {
		t.Error("an unknown zone is counted in")
	}
}

func TestClockRefuses(t *testing.T) {
	const row = "clocks:\n  - {code: x, who: requested, what: w, n: 1, unit: days, calendar: requested, starts: request, stops: decision, sense: by, instruments: [eio], cite: c}\n"
	if _, err := parse([]byte(row)); err != nil {
		t.Fatal(err)
	}
	for old, now := range map[string]string{"who: requested": "who: somebody", "n: 1": "n: 0", "unit: days": "unit: moons", "calendar: requested": "calendar: mayan",
		"starts: request": "starts: soon", "stops: decision": "stops: never", "sense: by": "sense: about", "cite: c": "cite: ''", "instruments: [eio]": "instruments: []"} {
		if _, err := parse([]byte(strings.Replace(row, old, now, 1))); err == nil || !strings.Contains(err.Error(), `clock "x"`) {
			t.Errorf("%s: %v", now, err)
		}
	}
}
