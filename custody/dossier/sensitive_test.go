package dossier_test

import (
	"errors"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// TestOneOfficerGrantsContent: a relay that was patched to take it enters a grant of
// content by one officer, where a grant takes one and a sensitive one two. The verdict
// says what the directory asks for.
func TestOneOfficerGrantsContent(t *testing.T) {
	for _, patched := range []bool{false, true} {
		var refused error
		s, d := tale(t, func(s *env.Story, _ string) error {
			s.Patched, s.Granting = patched, s.To.Officers[:1]
			refused = s.Agree()
			return nil
		})
		if !patched {
			if refused == nil || !strings.Contains(refused.Error(), string(custody.CodeBelowThreshold)) {
				t.Errorf("an honest relay: %v", refused)
			}
			continue
		}
		fatalIfErr(t, refused)
		v, err := dossier.Verify(d, s.Pins())
		if !errors.Is(err, custody.ErrRefused) || !strings.Contains(err.Error(), "grant: "+string(custody.CodeBelowThreshold)) {
			t.Errorf("the verifier: %v, verdict %v", err, v)
		}
	}
}
