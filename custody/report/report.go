// Package report makes the statistics that an authority publishes of its requests: pure,
// from replayed cases, so that everybody who has the same entries makes the same bytes.
//
// It tells no number from 1 to below a threshold, and none from which such a number
// follows by adding and subtracting: see Suppress. It refuses to guess what no entry
// says: it reads no annex, no clock, and nothing of requests that it is not given.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"comity.example/comity/custody"
)

// Threshold is the default of custody.Statistics.Threshold.
const Threshold = 5

// Request is what a report needs to know of one request.
type Request struct {
	Sent       bool // by the authority whose report it is
	With       string
	Categories []string
	Urgency    string
	Filed      time.Time
	Decided    time.Time // of the first grant or refusal; zero before
	Outcome    string    // one of custody.ReportOutcomes
	Grounds    []string  // of a refusal
	Acts       map[string]int64
	Leaves     int64 // entries of its record
}

// Of reads a request from its record, which must have one, for a party of it. Suspended
// says whether the pair is, at the checkpoint.
func Of(authority string, c *custody.Case, entries []*custody.Entry, suspended bool) Request {
	r := Request{
		Sent: c.From == authority, With: c.To, Filed: entries[0].Time.Time(), Outcome: outcome(c, suspended),
		Acts: map[string]int64{}, Leaves: int64(len(entries)),
	}
	if !r.Sent {
		r.With = c.From
	}
	asked(&r, c)
	if c.Refusal != nil {
		r.Grounds = c.Refusal.Grounds
	}
	for _, e := range entries {
		if name := acts[e.Kind]; name != "" {
			r.Acts[name]++
		}
		if r.Decided.IsZero() && (e.Kind == custody.KindGrant || e.Kind == custody.KindRefusal) {
			r.Decided = e.Time.Time()
		}
	}
	for _, p := range c.Packages {
		r.Acts["bytes"] += p.PayloadSize
	}
	return r
}

// acts names the kinds that are counted as custody.ReportActs.
var acts = map[custody.Kind]string{custody.KindSeal: "packages", custody.KindReceipt: "receipts", custody.KindRejection: "rejections",
	custody.KindRecall: "recalls", custody.KindRevocation: "revocations"}

// asked reads what a request asks for: the one place that knows its fields.
func asked(r *Request, c *custody.Case) {
	r.Categories, r.Urgency = c.Request.Categories, c.Request.Urgency
	if c.Danger != nil {
		r.Urgency = "emergency"
	}
}

// inPart reports whether the terms in force allow less than was asked for.
func inPart(b *custody.Request, g *custody.Terms) bool {
	return len(g.Categories) < len(b.Categories) || len(g.Recipients) > 0 && len(g.Recipients) < len(b.Recipients)
}

// outcome says what became of a request: how it ended, if it did; else what was decided
// last.
func outcome(c *custody.Case, suspended bool) string {
	g := c.Live()
	switch {
	case c.End != nil && c.End.Kind == custody.KindWithdrawal:
		return "withdrawn"
	case c.End != nil:
		return "closed"
	case c.Refusal != nil:
		return "refused"
	case g != nil && g.Revoked:
		return "revoked"
	case g != nil && !g.LapsedAt.IsZero():
		return "lapsed"
	case suspended:
		return "suspended"
	case g == nil:
		return "pending"
	case inPart(c.Request, g.Terms):
		return "granted-in-part"
	}
	return "granted"
}

// Period is a time from, and before.
type Period struct{ From, Before time.Time }

// Year returns a calendar year of UTC.
func Year(n int) Period {
	return Period{time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(n+1, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Quarter returns a quarter of a year of UTC, 1 to 4.
func Quarter(year, n int) Period {
	from := time.Date(year, time.Month(3*n-2), 1, 0, 0, 0, 0, time.UTC)
	return Period{from, from.AddDate(0, 3, 0)}
}

// Holds reports whether a moment is in the period.
func (p Period) Holds(t time.Time) bool { return !t.Before(p.From) && t.Before(p.Before) }

// Tally collects requests one by one, in whatever order; of each it keeps numbers.
type Tally struct {
	authority    string
	period       Period
	counted, own int64
	sides        [2]side // received, sent
}

// NewTally returns an empty tally.
func NewTally(authority string, p Period) *Tally { return &Tally{authority: authority, period: p} }

// Add counts a request of the authority; of one outside the period only its leaves.
func (t *Tally) Add(r Request) error {
	if !t.period.Holds(r.Filed) {
		t.own += r.Leaves
		return nil
	}
	t.counted += r.Leaves
	s := &t.sides[0]
	if r.Sent {
		s = &t.sides[1]
	}
	return s.add(r)
}

// side counts in clear. It must not leave this package.
type side struct {
	outcomes []int64
	tables   map[string]map[string][]int64 // table, row, outcome
	acts     map[string]int64
	waits    []time.Duration
}

func (s *side) add(r Request) error {
	o := slices.Index(custody.ReportOutcomes, r.Outcome)
	if o < 0 {
		return fmt.Errorf("outcome %q is unknown", r.Outcome)
	}
	if s.tables == nil {
		s.outcomes, s.tables, s.acts = make([]int64, len(custody.ReportOutcomes)), map[string]map[string][]int64{}, map[string]int64{}
	}
	s.outcomes[o]++
	for table, row := range map[string]string{
		"counterpart": r.With, "category": together(r.Categories), "urgency": r.Urgency, "ground": together(r.Grounds), "first-decision": r.band(),
	} {
		if row == "" { // of a ground: it was not refused
			continue
		}
		if s.tables[table] == nil {
			s.tables[table] = map[string][]int64{}
		}
		if s.tables[table][row] == nil {
			s.tables[table][row] = make([]int64, len(custody.ReportOutcomes))
		}
		s.tables[table][row][o]++
	}
	for name, n := range r.Acts {
		s.acts[name] += n
	}
	if !r.Decided.IsZero() {
		s.waits = append(s.waits, r.Decided.Sub(r.Filed))
	}
	return nil
}

// together names a combination of codes. A request stands in one row of a table, that of
// all its categories: were it in a row for each, who knows that every request has at least
// one could compute what is hidden.
func together(codes []string) string { return strings.Join(slices.Sorted(slices.Values(codes)), "+") }

// several is the row of combinations too rare for one of their own.
const several = "several"

// gathered moves rare combinations into one row.
func gathered(rows map[string][]int64, threshold int64) map[string][]int64 {
	out := map[string][]int64{}
	for name, counts := range rows {
		var total int64
		for _, n := range counts {
			total += n
		}
		if total < threshold && strings.Contains(name, "+") {
			name = several
		}
		if out[name] == nil {
			out[name] = make([]int64, len(counts))
		}
		for i, n := range counts {
			out[name][i] += n
		}
	}
	return out
}

// band is a range of times to the first decision, up to so many days.
type band struct {
	name string
	days int
}

var bands = []band{{"within-1-day", 1}, {"within-7-days", 7}, {"within-30-days", 30}, {"within-90-days", 90}, {"over-90-days", 1 << 16}, {"none", 0}}

// band says how long the first decision took.
func (r *Request) band() string {
	for _, b := range bands {
		if !r.Decided.IsZero() && r.Decided.Sub(r.Filed) <= time.Duration(b.days)*24*time.Hour {
			return b.name
		}
	}
	return "none"
}

// Statistics tells what was counted at a checkpoint, as far as a threshold lets it.
func (t *Tally) Statistics(log string, at custody.CheckpointRef, threshold int64) custody.Statistics {
	return custody.Statistics{
		Authority: t.authority, Log: log, From: stamp(t.period.From), Before: stamp(t.period.Before), Checkpoint: at,
		Counted: t.counted, Own: t.own, Others: at.Size - t.counted - t.own, Threshold: threshold,
		Sent: t.sides[1].tell(threshold), Received: t.sides[0].tell(threshold),
	}
}
