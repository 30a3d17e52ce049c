package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
)

// postStatement files a signed statement. Strangers may bring the roots and
// directories of pinned authorities: without these there is nobody who could say
// hello.
func (g *Gateway) postStatement(w http.ResponseWriter, r *http.Request, who *admit.Principal) error {
	form, err := readForm(r, envelopeField, annexField)
	if err != nil {
		return err
	}
	var proof *wire.Proof
	if who == nil {
		proof, err = g.publish(r.Context(), form["envelope"])
	} else {
		proof, err = g.file(r.Context(), *who, form["envelope"], form["annex"])
	}
	if err != nil {
		return err
	}
	return admit.WriteJSON(w, proof)
}

// publish files a root or directory that a stranger brings. What it claims to be
// is looked at first, because reading all its enrolments is work.
func (g *Gateway) publish(ctx context.Context, envelope []byte) (*wire.Proof, error) {
	e, err := statement.Parse(envelope)
	if err != nil {
		return nil, malformed(err)
	}
	var claim struct {
		By   string `json:"by"`
		Type string `json:"_type"`
	}
	if err := json.Unmarshal(e.Payload, &claim); err != nil {
		return nil, wire.NewProblem(wire.CodeMalformed, "the payload is not a statement")
	}
	if claim.Type != "comity/root/v1" && claim.Type != "comity/directory/v1" {
		return nil, wire.NewProblem(wire.CodeHelloRequired, "")
	}
	if _, pinned := g.ledger.View().Pins[claim.By]; !pinned {
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeRootNotPinned, Rule: "root"})
	}
	select {
	case g.publishing <- struct{}{}:
		defer func() { <-g.publishing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := custody.ParseStatement(envelope)
	if err != nil {
		return nil, malformed(err)
	}
	if !isPublished(s.Kind) {
		return nil, wire.NewProblem(wire.CodeHelloRequired, "")
	}
	return g.submit(ctx, ledger.Submission{Statement: s})
}

func isPublished(k custody.Kind) bool { return k == custody.KindRoot || k == custody.KindDirectory }

func malformed(err error) error { return wire.Unreadable(err) }

// file files a statement that a principal brings.
func (g *Gateway) file(ctx context.Context, who admit.Principal, envelope, annex []byte) (*wire.Proof, error) {
	s, err := custody.ParseStatement(envelope)
	if err != nil {
		return nil, malformed(err)
	}
	switch s.Kind {
	case custody.KindRoot, custody.KindDirectory:
		if annex != nil {
			return nil, wire.NewProblem(wire.CodeAnnexMismatch, "")
		}
		return g.submit(ctx, ledger.Submission{Statement: s})
	case custody.KindRelay:
		return nil, wire.Refusal(custody.Decision{Code: custody.CodeNotCarrier, Rule: "relay"})
	case custody.KindSeal, custody.KindUnlock, custody.KindRelease:
		return nil, wire.NewProblem(wire.CodeWrongRoute, "")
	}
	proof, err := g.fileCase(ctx, who, s, annex)
	if err == nil && s.Kind == custody.KindErasure {
		g.erase(ctx)
	}
	return proof, err
}

// fileCase files a statement of a request's record, or a suspension, which comes the
// same way although the ledger keeps no carrier of it. The annex is in the store
// before the entry that binds it. If we crash in between, it lies there unbound,
// readable by nobody.
func (g *Gateway) fileCase(ctx context.Context, who admit.Principal, s *custody.Statement, annex []byte) (*wire.Proof, error) {
	g.annexes.RLock()
	defer g.annexes.RUnlock()
	d, err := g.decide(ctx, who, s)
	if err == nil {
		err = g.ofThisLog(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	switch d.Code {
	case custody.CodeAllowed:
		if err := g.keepAnnex(ctx, who, s, annex); err != nil {
			return nil, err
		}
	case custody.CodeDuplicate: // a retry, as the ledger finds out
	default:
		return nil, admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchRequest)
	}
	scope, err := g.scope(ctx, s)
	if err != nil {
		return nil, err
	}
	file := func() (*wire.Proof, error) {
		return g.submit(ctx, ledger.Submission{Statement: s, Via: who.ID(), In: func(tx *records.Tx) error { return follow(tx, s, scope) }})
	}
	if s.Kind == custody.KindHold {
		return g.ingest.FileHold(ctx, s, file)
	}
	proof, err := file()
	if err == nil && s.Kind == custody.KindRecall {
		g.ingest.Recalled(ctx, s.Package())
	}
	return proof, err
}

// follow changes what follows from a statement of a case in the transaction of its
// entry.
func follow(tx *records.Tx, s *custody.Statement, scope []string) error {
	if s.Kind == custody.KindRecall {
		if err := tx.AddRecalled(s.Package()); err != nil {
			return err
		}
	}
	if b, ok := s.Body.(*custody.Grant); ok && b.InEmergency() {
		if err := tx.AddLapse(records.Lapse{Grant: s.SHA256, Record: s.Record(), Due: b.ValidateBy}); err != nil {
			return err
		}
	}
	if b, ok := s.Body.(*custody.Hold); ok {
		if err := tx.PutHold(s.Record(), b.State == custody.StateHeld); err != nil {
			return err
		}
	}
	if b, ok := s.Body.(*custody.Erasure); ok {
		e := b.Event(s.SHA256).Erased
		if err := tx.AddErasure(records.Erasure{Record: s.Record(), SHA256: s.SHA256, Entries: e.Entries, Annexes: e.Annexes}); err != nil {
			return err
		}
	}
	if ref, bound := s.Annex(); bound {
		a := records.Annex{SHA256: ref.SHA256, Size: ref.Size, Record: s.Record(), Scope: scope}
		if err := tx.PutAnnex(a); err != nil {
			return err
		}
	}
	return tx.DeleteProposal(s.SHA256)
}

// decide answers allowed, below-threshold or duplicate, and refuses all else. It
// asks first what needs no knowledge of the record, then whether the caller is a
// party: nobody else learns from an answer whether there is such a record.
func (g *Gateway) decide(ctx context.Context, who admit.Principal, s *custody.Statement) (d ledger.Answer, err error) {
	if err := carries(who, s); err != nil {
		return d, err
	}
	if err := g.concerned(ctx, who, s); err != nil {
		return d, err
	}
	d, err = g.ledger.Decide(ctx, s.Record(), custody.Action{Act: custody.ActStatement, Via: who.ID(), Statement: s})
	if err != nil {
		return d, err
	}
	switch d.Code {
	case custody.CodeAllowed, custody.CodeBelowThreshold, custody.CodeDuplicate:
		return d, nil
	}
	return d, admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchRequest)
}

// concerned refuses who has no part in the record that a statement is for. Of a
// suspension or a report, which anybody may read, the rules cannot see who carries it: that is
// looked at here.
func (g *Gateway) concerned(ctx context.Context, who admit.Principal, s *custody.Statement) error {
	switch s.Kind {
	case custody.KindRequest, custody.KindOffer, custody.KindRoot, custody.KindDirectory:
		return nil
	case custody.KindSuspension, custody.KindReport:
		return g.fromDesk(who, s)
	}
	return g.party(ctx, who, s.Record())
}

// fromDesk refuses officers' words that no desk agent brings.
func (g *Gateway) fromDesk(who admit.Principal, s *custody.Statement) error {
	m, ok := g.ledger.View().Authorities[who.Authority()].Active(who.ID(), statement.At(g.cfg.Now()))
	if ok && slices.Contains(m.Duties, custody.DutyDesk) {
		return nil
	}
	return notCarrier(s)
}

// carries refuses statements that speak for another authority or agent.
func carries(who admit.Principal, s *custody.Statement) error {
	by := s.Header.By
	if by == string(who.ID()) || by == who.Authority() || stopsFor(who, s) {
		return nil
	}
	return notCarrier(s)
}

// stopsFor reports whether a statement of another authority only stops something, so that
// the rules let either party carry it. Whether the caller is a party, the record tells; of
// a suspension, the statement.
func stopsFor(who admit.Principal, s *custody.Statement) bool {
	if b, ok := s.Body.(*custody.Suspension); ok && b.With != who.Authority() {
		return false
	}
	_, err := custody.ParsePartyID(s.Header.By)
	return custody.Stopping(s) && err != nil
}

func notCarrier(s *custody.Statement) error {
	d := ledger.Answer{Decision: custody.Decision{Code: custody.CodeNotCarrier, Rule: "desk-carries"}}
	return admit.Deny(s.Record(), custody.ActStatement, d, custody.CodeNoSuchRequest)
}

// submit files a statement and turns a refusal into its problem.
func (g *Gateway) submit(ctx context.Context, s ledger.Submission) (*wire.Proof, error) {
	// The entry is written whether or not the caller stays to hear of it.
	proof, err := g.ledger.Submit(context.WithoutCancel(ctx), s)
	var refused *ledger.Refused
	if errors.As(err, &refused) {
		return nil, admit.Deny(s.Statement.Record(), custody.ActStatement, refused.Answer, custody.CodeNoSuchRequest)
	}
	return proof, err
}
