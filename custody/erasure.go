package custody

import "slices"

// Erasure has the relay destroy what it keeps of entries that the State that speaks has
// made in a case, after the case has ended: of some entry, envelope and salt, with the
// annex if there is one, so that only their hash is left in the log; of others the annex
// alone, and the entry stays. It says nothing of copies that others have. It has no annex
// itself: what says why data must go would have to go, too.
type Erasure struct {
	Header
	Request Digest `json:"request_sha256"`
	Entries []Ref  `json:"entries"` // that go whole, in the order of the record
	Annexes []Ref  `json:"annexes"` // entries that stay, and whose annex goes; likewise
	Reason  string `json:"reason"`  // a code
}

// maxErased bounds the entries of one erasure.
const maxErased = 1000

var erasureReasons = codes("retention-over", "data-protection", "court-order", "unlawful-content", "error", "other")

// erasable are the kinds whose entries can go whole: those on which, after the end of a case,
// no rule rests any more. So a relay that has erased them folds the rest as before, and says
// of each further act what it would have said; and who has kept them replays the same. What
// all else says (packages, grants, holds, the end) is in codes and hashes; words are in
// annexes, which can go of any kind.
var erasable = []Kind{KindDanger, KindReview, KindConsent, KindUseReport}

// Erased says that a relay has destroyed what an erasure names, in its database and in its
// store. It cannot say so of copies that others have.
type Erased struct {
	Erasure Digest  `json:"erasure_sha256"`
	Entries []int64 `json:"entries"` // those of the erasure, by their place in the record
	Annexes []int64 `json:"annexes"` // likewise
}

// ErasureState is an erasure and what became of it.
type ErasureState struct {
	*Erasure
	SHA256 Digest
	Time   Time
	Done   Time // of the relay's word that it has done it; zero until then
}

// act is what a record remembers of an entry, so that it can be said who may erase it.
type act struct {
	kind  Kind
	by    string // authority; none of an event, or of what is not shown
	annex bool
}

func (b *Erasure) check() error {
	switch {
	case !erasureReasons[b.Reason]:
		return bad("reason %q is unknown", b.Reason)
	case b.Entries == nil || b.Annexes == nil: // null is not how statements write an empty list
		return bad("entries and annexes: want two lists")
	case len(b.Entries)+len(b.Annexes) == 0 || len(b.Entries)+len(b.Annexes) > maxErased:
		return bad("%d entries, want 1 to %d", len(b.Entries)+len(b.Annexes), maxErased)
	}
	for _, list := range [][]Ref{b.Entries, b.Annexes} {
		for i, ref := range list {
			if ref.Seq < 0 || ref.Leaf.IsZero() || i > 0 && ref.Seq <= list[i-1].Seq {
				return bad("entries and annexes are named by place and hash, in the order of the record")
			}
		}
	}
	for _, ref := range b.Annexes {
		if slices.ContainsFunc(b.Entries, func(e Ref) bool { return e.Seq == ref.Seq }) {
			return bad("entry %d is named twice: an annex goes with its entry", ref.Seq)
		}
	}
	return refs(b.Request)
}

func (e *Erased) check() error {
	if e.Entries == nil || e.Annexes == nil || len(e.Entries)+len(e.Annexes) == 0 || len(e.Entries)+len(e.Annexes) > maxErased {
		return bad("entries and annexes: want two lists of 1 to %d in all", maxErased)
	}
	return refs(e.Erasure)
}

// Event returns what a relay says once it has done what the erasure of that payload hash
// asks for.
func (b *Erasure) Event(sha Digest) *Event {
	e := &Erased{Erasure: sha, Entries: []int64{}, Annexes: []int64{}}
	for _, ref := range b.Entries {
		e.Entries = append(e.Entries, ref.Seq)
	}
	for _, ref := range b.Annexes {
		e.Annexes = append(e.Annexes, ref.Seq)
	}
	return &Event{Erased: e}
}

// Over reports whether a case has ended for good: withdrawn, closed, refused, or an offer
// that was revoked.
func (c *Case) Over() bool {
	return c.End != nil || c.Refusal != nil || c.Offer != nil && c.Live().Revoked
}

// decideErasure: by either State, of what it has said itself, once the case has ended and
// while no hold stands. Its signers have seen the last hold, or its lift: else one that was
// kept back would undo what came of that.
func decideErasure(r *Record, b *Erasure) Decision {
	const rule = "erasure"
	c := r.kase
	switch {
	case !c.Over():
		return deny(rule, CodeNotEnded)
	case c.OnHold():
		return deny(rule, CodeOnHold)
	case c.Hold != nil && b.After.Seq < c.Hold.seq:
		return deny(rule, CodeBadAfter)
	}
	for _, ref := range b.Entries {
		if code := r.erases(b.By, ref, true); code != CodeAllowed {
			return deny(rule, code)
		}
	}
	for _, ref := range b.Annexes {
		if code := r.erases(b.By, ref, false); code != CodeAllowed {
			return deny(rule, code)
		}
	}
	return allow(rule)
}

// erases says whether a State may have an entry erased, whole or its annex alone. Of one
// that is not shown it cannot be told whose it was: there the relay's answer stands.
func (r *Record) erases(by string, ref Ref, whole bool) Code {
	if !r.refers(&ref) {
		return CodeBadAfter
	}
	if r.gaps.erased[ref.Seq] || !whole && r.gaps.bare[ref.Seq] {
		return CodeAlreadyDecided
	}
	if r.Gap(ref.Seq) != nil {
		return CodeAllowed
	}
	a := r.acts[ref.Seq]
	if a.by != by || whole && !slices.Contains(erasable, a.kind) || !whole && !a.annex {
		return CodeNotErasable
	}
	return CodeAllowed
}

// decideErased: of an erasure in the record, once, in its words, and while no hold stands.
func decideErased(r *Record, e *Erased) Decision {
	const rule = "erased"
	if r.kase == nil {
		return deny("request", CodeNoSuchRequest)
	}
	x := r.kase.erasure(e.Erasure)
	switch {
	case x == nil:
		return deny(rule, CodeBadStatement)
	case !x.Done.IsZero():
		return deny(rule, CodeDuplicate)
	case r.kase.OnHold():
		return deny(rule, CodeOnHold)
	}
	if !e.of(x.Erasure) {
		return deny(rule, CodeBadStatement)
	}
	return allow(rule)
}

// of reports whether an event says of an erasure what that says.
func (e *Erased) of(b *Erasure) bool {
	want := b.Event(e.Erasure).Erased
	return slices.Equal(e.Entries, want.Entries) && slices.Equal(e.Annexes, want.Annexes)
}

func (c *Case) erasure(sha Digest) *ErasureState {
	for _, x := range c.Erasures {
		if x.SHA256 == sha {
			return x
		}
	}
	return nil
}

// erased folds the event.
func (r *Record) erased(e *Erased, now Time) error {
	x := r.kase.erasure(e.Erasure)
	if x == nil {
		return errOrder
	}
	x.Done = now
	r.gone(e)
	return nil
}

// gone notes what the relay says to have erased.
func (r *Record) gone(e *Erased) {
	if r.gaps.erased == nil {
		r.gaps.erased, r.gaps.bare = map[int64]bool{}, map[int64]bool{}
	}
	for _, seq := range e.Entries {
		r.gaps.erased[seq] = true
	}
	for _, seq := range e.Annexes {
		r.gaps.bare[seq] = true
	}
}

// Erasable lists the entries that a State may have erased whole, and those of which it may
// have the annex erased, the first one's among them. Whether it may do so now, Decide says.
func (r *Record) Erasable(by string) (entries, annexes []Ref) {
	for seq := range r.Len() {
		ref := Ref{seq, r.leaves[seq]}
		if r.Gap(seq) != nil {
			continue
		}
		if r.erases(by, ref, true) == CodeAllowed {
			entries = append(entries, ref)
		}
		if r.erases(by, ref, false) == CodeAllowed {
			annexes = append(annexes, ref)
		}
	}
	return entries, annexes
}

// remember notes whose an entry is.
func (r *Record) remember(e *Entry, s *Statement) {
	a := act{kind: e.Kind}
	if s != nil {
		a.by = PartyID(s.Header.By).Authority()
		_, a.annex = s.Annex()
		if b, ok := s.Body.(*Erasure); ok {
			if r.gaps.asked == nil {
				r.gaps.asked = map[Digest]*Erasure{}
			}
			r.gaps.asked[s.SHA256] = b
		}
	}
	r.acts = append(r.acts, a)
}
