package gateway_test

import (
	"testing"

	"comity.example/comity/custody"
)

// TestAnnexBoundTwice: what a review kept to its State, a grant that binds the same
// file shows to the other; of a review alone nobody else reads a byte.
func TestAnnexBoundTwice(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	desk, other := w.as(w.nl.desk), w.as(w.fr.desk)
	file, ref := w.annex("why, and on what conditions", w.nl, w.fr)
	s.review = sign(t, &custody.Review{Header: s.header("nl", s.after), Request: s.request.SHA256,
		Body: "judicial", Finding: custody.FindingNoObjection, Annex: ref}, s.nl.officers[0])
	s.file(desk, s.review, file)
	_, err := other.Annex(t.Context(), ref.SHA256)
	refused(t, "annex of a review", err, custody.CodeNoSuchRequest)
	b := s.grantBody()
	b.Annex = &ref
	s.file(desk, sign(t, b, w.nl.officers...), file)
	for _, c := range []*machine{w.nl.lab, w.fr.lab} {
		if got, err := w.as(c).Annex(t.Context(), ref.SHA256); err != nil || sum(got) != ref.SHA256 {
			t.Errorf("annex of the grant for %s: %v", c.id, err)
		}
	}
	_, err = w.as(w.de.desk).Annex(t.Context(), ref.SHA256)
	refused(t, "annex for a stranger", err, custody.CodeNoSuchRequest)
	w.stop()
	w.clean()
}
