package gateway_test

import (
	"bytes"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// offerBody is what nl offers fr, with the digest of an annex.
func (w *world) offerBody(ref custody.AnnexRef) *custody.Offer {
	return &custody.Offer{Header: w.header("nl", nil), To: "fr", Instrument: "ets-185", Purposes: []string{"initiate-investigation"}, Annex: ref, Terms: custody.Terms{
		Senders: []custody.PartyID{"nl/agent/lab"}, Recipients: w.requestBody().Recipients, Categories: []string{"stored-data"},
		MaxBytes: 1 << 30, MaxPackages: 2, NotBefore: now(), Expires: inDays(20)}}
}

// TestOffer: an offer through the relay is for its two authorities alone; before it is
// accepted not a byte is taken, after that a package goes the whole way.
func TestOffer(t *testing.T) {
	w := newRelay(t)
	ctx := t.Context()
	file, ref := w.annex("a server that was seized", w.nl, w.fr)
	body := w.offerBody(ref)
	st := sign(t, body, w.nl.officers[0], w.nl.officers[1])
	_, err := w.as(w.nl.desk).Submit(ctx, sign(t, body, w.nl.officers[0]).Envelope, file)
	refused(t, "an offer by one officer", err, custody.CodeBelowThreshold)
	_, err = w.as(w.fr.desk).Submit(ctx, st.Envelope, file)
	refused(t, "an offer that the other State brings", err, custody.CodeNotCarrier)
	s := &story{world: w, annexes: map[*custody.Statement][]byte{}}
	s.file(w.as(w.nl.desk), st, file)
	s.grant = st
	for _, row := range []struct {
		who  *machine
		want custody.Code
	}{{w.fr.desk, ""}, {w.nl.desk, ""}, {w.de.desk, custody.CodeNoSuchRequest}} {
		got, err := w.over(row.who, link.H2).Annex(ctx, ref.SHA256)
		if wire.CodeOf(err) != row.want || row.want == "" && !bytes.Equal(got, file) {
			t.Errorf("annex for %q: %v", row.who.id, err)
		}
	}
	ch, err := w.as(w.fr.desk).Changes(ctx, "", 0)
	check(t, err)
	if n := len(ch.Changes); n == 0 || ch.Changes[n-1].Kind != custody.KindOffer || ch.Changes[n-1].Record != s.id() {
		t.Errorf("the State that it is for hears %+v", ch.Changes)
	}
	refused(t, "a reservation before the acceptance", s.room(w.as(w.nl.lab)), custody.CodeNotAccepted)

	s.accepted()
	b := s.take(s.packOf(1000), 1)
	s.fetch(w.as(w.fr.lab), b)
	w.replay(w.as(w.fr.desk), s.id())
	w.stop()
	w.clean()
}

// TestOfferPolicy: an operator's policy on who may ask whom is asked about offers too, as
// if the State that they are for had asked.
func TestOfferPolicy(t *testing.T) {
	w := newRelay(t)
	g := w.gate
	ctx := t.Context()
	file, ref := w.annex("a server that was seized", w.nl, w.fr)
	st := sign(t, w.offerBody(ref), w.nl.officers[0], w.nl.officers[1])
	closed := policyOf(t, `@id("closed") forbid (principal, action, resource) when { resource.requesting == Authority::"fr" };`)
	g.SetPolicy(closed)
	_, err := w.as(w.nl.desk).Submit(ctx, st.Envelope, file)
	refused(t, "an offer", err, custody.CodeOperatorPolicy)
	g.SetPolicy(nil)
	s := &story{world: w, annexes: map[*custody.Statement][]byte{}}
	s.file(w.as(w.nl.desk), st, file)
	s.grant = st
	s.accepted()
	g.SetPolicy(closed)
	refused(t, "a reservation", s.room(w.as(w.nl.lab)), custody.CodeOperatorPolicy)
	g.SetPolicy(policyOf(t, `@id("others") forbid (principal, action, resource) when { resource.requesting == Authority::"de" };`))
	check(t, s.room(w.as(w.nl.lab)))
	w.stop()
	w.clean()
}
