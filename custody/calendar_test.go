package custody_test

import (
	"fmt"
	"testing"

	"comity.example/comity/custody"
)

// TestCalendarFields breaks the calendar of a directory, and has one registrar change it
// beside a revocation.
func TestCalendarFields(t *testing.T) {
	w := newWorld(t)
	good := func() *custody.Calendar {
		return &custody.Calendar{TimeZone: "Europe/Amsterdam", Weekend: []string{"sat", "sun"}, Holidays: []string{"2026-12-25", "2026-12-26"}}
	}
	var many []string
	for i := range 401 {
		many = append(many, fmt.Sprintf("%04d-01-01", 2000+i))
	}
	for name, f := range map[string]func(*custody.Calendar){
		"": func(*custody.Calendar) {}, "no zone": func(c *custody.Calendar) { c.TimeZone = "" }, "a path": func(c *custody.Calendar) { c.TimeZone = "../etc/passwd" },
		"an unknown day": func(c *custody.Calendar) { c.Weekend[0] = "someday" }, "a day twice": func(c *custody.Calendar) { c.Weekend[0] = "sun" },
		"no working day": func(c *custody.Calendar) { c.Weekend = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} },
		"no date":        func(c *custody.Calendar) { c.Holidays[1] = "2026-12-32" }, "out of order": func(c *custody.Calendar) { c.Holidays[1] = "2026-12-24" },
		"a date twice": func(c *custody.Calendar) { c.Holidays[1] = "2026-12-25" }, "401 holidays": func(c *custody.Calendar) { c.Holidays = many },
	} {
		b := w.nl.directory(w.now)
		b.Calendar = good()
		f(b.Calendar)
		if _, err := custody.Draft(b); (err == nil) != (name == "") {
			t.Errorf("with %q: %v", name, err)
		}
	}
	d := w.publish(w.nl, func(b *custody.Directory) {
		b.Calendar = good()
		entry(b, "nl/agent/lab-2").Status = custody.StatusRevoked
	}, w.nl.registrars[0])
	if d.Code != custody.CodeBelowThreshold {
		t.Errorf("one registrar changes the calendar: %s", d)
	}
}
