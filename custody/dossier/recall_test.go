package dossier_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// recallTale is a case with a package that was received and then recalled by an
// officer, one that was recalled before its head left, and one in place of the first.
func recallTale(t testing.TB) (*env.Story, *dossier.Dossier) {
	return tale(t, func(s *env.Story, dir string) error {
		if err := s.Play(dir); err != nil {
			return err
		}
		first := s.Packages[0]
		early, err := s.Send(dir)
		if err != nil {
			return err
		}
		err = errors.Join(s.Recall(early), s.RecallByOfficer(first),
			s.Event(&custody.Event{Destroyed: &custody.Destroyed{Package: first.Seal.Package}}))
		if err != nil {
			return err
		}
		last, err := s.Replace(first, dir)
		return errors.Join(err, s.Unlock(last))
	})
}

// TestRecalled: a dossier with recalls verifies, and the verdict names them and what
// replaces what. What was confirmed stays so, and says that it was taken back.
func TestRecalled(t *testing.T) {
	s, d := recallTale(t)
	back, err := read(write(t, d))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	first, early, last := s.Packages[0].Seal.Package, s.Packages[1].Seal.Package, s.Packages[2].Seal.Package
	text := v.Text()
	for _, want := range []string{
		"note: package " + first + " was recalled by the side that sent it",
		"nl recalls package " + first + ": contains-privileged; more in its annex\n      signed by nl/officer/a (1 officer)",
		"nl/agent/lab-1 recalls package " + early + ": wrong-package\n",
		"the relay says that it destroyed head and inner file of package " + first,
		"it is sent in place of package " + first,
		"replaced       by package " + last + "; that alone takes nothing back",
		"in place of    package " + first + ", by the sender's seal",
		" by nl: contains-privileged; what of it had arrived before is told below",
		", as the relay says\n    signed for ", "never left its sender",
		"that nobody kept, opened or used a package that was recalled",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	for _, list := range v.Exhibits(nil) {
		for _, x := range list {
			recalled := x.Package != last
			if x.Recalled != recalled || strings.Contains(x.Why, "recalled this package at ") != recalled || (x.Standing == dossier.StandingConfirmed) != (x.Package == first) {
				t.Errorf("exhibit %+v", x)
			}
		}
	}
	b, err := json.Marshal(v)
	fatalIfErr(t, err)
	var got struct {
		Packages []dossier.Package `json:"packages"`
	}
	fatalIfErr(t, json.Unmarshal(b, &got))
	p := got.Packages
	if len(p) != 3 || p[0].SupersededBy != last || p[2].Supersedes != first || p[2].Recalled != nil || p[1].Recalled == nil || p[1].Recalled.By != "nl/agent/lab-1" ||
		p[0].Recalled == nil || p[0].Recalled.Reason != "contains-privileged" || p[0].Recalled.Destroyed.IsZero() || !p[1].Recalled.Destroyed.IsZero() {
		t.Errorf("JSON: %s", b)
	}
	for _, want := range []string{`"supersedes":`, `"superseded_by":`, `"recalled":{"time":`, `"head_destroyed":`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("JSON lacks %s: %s", want, b)
		}
	}
}

// TestRecallMutants alters the recalls, the seal that replaces, and the event, as
// TestMutants does all statements: every alteration fails.
func TestRecallMutants(t *testing.T) {
	s, d := recallTale(t)
	raw, pins := write(t, d), s.Pins()
	id := custody.RecordID(d.Request)
	var names []string
	for seq, l := range d.Records[id] {
		e, err := custody.ParseEntry(l.Entry)
		fatalIfErr(t, err)
		if e.Kind == custody.KindRecall || e.Kind == custody.KindDestroyed || e.Kind == custody.KindSeal {
			names = append(names, path(d, id, int(seq), ""))
		}
	}
	if len(names) != 6 {
		t.Fatalf("%d entries, want 6", len(names))
	}
	var all []mutant
	for _, make := range []func(testing.TB, *env.Story, *dossier.Dossier) []mutant{fieldMutants, lineMutants, proofMutants, fileMutants} {
		all = append(all, make(t, s, d)...)
	}
	n, step := 0, stride()
	all = slices.DeleteFunc(all, func(m mutant) bool {
		n++
		return n%step != 0 || !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(m.name, n) })
	})
	for _, name := range parallel(all, func(m mutant) bool { return m.passes(d, raw, pins) }) {
		t.Errorf("mutant passes: %s", name)
	}
	if !testing.Short() && len(all) < 100 {
		t.Errorf("only %d mutants", len(all))
	}
}

// TestRecallForged: a relay that says that it destroyed the head of a package which
// nobody recalled makes a dossier that fails.
func TestRecallForged(t *testing.T) {
	s, _ := tale(t, (*env.Story).Play)
	if err := s.Event(&custody.Event{Destroyed: &custody.Destroyed{Package: s.Packages[0].Seal.Package}}); !errors.Is(err, custody.ErrRefused) {
		t.Errorf("the rules take it: %v", err)
	}
}
