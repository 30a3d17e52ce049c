package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/internal/wire"
	cosigners "comity.example/comity/internal/witness"

	"golang.org/x/mod/sumdb/tlog"
)

// hostile is a case with a revoked grant, at a relay whose operator lies from now on.
type hostile struct {
	*world
	s       *agent.Session // of a machine that has seen all of the log
	size    int64
	snap    *agent.Snapshot
	leaves  []translog.Leaf
	records string // path of the request's record
}

func newHostile(t *testing.T) *hostile {
	h := &hostile{world: newCase(t)}
	h.accept()
	h.revoke()
	h.s = h.connect("de", "lab-1")
	snap, err := h.s.Sync(t.Context(), h.request)
	check(t, err)
	h.snap, h.size, h.records = snap, snap.Checkpoint.Size, "/v1/records/"+h.request
	h.leaves = h.world.leaves(h.s, h.size)
	return h
}

type lie = func(*http.Request, call) (*http.Response, error)

// log shows other leaves under a checkpoint that the relay has signed for them.
func (h *hostile) log(change func([]translog.Leaf) []translog.Leaf) lie {
	return h.shows(h.size, change(slices.Clone(h.leaves)))
}

// record shows the honest log, and another record.
func (h *hostile) record(change func(*wire.RecordProof)) lie {
	return rewrite(h.records, recordOf(h.t, change))
}

// dated shows a log, proven throughout, in which the newest entry of the case is of
// another time.
func (h *hostile) dated(at func(before custody.Time) custody.Time) lie {
	h.t.Helper()
	lines := h.snap.Records[custody.RecordID(h.request)]
	n := len(lines) - 1
	var entries []*custody.Entry
	for _, l := range lines {
		e, err := custody.ParseEntry(l.Entry)
		check(h.t, err)
		entries = append(entries, e)
	}
	e := entries[n]
	e.Time = at(entries[n-1].Time)
	l := custody.Line{Index: lines[n].Index, Entry: e.Marshal(), Envelope: lines[n].Envelope, Salt: lines[n].Salt}
	shown := h.log(func(all []translog.Leaf) []translog.Leaf {
		all[l.Index] = l.Leaf(entries[0].Statement, e.Seq)
		return all
	})
	return func(r *http.Request, next call) (*http.Response, error) {
		return h.record(func(p *wire.RecordProof) { p.Lines[n].Entry = l.Entry })(r, func(r *http.Request) (*http.Response, error) { return shown(r, next) })
	}
}

// machine gives back a session of a machine without alarms, that has seen the log or
// has not.
func (h *hostile) machine(fresh bool) *agent.Session {
	h.t.Helper()
	for _, dir := range []string{filepath.Join("relays", relayName, "checkpoints"), "alarms"} {
		check(h.t, os.RemoveAll(filepath.Join(h.homes["de"].Dir(), dir)))
	}
	s := h.connect("de", "lab-1")
	if !fresh {
		_, err := s.Sync(h.t.Context(), h.request)
		check(h.t, err)
	}
	return s
}

// TestHostileTable lists what the operator of a relay can do with its log, and by which
// name each act is found by an agent that looks, with the memory of a machine that has
// seen the log or on a new one. Rows that want nothing say what stays undetected: if one
// of them is found one day, this test fails, and the table in docs/threats.md is to change.
// What a court finds in a dossier is in custody/dossier TestHostileTable.
func TestHostileTable(t *testing.T) {
	h := newHostile(t)
	last := h.size - 1
	doc, err := os.ReadFile(filepath.Join("..", "docs", "threats.md"))
	check(t, err)
	middle := func(p *wire.RecordProof) { p.Lines = slices.Delete(p.Lines, 1, 2) }
	swapped := func(p *wire.RecordProof) { p.Lines[1], p.Lines[2] = p.Lines[2], p.Lines[1] }
	first := func(before custody.Time) custody.Time { return statement.At(before.Time().Add(-time.Hour)) }
	same := func(before custody.Time) custody.Time { return before }
	for _, row := range []struct {
		act  string
		new  bool // on a machine that has never seen the log
		lie  lie
		says string       // in the error; "": there is none
		want []alarm.Kind // kept as evidence
	}{
		{"drops an entry of the log", false, h.log(func(l []translog.Leaf) []translog.Leaf {
			return append(slices.Delete(l, 2, 3), translog.Leaf{Seq: 1}, translog.Leaf{Seq: 2})
		}), "do not lead to the signed root", []alarm.Kind{alarm.KindRewritten}},
		{"drops an entry from the record that it shows", true, h.record(middle), "where 1 was due", nil},
		{"reorders two entries of the log", false, h.log(func(l []translog.Leaf) []translog.Leaf { l[1], l[2] = l[2], l[1]; return l }), "do not lead to the signed root", []alarm.Kind{alarm.KindTwoRoots}},
		{"reorders the entries of a case", true, h.record(swapped), "is not the one in the log", []alarm.Kind{alarm.KindRecordDiffers}},
		{"reorders the leaves of a case", true, h.log(func(l []translog.Leaf) []translog.Leaf { l[last], l[last-1] = l[last-1], l[last]; return l }), "is not in the log at", []alarm.Kind{alarm.KindRecordDiffers}},
		{"duplicates a leaf", true, h.log(func(l []translog.Leaf) []translog.Leaf { return append(l, l[last]) }), "fork of the record", []alarm.Kind{alarm.KindRecordFork}},
		{"forks with two leaves of one record and place", true, h.log(func(l []translog.Leaf) []translog.Leaf {
			again := l[last]
			again.Salted[0] ^= 1
			return append(l, again)
		}), "fork of the record", []alarm.Kind{alarm.KindRecordFork}},
		{"leaves a place of the record out", true, h.log(func(l []translog.Leaf) []translog.Leaf {
			gap := l[last]
			gap.Seq += 5
			return append(l, gap)
		}), "gap in the record", []alarm.Kind{alarm.KindRecordGap}},
		{"rolls back", false, rewrite("/log/checkpoint", func([]byte) []byte { return h.smaller(h.size - 1) }), "it was rolled back", []alarm.Kind{alarm.KindRolledBack}},
		{"rolls back to another history", false, rewrite("/log/checkpoint", func([]byte) []byte { return h.sign(h.size-2, tlog.Hash{7}) }), "it was rolled back", []alarm.Kind{alarm.KindRewritten, alarm.KindRolledBack}},
		{"serves other entries than it has signed", true, rewriteTiles(func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }), "do not lead to the signed root", []alarm.Kind{alarm.KindEntriesDiffer}},
		{"cuts the tail of the record, and so hides its revocation", true, h.record(cutLast), "its log holds", []alarm.Kind{alarm.KindRecordDiffers}},
		{"hides a revocation under an old tree", false, h.frozen(last), "it was rolled back", []alarm.Kind{alarm.KindRolledBack}},
		{"back-dates an entry before the one that precedes it", true, h.dated(first), "is dated before the log entry that precedes it", nil},
		{"back-dates an entry that a machine has seen", false, h.dated(same), "do not lead to the signed root", []alarm.Kind{alarm.KindTwoRoots}},

		// Undetected by one agent alone.
		{"back-dates an entry no further than the one that precedes it, to who has not seen it", true, h.dated(same), "", nil},
		{"hides a revocation under a tree of today, from who has not seen a newer one", true, h.frozen(last), "", nil},
		{"shows a State entries that the other never sees", true, h.log(func(l []translog.Leaf) []translog.Leaf { return append(l, translog.Leaf{Seq: 3}) }), "", nil},
	} {
		if !bytes.Contains(doc, []byte("| "+row.act+" |")) {
			t.Errorf("docs/threats.md has no row for %q", row.act)
		}
		t.Run(row.act, func(t *testing.T) {
			s := h.machine(row.new)
			s.Tamper(row.lie)
			_, err := s.Sync(t.Context(), h.request)
			if row.says == "" && err != nil || row.says != "" && (!errors.Is(err, agent.ErrVerify) || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("Sync = %v, want %q", err, row.says)
			}
			var got []alarm.Kind
			for _, a := range h.alarms("de") {
				got = append(got, a.Kind)
			}
			slices.Sort(got)
			if !slices.Equal(got, row.want) {
				t.Errorf("found as %q, want %q (%v)", got, row.want, err)
			}
		})
	}
}

// smaller is an honest checkpoint of the log as it was.
func (h *hostile) smaller(size int64) []byte {
	var f translog.Frontier
	for _, l := range h.leaves[:size] {
		f.Append(l.Hash())
	}
	return h.sign(size, f.Root())
}

// frozen shows the log as it was at a size, with the record as it was.
func (h *hostile) frozen(size int64) lie {
	shown := h.shows(size, h.leaves[:size])
	return func(r *http.Request, next call) (*http.Response, error) {
		if r.URL.Path != h.records {
			return shown(r, next)
		}
		return h.record(func(p *wire.RecordProof) {
			p.Lines = slices.DeleteFunc(p.Lines, func(l wire.Line) bool { return l.Index >= size })
		})(r, func(r *http.Request) (*http.Response, error) { return shown(r, next) })
	}
}

// TestHostileSuppression: a relay that takes a revocation and enters it nowhere is found by
// who revoked, by the name not-entered, whatever it answers.
func TestHostileSuppression(t *testing.T) {
	w := newCase(t)
	w.accept()
	w.swallowed(func(*agent.Session, *agent.Snapshot) func(*http.Request, call) (*http.Response, error) {
		return func(r *http.Request, next call) (*http.Response, error) {
			if r.URL.Path == "/v1/statements" {
				return problem(t, custody.CodeGrantRevoked), nil
			}
			return next(r)
		}
	})
	if list := w.alarms("de"); len(list) != 1 || list[0].Kind != alarm.KindNotEntered {
		t.Errorf("alarms %+v", list)
	}
	// Undetected by the other State, until somebody brings it the paper.
	if _, err := w.connect("nl", "lab-1").Sync(t.Context(), w.request); err != nil || len(w.alarms("nl")) != 0 {
		t.Errorf("nl: %v, alarms %+v", err, w.alarms("nl"))
	}
}

// TestHostileWitnessed: what one agent alone cannot find, two logs for two States, no
// witness cosigns, and by which answer of C2SP tlog-witness.
func TestHostileWitnessed(t *testing.T) {
	h := newHostile(t)
	secret, _, err := translog.GenerateCosigner("nl/witness/1", translog.MLDSA44)
	check(t, err)
	key, err := translog.ParseCosigner(secret)
	check(t, err)
	state := filepath.Join(t.TempDir(), "state")
	check(t, cosigners.Init(state))
	x, err := cosigners.New(&cosigners.Config{State: state, Logs: []cosigners.Log{{Key: h.cfg.LogKey.Key()}}, Cosigners: []*translog.Cosigner{key}, Now: time.Now})
	check(t, err)
	ask := func(old int64, note []byte, proof []tlog.Hash) (int, string) {
		body := fmt.Appendf(nil, "old %d\n", old) // C2SP tlog-witness
		for _, h := range proof {
			body = append(body, h.String()+"\n"...)
		}
		a := httptest.NewRecorder()
		x.ServeHTTP(a, httptest.NewRequest(http.MethodPost, "/add-checkpoint", bytes.NewReader(append(append(body, '\n'), note...))))
		return a.Code, strings.TrimSpace(a.Body.String())
	}
	size := h.size
	if code, said := ask(0, h.smaller(size), nil); code != http.StatusOK {
		t.Fatalf("the honest log: %d %s", code, said)
	}
	for _, row := range []struct {
		act  string
		old  int64
		note []byte
		want int
	}{
		{"another tree of the same size", size, h.sign(size, tlog.Hash{1}), http.StatusConflict},
		{"a tree that does not begin with the cosigned one", size, h.sign(size+1, tlog.Hash{1}), http.StatusUnprocessableEntity},
		{"a smaller tree", size - 1, h.smaller(size - 1), http.StatusConflict},
	} {
		if code, said := ask(row.old, row.note, nil); code != row.want {
			t.Errorf("%s: %d %s, want %d", row.act, code, said, row.want)
		}
	}
	// Undetected by a witness: what only the rules could tell, since it sees no entry. One
	// record has two leaves of one place, in a tree that grows from the cosigned one.
	again := h.leaves[size-1]
	again.Salted[0] ^= 1
	all := append(slices.Clone(h.leaves), again)
	var f translog.Frontier
	g := translog.NewGatherer()
	check(t, g.ForConsistency(size, size+1))
	for _, l := range all {
		f.Append(l.Hash())
		g.Append(l)
	}
	proof, err := translog.ProveConsistency(size, size+1, g)
	check(t, err)
	if code, said := ask(size, h.sign(size+1, f.Root()), proof); code != http.StatusOK {
		t.Errorf("a fork of one record within a growing tree: %d %s", code, said)
	}
}
