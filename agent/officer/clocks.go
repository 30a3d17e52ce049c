package officer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/agent/internal/law"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Clock is a period that runs in a case, or that ran out.
type Clock struct {
	Code     string       `json:"code"`
	Who      string       `json:"who"`      // the authority that it is for
	What     string       `json:"what"`     // it does by then
	Start    custody.Time `json:"start"`    // of the entry that started it
	Earliest custody.Time `json:"earliest"` // its end in the strictest reading
	Latest   custody.Time `json:"latest"`   // and in the most generous
	Binding  bool         `json:"binding"`
	AtLeast  bool         `json:"at_least,omitempty"` // it is to last so long, not to be over by then
	Source   string       `json:"source"`
	State    string       `json:"state"` // runs, alarm, doubtful or over
	zone     *time.Location
}

// The states of a clock. It alarms when a quarter of it is left in the strictest reading;
// between the two readings whether it is over is for people to say.
const (
	ClockRuns     = "runs"
	ClockAlarm    = "alarm"
	ClockDoubtful = "doubtful"
	ClockOver     = "over"
)

// Clocks lists the periods that run in a case, the next one to end first: those that the
// law table has for such a request, and those that its statements set. A period that has
// been kept is none. It fails if a directory names a time zone that this machine does not
// know.
func Clocks(v *custody.View, c *custody.Case, now time.Time) ([]Clock, error) {
	calendars := map[string]*law.Calendar{}
	for _, name := range []string{c.From, c.To} {
		var of *custody.Calendar
		if a := v.Authorities[name]; a != nil && a.Directory != nil {
			of = a.Directory.Calendar
		}
		cal, err := law.NewCalendar(of)
		if err != nil {
			return nil, fmt.Errorf("counting the days of %q: %w", name, err)
		}
		calendars[name] = cal
	}
	list := set(c)
	for i := range law.Get().Clocks {
		k := &law.Get().Clocks[i]
		if c.Request == nil || !k.For(c.Request) {
			continue
		}
		start, runs := runs(c, k)
		if !runs {
			continue
		}
		cal := calendars[party(c, k.Calendar)]
		early, late := cal.Ends(k.N, k.Unit, start.Time())
		source := k.Cite
		if !k.Read {
			source += ", to be checked against the text"
		}
		list = append(list, Clock{Code: k.Code, Who: party(c, k.Who), What: k.What, Start: start, Earliest: statement.At(early), Latest: statement.At(late),
			Binding: k.Binding, AtLeast: k.Sense == law.AtLeast, Source: source, zone: cal.Zone})
	}
	for i := range list {
		k := &list[i]
		k.State = k.state(now)
		if k.zone == nil {
			k.zone = calendars[k.Who].Zone
		}
	}
	slices.SortStableFunc(list, func(a, b Clock) int { return a.Earliest.Time().Compare(b.Earliest.Time()) })
	return list, nil
}

// CheckCalendar checks that days can be counted in a calendar on this machine.
func CheckCalendar(c *custody.Calendar) (*time.Location, error) {
	cal, err := law.NewCalendar(c)
	if err != nil {
		return nil, err
	}
	return cal.Zone, nil
}

// party returns the authority that a row of the table means.
func party(c *custody.Case, which string) string {
	if which == law.Requesting {
		return c.From
	}
	return c.To
}

// runs says since when a clock of the table runs, and whether it does still.
func runs(c *custody.Case, k *law.Clock) (custody.Time, bool) {
	start, g := c.Filed, c.Live()
	if k.Starts == law.AtGrant {
		if g == nil {
			return start, false
		}
		start = g.Time
	}
	over := c.Refusal != nil || c.End != nil || g != nil && g.Over()
	switch k.Stops {
	case law.AtDecision:
		over = over || g != nil
	case law.AtDelivery:
		over = over || g != nil && g.Final
	}
	return start, !over
}

// set lists the periods that the statements of a case set themselves.
func set(c *custody.Case) []Clock {
	list := []Clock{}
	add := func(code, who, what string, start, end custody.Time, binding bool, source string) {
		list = append(list, Clock{Code: code, Who: who, What: what, Start: start, Earliest: end, Latest: end, Binding: binding, Source: source})
	}
	g := c.Live()
	open := c.Refusal == nil && c.End == nil
	if c.Request != nil && open && !c.Request.Deadline.IsZero() && (g == nil || !g.Over() && !g.Final) {
		add("deadline", c.To, "has it delivered", c.Filed, c.Request.Deadline, false, "the request")
	}
	if g != nil && g.InEmergency() && g.Validated.IsZero() && !g.Over() {
		add("validation", c.To, "validates the grant, or it lapses", g.Time, g.ValidateBy, true, "the grant")
	}
	for _, o := range c.Orders {
		if slices.ContainsFunc(c.Unexecuted(), func(p *custody.PackageState) bool { return p.Grant.SHA256 == o.Order.Grant }) {
			add("order", c.From, "carries the order out: "+o.Measure, o.Time, o.Due, true, "the order")
		}
	}
	for _, g := range c.Grants {
		kept := slices.ContainsFunc(c.Packages, func(p *custody.PackageState) bool { return p.Grant == g && p.Received() && p.Gone == nil })
		if kept && !g.DeleteBy.IsZero() {
			add("deletion", c.From, "has deleted what it received", g.Time, g.DeleteBy, true, "the conditions of the grant")
		}
	}
	return list
}

func (k *Clock) state(now time.Time) string {
	early, late := k.Earliest.Time(), k.Latest.Time()
	switch quarter := early.Sub(k.Start.Time()) / 4; {
	case !now.Before(late):
		return ClockOver
	case !now.Before(early):
		return ClockDoubtful
	case !now.Before(early.Add(-quarter)) && !k.AtLeast:
		return ClockAlarm
	}
	return ClockRuns
}

// Says writes a clock as a sentence, with its end in UTC and at the place that it counts.
func (k *Clock) Says() string {
	var b strings.Builder
	sense := " by "
	if k.AtLeast {
		sense = " at least until "
	}
	fmt.Fprintf(&b, "%s %s%s%s", k.Who, k.What, sense, k.moment(k.Earliest))
	if k.Latest != k.Earliest {
		fmt.Fprintf(&b, ", or in another reading by %s", k.moment(k.Latest))
	}
	kind := "advisory"
	if k.Binding {
		kind = "binding"
	}
	fmt.Fprintf(&b, " (%s; %s)", kind, k.Source)
	switch k.State {
	case ClockAlarm:
		return "ALARM: " + b.String()
	case ClockDoubtful:
		return "PERHAPS OVER: " + b.String()
	case ClockOver:
		if k.AtLeast {
			return "may end: " + b.String()
		}
		return "OVER: " + b.String()
	}
	return b.String()
}

func (k *Clock) moment(t custody.Time) string {
	s := t.Time().UTC().Format("2006-01-02 15:04Z")
	if k.zone == nil {
		return s
	}
	if local := t.Time().In(k.zone); local.Format("-0700") != "+0000" {
		s += local.Format(" (2006-01-02 15:04 MST)")
	}
	return s
}
