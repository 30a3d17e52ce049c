package custody_test

import (
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// statistics are those of an authority without requests.
func (s *story) statistics(of string) custody.Statistics {
	side := func() (d custody.Side) {
		d.Requests, d.Median, d.Tables = "12", "*", nil
		for i, n := range custody.ReportOutcomes {
			d.Outcomes = append(d.Outcomes, custody.Figure{Name: n, N: []custody.Cell{"0", "<5", "*", "12"}[i%4]})
		}
		for _, n := range custody.ReportActs {
			d.Acts = append(d.Acts, custody.Figure{Name: n, N: "0"})
		}
		for _, n := range custody.ReportTables {
			d.Tables = append(d.Tables, custody.Table{Name: n, Rows: []custody.Row{{Name: "some", Total: "9", Cells: []custody.Cell{"0", "0", "0", "<5", "*", "5", "0", "0", "0"}}}})
		}
		return d
	}
	return custody.Statistics{Authority: of, Log: origin, From: statement.At(t0.AddDate(-1, 0, 0)), Before: statement.At(t0), Checkpoint: custody.CheckpointRef{Size: 10, Root: digest},
		Counted: 3, Own: 2, Others: 5, Threshold: 5, Sent: side(), Received: side()}
}

var reportRefusals = []refusal{
	{"a report twice", custody.CodeDuplicate, nil, func(s *story) custody.Decision {
		st := s.make(custody.KindReport)
		s.try(st)
		return s.try(st)
	}},
	{"a report signed by an agent", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindReport), s.nl.agents["desk-1"]))
	}},
	{"a report signed by nobody known", custody.CodeBadSignature, nil, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindReport), keys.Generate()))
	}},
	{"a report below the threshold", custody.CodeBelowThreshold, nil, func(s *story) custody.Decision {
		d := s.nl.directory(s.now)
		d.Rules.Request = 2
		s.files("", s.sign(d, s.nl.registrars...))
		return s.try(s.sign(s.body(custody.KindReport), s.nl.officers[0]))
	}},
	{"a report by an authority whose directory has expired", custody.CodeDirectoryExpired, nil, later(250*day, wrong(custody.KindReport))},
}

func TestReportFields(t *testing.T) {
	refused := breaker(t)
	type r = custody.Report
	for name, f := range map[string]func(*r){
		"another authority": func(b *r) { b.Authority = "fr" }, "another log": func(b *r) { b.Log = "other.example" }, "an entry it follows": func(b *r) { b.After = &custody.Ref{Leaf: digest} },
		"a period that has not ended": func(b *r) { b.Before = statement.At(b.Issued.Time().Add(day)) }, "no period": func(b *r) { b.From = b.Before }, "no beginning": func(b *r) { b.From = custody.Time{} },
		"no tree": func(b *r) { b.Checkpoint.Size = 0 }, "no root": func(b *r) { b.Checkpoint.Root = custody.Digest{} },
		"leaves left out": func(b *r) { b.Others = 4 }, "negative leaves": func(b *r) { b.Own, b.Others = -1, 8 }, "more leaves than there are": func(b *r) { b.Counted, b.Others = 1<<62, -1<<62 },
		"no threshold": func(b *r) { b.Threshold = 0 }, "a threshold of one": func(b *r) { b.Threshold = 1 }, "a high threshold": func(b *r) { b.Threshold = 101 },
		"a small number": func(b *r) { b.Sent.Requests = "4" }, "a small number in a row": func(b *r) { b.Received.Tables[1].Rows[0].Cells[1] = "1" },
		"another threshold in a cell": func(b *r) { b.Sent.Acts[0].N = "<4" }, "a negative number": func(b *r) { b.Sent.Acts[0].N = "-5" }, "no number": func(b *r) { b.Sent.Median = "" },
		"a number in another spelling": func(b *r) { b.Sent.Requests = "012" }, "a sign": func(b *r) { b.Sent.Requests = "+12" },
		"an outcome left out": func(b *r) { b.Sent.Outcomes = b.Sent.Outcomes[1:] }, "an unknown outcome": func(b *r) { b.Sent.Outcomes[0].Name = "lost" },
		"a table left out": func(b *r) { b.Sent.Tables = b.Sent.Tables[1:] }, "an unknown table": func(b *r) { b.Sent.Tables[0].Name = "person" },
		"an act left out": func(b *r) { b.Sent.Acts = b.Sent.Acts[1:] }, "rows in what is withheld": func(b *r) { b.Sent.Tables[0].Withheld = true },
		"a cell too many":                 func(b *r) { b.Sent.Tables[0].Rows[0].Cells = append(b.Sent.Tables[0].Rows[0].Cells, "0") },
		"a row of nothing with something": func(b *r) { b.Sent.Tables[0].Rows[0].Name = "a+" }, "a malformed row": func(b *r) { b.Sent.Tables[0].Rows[0].Name = "A person" },
		"a row twice": func(b *r) { b.Sent.Tables[0].Rows = append(b.Sent.Tables[0].Rows, b.Sent.Tables[0].Rows[0]) },
		"no rows":     func(b *r) { b.Sent.Tables[0].Rows = nil },
	} {
		refused(name, custody.KindReport, edit(f))
	}
}
