package ledger

import (
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/policy"
)

// The rules of what the operator refuses: by its policy, and by how long it keeps packages.
const (
	policyRule    = "operator-policy"
	retentionRule = "operator-retention"
)

// decide is the one place where an act is decided: the rule book first, and only where
// that allows it what the operator does not carry. So the operator can narrow and do
// nothing else: what the rules refuse its policy is not asked about, nor what no policy is
// about.
func (l *Ledger) decide(r *custody.Record, v *custody.View, a custody.Action, now custody.Time) Answer {
	d := custody.Decide(r, v, a, now)
	if d.Allowed() && l.keptTooLong(r, a) {
		d = custody.Decision{Code: custody.CodeRetention, Rule: retentionRule}
		return Answer{Decision: d, MaxRetention: l.cfg.MaxRetention}
	}
	if !d.Allowed() || l.cfg.Policy == nil {
		return Answer{Decision: d}
	}
	set := l.cfg.Policy()
	if set == nil {
		return Answer{Decision: d}
	}
	q, asked := policy.Ask(r, v, a, now)
	if !asked {
		return Answer{Decision: d}
	}
	against := set.Decide(q)
	if len(against) > 0 {
		d = custody.Decision{Code: custody.CodeOperatorPolicy, Rule: policyRule}
	}
	for _, f := range against {
		if f.Err != nil {
			l.cfg.Logger.Error("refused an act because a policy could not be evaluated", "policy", f.ID, "place", f.Place, "action", q.Action, "agent", q.Agent, "error", f.Err)
		}
	}
	return Answer{Decision: d, Policy: set.Ref(against)}
}

// keptTooLong reports whether an act brings a package that the operator would have to keep
// for longer than it does. It is asked at the reservation, so that nobody sends for
// nothing, and with the seal, since an amendment may come in between: from the seal's entry
// on the terms bind the store, which no operator can undo.
func (l *Ledger) keptTooLong(r *custody.Record, a custody.Action) bool {
	grant := a.Grant
	switch a.Act {
	case custody.ActReserve:
	case custody.ActStatement:
		b, ok := a.Statement.Body.(*custody.Seal)
		if !ok {
			return false
		}
		grant = b.Grant
	default:
		return false
	}
	for _, g := range r.Case().Grants {
		if g.SHA256 == grant {
			return time.Duration(g.RetentionDays)*24*time.Hour > l.cfg.MaxRetention
		}
	}
	return false
}

// refused makes the error of a decision by the rule book alone.
func refused(d custody.Decision) error { return &Refused{Answer{Decision: d}} }
