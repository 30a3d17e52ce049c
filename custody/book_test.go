package custody_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

func (w *world) book() *custody.Book { return custody.NewBook(origin, w.pins, w.fp) }

// replay gives all lines of the world to a new book, which must agree.
func (w *world) replay(t failer) *custody.Book {
	t.Helper()
	b := w.book()
	for i, l := range w.lines {
		leaf, e, err := b.Add(l)
		if err != nil {
			t.Fatalf("replaying line %d: %v", i, err)
		}
		if want := (translog.Leaf{Tag: translog.NewTag(b.Record(e.Record).First()), Seq: uint64(e.Seq), Salted: l.Salted()}); leaf != want {
			t.Fatalf("leaf of line %d: %v, want %v", i, leaf, want)
		}
	}
	for id, r := range w.records {
		got := b.Record(id)
		if got == nil || got.Len() != r.Len() || *got.Tip() != *r.Tip() || got.First() != r.First() {
			t.Fatalf("record %q differs after replay", id)
		}
	}
	return b
}

// replayErr returns the first error of a replay.
func (w *world) replayErr(lines []custody.Line) error {
	b := w.book()
	for _, l := range lines {
		if _, _, err := b.Add(l); err != nil {
			return err
		}
	}
	return nil
}

func TestBookReplays(t *testing.T) {
	s := told(t, until(custody.KindRelease)...)
	s.standing(s.nl, "nl/agent/lab-2", custody.StatusRevoked)
	s.do(custody.KindReceipt, custody.KindRevocation)
	b := s.replay(t)
	if got := len(b.Records()); got != 5 {
		t.Errorf("%d records, want relay, three authorities and the case", got)
	}
	if m, ok := b.View().Authorities["nl"].Member("nl/agent/lab-2"); !ok || m.Status != custody.StatusRevoked {
		t.Errorf("member after replay: %+v", m)
	}
}

// whole is the story that the tests below tamper with: a case to its receipt and
// a directory in the middle.
func whole(t failer) *story {
	s := told(t, agreed...)
	s.standing(s.nl, "nl/agent/lab-2", custody.StatusRevoked)
	s.do(custody.KindSeal, custody.KindUnlock, custody.KindRelease, custody.KindReceipt)
	return s
}

// TestBookDetectsLines takes lines away, repeats and exchanges them.
func TestBookDetectsLines(t *testing.T) {
	s := whole(t)
	index := map[int]string{} // lines that others depend on
	for i, l := range s.lines[:len(s.lines)-1] {
		e := must(custody.ParseEntry(l.Entry))
		if e.Record != custody.RelayRecord && e.Record != custody.AuthorityRecord("de") {
			index[i] = string(e.Kind)
		}
	}
	for i, kind := range index {
		if err := s.replayErr(slices.Delete(slices.Clone(s.lines), i, i+1)); err == nil {
			t.Errorf("line %d (%s) is missing and nobody notices", i, kind)
		}
		again := s.lines[i]
		again.Index = int64(len(s.lines))
		if err := s.replayErr(append(slices.Clone(s.lines), again)); err == nil {
			t.Errorf("line %d (%s) stands twice and nobody notices", i, kind)
		}
		swapped := slices.Clone(s.lines)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		if err := s.replayErr(swapped); err == nil {
			t.Errorf("line %d (%s) comes after the next and nobody notices", i, kind)
		}
		swapped[i].Index, swapped[i+1].Index = int64(i), int64(i+1)
		if err := s.replayErr(swapped); err == nil && i >= 7 { // the founding may come in any order
			t.Errorf("line %d (%s) is renumbered and nobody notices", i, kind)
		}
		salted := slices.Clone(s.lines)
		salted[i].Salt = digest
		if err := s.replayErr(salted); err == nil && chained(s.lines, i) {
			t.Errorf("line %d (%s) has another salt and nobody notices", i, kind)
		}
	}
}

// chained reports whether a later line continues the record of line i.
func chained(lines []custody.Line, i int) bool {
	id := must(custody.ParseEntry(lines[i].Entry)).Record
	return slices.ContainsFunc(lines[i+1:], func(l custody.Line) bool { return must(custody.ParseEntry(l.Entry)).Record == id })
}

// TestBookDetectsEntries changes each field of each entry of the case.
func TestBookDetectsEntries(t *testing.T) {
	s := whole(t)
	changes := map[string]func(*custody.Entry){
		"relay":         func(e *custody.Entry) { e.Relay = "other.example" },
		"record":        func(e *custody.Entry) { e.Record = "authority/nl" },
		"no record":     func(e *custody.Entry) { e.Record = "" },
		"seq":           func(e *custody.Entry) { e.Seq++ },
		"negative seq":  func(e *custody.Entry) { e.Seq = -1 },
		"prev":          func(e *custody.Entry) { e.Prev[0] ^= 1 },
		"kind":          func(e *custody.Entry) { e.Kind = custody.KindRoot },
		"statement":     func(e *custody.Entry) { e.Statement[31] ^= 1 },
		"envelope":      func(e *custody.Entry) { e.Envelope[0] ^= 1 },
		"back-dated":    func(e *custody.Entry) { e.Time = statement.At(e.Time.Time().Add(-2 * day)) },
		"no time":       func(e *custody.Entry) { e.Time = custody.Time{} },
		"post-dated":    func(e *custody.Entry) { e.Time = statement.At(t0.Add(500 * day)) },
		"no carrier":    func(e *custody.Entry) { e.Via = "" },
		"other carrier": func(e *custody.Entry) { e.Via = "de/agent/desk-1" },
		"colleague":     func(e *custody.Entry) { e.Via = custody.PartyID(e.Via.Authority() + "/agent/lab-2") },
		"no directory":  func(e *custody.Entry) { e.Directories = []custody.DirectoryRef{} },
		"one directory": func(e *custody.Entry) { e.Directories = e.Directories[:1] },
		"other version": func(e *custody.Entry) { e.Directories[1].Version++ },
		"other digest":  func(e *custody.Entry) { e.Directories[0].SHA256[0] ^= 1 },
		"other order":   func(e *custody.Entry) { slices.Reverse(e.Directories) },
		"foreign":       func(e *custody.Entry) { e.Directories[0].Authority = "de" },
		"refused":       func(e *custody.Entry) { e.Decision.Code = custody.CodeNotParty },
		"no code":       func(e *custody.Entry) { e.Decision.Code = "" },
		"other rule":    func(e *custody.Entry) { e.Decision.Rule = "operator" },
		"deposit": func(e *custody.Entry) {
			if e.Deposit == nil {
				e.Deposit = &custody.Deposit{Objects: []custody.StoredPayload{}}
			} else {
				e.Deposit.Size--
			}
		},
		"no objects": func(e *custody.Entry) {
			e.Deposit = &custody.Deposit{Size: payloadSize, Objects: []custody.StoredPayload{}}
		},
		"object too many": func(e *custody.Entry) {
			o := custody.StoredPayload{Key: "k", Version: "v", Size: payloadSize}
			e.Deposit = &custody.Deposit{Size: payloadSize, Objects: []custody.StoredPayload{o, o}}
		},
	}
	b := s.book()
	for i, l := range s.lines {
		for name, change := range changes {
			e := must(custody.ParseEntry(l.Entry))
			if e.Record.Authority() != "" || e.Record == custody.RelayRecord {
				continue
			}
			change(e)
			lines := slices.Clone(s.lines)
			lines[i].Entry = e.Marshal()
			if _, _, err := b.Add(lines[i]); err != nil {
				continue // and the book is as before: the honest line follows
			}
			if err := s.replayErr(lines); err == nil && i+1 < len(lines) { // the chain shows it
				t.Errorf("%s of %s: nobody notices", name, e.Kind)
			}
			b = s.book()
			for _, l := range s.lines[:i] {
				b.Add(l)
			}
		}
		if _, _, err := b.Add(l); err != nil {
			t.Fatalf("honest line %d after dishonest ones: %v", i, err)
		}
	}
}

// TestBookDetectsOthers gives a story to books that trust others.
func TestBookDetectsOthers(t *testing.T) {
	s := whole(t)
	for name, b := range map[string]*custody.Book{
		"another relay":       custody.NewBook("other.example", s.pins, s.fp),
		"another relay's key": custody.NewBook(origin, s.pins, digest),
		"another pin":         custody.NewBook(origin, map[string]custody.Digest{"nl": s.pins["nl"], "fr": digest, "de": s.pins["de"]}, s.fp),
		"no pins":             custody.NewBook(origin, nil, s.fp),
	} {
		var err error
		for _, l := range s.lines {
			if _, _, err = b.Add(l); err != nil {
				break
			}
		}
		if err == nil {
			t.Errorf("%s: nobody notices", name)
		}
	}
}

// TestBookRefusesWhatRulesRefuse gives a book an entry that a dishonest relay
// made of a statement which the rules refuse.
func TestBookRefusesWhatRulesRefuse(t *testing.T) {
	for name, r := range map[string]struct {
		before []custody.Kind
		make   func(*story) *custody.Statement
	}{
		"unlock before acceptance": {then(granted, custody.KindSeal), func(s *story) *custody.Statement { return s.make(custody.KindUnlock) }},
		"release before unlock":    {sealed, func(s *story) *custody.Statement { return s.make(custody.KindRelease) }},
		"seal after revocation":    {then(agreed, custody.KindRevocation), func(s *story) *custody.Statement { return s.make(custody.KindSeal) }},
		"grant by one officer":     {reviewed, func(s *story) *custody.Statement { return s.sign(s.body(custody.KindGrant), s.nl.officers[0]) }},
		"grant by the relay":       {reviewed, func(s *story) *custody.Statement { return s.sign(s.body(custody.KindGrant), generate(2)...) }},
	} {
		s := told(t, r.before...)
		st := r.make(s)
		s.add(via(st.Header.By), st, custody.Decision{Code: custody.CodeAllowed, Rule: string(st.Kind)})
		if err := s.replayErr(s.lines); !errors.Is(err, custody.ErrRefused) {
			t.Errorf("%s: %v, want %v", name, err, custody.ErrRefused)
		}
	}
}

// TestApplyRefuses checks that what does not fit is refused and changes nothing.
func TestApplyRefuses(t *testing.T) {
	s := told(t, agreed...)
	st := s.make(custody.KindSeal)
	r := s.record(s.id())
	fresh := func() *custody.Entry {
		return custody.NewEntry(r, s.view, st, "nl/agent/lab-1", s.time(), custody.Decision{Code: custody.CodeAllowed, Rule: "seal"}, deposit(st))
	}
	state := func() string {
		return string(statement.Encode(r.Case())) + fmt.Sprint(*r.Tip(), r.Len(), r.First())
	}
	before := state()
	for name, change := range map[string]func(*custody.Entry){
		"record":    func(e *custody.Entry) { e.Record = "relay" },
		"seq":       func(e *custody.Entry) { e.Seq = 0 },
		"prev":      func(e *custody.Entry) { e.Prev = digest },
		"kind":      func(e *custody.Entry) { e.Kind = custody.KindUnlock },
		"statement": func(e *custody.Entry) { e.Statement = digest },
		"envelope":  func(e *custody.Entry) { e.Envelope = digest },
		"time":      func(e *custody.Entry) { e.Time = statement.At(t0) },
		"deposit":   func(e *custody.Entry) { e.Deposit = nil },
	} {
		e := fresh()
		change(e)
		if err := r.Apply(e, st, digest); err == nil {
			t.Errorf("%s: applied", name)
		}
		if state() != before {
			t.Fatalf("%s: the record changed", name)
		}
	}
	for name, body := range map[string]custody.Body{
		"seal of an unknown grant":     s.make(custody.KindSeal, edit(func(b *custody.Seal) { b.Grant = digest })).Body,
		"acceptance of an unknown":     s.make(custody.KindAcceptance, edit(func(b *custody.Acceptance) { b.Grant = digest })).Body,
		"revocation of an unknown":     s.make(custody.KindRevocation, edit(func(b *custody.Revocation) { b.Grant = digest })).Body,
		"unlock of an unknown package": s.make(custody.KindUnlock).Body,
	} {
		st := s.sign(body, s.nl.officers[0])
		e := custody.NewEntry(r, s.view, st, "", s.time(), custody.Decision{}, deposit(st))
		if err := r.Apply(e, st, digest); err == nil || state() != before {
			t.Errorf("%s: %v, the record changed %t", name, err, state() != before)
		}
	}
	if err := r.Apply(fresh(), st, digest); err != nil {
		t.Errorf("the honest entry: %v", err)
	}
	empty := custody.NewRecord(r.ID)
	if err := empty.Apply(custody.NewEntry(empty, s.view, st, "", s.time(), custody.Decision{}, deposit(st)), st, digest); err == nil || empty.Len() != 0 {
		t.Errorf("a seal as the first entry: %v", err)
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, l := range slices.Concat(whole(f).lines, eventful(f).lines) {
		f.Add(l.Entry)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := custody.ParseEntry(data)
		if err != nil {
			return
		}
		if string(e.Marshal()) != string(data) {
			t.Errorf("entry %q prints as %q", data, e.Marshal())
		}
		if event := e.Event != nil; event != e.Kind.IsEvent() || event != e.Statement.IsZero() || event != e.Envelope.IsZero() {
			t.Errorf("entry %q is neither of a statement nor of an event", data)
		}
	})
}
