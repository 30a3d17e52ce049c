package gateway_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/wire"
)

func policyOf(t *testing.T, text string) *gateway.Policy {
	t.Helper()
	p, err := gateway.ParsePolicy([]gateway.PolicyFile{{Name: "test.cedar", Data: []byte(text)}})
	check(t, err)
	return p
}

// forbidAll is as much as any policy can forbid.
const forbidAll = `@id("closed") forbid (principal, action, resource);`

// entryOf reads the entry of a proof.
func entryOf(t *testing.T, p *wire.Proof, err error) *custody.Entry {
	t.Helper()
	check(t, err)
	e, err := custody.ParseEntry(p.Line.Entry)
	check(t, err)
	return e
}

// TestPolicy: the operator's policy refuses each of the five acts that it is asked
// about, by its own code and under its own name, and nothing is lost by it: what was
// refused goes on when it is gone. An entry that was made under a policy names it.
func TestPolicy(t *testing.T) {
	w := newRelay(t)
	g := w.gate
	s := w.agreed()
	s.accepted()
	ctx, sender, taker := t.Context(), w.as(w.nl.lab), w.as(w.fr.lab)
	waiting := s.deposit(sender, s.packOf(1000), 1)
	p, err := sender.Unlock(ctx, waiting.id, s.unlockOf(waiting, s.checkpoint(sender)).Envelope, waiting.head, waiting.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	open := s.packOf(1000)
	s.reserve(sender, open)
	s.upload(sender, open)
	body := s.sealBody(open)
	body.Delivery = 2
	seal := sign(t, body, w.nl.lab.key)
	release := s.releaseOf(waiting, s.acceptance.SHA256)
	file, ref := w.annex("another case", w.fr, w.nl)
	again := w.requestBody()
	again.Annex = ref
	request := sign(t, again, w.fr.officers[0])

	closed := policyOf(t, forbidAll)
	g.SetPolicy(closed)
	refusedBy := func(what string, err error) {
		t.Helper()
		refused(t, what, err, custody.CodeOperatorPolicy)
		if err != nil && !strings.Contains(err.Error(), "policy closed") {
			t.Errorf("%s: %v does not name the policy", what, err)
		}
	}
	_, err = w.as(w.fr.desk).Submit(ctx, request.Envelope, file)
	refusedBy("request", err)
	refusedBy("reserve", s.room(sender))
	refusedBy("part", sender.PutPart(ctx, open.id, open.epoch, 0, open.sums[0], open.parts[0]))
	_, err = sender.Seal(ctx, open.id, open.epoch, seal.Envelope)
	refusedBy("seal", err)
	_, err = taker.Release(ctx, waiting.id, release.Envelope)
	refusedBy("release", err)
	// Who is no party hears what it always hears: the policy is asked last.
	refused(t, "a stranger's room", s.room(w.as(w.de.lab)), custody.CodeNoSuchRequest)
	refused(t, "a recipient's room", s.room(taker), custody.CodeSenderNotGranted)

	var acts []custody.Act
	for _, ev := range s.events(sender, s.id()) {
		d := ev.Denied
		if d.Code != custody.CodeOperatorPolicy {
			continue
		}
		if d.Policy == nil || d.Policy.SHA256 != closed.SHA256() || !slices.Equal(d.Policy.IDs, []string{"closed"}) {
			t.Errorf("denial of %s names the policy %+v", d.Act, d.Policy)
		}
		acts = append(acts, d.Act)
	}
	if want := []custody.Act{custody.ActReserve, custody.ActPart, custody.ActStatement, custody.ActStatement}; !slices.Equal(acts, want) {
		t.Errorf("the record has denials of %v, want %v", acts, want)
	}

	g.SetPolicy(nil)
	p, err = w.as(w.fr.desk).Submit(ctx, request.Envelope, file)
	if e := entryOf(t, p, err); !e.Policy.IsZero() {
		t.Errorf("an entry without a policy names %s", e.Policy)
	}
	narrow := policyOf(t, `@id("big") forbid (principal, action in [Action::"reserve", Action::"part"], resource) when { context.bytes > 10000000 };`)
	g.SetPolicy(narrow)
	check(t, sender.PutPart(ctx, open.id, open.epoch, 0, open.sums[0], open.parts[0]))
	p, err = sender.Seal(ctx, open.id, open.epoch, seal.Envelope)
	if e := entryOf(t, p, err); e.Policy != narrow.SHA256() || !e.Decision.Allowed() {
		t.Errorf("the seal's entry names the policy %s: %s", e.Policy, e.Decision)
	}
	p, err = taker.Release(ctx, waiting.id, release.Envelope)
	if e := entryOf(t, p, err); e.Policy != narrow.SHA256() {
		t.Errorf("the release's entry names the policy %s", e.Policy)
	}
	s.fetch(taker, waiting)
	w.replay(w.as(w.nl.desk), s.id(), request.Record())
	w.stop()
	w.clean()
}

// TestPolicyStopsNothingElse: under a policy that forbids all, and one of which nothing
// can be evaluated, whatever stops, decides, examines or reports is heard as ever, what
// was released can be taken, and no such entry names a policy.
func TestPolicyStopsNothingElse(t *testing.T) {
	w := newRelay(t)
	g := w.gate
	s := w.begin()
	old := w.begin()
	g.SetPolicy(policyOf(t, forbidAll+`@id("broken") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };`))
	nl, fr := w.as(w.nl.desk), w.as(w.fr.desk)
	s.reviewed(nl)
	s.granted(nl)
	s.accepted()
	old.reviewed(nl)
	old.file(nl, sign(t, &custody.Refusal{Header: old.header("nl", old.after), Request: old.request.SHA256, Grounds: []string{"sovereignty"}}, w.nl.officers...), nil)

	g.SetPolicy(nil)
	taken := s.take(s.packOf(1000), 1)
	kept := s.deposit(w.as(w.nl.lab), s.packOf(1000), 2)
	g.SetPolicy(policyOf(t, forbidAll))

	s.fetch(w.as(w.fr.lab), taken)
	s.file(w.as(w.fr.lab), sign(t, &custody.Receipt{Header: s.header("fr/agent/lab", s.after), Request: s.request.SHA256, Package: taken.id,
		Seal: taken.seal.SHA256, InnerStatement: sum([]byte("inner")), Scope: custody.ScopeWhole}, w.fr.lab.key), nil)
	p, err := w.as(w.nl.lab).Unlock(t.Context(), kept.id, s.unlockOf(kept, s.checkpoint(nl)).Envelope, kept.head, kept.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	s.file(w.as(w.nl.lab), s.recallOf(kept, "nl/agent/lab", w.nl.lab.key), nil)
	suspension := w.suspends(w.nl, "fr")
	lift := sign(t, w.suspensionOf("nl", "fr", suspension), w.nl.officers...)
	_, err = nl.Submit(t.Context(), lift.Envelope, nil)
	check(t, err)
	s.revocation()
	s.withdrawal()
	next := w.nl.direct(t, w.nl.directory)
	_, err = w.stranger(nil).Submit(t.Context(), next.Envelope, nil)
	check(t, err)

	record, err := fr.Record(t.Context(), s.id(), 0)
	check(t, err)
	for _, l := range record.Lines {
		e, err := custody.ParseEntry(l.Entry)
		check(t, err)
		if !e.Policy.IsZero() {
			t.Errorf("the entry of a %s names a policy", e.Kind)
		}
	}
	w.replay(fr, s.id(), old.id())
	w.stop()
	w.clean()
}

// TestPolicyFails: a policy that cannot be evaluated refuses, and the operator's log
// says why; the other side does not hear it.
func TestPolicyFails(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	w.change = func(c *gateway.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		c.Policy = policyOf(t, `@id("broken") forbid (principal, action == Action::"reserve", resource) when { context.bytes * 9223372036854775807 > 1 };`)
	}
	w.start()
	for _, a := range []*authority{w.nl, w.fr} {
		w.publish(a)
	}
	s := w.agreed()
	err := s.room(w.as(w.nl.lab))
	refused(t, "room", err, custody.CodeOperatorPolicy)
	if err != nil && strings.Contains(err.Error(), "overflow") {
		t.Errorf("the sender is told %v", err)
	}
	w.stop()
	if !strings.Contains(log.String(), "policy=broken") || !strings.Contains(log.String(), "overflow") {
		t.Errorf("the operator is told %q", log.String())
	}
}

// TestPolicyOnSignatures: a request that waits for a second signature is asked about
// when it has both, and not before: the rules do not allow it until then.
func TestPolicyOnSignatures(t *testing.T) {
	w := newRelay(t)
	next := *w.fr.direct(t, w.fr.directory).Body.(*custody.Directory)
	next.Header, next.Rules.Request = custody.Header{By: "fr", Issued: now()}, 2
	_, err := w.stranger(nil).Submit(t.Context(), sign(t, &next, w.fr.registrar).Envelope, nil)
	check(t, err)
	w.gate.SetPolicy(policyOf(t, forbidAll))
	b := w.requestBody()
	file, ref := w.annex("who did what to whom", w.fr, w.nl)
	b.Annex = ref
	desk := w.as(w.fr.desk)
	e, err := custody.Draft(b)
	check(t, err)
	e.Sign(w.fr.officers[0])
	p, err := desk.Propose(t.Context(), e.Marshal(), file)
	check(t, err)
	e.Sign(w.fr.officers[1])
	_, err = desk.CoSign(t.Context(), p.SHA256, e.Marshal())
	refused(t, "the second signature", err, custody.CodeOperatorPolicy)
	w.gate.SetPolicy(nil)
	p, err = desk.CoSign(t.Context(), p.SHA256, e.Marshal())
	check(t, err)
	_, err = desk.Submit(t.Context(), p.Envelope, file)
	check(t, err)
}

// TestPolicyAtSealEntry: a policy that comes into force while a deposit is completed is
// asked once more with its entry. The package is open again then, and the same seal
// deposits it when it may.
func TestPolicyAtSealEntry(t *testing.T) {
	w, store := onSlow(t)
	s := w.agreed()
	sender := w.as(w.nl.lab)
	b := s.packOf(1000)
	s.reserve(sender, b)
	s.upload(sender, b)
	b.seal = sign(t, s.sealBody(b), w.nl.lab.key)
	store.set(func() { store.onWhole = func() { w.gate.SetPolicy(policyOf(t, forbidAll)) } })
	_, err := sender.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	refused(t, "seal", err, custody.CodeOperatorPolicy)
	st, err := sender.Package(t.Context(), b.id)
	if err != nil || st.State != "open" {
		t.Fatalf("the package is %+v, %v", st, err)
	}
	store.set(func() { store.onWhole = nil })
	w.gate.SetPolicy(nil)
	p, err := sender.Seal(t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(t, err)
	w.proven(p, s.request.SHA256)
	w.stop()
	w.clean()
}
