package dossier_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// renumber gives the lines of a forged dossier the places that follow from their order,
// and signs a log of them: what a relay could do that begins its log anew.
func renumber(s *env.Story, d *dossier.Dossier) {
	var all []*dossier.Line
	for _, lines := range d.Records {
		for seq := range lines {
			e, err := custody.ParseEntry(lines[seq].Entry)
			must(err)
			e.Seq = int64(seq)
			lines[seq].Entry = e.Marshal()
			all = append(all, &lines[seq])
		}
	}
	slices.SortStableFunc(all, func(a, b *dossier.Line) int { return cmp.Compare(a.Index, b.Index) })
	for i, l := range all {
		l.Index = int64(i)
	}
	relog(s, d)
}

// TestHostileTable lists what the operator of a relay can do to a record before a dossier
// is made of it, with its own keys and a log signed anew, and the name of the check that
// finds it, with no memory of the log at all. Rows without a check say what stays
// undetected; there the verdict has to say that. What agents find, who remember, is in
// agent TestHostileTable.
func TestHostileTable(t *testing.T) {
	s, whole, _ := wholeTale(t)
	id := custody.RecordID(whole.Request)
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "threats.md"))
	fatalIfErr(t, err)
	last := len(whole.Records[id]) - 1
	redate := func(d *dossier.Dossier, at func(before custody.Time) custody.Time) {
		lines := d.Records[id]
		before, err := custody.ParseEntry(lines[last-1].Entry)
		must(err)
		e, err := custody.ParseEntry(lines[last].Entry)
		must(err)
		e.Time = at(before.Time)
		lines[last].Entry = e.Marshal()
		relog(s, d)
	}
	for _, row := range []struct {
		act   string
		forge func(d *dossier.Dossier)
		check string // that fails; "": none
		says  string // in the verdict, or in the failure
	}{
		{"drops an entry", func(d *dossier.Dossier) { d.Records[id] = slices.Delete(d.Records[id], 2, 3) }, "entry 2", "the rules refuse this acceptance: bad-after"},
		{"drops an entry and signs the log anew", func(d *dossier.Dossier) { d.Records[id] = slices.Delete(d.Records[id], 2, 3); renumber(s, d) }, "entry 2", "the rules refuse this acceptance: bad-after"},
		{"reorders two entries", func(d *dossier.Dossier) { l := d.Records[id]; l[3], l[4] = l[4], l[3] }, "entry 4", "it is entry 3 of record"},
		{"reorders two entries and signs the log anew", func(d *dossier.Dossier) {
			l := d.Records[id]
			l[3], l[4] = l[4], l[3]
			l[3].Index, l[4].Index = l[4].Index, l[3].Index
			renumber(s, d)
		}, "entry 3", "the rules refuse this seal: bad-after"},
		{"duplicates an entry and signs the log anew", func(d *dossier.Dossier) {
			again := d.Records[id][last]
			again.Index = 1 << 40
			d.Records[id] = append(d.Records[id], again)
			renumber(s, d)
		}, "entry 8", "duplicate (once)"},
		{"gives two entries one place", func(d *dossier.Dossier) { d.Records[id][last].Index = d.Records[id][last-1].Index }, "entry 7", "in the log, not after"},
		{"back-dates an entry before the one that precedes it", func(d *dossier.Dossier) {
			redate(d, func(before custody.Time) custody.Time { return statement.At(before.Time().Add(-time.Hour)) })
		}, "entry 7", "is dated before the log entry that precedes it"},
		{"rolls the checkpoint back", func(d *dossier.Dossier) {
			d.Records[id] = d.Records[id][:last]
			renumber(s, d)
			d.Records[id] = append(d.Records[id], whole.Records[id][last])
		}, "log inclusion of entry 7", "no leaf 12 in a tree of 12"},

		// Undetected.
		{"back-dates an entry no further than the one that precedes it", func(d *dossier.Dossier) {
			redate(d, func(before custody.Time) custody.Time { return before })
		}, "", "asserted by the relay alone"},
		{"cuts the tail, and the newest statement with it", func(d *dossier.Dossier) { d.Records[id] = d.Records[id][:last] }, "", "completeness not attested"},
		{"cuts the tail and signs the log anew", func(d *dossier.Dossier) { d.Records[id] = d.Records[id][:last]; renumber(s, d) }, "", "completeness not attested"},
	} {
		if !bytes.Contains(doc, []byte("| "+row.act+" |")) {
			t.Errorf("docs/threats.md has no row for %q", row.act)
		}
		t.Run(row.act, func(t *testing.T) {
			d := clone(whole)
			row.forge(d)
			v, err := dossier.Verify(d, s.Pins())
			failed := ""
			if v != nil && v.Failed != nil {
				failed = v.Failed.Check
			}
			if row.check != "" {
				row.check += fmt.Sprintf(" of record %q", id)
			}
			if failed != row.check || (err == nil) != (row.check == "") {
				t.Errorf("the check %q fails: %v; want %q", failed, err, row.check)
			}
			said := ""
			if v != nil {
				said = v.Text()
			}
			if !strings.Contains(said, row.says) {
				t.Errorf("the verdict does not say %q:\n%s", row.says, said)
			}
		})
	}
}
