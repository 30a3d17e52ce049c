package dossier_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

func denial(by custody.PartyID) *custody.Event {
	return &custody.Event{Denied: &custody.Denied{By: by, Act: custody.ActReserve, Code: custody.CodeSenderNotGranted, Rule: "granted-sender"}}
}

// eventfulTale is a case in which the relay refused something, in a log in which
// it says how many others it refused, and what its store enforces.
func eventfulTale(t testing.TB) (*env.Story, *dossier.Dossier) {
	return tale(t, func(s *env.Story, dir string) error {
		begun := s.Now()
		if err := s.Event(&custody.Event{Probed: &custody.Probed{Store: custody.StoreDir}}); err != nil {
			return err
		}
		if err := s.Agree(); err != nil {
			return err
		}
		if err := s.Event(denial("nl/agent/desk-1")); err != nil {
			return err
		}
		p, err := s.Send(dir)
		if err != nil {
			return err
		}
		until := statement.At(begun.Time().Add(3 * time.Minute))
		err = s.Event(&custody.Event{Counted: &custody.Counted{From: begun, To: until, Counts: []custody.Count{{Code: "hello-required", Count: 3}}}})
		if err != nil {
			return err
		}
		return s.Unlock(p)
	})
}

// TestEvents: a dossier with events verifies, also after it was written and read,
// and the verdict says whose word they are.
func TestEvents(t *testing.T) {
	s, d := eventfulTale(t)
	back, err := read(write(t, d))
	fatalIfErr(t, err)
	v, err := dossier.Verify(back, s.Pins())
	fatalIfErr(t, err)
	text := v.Text()
	for _, want := range []string{
		"VERIFIED",
		"the relay says that it refused to let nl/agent/desk-1 reserve room for a package: the grant does not name this sender\n" +
			"      the word of relay relay.example alone: nobody signed it\n",
		"what the relay says of itself without a signature: that it stands in the log is proved, that it happened is not",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	b, err := json.Marshal(v)
	fatalIfErr(t, err)
	var got struct {
		Acts []dossier.Act `json:"acts"`
	}
	fatalIfErr(t, json.Unmarshal(b, &got))
	i := slices.IndexFunc(got.Acts, func(a dossier.Act) bool { return a.Kind == custody.KindDenied })
	if i < 0 || got.Acts[i].Event == nil || *got.Acts[i].Event.Denied != *denial("nl/agent/desk-1").Denied ||
		got.Acts[i].By != "relay.example" || len(got.Acts[i].Signers) != 0 || got.Acts[i].Via != "" {
		t.Errorf("JSON: %s", b)
	}
}

// TestEventMutants alters the entries of events, as TestMutants does those of
// statements: every alteration fails.
func TestEventMutants(t *testing.T) {
	s, d := eventfulTale(t)
	raw, pins := write(t, d), s.Pins()
	var names []string // by which mutants name the entries of events
	for id, lines := range d.Records {
		for seq, l := range lines {
			if len(l.Envelope) == 0 {
				names = append(names, path(d, id, seq, ""), fmt.Sprintf("record %s entry %d:", id, seq))
			}
		}
	}
	if len(names) != 6 {
		t.Fatalf("%d entries of events, want 3", len(names)/2)
	}
	var all []mutant
	for _, make := range []func(testing.TB, *env.Story, *dossier.Dossier) []mutant{fieldMutants, lineMutants, proofMutants, fileMutants} {
		all = append(all, make(t, s, d)...)
	}
	all = slices.DeleteFunc(all, func(m mutant) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(m.name, n) })
	})
	all = append(all, bareMutants(s, d)...)
	for _, name := range parallel(all, func(m mutant) bool { return m.passes(d, raw, pins) }) {
		t.Errorf("mutant passes: %s", name)
	}
	if len(all) < 200 {
		t.Errorf("only %d mutants", len(all))
	}
}

// bareMutants: what a relay could do that owns log and key, and makes everything
// fit: give an event a statement's envelope, take a statement's away, say a thing
// twice, or of somebody who has no part in the case.
func bareMutants(s *env.Story, d *dossier.Dossier) (out []mutant) {
	id := custody.RecordID(d.Request)
	at := slices.IndexFunc(d.Records[id], func(l dossier.Line) bool { return len(l.Envelope) == 0 })
	add := func(what string, seq int, change func(*custody.Entry, *dossier.Line)) {
		out = append(out, altered(what+", relogged", d, func(c *dossier.Dossier) {
			l := &c.Records[id][seq]
			e, err := custody.ParseEntry(l.Entry)
			must(err)
			change(e, l)
			l.Entry = e.Marshal()
			endAt(c, seq)
			rechain(s, c)
		}))
	}
	add("an event with an envelope", at, func(_ *custody.Entry, l *dossier.Line) { l.Envelope = d.Records[id][0].Envelope })
	add("a statement without its envelope", at+1, func(_ *custody.Entry, l *dossier.Line) { l.Envelope = nil })
	add("a statement that names none", at+1, func(e *custody.Entry, l *dossier.Line) {
		l.Envelope, e.Statement, e.Envelope = nil, custody.Digest{}, custody.Digest{}
	})
	add("a statement made an event", at+1, func(e *custody.Entry, l *dossier.Line) {
		*e = custody.Entry{Type: e.Type, Relay: e.Relay, Record: e.Record, Seq: e.Seq, Kind: custody.KindDenied, Time: e.Time, Directories: e.Directories,
			Decision: custody.Decision{Code: custody.CodeAllowed, Rule: "denied"}, Event: denial("nl/agent/desk-1")}
		l.Envelope = nil
	})
	for _, by := range []custody.PartyID{"fr/agent/lab-1", "nl/agent/lab-9", "nl/officer/a"} {
		add("a denial to "+string(by), at, func(e *custody.Entry, _ *dossier.Line) { e.Event = denial(by) })
	}
	add("a denial by no rule", at, func(e *custody.Entry, _ *dossier.Line) { e.Decision.Code = custody.CodeDuplicate })
	return out
}

// rechain is relog for entries that were changed beyond what follows from their
// envelopes.
func rechain(s *env.Story, d *dossier.Dossier) {
	var log env.Log
	var size int64
	var all []*dossier.Line
	for _, lines := range d.Records {
		for i := range lines {
			all = append(all, &lines[i])
		}
	}
	slices.SortFunc(all, func(a, b *dossier.Line) int { return int(a.Index - b.Index) })
	tips := map[custody.RecordID]custody.Digest{}
	for _, l := range all {
		var e custody.Entry
		must(statement.Decode(l.Entry, &e))
		e.Prev = tips[e.Record]
		l.Entry = e.Marshal()
		first, err := statement.Parse(d.Records[e.Record][0].Envelope)
		must(err)
		for ; size < l.Index; size++ { // of entries that the dossier does not have
			_, err = log.Append(l.Leaf(l.Salt, 0))
			must(err)
		}
		_, err = log.Append(l.Leaf(first.SHA256(), e.Seq))
		must(err)
		size++
		tips[e.Record] = l.Salted()
	}
	resign(s, d, &log)
}

// endAt cuts the request's record off after an entry, because statements after it
// name the leaf that was: else it would be they that fail.
func endAt(d *dossier.Dossier, seq int) {
	id := custody.RecordID(d.Request)
	d.Records[id], d.Packages = d.Records[id][:seq+1], map[string]dossier.Contents{}
}

// TestRechain: the tool itself is sound, so that mutants fail by what was changed.
// It also shows what nothing can: another denial that the rules allow is as good.
func TestRechain(t *testing.T) {
	s, d := eventfulTale(t)
	id := custody.RecordID(d.Request)
	for seq, l := range d.Records[id] {
		c := clone(d)
		if len(l.Envelope) == 0 {
			e, err := custody.ParseEntry(l.Entry)
			fatalIfErr(t, err)
			e.Event = denial("de/agent/lab-1")
			c.Records[id][seq].Entry = e.Marshal()
		}
		endAt(c, seq)
		rechain(s, c)
		v, err := dossier.Verify(c, s.Pins())
		if err != nil || !v.Verified() {
			t.Errorf("chained anew up to entry %d: %v", seq, err)
		}
	}
}
