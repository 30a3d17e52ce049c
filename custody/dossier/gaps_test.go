package dossier_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// without returns a copy with gaps in the place of entries of the request's record, made
// as anybody can who has the file, without asking Redact.
func without(d *dossier.Dossier, seqs ...int) *dossier.Dossier {
	c := clone(d)
	c.Packages = map[string]dossier.Contents{}
	lines := c.Records[custody.RecordID(d.Request)]
	for _, seq := range seqs {
		hide(&lines[seq], custody.GapRedacted, "nl/officer/a")
	}
	return c
}

func hide(l *dossier.Line, reason, by string) {
	l.Line = custody.Line{Index: l.Index, Gap: custody.NewGap(&l.Line, reason, by)}
}

// unchecked lists the entries that a verdict could not check by the rules.
func unchecked(v *dossier.Verdict) (list []int64) {
	for _, a := range v.Acts {
		if a.Unchecked {
			list = append(list, a.Seq)
		}
	}
	return list
}

// TestGaps: a dossier in which an entry is withheld verifies in part and never whole,
// says so before anything else, and says which acts rest on what is withheld.
func TestGaps(t *testing.T) {
	s, d, _ := wholeTale(t)
	// 0 request, 1 review, 2 grant, 3 acceptance, 4 seal, 5 unlock, 6 release, 7 receipt
	for seq, rest := range map[int][]int64{1: {2, 3, 4, 5, 6, 7}, 2: {3, 4, 5, 6, 7}, 3: {5, 6, 7}, 4: {5, 6, 7}, 5: {6, 7}, 6: {7}, 7: nil} {
		back, err := read(write(t, without(d, seq)))
		fatalIfErr(t, err)
		v, err := dossier.Verify(back, s.Pins())
		if err != nil {
			t.Errorf("without entry %d: %v", seq, err)
			continue
		}
		if v.Verified() || v.Result != dossier.ResultInPart || len(v.Gaps) != 1 || v.Gaps[0].Seq != int64(seq) || v.Gaps[0].Reason != custody.GapRedacted {
			t.Errorf("without entry %d: result %q, gaps %+v", seq, v.Result, v.Gaps)
		}
		if got := unchecked(v); !slices.Equal(got, rest) {
			t.Errorf("without entry %d: entries %v are not checked, want %v", seq, got, rest)
		}
		if len(v.Acts) != 7 {
			t.Errorf("without entry %d: %d acts are told, want 7", seq, len(v.Acts))
		}
		text := v.Text()
		first := strings.SplitN(text, "\n", 3)
		if !strings.HasPrefix(first[0], "VERIFIED IN PART: request ") || strings.Contains(text, "VERIFIED: ") ||
			!strings.HasPrefix(first[1], fmt.Sprintf("  WITHHELD: entry %d of the request's record", seq)) || !strings.Contains(first[1], `"nl/officer/a" is named as who did that, and nobody signed it`) {
			t.Errorf("without entry %d the text begins:\n%s\n%s", seq, first[0], first[1])
		}
		if !strings.Contains(v.NotProved[0], fmt.Sprintf("what entry %d is", seq)) || strings.Contains(text, "NOT CHECKED") != (rest != nil) {
			t.Errorf("without entry %d: the text says too little:\n%s", seq, text)
		}
	}
	u, err := dossier.Verify(without(d, 3), dossier.Pins{})
	if err != nil || u.Result != dossier.ResultUnchecked || !strings.Contains(u.Text(), "  WITHHELD: entry 3") {
		t.Errorf("without pins: %v, result %q", err, u.Result)
	}
}

// TestGapHidesRevocation: who hides a revocation, in the middle or at the end, says loudly
// that something is hidden there.
func TestGapHidesRevocation(t *testing.T) {
	s, d := tale(t, func(s *env.Story, dir string) error {
		if err := errors.Join(s.Agree()); err != nil {
			return err
		}
		p, err := s.Send(dir)
		return errors.Join(err, s.Unlock(p), s.Release(p), s.Revoke(), s.Receipt(p))
	})
	revoked := slices.IndexFunc(d.Records[custody.RecordID(d.Request)], func(l dossier.Line) bool {
		e, err := custody.ParseEntry(l.Entry)
		return err == nil && e.Kind == custody.KindRevocation
	})
	for _, cut := range []bool{false, true} {
		c := without(d, revoked)
		if cut {
			c.Records[custody.RecordID(d.Request)] = c.Records[custody.RecordID(d.Request)][:revoked+1]
		}
		v, err := dossier.Verify(c, s.Pins())
		fatalIfErr(t, err)
		if v.Result != dossier.ResultInPart || !strings.Contains(v.Text(), fmt.Sprintf("\n  WITHHELD: entry %d of", revoked)) || !strings.Contains(v.NotProved[0], "it may revoke a grant") {
			t.Errorf("cut %t: the verdict keeps quiet about a hidden revocation:\n%s", cut, v.Text())
		}
	}
}

// TestGapMutants: gaps that are not what the log holds, that nobody declares, that stand
// where none may, or that excuse what no gap can excuse.
func TestGapMutants(t *testing.T) {
	s, d, _ := wholeTale(t)
	id := custody.RecordID(d.Request)
	good := without(d, 3)
	raw := write(t, good)
	last := len(d.Records[id]) - 1
	var all []mutant
	for _, make := range []func(testing.TB, *env.Story, *dossier.Dossier) []mutant{lineMutants, fileMutants} {
		all = append(all, make(t, s, good)...)
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return !strings.Contains(m.name, path(d, id, 3, "")) })
	add := func(name string, f func(*dossier.Dossier)) { all = append(all, altered(name, good, f)) }
	at := func(seq int) func(*dossier.Dossier) *dossier.Line {
		return func(c *dossier.Dossier) *dossier.Line { return &c.Records[id][seq] }
	}
	gap := func(name string, seq int, f func(*custody.Gap)) {
		add(name, func(c *dossier.Dossier) {
			l := at(seq)(c)
			if l.Gap == nil {
				hide(l, custody.GapRedacted, "x")
			}
			g := *l.Gap
			f(&g)
			l.Gap = &g
		})
	}
	gap("another salted hash", 3, func(g *custody.Gap) { g.Salted[31] ^= 1 })
	gap("no salted hash", 3, func(g *custody.Gap) { g.Salted = custody.Digest{} })
	gap("the hash of another entry", 3, func(g *custody.Gap) { g.Salted = d.Records[id][2].Salted() })
	gap("another salted hash at the end", last, func(g *custody.Gap) { g.Salted[0] ^= 1 })
	gap("of another type", 3, func(g *custody.Gap) { g.Type = "comity/gap/v2" })
	gap("erased, and no event says so", 3, func(g *custody.Gap) { g.Reason, g.By = custody.GapErased, s.Origin })
	gap("erased at the end, and no event says so", last, func(g *custody.Gap) { g.Reason, g.By = custody.GapErased, s.Origin })
	gap("erased by a party", 3, func(g *custody.Gap) { g.Reason = custody.GapErased })
	gap("no reason", 3, func(g *custody.Gap) { g.Reason = "" })
	gap("an unknown reason", 3, func(g *custody.Gap) { g.Reason = "irrelevant" })
	gap("by nobody", 3, func(g *custody.Gap) { g.By = "" })
	gap("by who moves the cursor", 3, func(g *custody.Gap) { g.By = "\x1b[2J" })
	gap("by more than fits", 3, func(g *custody.Gap) { g.By = strings.Repeat("x", 101) })
	gap("in place of the first entry", 0, func(*custody.Gap) {})
	add("another index", func(c *dossier.Dossier) { at(3)(c).Index++ })
	add("another proof", func(c *dossier.Dossier) { at(3)(c).Proof[0][0] ^= 1 })
	add("no proof", func(c *dossier.Dossier) { at(3)(c).Proof = nil })
	add("its place taken away", func(c *dossier.Dossier) { c.Records[id] = slices.Delete(c.Records[id], 3, 4) })
	add("twice", func(c *dossier.Dossier) { c.Records[id] = slices.Insert(c.Records[id], 3, c.Records[id][3]) })
	add("after the end", func(c *dossier.Dossier) { c.Records[id] = append(c.Records[id], c.Records[id][3]) })
	add("invented after the end", func(c *dossier.Dossier) {
		l := dossier.Line{Proof: c.Records[id][3].Proof}
		l.Index, l.Gap = c.Records[id][last].Index+1, custody.NewGap(&c.Records[id][2].Line, custody.GapRedacted, "x")
		c.Records[id] = append(c.Records[id], l)
	})
	add("with the entry beside it", func(c *dossier.Dossier) { at(3)(c).Entry = d.Records[id][3].Entry })
	add("with the salt beside it", func(c *dossier.Dossier) { at(3)(c).Salt = d.Records[id][3].Salt })
	for other := range d.Records {
		if other != id {
			add("in the record "+string(other), func(c *dossier.Dossier) { hide(&c.Records[other][len(c.Records[other])-1], custody.GapRedacted, "x") })
		}
	}
	add("contents of a package whose seal is hidden", func(c *dossier.Dossier) {
		hide(at(4)(c), custody.GapRedacted, "x")
		c.Packages = d.Packages
	})
	// What rests on nothing that is hidden, and is wrong: the relay makes all that it can
	// make fit, which excuses no signature and no carrier.
	for what, f := range map[string]func(*dossier.Line){
		"a signature altered": func(l *dossier.Line) { l.Envelope = broken(t, l.Envelope) },
		"another carrier": func(l *dossier.Line) {
			e, err := custody.ParseEntry(l.Entry)
			must(err)
			e.Via = "nl/agent/desk-1"
			l.Entry = e.Marshal()
		},
	} {
		all = append(all, mutant{name: what + " behind a gap", made: func() *dossier.Dossier {
			c := clone(d)
			f(&c.Records[id][3])
			relog(s, c)
			return without(c, 2)
		}})
	}
	pins := s.Pins()
	for _, m := range all {
		if m.passes(good, raw, pins) {
			t.Errorf("mutant passes: %s", m.name)
		}
	}
	if len(all) < 60 {
		t.Errorf("only %d mutants", len(all))
	}
}

// broken returns an envelope with a bit of its last signature changed.
func broken(t testing.TB, envelope []byte) []byte {
	t.Helper()
	i := bytes.LastIndex(envelope, []byte(`"sig": "`))
	if i < 0 {
		t.Fatal("no signature")
	}
	b := bytes.Clone(envelope)
	if b[i+20]++; b[i+20] != 'B' {
		b[i+20] = 'A'
	}
	if bytes.Equal(b, envelope) {
		b[i+20] = 'C'
	}
	return b
}

// TestForgedBehindGap: an act that the rules never allowed cannot hide behind a gap: it is
// told as not checked, and nothing that it says is counted.
func TestForgedBehindGap(t *testing.T) {
	s, d := tale(t, func(s *env.Story, dir string) error {
		if err := s.Agree(); err != nil {
			return err
		}
		p, err := s.Send(dir)
		if err != nil {
			return err
		}
		s.Patched = true // the recipient's agent lets the head go itself, with the relay's help
		return s.UnlockBy(s.From, s.From.Lab, p)
	})
	if _, err := dossier.Verify(d, s.Pins()); err == nil {
		t.Fatal("the forged unlock passes without a gap")
	}
	v, err := dossier.Verify(without(d, 3), s.Pins())
	fatalIfErr(t, err)
	if !slices.Equal(unchecked(v), []int64{5}) || v.Result != dossier.ResultInPart || len(v.Packages) != 1 || !v.Packages[0].Released.IsZero() {
		t.Errorf("a forged unlock behind a gap is counted: %+v", v.Packages)
	}
}

// TestRedact: what is asked for is left out, and what is left verifies in part, exhibits
// included.
func TestRedact(t *testing.T) {
	s, d := tale(t, func(s *env.Story, dir string) error {
		if err := s.Play(dir); err != nil {
			return err
		}
		p, err := s.Send(dir)
		return errors.Join(err, s.Unlock(p), s.Release(p), s.Receipt(p))
	})
	first, second := s.Packages[0].Seal.Package, s.Packages[1].Seal.Package
	for _, tt := range []struct {
		name     string
		r        dossier.Redaction
		gaps     int
		packages int // told
		exhibits int
		left     []string // contents that went with their seal
	}{
		{"a package", dossier.Redaction{Packages: []string{first}}, 4, 1, 2, nil},
		{"the other package", dossier.Redaction{Packages: []string{second}}, 4, 1, 2, nil},
		{"an entry", dossier.Redaction{Entries: []int64{3}}, 1, 2, 2, nil},
		{"a kind", dossier.Redaction{Kinds: []custody.Kind{custody.KindReceipt}}, 2, 2, 2, nil},
		{"a seal", dossier.Redaction{Entries: []int64{4}}, 1, 1, 2, []string{first}},
		{"all contents", dossier.Redaction{Contents: true}, 0, 2, 0, nil},
		{"what all rests on", dossier.Redaction{Kinds: []custody.Kind{custody.KindGrant}}, 1, 0, 0, []string{first, second}},
	} {
		tt.r.By = "nl, for the defence"
		out, left, err := dossier.Redact(d, tt.r)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		slices.Sort(tt.left)
		if !slices.Equal(left, tt.left) {
			t.Errorf("%s: the contents of %v went, want %v", tt.name, left, tt.left)
		}
		raw := write(t, out)
		back, err := read(raw)
		fatalIfErr(t, err)
		v, err := dossier.Verify(back, s.Pins())
		fatalIfErr(t, err)
		if len(v.Gaps) != tt.gaps || len(v.Packages) != tt.packages || len(v.Exhibits(nil)) != tt.exhibits || (v.Result == dossier.ResultInPart) != (tt.gaps > 0) {
			t.Errorf("%s: result %s, %d gaps, %d packages, %d exhibits", tt.name, v.Result, len(v.Gaps), len(v.Packages), len(v.Exhibits(nil)))
		}
		for _, list := range v.Exhibits(nil) {
			for _, x := range list {
				if tt.gaps > 0 && !strings.Contains(x.Why, "entries of the record are withheld") {
					t.Errorf("%s: exhibit %+v keeps quiet about the gaps", tt.name, x)
				}
			}
		}
		for _, id := range tt.r.Packages {
			if bytes.Contains(raw, []byte(id)) || strings.Contains(v.Text(), id) {
				t.Errorf("%s: the id of the package is in the file", tt.name)
			}
		}
		if _, again, err := dossier.Redact(back, dossier.Redaction{By: "x", Contents: true}); err != nil || again != nil {
			t.Errorf("%s: redacting once more: %v", tt.name, err)
		}
	}
	if v, err := dossier.Verify(d, s.Pins()); err != nil || !v.Verified() {
		t.Errorf("the dossier that was redacted is not whole any more: %v", err)
	}
	for name, r := range map[string]dossier.Redaction{
		"the first entry": {Entries: []int64{0}}, "the first kind": {Kinds: []custody.Kind{custody.KindRequest}},
		"no such entry": {Entries: []int64{99}}, "a negative entry": {Entries: []int64{-1}}, "no such kind": {Kinds: []custody.Kind{custody.KindHold}},
		"no such package": {Packages: []string{d.Request}}, "nobody": {Entries: []int64{2}, By: "\n"},
	} {
		if r.By == "" {
			r.By = "x"
		}
		if _, _, err := dossier.Redact(d, r); err == nil {
			t.Errorf("Redact takes %s", name)
		}
	}
	bad := clone(d)
	bad.Records[custody.RecordID(d.Request)][3].Salt[0] ^= 1
	if _, _, err := dossier.Redact(bad, dossier.Redaction{By: "x"}); err == nil {
		t.Error("Redact takes what does not verify")
	}
}

// TestErased: a dossier made after an erasure shows gaps that the record itself declares,
// and verifies in part; one that was made before verifies whole, and so does one of who has
// kept what was erased.
func TestErased(t *testing.T) {
	var before *dossier.Dossier
	s, kept := tale(t, func(s *env.Story, dir string) error {
		err := errors.Join(s.Play(dir), s.Close())
		if err != nil {
			return err
		}
		if before, err = s.Dossier(true); err != nil {
			return err
		}
		return s.Erase(s.To, 1)
	})
	for name, d := range map[string]*dossier.Dossier{"made before": before, "of who has kept it": kept} {
		if v, err := dossier.Verify(d, s.Pins()); err != nil || !v.Verified() {
			t.Errorf("the dossier %s: %v", name, err)
		}
	}
	id := custody.RecordID(kept.Request)
	after := func(seqs ...int) *dossier.Dossier {
		c := without(kept)
		for _, seq := range seqs {
			hide(&c.Records[id][seq], custody.GapErased, s.Origin)
		}
		return c
	}
	back, err := read(write(t, after(1)))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	if v.Result != dossier.ResultInPart || len(v.Gaps) != 1 || v.Gaps[0].Reason != custody.GapErased {
		t.Errorf("after the erasure: result %q, gaps %+v", v.Result, v.Gaps)
	}
	text := v.Text()
	for _, want := range []string{"WITHHELD: entry 1 of the request's record (log entry 6): erased, as relay relay.example says in the record",
		"nl has the relay erase what it keeps of entries that nl made: whole entries 1 (retention-over)\n      signed by nl/officer/a and nl/officer/b (2 officers)",
		"the relay says that it erased what it kept of this record: entries 1 whole; copies that others have are not reached"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if _, err := dossier.Verify(after(1, 2), s.Pins()); err == nil {
		t.Error("an entry that no event names passes as erased")
	}
	for _, seq := range []int64{9, 10} {
		if _, _, err := dossier.Redact(kept, dossier.Redaction{By: "x", Entries: []int64{seq}}); err == nil {
			t.Errorf("entry %d, which tells what was erased, can be left out", seq)
		}
	}
}

// TestSecondVerifierTellsGaps: the page tells of gaps what the verifier in Go tells, and refuses
// the same gaps.
func TestSecondVerifierTellsGaps(t *testing.T) {
	s, d, _ := wholeTale(t)
	id := custody.RecordID(d.Request)
	pins := s.Pins()
	good := without(d, 7)
	answers := ask(t, []question{aboutDossier("without the receipt", write(t, good), pins), aboutDossier("without pins", write(t, good), dossier.Pins{})})
	v, err := dossier.Verify(good, pins)
	fatalIfErr(t, err)
	compareVerdicts(t, "without the receipt", v, answers[0], "in-part", true)
	compareVerdicts(t, "without pins", v, answers[1], "unpinned", false)
	var list []question
	forge := func(name string, f func(*dossier.Dossier)) {
		c := clone(good)
		f(c)
		list = append(list, aboutDossier(name, write(t, c), pins))
	}
	gap := func(f func(*custody.Gap)) func(*dossier.Dossier) {
		return func(c *dossier.Dossier) {
			g := *c.Records[id][7].Gap
			f(&g)
			c.Records[id][7].Gap = &g
		}
	}
	forge("another hash", gap(func(g *custody.Gap) { g.Salted[0] ^= 1 }))
	forge("erased, and no event says so", gap(func(g *custody.Gap) { g.Reason, g.By = custody.GapErased, s.Origin }))
	forge("erased by a party", gap(func(g *custody.Gap) { g.Reason = custody.GapErased }))
	forge("the first entry", func(c *dossier.Dossier) { hide(&c.Records[id][0], custody.GapRedacted, "x") })
	forge("in another record", func(c *dossier.Dossier) { hide(&c.Records["relay"][0], custody.GapRedacted, "x") })
	forge("another index", func(c *dossier.Dossier) { c.Records[id][7].Index++ })
	for i, a := range ask(t, list) {
		if _, err := judged(list[i].data, pins); err == nil || a.Result != "failed" && a.Taken {
			t.Errorf("%s: the verifiers say %v and %q", list[i].name, err, a.Result)
		}
	}
}
