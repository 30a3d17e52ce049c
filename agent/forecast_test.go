package agent

import (
	"testing"
	"time"
)

// TestForecast: a package that will be late is told once, not before a minute has shown
// the rate, and never one that is on time. What was there before counts for no rate.
func TestForecast(t *testing.T) {
	begun := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		first   int64
		done    []int64 // after each minute
		expires time.Duration
		want    int // the minute in which it is told; 0: never
	}{
		{"on time", 0, []int64{100, 200, 300}, 11 * time.Minute, 0},
		{"late", 0, []int64{100, 200, 300}, 9 * time.Minute, 1},
		{"late since it got slow", 0, []int64{100, 200, 201, 202, 203}, 11 * time.Minute, 3},
		{"continued, on time", 900, []int64{910, 920}, 11 * time.Minute, 0},
		{"continued, late", 900, []int64{910, 920}, 9 * time.Minute, 1},
		{"nothing moved", 500, []int64{500, 500}, time.Minute, 0},
		{"complete", 0, []int64{1000}, time.Second, 0},
	} {
		f := forecast{begun: begun, first: c.first, total: 1000, expires: begun.Add(c.expires)}
		if _, late := f.late(c.first+1, begun.Add(forecastAfter-time.Second)); late {
			t.Errorf("%s: told within a minute", c.name)
		}
		told := 0
		for i, done := range c.done {
			if end, late := f.late(done, begun.Add(time.Duration(i+1)*time.Minute)); late {
				if told != 0 || !end.After(f.expires) {
					t.Errorf("%s: told twice, or for %s", c.name, end)
				}
				told = i + 1
			}
		}
		if told != c.want {
			t.Errorf("%s: told in minute %d, want %d", c.name, told, c.want)
		}
	}
}
