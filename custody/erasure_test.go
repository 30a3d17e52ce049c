package custody_test

import (
	"slices"
	"testing"

	"comity.example/comity/custody"
)

// erasing is the honest erasure: of the annex of the first entry, by who began the case.
func (s *story) erasing(req custody.Digest) *custody.Erasure {
	return &custody.Erasure{Request: req, Entries: []custody.Ref{}, Annexes: []custody.Ref{s.ref(0)}, Reason: "retention-over"}
}

// ref names an entry of the case's record.
func (s *story) ref(seq int64) custody.Ref {
	leaf := custody.Digest{7}
	if lines := s.own(); seq < int64(len(lines)) {
		leaf = lines[seq].Salted()
	}
	return custody.Ref{Seq: seq, Leaf: leaf}
}

// whole makes the erasure one of whole entries, by a State.
func (s *story) whole(name string, seqs ...int64) func(custody.Body) {
	return func(b custody.Body) {
		by(name)(b)
		x := b.(*custody.Erasure)
		x.Annexes = []custody.Ref{}
		for _, seq := range seqs {
			x.Entries = append(x.Entries, s.ref(seq))
		}
	}
}

// bare makes it one of the annexes of other entries, by a State.
func (s *story) bare(name string, seqs ...int64) func(custody.Body) {
	return func(b custody.Body) {
		s.whole(name, seqs...)(b)
		x := b.(*custody.Erasure)
		x.Entries, x.Annexes = []custody.Ref{}, x.Entries
	}
}

func erases(f func(*story) func(custody.Body)) func(*story) custody.Decision {
	return func(s *story) custody.Decision { return s.try(s.make(custody.KindErasure, f(s))) }
}

// erased files an erasure and has the relay say that it is done.
func (s *story) erased(f func(custody.Body)) {
	s.Helper()
	st := s.make(custody.KindErasure, f)
	if d := s.try(st); !d.Allowed() {
		s.Fatalf("erasing: %s", d)
	}
	if d := s.event(s.id(), st.Body.(*custody.Erasure).Event(st.SHA256)); !d.Allowed() {
		s.Fatalf("saying that it is erased: %s", d)
	}
	s.now = s.now.Add(60e9)
}

var closed = then(path, custody.KindClosure) // 0 request, 1 review, 2 grant, 3 acceptance, 4 seal … 8 closure

var erasureRefusals = []refusal{
	{"erasing before the end", custody.CodeNotEnded, path, wrong(custody.KindErasure)},
	{"erasing what is on hold", custody.CodeOnHold, then(closed, custody.KindHold), wrong(custody.KindErasure)},
	{"erasing what is the other State's", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.whole("fr", 1) })},
	{"erasing the other State's annex", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.bare("fr", 1) })},
	{"erasing the first entry", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.whole("fr", 0) })},
	{"erasing the end", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.whole("fr", 8) })},
	{"erasing a grant", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.whole("nl", 2) })},
	{"erasing a seal", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.whole("nl", 4) })},
	{"erasing an annex that is none", custody.CodeNotErasable, closed, erases(func(s *story) func(custody.Body) { return s.bare("nl", 2) })},
	{"erasing what is not there", custody.CodeBadAfter, closed, erases(func(s *story) func(custody.Body) { return s.whole("nl", 99) })},
	{"erasing another entry at that place", custody.CodeBadAfter, closed, erases(func(s *story) func(custody.Body) {
		return func(b custody.Body) { s.whole("nl", 1)(b); b.(*custody.Erasure).Entries[0].Leaf = digest }
	})},
	{"one officer erases", custody.CodeBelowThreshold, closed, func(s *story) custody.Decision {
		return s.try(s.sign(s.body(custody.KindErasure), s.fr.officers[0]))
	}},
	{"a third State erases", custody.CodeNotParty, closed, wrong(custody.KindErasure, by("de"))},
	{"an erasure signed before a hold and its lift", custody.CodeBadAfter, closed, func(s *story) custody.Decision {
		kept := s.make(custody.KindErasure)
		s.do(custody.KindHold, custody.KindHold)
		return s.try(kept)
	}},
	{"erasing twice", custody.CodeAlreadyDecided, closed, func(s *story) custody.Decision {
		s.erased(s.whole("nl", 1))
		return s.try(s.make(custody.KindErasure, s.whole("nl", 1)))
	}},
	{"saying twice that it is erased", custody.CodeDuplicate, closed, func(s *story) custody.Decision {
		s.erased(s.whole("nl", 1))
		st := s.last[custody.KindErasure]
		return s.event(s.id(), st.Body.(*custody.Erasure).Event(st.SHA256))
	}},
	{"saying that more is erased than was asked for", custody.CodeBadStatement, then(closed, custody.KindErasure), func(s *story) custody.Decision {
		st := s.last[custody.KindErasure]
		ev := st.Body.(*custody.Erasure).Event(st.SHA256)
		ev.Erased.Entries = []int64{1}
		return s.event(s.id(), ev)
	}},
	{"saying that it is erased by nobody's will", custody.CodeBadStatement, closed, func(s *story) custody.Decision {
		return s.event(s.id(), &custody.Event{Erased: &custody.Erased{Erasure: digest, Entries: []int64{1}, Annexes: []int64{}}})
	}},
	{"saying that it is erased while on hold", custody.CodeOnHold, then(closed, custody.KindErasure, custody.KindHold), func(s *story) custody.Decision {
		st := s.last[custody.KindErasure]
		return s.event(s.id(), st.Body.(*custody.Erasure).Event(st.SHA256))
	}},
}

// TestErasure: what was erased is a gap that the record declares itself, for whoever has
// the rest, and everything for who has kept the whole. Both replay what came after.
func TestErasure(t *testing.T) {
	s := told(t, closed...)
	s.erased(s.bare("fr", 0))
	s.do(custody.KindUseReport) // 11
	s.erased(s.whole("nl", 1))
	s.do(custody.KindHold, custody.KindHold, custody.KindUseReport, custody.KindRecall) // no rule rests on what is gone
	s.erased(s.whole("fr", 11))
	s.replay(t)

	for _, gone := range [][]int64{{1, 11}, {1}, {11}} {
		b, err := s.torn(gone, custody.GapErased, origin)
		if err != nil {
			t.Errorf("without entries %v: %v", gone, err)
			continue
		}
		r := b.Record(s.id())
		if seq, ok := r.Undeclared(); !ok {
			t.Errorf("without entries %v: entry %d is not declared", gone, seq)
		}
		for seq := range r.Len() {
			rests := !slices.Contains([]custody.Kind{custody.KindErasure, custody.KindErased, custody.KindHold}, s.kindAt(seq))
			if r.Unchecked(seq) && !rests {
				t.Errorf("without entries %v: entry %d, a %s, is not checked, and rests on nothing that can go", gone, seq, s.kindAt(seq))
			}
			if gone[0] == 11 && r.Unchecked(seq) {
				t.Errorf("without entry 11 entry %d is not checked", seq)
			}
		}
		if entries, annexes := r.Erasable("nl"); len(entries) != 0 || len(annexes) != 0 && gone[0] == 1 {
			t.Errorf("without entries %v: %v and %v are left to erase", gone, entries, annexes)
		}
	}
	if b, err := s.torn([]int64{7}, custody.GapErased, origin); err != nil {
		t.Errorf("without entry 7: %v", err)
	} else if seq, ok := b.Record(s.id()).Undeclared(); ok || seq != 7 {
		t.Error("an entry that nobody said was erased passes as erased")
	}
	if _, err := s.torn([]int64{1}, custody.GapErased, "nl"); err == nil {
		t.Error("a party says what the relay erased")
	}
	for seq, l := range s.own() { // what says that it is erased can be left out by nobody
		if e, err := custody.ParseEntry(l.Entry); err == nil && e.Kind == custody.KindErasure {
			if _, err := s.torn([]int64{int64(seq)}, custody.GapRedacted, "x"); err == nil {
				t.Errorf("an event stands without the erasure in entry %d", seq)
			}
		}
	}
}

// TestFoldTorn: a relay folds what it kept of a record without asking the rules again,
// and refuses and hears in it what it did before its restart.
func TestFoldTorn(t *testing.T) {
	s := told(t, closed...)
	s.erased(s.whole("nl", 1))
	r := custody.NewRecord(s.id())
	for seq, l := range s.own() {
		if seq == 1 {
			if err := r.Skip(custody.NewGap(&l, custody.GapErased, origin)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		e, st, err := l.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Fold(e, st, l.Salted()); err != nil {
			t.Fatalf("entry %d: %v", seq, err)
		}
	}
	if whole := s.record(s.id()); *r.Tip() != *whole.Tip() || r.First() != whole.First() || !r.Case().Over() || len(r.Case().Packages) != 1 || r.Unchecked(4) {
		t.Errorf("folded to %+v, want %+v", r.Tip(), whole.Tip())
	}
	for _, st := range []*custody.Statement{s.make(custody.KindErasure), s.make(custody.KindErasure, s.whole("nl", 1)), s.make(custody.KindHold), s.make(custody.KindUseReport), s.make(custody.KindRecall)} {
		a := custody.Action{Act: custody.ActStatement, Via: via(st.Header.By), Statement: st}
		got, want := custody.Decide(r, s.view, a, s.time()), custody.Decide(s.record(s.id()), s.view, a, s.time())
		if got != want {
			t.Errorf("%s: folded says %s, the whole record %s", st.Kind, got, want)
		}
	}
}

// kindAt is the kind of an entry of the case.
func (s *story) kindAt(seq int64) custody.Kind {
	e, err := custody.ParseEntry(s.own()[seq].Entry)
	if err != nil {
		s.Fatalf("entry %d: %v", seq, err)
	}
	return e.Kind
}

// own lists the lines of the case's record.
func (s *story) own() (list []custody.Line) {
	for _, l := range s.lines {
		if e, err := custody.ParseEntry(l.Entry); err == nil && e.Record == s.id() {
			list = append(list, l)
		}
	}
	return list
}

// torn replays all records with gaps in the place of entries of the case.
func (s *story) torn(gone []int64, reason, by string) (*custody.Book, error) {
	b := s.book()
	own := s.own()
	for _, l := range s.lines {
		seq := int64(slices.IndexFunc(own, func(o custody.Line) bool { return o.Index == l.Index }))
		var err error
		if slices.Contains(gone, seq) {
			_, err = b.AddGap(s.id(), l.Index, custody.NewGap(&l, reason, by))
		} else {
			_, _, err = b.Add(l)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// TestHiddenAsErased: a relay that hides a revocation by calling it erased is not believed
// as long as the request goes on, whatever one State signed for it: nobody acts on such a
// record.
func TestHiddenAsErased(t *testing.T) {
	s := told(t, then(agreed, custody.KindSeal, custody.KindRevocation)...)
	revocation := int64(len(s.own()) - 1)
	b := s.erasing(s.sha(custody.KindRequest))
	b.Header = custody.Header{Relay: origin, By: "fr", Issued: s.time(), After: s.after()}
	b.Entries, b.Annexes = []custody.Ref{s.ref(revocation)}, []custody.Ref{}
	st := s.sign(b, s.fr.officers[:2]...)
	s.add(via("fr"), st, custody.Decision{Code: custody.CodeAllowed, Rule: "erasure"}) // a relay that does not ask the rules
	s.force(s.id(), b.Event(st.SHA256), custody.Decision{Code: custody.CodeAllowed, Rule: "erased"})
	book, err := s.torn([]int64{revocation}, custody.GapErased, origin)
	if err != nil {
		t.Fatal(err) // a court takes it, and says what it is worth
	}
	if err := book.Record(s.id()).Erased(); err == nil {
		t.Error("a revocation that is hidden as erased is believed")
	}
	more := *b.Event(st.SHA256).Erased
	more.Entries = []int64{revocation, revocation + 1}
	s.force(s.id(), &custody.Event{Erased: &more}, custody.Decision{Code: custody.CodeAllowed, Rule: "erased"})
	if _, err := s.torn([]int64{revocation}, custody.GapErased, origin); err == nil {
		t.Error("an event that names more than its erasure passes behind a gap")
	}
}
