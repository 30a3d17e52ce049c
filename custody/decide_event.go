package custody

import "time"

// DecideEvent says whether an event may become the next entry of a record, given
// what is in force outside it and the time. It changes nothing. A relay files no
// event against it and a Book accepts none; that what the event says is true, it
// cannot tell.
//
// CodeDuplicate means that the record says it already: a denial within the same
// hour of UTC, a probe that found what the last one did, a head destroyed before, a
// sign of life within an hour of the record's last entry, an erasure done before.
func DecideEvent(r *Record, v *View, ev *Event, now Time) Decision {
	switch {
	case ev == nil || ev.check() != nil:
		return deny("event", CodeBadStatement)
	case ev.Denied != nil:
		return decideDenied(r, v, ev.Denied, now)
	case ev.Destroyed != nil:
		return decideDestroyed(r, ev.Destroyed)
	case ev.Lapsed != nil:
		return decideLapsed(r, ev.Lapsed, now)
	case ev.Erased != nil:
		return decideErased(r, ev.Erased)
	case r.ID != RelayRecord || r.relay == nil: // the first entry of a record has a statement
		return deny("relays-own", CodeUnknownAction)
	case ev.Counted != nil:
		return decideCounted(r, ev.Counted, now)
	}
	return decideProbed(r, ev.Probed)
}

// decideDenied: of an agent that could be told so, because it was active and its
// authority is a party. Else a relay could write anybody into any request.
func decideDenied(r *Record, v *View, e *Denied, now Time) Decision {
	if r.kase == nil {
		return deny("request", CodeNoSuchRequest)
	}
	m, d := agent(v, e.By, now)
	if !d.Allowed() {
		return d
	}
	if d := party(r.kase, m); !d.Allowed() {
		return d
	}
	if r.events.has(e, now) {
		return deny("once-an-hour", CodeDuplicate)
	}
	return allow("denied")
}

// decideDestroyed: of what the relay had, since the sender let it go, and had to
// give up, since the sending side took it back and nobody has put it on hold. Else a
// relay that lost a head could pass that off as somebody's will.
func decideDestroyed(r *Record, e *Destroyed) Decision {
	const rule = "destroyed"
	if r.kase == nil {
		return deny("request", CodeNoSuchRequest)
	}
	p := r.kase.Package(e.Package)
	switch {
	case p == nil:
		return deny(rule, CodeNoSuchPackage)
	case p.Unlocked.IsZero():
		return deny(rule, CodeNotUnlocked)
	case p.Recall == nil:
		return deny(rule, CodeBadStatement)
	case !p.Destroyed.IsZero():
		return deny(rule, CodeDuplicate)
	case r.kase.OnHold():
		return deny(rule, CodeOnHold)
	}
	return allow(rule)
}

// signOfLife is how old the last entry of the relay's record is at least when one that
// counts nothing may follow.
const signOfLife = time.Hour

// decideCounted: hours follow each other, and none is counted before it is over
// or the relay ends.
func decideCounted(r *Record, e *Counted, now Time) Decision {
	const rule = "counted"
	if e.From.Time().Before(r.events.counted.Time()) || e.To.Time().After(now.Time()) {
		return deny(rule, CodeBadStatement)
	}
	if len(e.Counts) == 0 && now.Time().Before(r.last.Time().Add(signOfLife)) {
		return deny(rule, CodeDuplicate)
	}
	return allow(rule)
}

// decideProbed: restarts that find nothing new add nothing.
func decideProbed(r *Record, e *Probed) Decision {
	const rule = "probed"
	if r.events.probed != nil && *r.events.probed == *e {
		return deny(rule, CodeDuplicate)
	}
	return allow(rule)
}
