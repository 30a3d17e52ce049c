package dossier_test

import (
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// TestPolicy: what an operator's policy says, or whether there was one, makes no act
// valid or invalid. The verdict tells its hash and no more.
func TestPolicy(t *testing.T) {
	set := custody.HashOf([]byte("policy"))
	asked := map[custody.Kind]bool{custody.KindRequest: true, custody.KindSeal: true, custody.KindRelease: true}
	play := func(entered func(*custody.Entry), patched bool) (*dossier.Verdict, error) {
		s, d := tale(t, func(s *env.Story, dir string) error {
			s.Entered, s.Patched = entered, patched
			if err := s.Agree(); err != nil {
				return err
			}
			err := s.Event(&custody.Event{Denied: &custody.Denied{By: "nl/agent/lab-1", Act: custody.ActReserve, Code: custody.CodeOperatorPolicy,
				Rule: "operator-policy", Policy: custody.NewPolicyRef(set, []string{"no-nights"})}})
			if err != nil {
				return err
			}
			p, err := s.Send(dir)
			if err != nil {
				return err
			}
			return s.Unlock(p)
		})
		back, err := read(write(t, d))
		fatalIfErr(t, err)
		return dossier.Verify(back, s.Pins())
	}
	named := 0
	v, err := play(func(e *custody.Entry) {
		if asked[e.Kind] {
			e.Policy = set
			named++
		}
	}, false)
	fatalIfErr(t, err)
	text := v.Text()
	if !v.Verified() || named < 2 || strings.Count(text, "narrowed by policy "+set.String()+" of the relay's operator, as the relay says\n") != named {
		t.Errorf("%d entries name a policy:\n%s", named, text)
	}
	if want := "refused to let nl/agent/lab-1 reserve room for a package: the rules allow it, the policy of the relay's operator does not, for now: nothing is lost (no-nights of policy " + set.String() + ")"; !strings.Contains(text, want) {
		t.Errorf("the text lacks %q:\n%s", want, text)
	}
	v, err = play(nil, false)
	fatalIfErr(t, err)
	if !v.Verified() || strings.Contains(v.Text(), "narrowed by policy") {
		t.Errorf("without a policy:\n%s", v.Text())
	}
	// What the rules refuse no policy makes good: an entry that names one as what
	// decided is what its relay invented.
	v, err = play(func(e *custody.Entry) {
		if e.Kind == custody.KindSeal {
			e.Policy, e.Decision = set, custody.Decision{Code: custody.CodeAllowed, Rule: "operator-policy"}
		}
	}, false)
	if err == nil || v.Verified() {
		t.Errorf("a relay that decides by its policy: %v\n%s", err, v.Text())
	}
}
