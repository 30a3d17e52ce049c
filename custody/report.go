package custody

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Report is an authority's statistics of the requests that it was party of, published in
// its own record. Who holds the same entries makes the same statistics of them, byte for
// byte: package report does.
type Report struct {
	Header
	Statistics
}

// Statistics count the requests of an authority whose first entry lies in a period, as
// they stood at one checkpoint of the log. Small numbers are not told.
type Statistics struct {
	Authority  string        `json:"authority"`
	Log        string        `json:"log"`    // the relay's origin
	From       Time          `json:"from"`   // of the period
	Before     Time          `json:"before"` // the period's end is not in it
	Checkpoint CheckpointRef `json:"checkpoint"`
	Counted    int64         `json:"leaves_counted"` // leaves of the log that are entries of the requests counted here
	Own        int64         `json:"leaves_own"`     // of other requests of the authority
	Others     int64         `json:"leaves_others"`  // all the rest, of which this says nothing
	Threshold  int64         `json:"threshold"`      // numbers from 1 to below it are not told
	Sent       Side          `json:"sent"`
	Received   Side          `json:"received"`
}

// Side is one direction: the requests that the authority made, or those it got.
type Side struct {
	Requests Cell     `json:"requests"`
	Outcomes []Figure `json:"outcomes"` // of ReportOutcomes, in their order; each request has one
	Tables   []Table  `json:"tables"`   // by outcome, too
	Acts     []Figure `json:"acts"`     // of ReportActs, in their order
	Median   Cell     `json:"median_hours_to_decision"`
}

// Figure is one number and what it counts.
type Figure struct {
	Name string `json:"name"`
	N    Cell   `json:"n"`
}

// Table counts the requests of one side by what the rows say and by their outcome. A
// request stands in one row: of several categories or grounds that of their combination, as
// in content-data+stored-data, or, of one that is rarer than the threshold, several.
type Table struct {
	Name     string `json:"name"`
	Withheld bool   `json:"withheld"` // no rows: every one would tell a small number
	Rows     []Row  `json:"rows"`
}

// Row is one line of a table.
type Row struct {
	Name  string `json:"name"`
	Total Cell   `json:"total"`
	Cells []Cell `json:"cells"` // one for each outcome of the side, in their order
}

// Cell is a number as a report tells it: in decimal; as "<5" where it is at least 1 and
// below the threshold, here 5; or as "*" where it would tell such a number to who adds
// and subtracts.
type Cell string

// CellHidden stands for a number that is not told for the sake of others.
const CellHidden Cell = "*"

// CellOf tells a number as it is.
func CellOf(n int64) Cell { return Cell(strconv.FormatInt(n, 10)) }

// CellBelow stands for a number from 1 to below the threshold.
func CellBelow(threshold int64) Cell { return "<" + CellOf(threshold) }

// Told returns the number of a cell that tells one.
func (c Cell) Told() (n int64, ok bool) {
	n, err := strconv.ParseInt(string(c), 10, 64)
	return n, err == nil
}

// The lists that every report has, in this order.
var (
	// ReportOutcomes say what became of a request, by the acts in its record and no
	// clock: the first that holds of withdrawn, closed, refused, revoked, lapsed, suspended; else
	// whether it was granted.
	ReportOutcomes = []string{"pending", "granted", "granted-in-part", "refused", "revoked", "lapsed", "suspended", "withdrawn", "closed"}
	// ReportTables are the tables of a side.
	ReportTables = []string{"counterpart", "category", "urgency", "ground", "first-decision"}
	// ReportActs are counted over all requests of a side. Bytes are of sealed payloads.
	ReportActs = []string{"packages", "bytes", "receipts", "rejections", "recalls", "revocations"}
)

// Limits on what a report may say.
const (
	minThreshold  = 2
	maxThreshold  = 100
	maxReportRows = 1000
	maxRowName    = 500
)

var rowPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*(\+[a-z][a-z0-9-]*)*$`)

var cellPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,17}|<[1-9][0-9]{0,2}|\*)$`)

func (b *Report) check() error {
	s := &b.Statistics
	switch {
	case s.Authority != b.By || s.Log != b.Relay:
		return bad("authority %q, log %q: want those of the statement", s.Authority, s.Log)
	case b.After != nil:
		return bad("after: a report names a checkpoint")
	case s.Before.Time().After(b.Issued.Time()):
		return bad("before %s: the period has not ended when the report is issued", s.Before)
	}
	return s.Check()
}

// Check checks the form of statistics, not that they are true.
func (s *Statistics) Check() error {
	switch {
	case CheckAuthority(s.Authority) != nil || CheckOrigin(s.Log) != nil:
		return bad("authority %q, log %q: malformed", s.Authority, s.Log)
	case s.From.IsZero() || !s.Before.Time().After(s.From.Time()):
		return bad("from %s, before %s: no period", s.From, s.Before)
	case s.Checkpoint.Size < 1 || s.Checkpoint.Root.IsZero():
		return bad("checkpoint: size %d", s.Checkpoint.Size)
	case s.Counted < 0 || s.Own < 0 || s.Others < 0 || s.Counted > s.Checkpoint.Size || s.Own > s.Checkpoint.Size-s.Counted ||
		s.Others != s.Checkpoint.Size-s.Counted-s.Own:
		return bad("leaves %d, %d and %d are not all of the %d", s.Counted, s.Own, s.Others, s.Checkpoint.Size)
	case s.Threshold < minThreshold || s.Threshold > maxThreshold:
		return bad("threshold %d, want %d to %d", s.Threshold, minThreshold, maxThreshold)
	}
	for _, side := range []*Side{&s.Sent, &s.Received} {
		if err := side.check(s.Threshold); err != nil {
			return err
		}
	}
	return nil
}

func (s *Side) check(threshold int64) error {
	cells := []Cell{s.Requests, s.Median}
	for _, list := range []struct {
		counts []Figure
		names  []string
	}{{s.Outcomes, ReportOutcomes}, {s.Acts, ReportActs}} {
		if len(list.counts) != len(list.names) {
			return bad("%d counts, want %s", len(list.counts), strings.Join(list.names, ", "))
		}
		for i, c := range list.counts {
			if c.Name != list.names[i] {
				return bad("a count of %q, want %q", c.Name, list.names[i])
			}
			cells = append(cells, c.N)
		}
	}
	if len(s.Tables) != len(ReportTables) {
		return bad("%d tables, want %s", len(s.Tables), strings.Join(ReportTables, ", "))
	}
	for i, t := range s.Tables {
		if t.Name != ReportTables[i] || t.Rows == nil || len(t.Rows) > maxReportRows || t.Withheld && len(t.Rows) > 0 {
			return bad("table %q: malformed", t.Name)
		}
		for k, r := range t.Rows {
			if !rowPattern.MatchString(r.Name) || len(r.Name) > maxRowName || len(r.Cells) != len(ReportOutcomes) || k > 0 && r.Name == t.Rows[k-1].Name {
				return bad("table %q: row %q is malformed", t.Name, r.Name)
			}
			cells = append(append(cells, r.Total), r.Cells...)
		}
	}
	if i := slices.IndexFunc(cells, func(c Cell) bool { return !c.fits(threshold) }); i >= 0 {
		return bad("cell %q is no number, or one below the threshold of %d", cells[i], threshold)
	}
	return nil
}

// fits: a report does not tell what it says it does not.
func (c Cell) fits(threshold int64) bool {
	n, told := c.Told()
	switch {
	case !cellPattern.MatchString(string(c)):
		return false
	case told:
		return n == 0 || n >= threshold
	}
	return c == CellHidden || c == CellBelow(threshold)
}

// decideReport: an authority in force here speaks of itself. Whether what it says is
// true the rules cannot tell, since no record holds the entries of all its requests: who
// may read these makes the statistics again and compares.
func decideReport(a *Authority, v *View, s *Statement, now Time) Decision {
	const rule = "report"
	if code := a.inForce(now); code != CodeAllowed {
		return deny(rule, code)
	}
	if !a.accepts(v.Origin, v.RelayFingerprint) {
		return deny(rule, CodeRelayNotAccepted)
	}
	if d := decideOfficers(v, s, now); !d.Allowed() {
		return d
	}
	return allow(rule)
}
