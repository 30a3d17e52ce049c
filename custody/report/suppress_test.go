package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
)

const limit = 3 // a low threshold keeps what a reader has to try short

// range of values that a reader has to try for a cell.
func values(c custody.Cell, most int64) (lo, hi int64) {
	if n, told := c.Told(); told {
		return n, n
	}
	if c == custody.CellHidden {
		return limit, most
	}
	return 1, limit - 1
}

// reader is somebody who tries all numbers that what a side tells leaves open.
type reader struct {
	t    *testing.T
	side custody.Side
	most int64
	seen map[string]map[int64]bool // by cell: the values that it can have
}

// tries every vector of margins, and for each every filling of each table.
func (r *reader) tries() {
	total, _ := r.side.Requests.Told()
	r.margins(nil, total)
}

func (r *reader) margins(so []int64, left int64) {
	i := len(so)
	if i == len(r.side.Outcomes) {
		if left == 0 {
			r.tables(so)
		}
		return
	}
	lo, hi := values(r.side.Outcomes[i].N, r.most)
	for n := lo; n <= min(hi, left); n++ {
		r.margins(append(so[:i:i], n), left-n)
	}
}

// tables: margins are possible if every table can be filled with them.
func (r *reader) tables(margins []int64) {
	found := map[string]map[int64]bool{}
	note := func(name string, n int64) {
		if found[name] == nil {
			found[name] = map[int64]bool{}
		}
		found[name][n] = true
	}
	for _, t := range r.side.Tables {
		if t.Name == "ground" && t.Withheld || t.Withheld {
			continue
		}
		if !r.fill(t, margins, note) {
			return
		}
	}
	for i, n := range margins {
		note(r.side.Outcomes[i].Name, n)
	}
	for name, ns := range found {
		if r.seen[name] == nil {
			r.seen[name] = map[int64]bool{}
		}
		for n := range ns {
			r.seen[name][n] = true
		}
	}
}

// fill enumerates the tables with these margins, row by row, and reports whether there
// is one. A table of grounds has only the column of refusals.
func (r *reader) fill(t custody.Table, margins []int64, note func(string, int64)) bool {
	left := append([]int64{}, margins...)
	if t.Name == "ground" {
		for i := range left {
			if custody.ReportOutcomes[i] != "refused" {
				left[i] = 0
			}
		}
	}
	cells := make([][]int64, len(t.Rows))
	var rows func(i int) bool
	var row func(i, j int, sum int64) bool
	row = func(i, j int, sum int64) bool {
		if j == len(t.Rows[i].Cells) {
			lo, hi := values(t.Rows[i].Total, r.most)
			return sum >= lo && sum <= hi && rows(i+1)
		}
		ok := false
		lo, hi := values(t.Rows[i].Cells[j], r.most)
		for n := lo; n <= min(hi, left[j]); n++ {
			left[j] -= n
			cells[i] = append(cells[i][:j], n)
			ok = row(i, j+1, sum+n) || ok
			left[j] += n
		}
		return ok
	}
	rows = func(i int) bool {
		if i < len(t.Rows) {
			cells[i] = make([]int64, 0, len(t.Rows[i].Cells))
			return row(i, 0, 0)
		}
		for _, n := range left {
			if n != 0 {
				return false
			}
		}
		for i, line := range cells {
			var sum int64
			for j, n := range line {
				note(fmt.Sprint(t.Name, "/", t.Rows[i].Name, "/", custody.ReportOutcomes[j]), n)
				sum += n
			}
			note(fmt.Sprint(t.Name, "/", t.Rows[i].Name), sum)
		}
		return true
	}
	return rows(0)
}

// TestSuppressed makes small sides at random and has a reader try all the numbers that
// what is told leaves possible, in all tables together: no small one may have only one
// value.
func TestSuppressed(t *testing.T) {
	var hidden, told, withheld int
	for seed := range uint64(800) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		tally := NewTally("nl", Year(2026))
		n := 4 + rnd.IntN(14)
		outcomes := []string{"granted", "refused", "pending", "closed"}[:2+rnd.IntN(3)]
		for range n {
			q := Request{With: []string{"de", "fr", "at"}[rnd.IntN(3)], Categories: []string{[]string{"stored-data", "traffic-data"}[rnd.IntN(2)]},
				Urgency: "routine", Filed: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Outcome: outcomes[min(rnd.IntN(len(outcomes)), rnd.IntN(len(outcomes)))]}
			if seed%2 == 1 && rnd.IntN(3) == 0 {
				q.Categories = []string{"stored-data", "traffic-data"}
			}
			if q.Outcome == "refused" {
				q.Grounds = [][]string{{"privilege"}, {"own-law"}, {"own-law", "privilege"}}[rnd.IntN(2+int(seed%2))]
			}
			if err := tally.Add(q); err != nil {
				t.Fatal(err)
			}
		}
		side := tally.Statistics("relay.example", custody.CheckpointRef{Size: 1}, limit).Received
		r := &reader{t: t, side: side, most: int64(n), seen: map[string]map[int64]bool{}}
		r.tries()
		check := func(name string, c custody.Cell) {
			if _, ok := c.Told(); ok {
				told++
				return
			}
			hidden++
			if c == custody.CellHidden { // it is not small, and may follow
				return
			}
			if len(r.seen[name]) < 2 {
				t.Errorf("seed %d: %s is %q and can only be %v\n%s", seed, name, c, r.seen[name], Text(&custody.Statistics{Threshold: limit, Received: side}))
			}
		}
		if side.Tables[0].Withheld && side.Outcomes[0].N == custody.CellHidden {
			withheld++
			continue // nothing is told
		}
		for _, f := range side.Outcomes {
			check(f.Name, f.N)
		}
		for _, tb := range side.Tables {
			if tb.Withheld {
				withheld++
			}
			for _, row := range tb.Rows {
				check(tb.Name+"/"+row.Name, row.Total)
				for j, c := range row.Cells {
					check(tb.Name+"/"+row.Name+"/"+custody.ReportOutcomes[j], c)
				}
			}
		}
	}
	t.Logf("%d cells hidden, %d told, %d tables withheld", hidden, told, withheld)
	if hidden == 0 || told == 0 {
		t.Error("nothing to find out")
	}
}

// TestReaderFinds: the reader of TestSuppressed finds out what a suppression of small
// numbers alone tells.
func TestReaderFinds(t *testing.T) {
	side := custody.Side{Requests: "20", Outcomes: figures(custody.ReportOutcomes, "0")}
	side.Outcomes[0].N, side.Outcomes[1].N = "18", custody.CellBelow(limit)
	r := &reader{t: t, side: side, most: 20, seen: map[string]map[int64]bool{}}
	r.tries()
	if got := r.seen["granted"]; len(got) != 1 || !got[2] {
		t.Errorf("granted can be %v, want 2", got)
	}
}

func TestText(t *testing.T) {
	tally := NewTally("nl", Year(2026))
	for i := range 40 {
		q := Request{Sent: i%2 == 0, With: []string{"de", "fr", "at"}[i%3], Categories: []string{"stored-data"}, Urgency: "routine",
			Filed: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Decided: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), Outcome: "granted", Leaves: 5}
		if err := tally.Add(q); err != nil {
			t.Fatal(err)
		}
	}
	s := tally.Statistics("relay.example", custody.CheckpointRef{Size: 300, Root: custody.Digest{1}}, Threshold)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	text := Text(&s)
	for _, want := range []string{"nl, 2026-01-01 to 2026-12-31", "requests sent: 20", "requests received: 20", "stored-data", "within-7-days", "median time to the first decision: 72 hours"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}
