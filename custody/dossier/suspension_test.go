package dossier_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// suspensionTale is a case in the middle of which both authorities suspend all
// transfers, and in the end only one has lifted that. One of them has suspended those
// with a third as well.
func suspensionTale(t testing.TB) (*env.Story, *dossier.Dossier) {
	return tale(t, func(s *env.Story, dir string) error {
		if err := s.Agree(); err != nil {
			return err
		}
		if err := errors.Join(s.Suspend(s.From, s.To.Name), s.Suspend(s.To, "fr")); err != nil {
			return err
		}
		if _, err := s.Send(dir); !errors.Is(err, custody.ErrRefused) {
			return errors.New("a package was sent in a suspended pair")
		}
		s.Packages = nil
		if err := s.Resume(s.From, s.To.Name); err != nil {
			return err
		}
		p, err := s.Send(dir)
		if err != nil {
			return err
		}
		return errors.Join(s.Unlock(p), s.Suspend(s.To, s.From.Name))
	})
}

// TestSuspended: the verdict names what was suspended, by whom, from when to when, and
// nothing of another pair.
func TestSuspended(t *testing.T) {
	s, d := suspensionTale(t)
	back, err := read(write(t, d))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	if len(v.Suspensions) != 2 {
		t.Fatalf("suspensions: %+v", v.Suspensions)
	}
	first, second := v.Suspensions[0], v.Suspensions[1]
	text := v.Text()
	for _, want := range []string{
		"note: transfers between de and nl were suspended by de from " + first.From.String() + " to " + first.To.String() + " (incident)\n",
		"note: transfers between nl and de were suspended by nl from " + second.From.String() + " and not lifted in these records up to the checkpoint (incident)\n",
		"de suspends all transfers between it and nl: incident\n      signed by de/officer/a (1 officer)\n",
		"de lifts its suspension of all transfers between it and nl: resolved\n      signed by de/officer/a and de/officer/b (2 officers)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	if strings.Contains(text, "between it and fr") || !second.To.IsZero() {
		t.Errorf("the text:\n%s", text)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestSuspensionHidden: a dossier that leaves a suspension, or its lift, out of an
// authority's record is no dossier.
func TestSuspensionHidden(t *testing.T) {
	s, d := suspensionTale(t)
	record := custody.AuthorityRecord(s.From.Name)
	lines := d.Records[record]
	for name, change := range map[string][]dossier.Line{
		"the suspension": slices.Delete(slices.Clone(lines), 2, 3),
		"its lift":       slices.Delete(slices.Clone(lines), 3, 4),
	} {
		d.Records[record] = change
		if v, err := dossier.Verify(d, s.Pins()); err == nil {
			t.Errorf("without %s: %s", name, v.Result)
		}
	}
}
