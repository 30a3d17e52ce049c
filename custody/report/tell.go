package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

func stamp(t time.Time) custody.Time { return statement.At(t) }

// tell makes a side of a report. Of fewer requests than the threshold nothing is told
// but that; of none, zeros.
func (s *side) tell(threshold int64) custody.Side {
	var requests int64
	for _, n := range s.outcomes {
		requests += n
	}
	out := custody.Side{Requests: custody.CellOf(requests), Outcomes: figures(custody.ReportOutcomes, custody.CellHidden),
		Acts: figures(custody.ReportActs, custody.CellHidden), Median: custody.CellHidden}
	for _, name := range custody.ReportTables {
		out.Tables = append(out.Tables, custody.Table{Name: name, Withheld: true, Rows: []custody.Row{}})
	}
	switch {
	case requests == 0:
		out.Outcomes, out.Acts = figures(custody.ReportOutcomes, "0"), figures(custody.ReportActs, "0")
		for i := range out.Tables {
			out.Tables[i].Withheld = false
		}
		return out
	case requests < threshold:
		out.Requests = custody.CellBelow(threshold)
		return out
	}
	m, ok := margin(s.outcomes, threshold)
	if !ok { // every way to write them down tells a small one
		return out
	}
	for i := range out.Outcomes {
		out.Outcomes[i].N = m.cell(i, threshold)
	}
	for i, name := range custody.ReportTables {
		out.Tables[i] = m.table(name, s.tables[name], threshold)
	}
	s.tellActs(&out, m, threshold)
	s.tellMedian(&out, threshold)
	return out
}

func figures(names []string, c custody.Cell) (list []custody.Figure) {
	for _, n := range names {
		list = append(list, custody.Figure{Name: n, N: c})
	}
	return list
}

// tellActs tells how often the acts happened. No sum of them is told. Of what follows
// from a number that is hidden, nothing is: as many requests are revoked as there are
// revocations, most of the time, and few packages have telling bytes.
func (s *side) tellActs(out *custody.Side, m *margins, threshold int64) {
	for i, name := range custody.ReportActs {
		n := s.acts[name]
		out.Acts[i].N = custody.CellOf(n)
		small := n > 0 && n < threshold
		switch {
		case name == "bytes":
			if p := s.acts["packages"]; p > 0 && p < threshold {
				out.Acts[i].N = custody.CellHidden
			}
		case small:
			out.Acts[i].N = custody.CellBelow(threshold)
		case name == "revocations" && m.marks[slices.Index(custody.ReportOutcomes, "revoked")] != shown:
			out.Acts[i].N = custody.CellHidden
		}
	}
}

// tellMedian tells the median of the times to the first decision in whole hours, where
// all the bands are told: else it could say in which of two a request stands.
func (s *side) tellMedian(out *custody.Side, threshold int64) {
	t := out.Tables[slices.Index(custody.ReportTables, "first-decision")]
	hidden := t.Withheld || slices.ContainsFunc(t.Rows, func(r custody.Row) bool {
		return slices.ContainsFunc(append(r.Cells, r.Total), func(c custody.Cell) bool { _, told := c.Told(); return !told })
	})
	if hidden || int64(len(s.waits)) < threshold {
		return
	}
	slices.Sort(s.waits)
	hours := int64(s.waits[(len(s.waits)-1)/2] / time.Hour)
	if hours > 0 && hours < threshold { // reads like a small count, and is none; a report tells no such number
		out.Median = custody.CellBelow(threshold)
		return
	}
	out.Median = custody.CellOf(hours)
}

// inOrder lists the rows of a table: by name, bands of time by length.
func inOrder(rows map[string][]int64) []string {
	place := func(name string) int { return slices.IndexFunc(bands, func(b band) bool { return b.name == name }) }
	return slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
}
