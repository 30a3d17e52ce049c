package custody

import "maps"

// PairState is what an authority said last of the transfers between it and another.
type PairState struct {
	*Suspension
	SHA256 Digest // of its payload: what the next one names
	Time   Time   // of its entry
}

// Pair returns what the authority said last of the transfers between it and another,
// or nil if it never said anything.
func (a *Authority) Pair(with string) *PairState {
	if a == nil {
		return nil
	}
	return a.pairs[with]
}

// suspends reports whether the authority has suspended the transfers with another.
func (a *Authority) suspends(with string) bool {
	p := a.Pair(with)
	return p != nil && p.State == StateSuspended
}

// Suspended lists the suspensions in force between two authorities: none, one, or
// one of each.
func (v *View) Suspended(a, b string) (list []*PairState) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		if au := v.Authorities[pair[0]]; au.suspends(pair[1]) {
			list = append(list, au.Pair(pair[1]))
		}
	}
	return list
}

// withSuspension returns the authority after an accepted suspension or lift.
func (a *Authority) withSuspension(e *Entry, s *Statement) *Authority {
	b := s.Body.(*Suspension)
	n := *a
	n.pairs = maps.Clone(a.pairs)
	if n.pairs == nil {
		n.pairs = map[string]*PairState{}
	}
	n.pairs[b.With] = &PairState{Suspension: b, SHA256: s.SHA256, Time: e.Time}
	return &n
}

// decideSuspension: an authority in force here speaks of a pair that it belongs to,
// changes what is in force, and has seen that. Who carries it does not matter to the
// rules, as of all that anybody may read.
func decideSuspension(a *Authority, v *View, s *Statement, now Time) Decision {
	const rule = "suspension"
	b := s.Body.(*Suspension)
	if code := a.inForce(now); code != CodeAllowed {
		return deny(rule, code)
	}
	if !a.accepts(v.Origin, v.RelayFingerprint) {
		return deny(rule, CodeRelayNotAccepted)
	}
	if a.suspends(b.With) == (b.State == StateSuspended) {
		return deny(rule, CodeAlreadyDecided)
	}
	var last Digest
	if p := a.Pair(b.With); p != nil {
		last = p.SHA256
	}
	if b.Prev != last {
		return deny(rule, CodeBadAfter)
	}
	if d := decideOfficers(v, s, now); !d.Allowed() {
		return d
	}
	return allow(rule)
}

// unlessSuspended: what the rules allow that moves evidence between two authorities,
// or leads to it, waits while one of them has suspended that. It is asked last: who is
// told pair-suspended would be allowed once it is lifted, and what has ended for good
// is said to have ended.
func unlessSuspended(v *View, a, b string, d Decision) Decision {
	if d.Allowed() && len(v.Suspended(a, b)) > 0 {
		return deny("pair-not-suspended", CodePairSuspended)
	}
	return d
}
