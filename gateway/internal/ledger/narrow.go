package ledger

import (
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/policy"
)

// policyRule is the rule of an answer by the operator's policy.
const policyRule = "operator-policy"

// decide is the one place where an act is decided: the rule book first, and only where
// that allows it the operator's policy. So a policy can narrow and do nothing else: what
// the rules refuse it is not asked about, nor what no policy is about.
func (l *Ledger) decide(r *custody.Record, v *custody.View, a custody.Action, now custody.Time) Answer {
	d := custody.Decide(r, v, a, now)
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
	return Answer{d, set.Ref(against)}
}

// refused makes the error of a decision by the rule book alone.
func refused(d custody.Decision) error { return &Refused{Answer{Decision: d}} }
