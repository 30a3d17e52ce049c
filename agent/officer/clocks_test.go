package officer_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent/officer"
	"comity.example/comity/custody"
)

// TestClocks follows the periods of an investigation order from its filing to a grant
// with a day of deletion, in the calendar of the State that decides.
func TestClocks(t *testing.T) {
	w := newWorld(t)
	p, err := w.office("nl").Request(w.header("nl", ""), officer.RequestSpec{To: "de", Instrument: "eio", Assistance: custody.AssistanceDisclosure,
		Categories: []string{"stored-data"}, Urgency: "routine", Order: officer.Attachment{Name: "o.pdf", Data: []byte("o")},
		Deadline: w.now.Add(50 * 24 * time.Hour), Expires: w.now.Add(200 * 24 * time.Hour)})
	fatalIfErr(t, err)
	id := string(w.file("nl", p, nil).Record())
	filed := w.kase(id).Filed.Time()
	v := w.book.View()
	v.Authorities["de"].Directory.Calendar = &custody.Calendar{TimeZone: "Europe/Berlin", Weekend: []string{"sat", "sun"}}
	clocks := func(now time.Time) []officer.Clock {
		t.Helper()
		list, err := officer.Clocks(v, w.kase(id), now)
		fatalIfErr(t, err)
		return list
	}
	codes := func(list []officer.Clock) (s []string) {
		for _, k := range list {
			s = append(s, k.Code+" "+k.State)
		}
		return s
	}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"eio-decision runs", "deadline runs"}},
		{22 * 24 * time.Hour, []string{"eio-decision runs", "deadline runs"}},
		{23 * 24 * time.Hour, []string{"eio-decision alarm", "deadline runs"}},
		{30*24*time.Hour + time.Minute, []string{"eio-decision doubtful", "deadline runs"}},
		{60 * 24 * time.Hour, []string{"eio-decision over", "deadline over"}},
	} {
		if got := codes(clocks(filed.Add(c.after))); !slices.Equal(got, c.want) {
			t.Errorf("after %s: %q, want %q", c.after, got, c.want)
		}
	}
	k := clocks(filed.Add(24 * 24 * time.Hour))[0]
	for _, want := range []string{"ALARM: de decides on recognition or execution by ", "CEST)", ", or in another reading by ", "(advisory; Directive 2014/41/EU, article 12(3), to be checked against the text)"} {
		if !strings.Contains(k.Says(), want) {
			t.Errorf("the clock says %q, which lacks %q", k.Says(), want)
		}
	}
	w.grant(id)
	if got := codes(clocks(w.now)); !slices.Equal(got, []string{"deadline runs", "eio-execution runs"}) {
		t.Errorf("after the grant: %q", got)
	}
	v.Authorities["de"].Directory.Calendar = &custody.Calendar{TimeZone: "Europe/Atlantis"}
	if _, err := officer.Clocks(v, w.kase(id), w.now); err == nil || !strings.Contains(err.Error(), `days of "de"`) {
		t.Errorf("an unknown zone: %v", err)
	}
}
