package gateway_test

import (
	"testing"

	"comity.example/comity/custody"
)

// TestPapersKeptBack: a review and a grant that were signed before an objection do
// not undo it when they are filed after it.
func TestPapersKeptBack(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	desk := w.as(w.nl.desk)
	review := func(text, finding string) (*custody.Statement, []byte) {
		file, ref := s.annex(text, s.nl)
		return sign(t, &custody.Review{Header: s.header("nl", s.after), Request: s.request.SHA256, Body: "judicial", Finding: finding, Annex: ref},
			s.nl.officers[0]), file
	}
	kept, file := review("nothing against it", custody.FindingNoObjection)
	s.review = kept
	grant := sign(t, s.grantBody(), s.nl.officers...)
	objection, why := review("we object", custody.FindingObjection)
	s.file(desk, objection, why)
	_, err := desk.Submit(t.Context(), kept.Envelope, file)
	refused(t, "review signed before the objection", err, custody.CodeBadAfter)
	_, err = desk.Submit(t.Context(), grant.Envelope, nil)
	refused(t, "grant that rests on it", err, custody.CodeNoReview)
	s.reviewed(desk)
	s.granted(desk) // whoever has seen the objection may answer it
}

// TestRecipientRevoked: after the release the recipient is revoked, and no byte is
// handed out any more.
func TestRecipientRevoked(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	s.accepted()
	b := s.packOf(1000)
	s.unlocked(b, 1)
	taker := w.as(w.fr.lab)
	s.fetch(taker, b)
	d := w.fr.direct(t, w.fr.directory, "fr/recipient/lab")
	_, err := w.stranger(nil).Submit(t.Context(), d.Envelope, nil)
	check(t, err)
	_, err = taker.Head(t.Context(), b.id)
	refused(t, "head", err, custody.CodeRecipientNotGrant)
	_, err = taker.Inner(t.Context(), b.id)
	refused(t, "inner file", err, custody.CodeRecipientNotGrant)
	err = taker.Payload(t.Context(), b.id, 0, make([]byte, b.size))
	refused(t, "payload", err, custody.CodeRecipientNotGrant)
}
