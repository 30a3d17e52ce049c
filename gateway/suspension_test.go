package gateway_test

import (
	"bytes"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// suspensionOf is what an authority says next of the transfers with another: last is
// what it said before, or nil.
func (w *world) suspensionOf(by, with string, last *custody.Statement) *custody.Suspension {
	b := &custody.Suspension{Header: w.header(by, nil), With: with, State: custody.StateSuspended, Reason: "incident"}
	if last != nil {
		b.Prev = last.SHA256
		if last.Body.(*custody.Suspension).State == custody.StateSuspended {
			b.State, b.Reason = custody.StateLifted, "resolved"
		}
	}
	return b
}

// suspends files one by an officer and the desk of its authority.
func (w *world) suspends(a *authority, with string) *custody.Statement {
	w.t.Helper()
	st := sign(w.t, w.suspensionOf(a.name, with, nil), a.officers[0])
	p, err := w.as(a.desk).Submit(w.t.Context(), st.Envelope, nil)
	check(w.t, err)
	w.proven(p, a.root.SHA256)
	return st
}

// TestSuspensionRefused: only a desk of one of the two authorities brings a
// suspension, although anybody may read it.
func TestSuspensionRefused(t *testing.T) {
	w := newRelay(t)
	file, ref := w.annex("why", w.nl)
	by := func(name, with string, k *keys.Private) []byte {
		return sign(t, w.suspensionOf(name, with, nil), k).Envelope
	}
	honest := by("nl", "fr", w.nl.officers[0])
	desk := w.as(w.nl.desk)
	for _, row := range []struct {
		name     string
		client   *wire.Client
		envelope []byte
		annex    []byte
		want     custody.Code
	}{
		{"a stranger", w.stranger(nil), honest, nil, wire.CodeHelloRequired},
		{"a third authority's desk", w.as(w.de.desk), honest, nil, custody.CodeNotCarrier},
		{"a lab", w.as(w.nl.lab), honest, nil, custody.CodeNotCarrier},
		{"in another's name", desk, by("fr", "nl", w.nl.officers[0]), nil, custody.CodeBadSignature}, // a desk of either carries it
		{"of a pair of others", desk, by("fr", "de", w.fr.officers[0]), nil, custody.CodeNotCarrier},
		{"signed by another's officer", desk, by("nl", "fr", w.fr.officers[0]), nil, custody.CodeBadSignature},
		{"with an annex", desk, honest, file[:ref.Size], wire.CodeAnnexMismatch},
	} {
		_, err := row.client.Submit(t.Context(), row.envelope, row.annex)
		refused(t, row.name, err, row.want)
		if row.annex == nil && row.want != wire.CodeHelloRequired {
			want := row.want
			if row.name == "in another's name" {
				want = custody.CodeNotCarrier // what waits for signatures, only its own desk brings
			}
			_, err = row.client.Propose(t.Context(), row.envelope, nil)
			refused(t, row.name+" proposes", err, want)
		}
	}
	_, err := w.as(w.fr.desk).Submit(t.Context(), honest, nil) // which it stops
	check(t, err)
	_, err = desk.Submit(t.Context(), honest, nil) // as it was brought already
	check(t, err)
	_, err = desk.Submit(t.Context(), by("nl", "fr", w.nl.officers[1]), nil)
	refused(t, "suspending twice", err, custody.CodeAlreadyDecided)
}

// TestSuspension: one officer suspends, two lift, by a proposal; nothing begins
// meanwhile, also after a restart, and the record of it shows no carrier.
func TestSuspension(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	suspension := w.suspends(w.fr, "nl")
	w.stop()
	w.start()
	ctx, desk, sender := t.Context(), w.as(w.fr.desk), w.as(w.nl.lab)
	reserve := wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 1016}
	_, err := sender.Reserve(ctx, reserve)
	refused(t, "reserving", err, custody.CodePairSuspended)
	_, err = desk.Submit(ctx, sign(t, w.requestBody(), w.fr.officers[0]).Envelope, nil)
	refused(t, "a new request", err, custody.CodePairSuspended)
	st, err := desk.Authority(ctx, "fr")
	check(t, err)
	if !bytes.Equal(st.Directory, w.fr.directory.Envelope) {
		t.Error("the relay shows another directory of fr since")
	}

	e, err := custody.Draft(w.suspensionOf("fr", "nl", suspension))
	check(t, err)
	e.Sign(w.fr.officers[0])
	_, err = desk.Submit(ctx, e.Marshal(), nil)
	refused(t, "a lift with one signature", err, custody.CodeBelowThreshold)
	p, err := desk.Propose(ctx, e.Marshal(), nil)
	check(t, err)
	if p.Kind != custody.KindSuspension || p.Record != custody.AuthorityRecord("fr") {
		t.Errorf("proposal is %+v", p)
	}
	_, err = w.as(w.nl.desk).Proposal(ctx, p.SHA256)
	refused(t, "proposal for the other State", err, wire.CodeNotFound)
	e.Sign(w.fr.officers[1])
	_, err = w.as(w.fr.lab).CoSign(ctx, p.SHA256, e.Marshal())
	refused(t, "a lab brings the second signature", err, custody.CodeNotCarrier)
	p, err = desk.CoSign(ctx, p.SHA256, e.Marshal())
	check(t, err)
	proof, err := desk.Submit(ctx, p.Envelope, nil)
	check(t, err)
	w.proven(proof, w.fr.root.SHA256)
	if entry, err := custody.ParseEntry(proof.Line.Entry); err != nil || entry.Via != "" || len(entry.Directories) != 1 {
		t.Errorf("entry is %+v, %v", entry, err)
	}
	_, err = desk.Proposal(ctx, p.SHA256)
	refused(t, "proposal that was filed", err, wire.CodeNotFound)
	_, err = sender.Reserve(ctx, reserve)
	check(t, err)
	if got := w.replay(w.as(w.nl.desk), s.id()).View().Authorities["fr"].Pair("nl").State; got != custody.StateLifted {
		t.Errorf("a replay ends with the pair %s", got)
	}
	w.stop()
	w.clean()
}

// TestSuspensionHeard: the other authority hears of a suspension, and of its lift, as of
// an entry of a request, and nobody else does; the check of the relay knows of both.
func TestSuspensionHeard(t *testing.T) {
	w := newRelay(t)
	ctx := t.Context()
	heard := func(m *machine, cursor string) (kinds []custody.Kind, next string) {
		ch, err := w.as(m).Changes(ctx, cursor, 0)
		check(t, err)
		for _, c := range ch.Changes {
			if c.Record == custody.AuthorityRecord("nl") {
				kinds = append(kinds, c.Kind)
			}
		}
		return kinds, ch.Cursor
	}
	_, fr := heard(w.fr.desk, "")
	_, de := heard(w.de.desk, "")
	last := w.suspends(w.nl, "fr")
	lift := sign(t, w.suspensionOf("nl", "fr", last), w.nl.officers[0], w.nl.officers[1])
	_, err := w.as(w.nl.desk).Submit(ctx, lift.Envelope, nil)
	check(t, err)
	if got, _ := heard(w.fr.desk, fr); len(got) != 2 || got[0] != custody.KindSuspension || got[1] != custody.KindSuspension {
		t.Errorf("fr hears of %q", got)
	}
	if got, _ := heard(w.de.desk, de); len(got) != 0 {
		t.Errorf("de hears of %q", got)
	}
	w.stop()
	w.clean()
	w.database(func(tx *records.Tx) error { tx.AddParty(custody.AuthorityRecord("nl"), "de"); return nil })
	w.finds("a third authority that is told too", w.check(w.thorough), fsck.CodeParty)
}
