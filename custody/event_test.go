package custody_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// event decides over an event as a relay does and adds it if it is allowed.
func (w *world) event(id custody.RecordID, ev *custody.Event) custody.Decision {
	w.Helper()
	d := custody.DecideEvent(w.record(id), w.view, ev, w.time())
	if again := custody.DecideEvent(w.record(id), w.view, ev, w.time()); again != d {
		w.Fatalf("deciding over an event changed something: %s, then %s", d, again)
	}
	if d.Allowed() {
		w.force(id, ev, d)
	}
	return d
}

// force adds an event that the rules allow, or that a relay logs which does not ask
// them.
func (w *world) force(id custody.RecordID, ev *custody.Event, d custody.Decision) {
	w.Helper()
	l := w.line(id, ev, d)
	r := w.record(id)
	if err := r.Apply(must(custody.ParseEntry(l.Entry)), nil, l.Salted()); err != nil {
		w.Fatalf("applying an event: %v", err)
	}
	w.records = maps.Clone(w.records)
	w.records[r.ID] = r
	w.lines = append(w.lines, l)
}

// line makes the next line of a record of an event.
func (w *world) line(id custody.RecordID, ev *custody.Event, d custody.Decision) custody.Line {
	e := custody.NewEvent(w.record(id), w.view, ev, w.time(), d)
	return custody.Line{Index: int64(len(w.lines)), Entry: e.Marshal(), Salt: statement.NewNonce()}
}

func denied(by custody.PartyID, act custody.Act, code custody.Code) *custody.Event {
	return &custody.Event{Denied: &custody.Denied{By: by, Act: act, Code: code, Rule: "live-grant"}}
}

// counted counts some refusals in minutes from t0 on, which is the full hour.
func counted(from, to int, counts ...custody.Count) *custody.Event {
	if counts == nil {
		counts = []custody.Count{{Code: "grant-revoked", Count: 2}, {Code: "hello-required", Count: 7}}
	}
	at := func(n int) custody.Time { return statement.At(t0.Add(time.Duration(n) * time.Minute)) }
	return &custody.Event{Counted: &custody.Counted{From: at(from), To: at(to), Counts: counts}}
}

func probed(locks bool) *custody.Event {
	return &custody.Event{Probed: &custody.Probed{Store: custody.StoreS3, Versions: true, LocksCompliance: locks}}
}

func destroyed(pkg string) *custody.Event {
	return &custody.Event{Destroyed: &custody.Destroyed{Package: pkg}}
}

// eventful is a case with events of all kinds between its statements, two hours
// after it began.
func eventful(t failer) *story {
	s := told(t, agreed...)
	for _, x := range []struct {
		id custody.RecordID
		ev *custody.Event
	}{
		{s.id(), denied("fr/agent/lab-1", custody.ActPayload, custody.CodeNoSuchPackage)},
		{s.id(), denied("nl/agent/lab-2", custody.ActReserve, custody.CodeSenderNotGranted)},
		{custody.RelayRecord, probed(false)},
	} {
		if d := s.event(x.id, x.ev); !d.Allowed() {
			s.Fatalf("event: %s", d)
		}
	}
	s.now = t0.Add(2 * time.Hour)
	if d := s.event(custody.RelayRecord, counted(0, 60)); !d.Allowed() {
		s.Fatalf("event: %s", d)
	}
	s.do(custody.KindSeal)
	return s
}

// TestEventRules: what a relay may say of itself, where, and how often.
func TestEventRules(t *testing.T) {
	const relay = custody.RelayRecord
	revoked := custody.CodeGrantRevoked
	s := eventful(t)
	b := s.replay(t)
	none := counted(60, 120)
	none.Counted.Counts = nil
	idle := func(from, to int) *custody.Event {
		ev := counted(from, to)
		ev.Counted.Counts = []custody.Count{}
		return ev
	}
	for _, tt := range []struct {
		name string
		code custody.Code
		id   custody.RecordID // of the case if empty
		ev   *custody.Event
	}{
		{"a party's sender", custody.CodeAllowed, "", denied("nl/agent/lab-1", custody.ActPart, revoked)},
		{"the other party's desk", custody.CodeAllowed, "", denied("fr/agent/desk-1", custody.ActStatement, custody.CodeBelowThreshold)},
		{"the same in the next hour", custody.CodeAllowed, "", denied("nl/agent/lab-2", custody.ActReserve, custody.CodeSenderNotGranted)},
		{"no party", custody.CodeNotParty, "", denied("de/agent/lab-1", custody.ActRecord, revoked)},
		{"an unknown authority's", custody.CodeNoDirectory, "", denied("be/agent/lab-1", custody.ActRecord, revoked)},
		{"an agent that is not listed", custody.CodeNotActive, "", denied("nl/agent/lab-9", custody.ActPart, revoked)},
		{"an officer", custody.CodeBadStatement, "", denied("nl/officer/mla-1", custody.ActPart, revoked)},
		{"nobody", custody.CodeBadStatement, "", denied("", custody.ActPart, revoked)},
		{"allowed is no denial", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, custody.CodeAllowed)},
		{"a party that is none", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, custody.CodeNotParty)},
		{"a request that is not there", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, custody.CodeNoSuchRequest)},
		{"a code of the protocol", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, "stale-epoch")},
		{"an invented code", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, "disliked")},
		{"no code", custody.CodeBadStatement, "", denied("nl/agent/lab-1", custody.ActPart, "")},
		{"an invented act", custody.CodeBadStatement, "", denied("nl/agent/lab-1", "browse", revoked)},
		{"no rule", custody.CodeBadStatement, "", &custody.Event{Denied: &custody.Denied{By: "nl/agent/lab-1", Act: custody.ActPart, Code: revoked}}},
		{"in the relay's record", custody.CodeNoSuchRequest, relay, denied("nl/agent/lab-1", custody.ActPart, revoked)},
		{"in an authority's record", custody.CodeNoSuchRequest, "authority/nl", denied("nl/agent/lab-1", custody.ActPart, revoked)},
		{"before the request", custody.CodeNoSuchRequest, custody.RecordID(custody.PackageID([16]byte{9})), denied("nl/agent/lab-1", custody.ActPart, revoked)},

		{"the next hour", custody.CodeAllowed, relay, counted(60, 120)},
		{"the end of an hour", custody.CodeAllowed, relay, counted(110, 115)},
		{"no time at all", custody.CodeAllowed, relay, counted(60, 60)},
		{"an hour counted before", custody.CodeBadStatement, relay, counted(0, 60)},
		{"a part of it", custody.CodeBadStatement, relay, counted(59, 60)},
		{"an hour that is not over", custody.CodeBadStatement, relay, counted(120, 180)},
		{"over the hour", custody.CodeBadStatement, relay, counted(61, 121)},
		{"backwards", custody.CodeBadStatement, relay, counted(100, 90)},
		{"no counts", custody.CodeBadStatement, relay, none},
		{"a sign of life within the hour", custody.CodeDuplicate, relay, idle(115, 115)},
		{"a sign of life for an hour counted before", custody.CodeBadStatement, relay, idle(0, 60)},
		{"a count of nothing", custody.CodeBadStatement, relay, counted(60, 120, custody.Count{Code: "busy"})},
		{"a count below nothing", custody.CodeBadStatement, relay, counted(60, 120, custody.Count{Code: "busy", Count: -1})},
		{"a code twice", custody.CodeBadStatement, relay, counted(60, 120, custody.Count{Code: "busy", Count: 1}, custody.Count{Code: "busy", Count: 1})},
		{"codes out of order", custody.CodeBadStatement, relay, counted(60, 120, custody.Count{Code: "late", Count: 1}, custody.Count{Code: "busy", Count: 1})},
		{"a text for a code", custody.CodeBadStatement, relay, counted(60, 120, custody.Count{Code: "Not a code", Count: 1})},
		{"counts in the case", custody.CodeUnknownAction, "", counted(60, 120)},

		{"another finding", custody.CodeAllowed, relay, probed(true)},
		{"the same finding", custody.CodeDuplicate, relay, probed(false)},
		{"a folder", custody.CodeAllowed, relay, &custody.Event{Probed: &custody.Probed{Store: custody.StoreDir}}},
		{"an unknown store", custody.CodeBadStatement, relay, &custody.Event{Probed: &custody.Probed{Store: "tape"}}},
		{"a probe in the case", custody.CodeUnknownAction, "", probed(true)},
		{"a probe in an authority's record", custody.CodeUnknownAction, "authority/nl", probed(true)},

		{"a head destroyed of no package", custody.CodeNoSuchPackage, "", destroyed(custody.PackageID([16]byte{9}))},
		{"a head destroyed that never came", custody.CodeNotUnlocked, "", destroyed(s.pkg)},
		{"a head destroyed of a malformed id", custody.CodeBadStatement, "", destroyed("x")},
		{"a head destroyed in the relay's record", custody.CodeNoSuchRequest, relay, destroyed(s.pkg)},
		{"nothing", custody.CodeBadStatement, relay, nil},
		{"an empty event", custody.CodeBadStatement, relay, &custody.Event{}},
		{"two events in one", custody.CodeBadStatement, relay, &custody.Event{Probed: probed(true).Probed, Counted: counted(60, 120).Counted}},
	} {
		id := tt.id
		if id == "" {
			id = s.id()
		}
		if d := custody.DecideEvent(s.record(id), s.view, tt.ev, s.time()); d.Code != tt.code {
			t.Errorf("%s: %s, want %s", tt.name, d, tt.code)
			continue
		}
		if tt.ev == nil {
			continue
		}
		for _, rule := range []string{"denied", "counted", "probed", "destroyed"} { // as a relay would say it that does not ask
			l := s.line(id, tt.ev, custody.Decision{Code: custody.CodeAllowed, Rule: rule})
			if tt.code != custody.CodeAllowed {
				if _, _, err := b.Add(l); err == nil {
					t.Fatalf("%s: a book takes it from a relay that says it is %s", tt.name, rule)
				}
			}
		}
	}
	s.now = s.now.Add(time.Hour)
	if d := custody.DecideEvent(s.record(relay), s.view, idle(115, 115), s.time()); !d.Allowed() {
		t.Errorf("a sign of life after an hour: %s", d)
	}
}

// TestDenialOnceAnHour: hours are those of UTC, and only the rule may differ.
func TestDenialOnceAnHour(t *testing.T) {
	s := told(t, agreed...)
	ev := denied("nl/agent/lab-1", custody.ActPart, custody.CodeGrantRevoked)
	for _, x := range []struct {
		minute int
		change func(*custody.Denied)
		code   custody.Code
	}{
		{10, func(*custody.Denied) {}, custody.CodeAllowed},
		{10, func(*custody.Denied) {}, custody.CodeDuplicate},
		{20, func(d *custody.Denied) { d.Rule = "another-rule" }, custody.CodeDuplicate},
		{30, func(d *custody.Denied) { d.Code = custody.CodeGrantExpired }, custody.CodeAllowed},
		{30, func(d *custody.Denied) { d.Act = custody.ActReserve }, custody.CodeAllowed},
		{30, func(d *custody.Denied) { d.By = "nl/agent/lab-2" }, custody.CodeAllowed},
		{59, func(*custody.Denied) {}, custody.CodeDuplicate},
		{60, func(*custody.Denied) {}, custody.CodeAllowed},
		{61, func(d *custody.Denied) { d.Code = custody.CodeGrantExpired }, custody.CodeAllowed},
		{119, func(*custody.Denied) {}, custody.CodeDuplicate},
		{300, func(*custody.Denied) {}, custody.CodeAllowed},
	} {
		s.now = t0.Add(time.Duration(x.minute) * time.Minute)
		d := *ev.Denied
		x.change(&d)
		if got := s.event(s.id(), &custody.Event{Denied: &d}); got.Code != x.code {
			t.Errorf("%+v at minute %d: %s, want %s", d, x.minute, got, x.code)
		}
	}
	s.replay(t)
}

// TestDenialOfARevokedAgent: who is in no directory any more is told nothing, so
// nothing can have been denied.
func TestDenialOfARevokedAgent(t *testing.T) {
	s := told(t, agreed...)
	s.standing(s.nl, "nl/agent/lab-2", custody.StatusRevoked)
	if d := s.event(s.id(), denied("nl/agent/lab-2", custody.ActPart, custody.CodeGrantRevoked)); d.Code != custody.CodeNotActive {
		t.Errorf("a revoked agent was denied something: %s", d)
	}
}

// TestBookDetectsEvents changes each field of each event, takes it away, and
// doubles it.
func TestBookDetectsEvents(t *testing.T) {
	s := eventful(t)
	if d := s.event(custody.RelayRecord, counted(60, 120)); !d.Allowed() { // the last of its record
		t.Fatal(d)
	}
	digest := custody.HashOf([]byte("x"))
	changes := map[string]func(*custody.Entry, *custody.Line){
		"an envelope":      func(_ *custody.Entry, l *custody.Line) { l.Envelope = s.lines[0].Envelope },
		"a statement":      func(e *custody.Entry, _ *custody.Line) { e.Statement = digest },
		"an envelope hash": func(e *custody.Entry, _ *custody.Line) { e.Envelope = digest },
		"both":             func(e *custody.Entry, _ *custody.Line) { e.Statement, e.Envelope = digest, digest },
		"a carrier":        func(e *custody.Entry, _ *custody.Line) { e.Via = "nl/agent/desk-1" },
		"a deposit": func(e *custody.Entry, _ *custody.Line) {
			e.Deposit = &custody.Deposit{Objects: []custody.StoredPayload{}}
		},
		"no event":       func(e *custody.Entry, _ *custody.Line) { e.Event = nil },
		"an empty event": func(e *custody.Entry, _ *custody.Line) { e.Event = &custody.Event{} },
		"two events": func(e *custody.Entry, _ *custody.Line) {
			e.Event.Probed, e.Event.Denied = probed(true).Probed, denied("nl/agent/lab-1", custody.ActPart, custody.CodeNoGrant).Denied
		},
		"another kind":    func(e *custody.Entry, _ *custody.Line) { e.Kind = custody.KindRequest },
		"an unknown kind": func(e *custody.Entry, _ *custody.Line) { e.Kind = "lapsed" },
		"another event's kind": func(e *custody.Entry, _ *custody.Line) {
			if e.Kind = custody.KindDenied; e.Event.Denied != nil {
				e.Kind = custody.KindProbed
			}
		},
		"another record":   func(e *custody.Entry, _ *custody.Line) { e.Record = "authority/nl" },
		"another place":    func(e *custody.Entry, _ *custody.Line) { e.Seq++ },
		"another chain":    func(e *custody.Entry, _ *custody.Line) { e.Prev[3] ^= 1 },
		"another relay":    func(e *custody.Entry, _ *custody.Line) { e.Relay = "other.example" },
		"an earlier time":  func(e *custody.Entry, _ *custody.Line) { e.Time = statement.At(t0.Add(-time.Hour)) },
		"no time":          func(e *custody.Entry, _ *custody.Line) { e.Time = custody.Time{} },
		"another rule":     func(e *custody.Entry, _ *custody.Line) { e.Decision.Rule = "operator" },
		"another decision": func(e *custody.Entry, _ *custody.Line) { e.Decision.Code = custody.CodeDuplicate },
		"another directory": func(e *custody.Entry, _ *custody.Line) {
			e.Directories = []custody.DirectoryRef{{Authority: "nl", Version: 7}}
		},
	}
	b := s.book()
	for i, l := range s.lines {
		e := must(custody.ParseEntry(l.Entry))
		if e.Event == nil {
			for name, put := range map[string]func(*custody.Entry){
				"an event beside its statement": func(e *custody.Entry) { e.Event = probed(true) },
				"no statement":                  func(e *custody.Entry) { e.Statement = custody.Digest{} },
				"no envelope":                   func(e *custody.Entry) { e.Envelope = custody.Digest{} },
			} {
				e := must(custody.ParseEntry(l.Entry))
				put(e)
				if _, err := custody.ParseEntry(e.Marshal()); err == nil {
					t.Errorf("line %d (%s) parses with %s", i, e.Kind, name)
				}
			}
			b.Add(l)
			continue
		}
		for name, change := range changes {
			l, e := l, must(custody.ParseEntry(l.Entry))
			change(e, &l)
			l.Entry = e.Marshal()
			if _, _, err := b.Add(l); err == nil {
				t.Fatalf("line %d (%s) has %s and nobody notices", i, e.Kind, name)
			}
		}
		if _, _, err := b.Add(l); err != nil {
			t.Fatalf("honest line %d after dishonest ones: %v", i, err)
		}
		if err := s.replayErr(slices.Delete(slices.Clone(s.lines), i, i+1)); err == nil && chained(s.lines, i) {
			t.Errorf("line %d (%s) is missing and nobody notices", i, e.Kind)
		}
	}
}

// TestBookRefusesForgedDenials: a relay that owns its log makes chain and leaves
// fit, and still cannot write a stranger into a record, nor say a thing twice.
func TestBookRefusesForgedDenials(t *testing.T) {
	for name, ev := range map[string]*custody.Event{
		"no party":           denied("de/agent/lab-1", custody.ActRecord, custody.CodeNoGrant),
		"an agent of nobody": denied("nl/agent/lab-9", custody.ActRecord, custody.CodeNoGrant),
		"doubled":            denied("nl/agent/lab-1", custody.ActPart, custody.CodeNoGrant),
	} {
		s := told(t, agreed...)
		if d := s.event(s.id(), denied("nl/agent/lab-1", custody.ActPart, custody.CodeNoGrant)); !d.Allowed() {
			t.Fatal(d)
		}
		s.replay(t)
		s.force(s.id(), ev, custody.Decision{Code: custody.CodeAllowed, Rule: "denied"})
		if err := s.replayErr(s.lines); !errors.Is(err, custody.ErrRefused) {
			t.Errorf("%s: %v, want refused by the rules", name, err)
		}
	}
}

// TestEventLeaf: in the leaf of an event stand zeros for the envelope's hash, as the
// log's other readers expect.
func TestEventLeaf(t *testing.T) {
	l := custody.Line{Entry: []byte("entry"), Salt: custody.HashOf([]byte("salt"))}
	want := custody.Digest(translog.Salted(l.Salt, custody.HashOf(l.Entry), [32]byte{}))
	if got := l.Salted(); got != want {
		t.Errorf("salted hash %s, want %s", got, want)
	}
	if l.Envelope = []byte("x"); l.Salted() != custody.Digest(translog.Salted(l.Salt, custody.HashOf(l.Entry), custody.HashOf(l.Envelope))) {
		t.Error("the leaf of a statement lacks its envelope's hash")
	}
}

// TestRecordBeginsWithStatement: an event has no nonce, so a tag made of it could
// be guessed.
func TestRecordBeginsWithStatement(t *testing.T) {
	w := newWorld(t)
	r := custody.NewRecord(custody.RelayRecord)
	e := custody.NewEvent(r, w.view, probed(true), w.time(), custody.Decision{Code: custody.CodeAllowed, Rule: "probed"})
	if err := r.Apply(e, nil, custody.HashOf([]byte("leaf"))); err == nil {
		t.Error("a record begins with an event")
	}
	if _, _, err := w.book().Add(custody.Line{Entry: e.Marshal()}); err == nil {
		t.Error("a book's first line is an event")
	}
}

// TestEventWords: whoever reads of an event reads whose word it is.
func TestEventWords(t *testing.T) {
	for want, ev := range map[string]*custody.Event{
		"the relay says that it refused to let nl/agent/lab-1 bring a part of a package: the grant has been revoked":          denied("nl/agent/lab-1", custody.ActPart, custody.CodeGrantRevoked),
		"the relay says what it refused from 2026-03-02T09:00:00Z to 2026-03-02T10:00:00Z: 2 grant-revoked, 7 hello-required": counted(0, 60),
		"the relay says that its store is a folder: nobody but the relay itself keeps the locks":                              {Probed: &custody.Probed{Store: custody.StoreDir}},
	} {
		if got := ev.Says(); got != want {
			t.Errorf("Says: %q, want %q", got, want)
		}
	}
	for _, act := range []custody.Act{custody.ActStatement, custody.ActReserve, custody.ActPart, custody.ActRecord, custody.ActAnnex, custody.ActHead, custody.ActPayload} {
		if s := denied("nl/agent/lab-1", act, custody.CodeNoGrant).Says(); strings.Contains(s, "lab-1 :") {
			t.Errorf("act %q has no words: %q", act, s)
		}
	}
}
