package gateway_test

import (
	"testing"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/report"
)

// TestReport: only a desk of the authority that speaks brings its report, and its entry,
// which anybody may read, shows no carrier.
func TestReport(t *testing.T) {
	w := newRelay(t)
	st := report.NewTally("nl", report.Year(2025)).Statistics(origin, custody.CheckpointRef{Size: 1, Root: statement.NewNonce()}, report.Threshold)
	r := sign(t, &custody.Report{Header: w.header("nl", nil), Statistics: st}, w.nl.officers[0])
	for _, m := range []*machine{w.nl.auditor, w.nl.lab, w.fr.desk, w.fr.auditor} {
		_, err := w.as(m).Submit(t.Context(), r.Envelope, nil)
		refused(t, "a report of nl through "+string(m.id), err, custody.CodeNotCarrier)
	}
	p, err := w.as(w.nl.desk).Submit(t.Context(), r.Envelope, nil)
	check(t, err)
	w.proven(p, w.nl.root.SHA256)
	if e, err := custody.ParseEntry(p.Line.Entry); err != nil || e.Via != "" || e.Record != custody.AuthorityRecord("nl") {
		t.Errorf("entry is %+v, %v", e, err)
	}
	w.stop()
	w.start()
	proof, err := w.as(w.fr.auditor).Record(t.Context(), custody.AuthorityRecord("nl"), 0)
	check(t, err)
	if n := len(proof.Lines); n != 3 {
		t.Errorf("the record of nl has %d entries, want 3", n)
	}
}
