package agent_test

import (
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/report"
	"comity.example/comity/internal/wire"
)

var thisYear = agent.ReportSpec{Period: report.Year(time.Now().UTC().Year()), Threshold: 2}

// TestReportCount: requests are counted as they were made, by either side alike; a report of an earlier tree stays what it was, byte for byte,
// after much has happened since. Whoever refuses attests the request as well.
func TestReportCount(t *testing.T) {
	w := newWorld(t)
	const refused, open = 6, 3
	for range refused {
		w.request = ""
		w.ask()
		w.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
			return o.Refusal(h, c, []string{"privilege"}, "")
		})
	}
	for range open {
		w.request = ""
		w.ask()
	}
	nl, de := w.connect("nl", "desk-1"), w.connect("de", "lab-1")
	made, err := nl.Report(t.Context(), thisYear)
	check(t, err)
	check(t, made.Check())
	got, err := de.Report(t.Context(), thisYear)
	check(t, err)
	if string(statement.Encode(made.Sent.Outcomes)) != string(statement.Encode(got.Received.Outcomes)) {
		t.Errorf("nl counts %s\nde counts %s", statement.Encode(made.Sent.Outcomes), statement.Encode(got.Received.Outcomes))
	}
	if made.Sent.Requests != "9" || made.Sent.Outcomes[0].N != custody.CellOf(open) || made.Received.Requests != "0" || made.Counted != 3*refused+open || made.Others == 0 {
		t.Errorf("nl counts %s", statement.Encode(made))
	}
	w.grant()
	w.request = ""
	w.ask()
	spec := thisYear
	spec.Size = made.Checkpoint.Size
	again, err := nl.Report(t.Context(), spec)
	check(t, err)
	if string(statement.Encode(made)) != string(statement.Encode(again)) {
		t.Errorf("the report was %s\nand is now %s", statement.Encode(made), statement.Encode(again))
	}
	spec.Size = 1 << 40
	if _, err := nl.Report(t.Context(), spec); wire.CodeOf(err) != wire.CodeNotFound {
		t.Errorf("a report of a tree that nobody signed: %v", err)
	}
}
