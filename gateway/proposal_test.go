package gateway_test

import (
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// TestProposal: a grant that needs two officers waits for the second one, seen by
// nobody but its own authority.
func TestProposal(t *testing.T) {
	w := newRelay(t)
	s := w.begin()
	ctx := t.Context()
	desk := w.as(w.nl.desk)
	s.reviewed(desk)
	b := s.grantBody()
	file, ref := w.annex("conditions in words", w.nl, w.fr)
	b.Annex = &ref
	e, err := custody.Draft(b)
	check(t, err)
	e.Sign(w.nl.officers[0])
	_, err = desk.Submit(ctx, e.Marshal(), file)
	refused(t, "grant with one signature", err, custody.CodeBelowThreshold)

	_, err = desk.Propose(ctx, e.Marshal(), nil)
	refused(t, "proposal without its annex", err, wire.CodeAnnexMismatch)
	st, err := desk.Propose(ctx, e.Marshal(), file)
	check(t, err)
	if st.SHA256 != e.SHA256() || st.Kind != custody.KindGrant || st.Record != s.id() {
		t.Errorf("proposal is %+v", st)
	}
	_, err = desk.Propose(ctx, e.Marshal(), file) // a retry
	check(t, err)
	_, err = w.as(w.fr.desk).Proposal(ctx, st.SHA256)
	refused(t, "proposal for the other State", err, wire.CodeNotFound)
	list, err := w.as(w.fr.desk).Proposals(ctx)
	check(t, err)
	if len(list.Proposals) != 0 {
		t.Errorf("the other State sees %d proposals", len(list.Proposals))
	}
	if got, err := w.as(w.nl.lab).Annex(ctx, ref.SHA256); err != nil || sum(got) != ref.SHA256 {
		t.Errorf("who is to sign cannot read what it binds: %v", err)
	}
	_, err = w.as(w.fr.desk).Annex(ctx, ref.SHA256)
	refused(t, "annex of a proposal of the other State", err, custody.CodeNoSuchRequest)
	wrong := *e
	wrong.Sign(w.fr.officers[0])
	_, err = desk.CoSign(ctx, st.SHA256, wrong.Marshal())
	refused(t, "signature of the other State", err, custody.CodeBadSignature)

	list, err = desk.Proposals(ctx)
	check(t, err)
	if len(list.Proposals) != 1 {
		t.Fatalf("%d proposals are open", len(list.Proposals))
	}
	second, err := custody.ParseStatement(list.Proposals[0].Envelope)
	check(t, err)
	e2, err := custody.Draft(b) // another nonce: another payload
	check(t, err)
	e2.Sign(w.nl.officers[1])
	_, err = desk.CoSign(ctx, st.SHA256, e2.Marshal())
	refused(t, "signature of another payload", err, wire.CodeMalformed)
	e.Sign(w.nl.officers[1])
	st, err = desk.CoSign(ctx, second.SHA256, e.Marshal())
	check(t, err)

	s.grant, err = custody.ParseStatement(st.Envelope)
	check(t, err)
	if n := len(s.grant.Signers()); n != 2 {
		t.Fatalf("the proposal has %d signatures", n)
	}
	s.file(desk, s.grant, nil) // the relay has the annex
	_, err = desk.Proposal(ctx, st.SHA256)
	refused(t, "proposal that was filed", err, wire.CodeNotFound)
	got, err := w.as(w.fr.lab).Annex(ctx, ref.SHA256)
	check(t, err)
	if sum(got) != ref.SHA256 {
		t.Error("the annex is another")
	}
	_, err = desk.Propose(ctx, st.Envelope, file)
	refused(t, "proposal of what is filed", err, custody.CodeDuplicate)
	_, err = w.as(w.fr.desk).Propose(ctx, st.Envelope, file)
	refused(t, "proposal for another State", err, custody.CodeNotCarrier)
}
