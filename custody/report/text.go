package report

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"comity.example/comity/custody"
)

// Text writes statistics as tables for people: columns of zeros are left out.
func Text(s *custody.Statistics) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Requests of %s, %s to %s\n", s.Authority, day(s.From.Time()), day(s.Before.Time().Add(-time.Nanosecond)))
	fmt.Fprintf(&b, "log %s at %d leaves, root %s\n", s.Log, s.Checkpoint.Size, s.Checkpoint.Root)
	fmt.Fprintf(&b, "leaves of the requests counted: %d; of other requests of %s: %d; of which this says nothing: %d\n", s.Counted, s.Authority, s.Own, s.Others)
	fmt.Fprintf(&b, "%s: at least 1 and fewer than %d; *: not told, because it would tell such a number\n", custody.CellBelow(s.Threshold), s.Threshold)
	sideText(&b, "sent", &s.Sent)
	sideText(&b, "received", &s.Received)
	return b.String()
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func sideText(b *strings.Builder, name string, s *custody.Side) {
	fmt.Fprintf(b, "\nrequests %s: %s\n", name, s.Requests)
	if s.Requests == "0" || len(s.Tables) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	var columns []int
	fmt.Fprint(w, "\ttotal\t")
	for i, f := range s.Outcomes {
		if f.N != "0" {
			columns = append(columns, i)
			fmt.Fprintf(w, "%s\t", f.Name)
		}
	}
	fmt.Fprintf(w, "\nall\t%s\t", s.Requests)
	for _, i := range columns {
		fmt.Fprintf(w, "%s\t", s.Outcomes[i].N)
	}
	fmt.Fprintln(w)
	for _, t := range s.Tables {
		if t.Withheld {
			fmt.Fprintf(w, "%s: withheld\t\n", t.Name)
		}
		for _, r := range t.Rows {
			fmt.Fprintf(w, "%s %s\t%s\t", t.Name, r.Name, r.Total)
			for _, i := range columns {
				fmt.Fprintf(w, "%s\t", r.Cells[i])
			}
			fmt.Fprintln(w)
		}
	}
	w.Flush()
	if s.Median != custody.CellHidden {
		fmt.Fprintf(b, "median time to the first decision: %s hours\n", s.Median)
	}
	for i, f := range s.Acts {
		sep := ", "
		if i == 0 {
			sep = "acts: "
		}
		fmt.Fprintf(b, "%s%s %s", sep, f.Name, f.N)
	}
	fmt.Fprintln(b)
}
