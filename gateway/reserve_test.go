package gateway_test

import (
	"encoding/json"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// agreedOn is agreed with another grant.
func (w *world) agreedOn(change func(*custody.Grant)) *story {
	w.t.Helper()
	s := w.begin()
	desk := w.as(w.nl.desk)
	s.reviewed(desk)
	body := s.grantBody()
	change(body)
	s.grant = sign(w.t, body, w.nl.officers...)
	s.file(desk, s.grant, nil)
	return s
}

// TestReserveAgain: the answer to a reservation is lost, and its agent asks again.
// It has one reservation, under an epoch that no other answer carries, until a part
// shows that an answer has arrived.
func TestReserveAgain(t *testing.T) {
	w := newRelay(t)
	s := w.agreed()
	ctx, c := t.Context(), w.as(w.nl.lab)
	b := s.pack()
	in := wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: b.size}
	for want := range int64(5) { // a grant of three packages
		r, err := c.Reserve(ctx, in)
		check(t, err)
		if r.Package != in.Package || r.Epoch != want+1 {
			t.Errorf("call %d: %+v", want, r)
		}
	}
	refused(t, "part under an earlier answer's epoch", c.PutPart(ctx, in.Package, 4, 0, b.sums[0], b.parts[0]), wire.CodeStaleEpoch)
	check(t, c.PutPart(ctx, in.Package, 5, 0, b.sums[0], b.parts[0]))
	_, err := c.Reserve(ctx, in)
	refused(t, "again after a part", err, wire.CodeIDTaken)
	check(t, c.PutPart(ctx, in.Package, 5, 1, b.sums[1], b.parts[1])) // and the epoch stands
	s.reserve(c, s.pack())
	s.reserve(c, s.pack())
	in.Package = newID()
	_, err = c.Reserve(ctx, in)
	refused(t, "a fourth package of three", err, custody.CodePackagesUsedUp)
	w.stop()
	w.clean()
}

// TestReserveTaken: an id is used once. Who uses one again hears the same whosever
// it is and whatever became of it, and a stranger hears nothing.
func TestReserveTaken(t *testing.T) {
	w := newRelay(t)
	s := w.agreedOn(func(g *custody.Grant) { g.MaxPackages = 10 })
	ctx, c := t.Context(), w.as(w.nl.lab)
	size := seal.PayloadSize(1000)
	ask := func(c *wire.Client, id string, size int64) error {
		_, err := c.Reserve(ctx, wire.Reserve{Package: id, Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: size})
		return err
	}
	for _, id := range []string{"", "x", newID() + "a", "A" + newID()[1:], "../" + newID()[3:]} {
		refused(t, "id "+id, ask(c, id, size), wire.CodeMalformed)
	}
	gaveUp, sealed := &bundle{size: size}, s.packOf(1000)
	s.reserve(c, gaveUp)
	check(t, c.Abandon(ctx, gaveUp.id, gaveUp.epoch))
	s.deposit(c, sealed, 1)
	other, theirs := newID(), newID()
	check(t, ask(c, other, size))
	w.stop()
	w.database(func(tx *records.Tx) error {
		return tx.InsertPackage(records.Package{ID: theirs, Request: string(s.id()), Grant: s.grant.SHA256, Agent: "nl/agent/lab-2", Epoch: 1,
			State: records.Open, PayloadSize: size, Parts: 1, Created: now()})
	})
	w.start()
	c = w.as(w.nl.lab)
	var words string
	for name, err := range map[string]error{
		"another size": ask(c, other, size+16), "another agent's": ask(c, theirs, size), "sealed": ask(c, sealed.id, sealed.size), "given up": ask(c, gaveUp.id, size),
	} {
		refused(t, name, err, wire.CodeIDTaken)
		text, merr := json.Marshal(err)
		check(t, merr)
		if words == "" {
			words = string(text)
		}
		if string(text) != words {
			t.Errorf("%s: %s, others hear %s", name, text, words)
		}
	}
	_, err := c.TakeOver(ctx, theirs)
	refused(t, "taking another agent's over", err, custody.CodeNoSuchPackage)
	refused(t, "a stranger with an id that is used", ask(w.as(w.de.lab), other, size), custody.CodeNoSuchRequest)
	refused(t, "a stranger with one that is not", ask(w.as(w.de.lab), newID(), size), custody.CodeNoSuchRequest)
}
