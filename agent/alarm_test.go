package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/tlog"
)

// alarms returns what a home has raised.
func (w *world) alarms(name string) []agent.Alarmed {
	w.t.Helper()
	list, err := w.homes[name].Alarms()
	check(w.t, err)
	return list
}

// leaves reads the relay's log.
func (w *world) leaves(s *agent.Session, size int64) (list []translog.Leaf) {
	w.t.Helper()
	b, err := s.Tile(w.t.Context(), translog.EntriesPath(0, int(size)))
	check(w.t, err)
	list, err = translog.DecodeEntries(b, int(size))
	check(w.t, err)
	return list
}

// shows has a relay show another log, whose trees it has signed.
func (w *world) shows(honest int64, leaves []translog.Leaf) func(*http.Request, call) (*http.Response, error) {
	var f translog.Frontier
	for _, l := range leaves {
		f.Append(l.Hash())
	}
	note := w.sign(int64(len(leaves)), f.Root())
	return func(r *http.Request, next call) (*http.Response, error) {
		if r.URL.Path == "/log/checkpoint" {
			return answer(note), nil
		}
		if strings.HasPrefix(r.URL.Path, "/log/tile/entries/") {
			width, err := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
			check(w.t, err)
			return answer(translog.EncodeEntries(leaves[:width])), nil
		}
		if strings.HasPrefix(r.URL.Path, "/v1/records/") { // the records as they are, proven in that log
			r.URL.RawQuery = fmt.Sprintf("size=%d", honest)
			return rewrite(r.URL.Path, recordOf(w.t, func(p *wire.RecordProof) {
				for i, l := range p.Lines {
					g := translog.NewGatherer()
					check(w.t, g.ForInclusion(int64(len(leaves)), l.Index))
					for _, leaf := range leaves {
						g.Append(leaf)
					}
					proof, err := translog.ProveInclusion(int64(len(leaves)), l.Index, g)
					check(w.t, err)
					p.Lines[i].Proof = nil
					for _, h := range proof {
						p.Lines[i].Proof = append(p.Lines[i].Proof, custody.Digest(h))
					}
				}
			}))(r, next)
		}
		return next(r)
	}
}

// TestForkAlarm: a relay that shows one agent two logs, or one log with two stories of a
// case, has proved so by its own signatures. The agent keeps the proof, once, and anybody
// can verify it; nothing is sent or taken until a person has acknowledged it, however
// honest the relay is again; what it was is still refused after that.
func TestForkAlarm(t *testing.T) {
	w := newCase(t)
	w.accept()
	var log bytes.Buffer
	sent := 0
	type show func(w *world, s *agent.Session, size int64) func(*http.Request, call) (*http.Response, error)
	for _, row := range []struct {
		name string
		kind alarm.Kind
		show show
	}{
		{"two roots", alarm.KindTwoRoots, func(w *world, s *agent.Session, size int64) func(*http.Request, call) (*http.Response, error) {
			l := w.leaves(s, size)
			l[size-1].Salted[0] ^= 1
			return w.shows(size, l)
		}},
		{"a rewritten past", alarm.KindRewritten, func(w *world, s *agent.Session, size int64) func(*http.Request, call) (*http.Response, error) {
			l := w.leaves(s, size)
			l[2].Salted[0] ^= 1
			return w.shows(size, append(l, translog.Leaf{Seq: 1}, translog.Leaf{Seq: 2}))
		}},
		{"two stories of a case", alarm.KindRecordFork, func(w *world, s *agent.Session, size int64) func(*http.Request, call) (*http.Response, error) {
			l := w.leaves(s, size)
			again := l[size-1]
			again.Salted[0] ^= 1
			return w.shows(size, append(l, again))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.t = t
			log.Reset()
			s, err := w.agent("de", func(c *agent.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }).Connect(t.Context(), "de/agent/lab-1")
			check(t, err)
			defer s.Close()
			snap, err := s.Sync(t.Context(), w.request)
			check(t, err)
			s.Tamper(row.show(w, s, snap.Checkpoint.Size))
			for range 3 {
				if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
					t.Fatalf("Sync = %v", err)
				}
			}
			list := slices.DeleteFunc(w.alarms("de"), func(x agent.Alarmed) bool { return x.Acknowledged != nil })
			if len(list) != 1 || list[0].Kind != row.kind {
				t.Fatalf("%d alarms: %+v", len(list), list)
			}
			if n := strings.Count(log.String(), "ALARM: "); n != 1 {
				t.Errorf("said %d times:\n%s", n, log.String())
			}
			a, err := alarm.Parse(list[0].Marshal())
			check(t, err)
			f, err := a.Verify(map[string]custody.Digest{relayName: w.fp})
			check(t, err)
			if !f.Proved || !f.Pinned || a.By != "de/agent/lab-1" {
				t.Errorf("the alarm proves nothing: %+v", f)
			}

			ag, honest := w.agent("de"), w.connect("de", "lab-1")
			if _, err := ag.Send(t.Context(), honest, w.request, exhibits(t, 10), agent.SendOptions{}); !errors.Is(err, agent.ErrForked) {
				t.Errorf("Send = %v", err)
			}
			if list := w.packages("de"); len(list) != sent {
				t.Errorf("it has begun %q", list)
			}
			sent++
			if err := w.homes["de"].Acknowledge(&list[0], " ", statement.At(snap.Taken)); err == nil {
				t.Error("acknowledged without a word")
			}
			check(t, w.homes["de"].Acknowledge(&list[0], "called the operator", statement.At(snap.Taken)))
			if err := w.homes["de"].Acknowledge(&list[0], "again", statement.At(snap.Taken)); err == nil {
				t.Error("acknowledged twice")
			}
			if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
				t.Errorf("an acknowledged fork is taken: %v", err)
			}
			if now := w.alarms("de"); len(now) != sent || slices.ContainsFunc(now, func(x agent.Alarmed) bool {
				return x.Acknowledged == nil || x.Acknowledged.Words != "called the operator"
			}) {
				t.Errorf("alarms after that: %+v", now)
			}
			_, err = ag.Send(t.Context(), honest, w.request, exhibits(t, 10), agent.SendOptions{})
			check(t, err)
		})
	}
}

// TestRolledBackFork: a log that is smaller than it was, and not its beginning, is told as
// both.
func TestRolledBackFork(t *testing.T) {
	w := newCase(t)
	w.accept()
	s := w.connect("de", "lab-1")
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	s.Tamper(rewrite("/log/checkpoint", func([]byte) []byte { return w.sign(snap.Checkpoint.Size-1, tlog.Hash{1}) }))
	if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
		t.Fatalf("Sync = %v", err)
	}
	list := w.alarms("de")
	if len(list) != 2 || list[0].Kind != alarm.KindRolledBack || list[1].Kind != alarm.KindRewritten {
		t.Fatalf("alarms %+v", list)
	}
	if f, err := list[1].Verify(nil); err != nil || !f.Proved || f.Pinned {
		t.Errorf("the fork: %+v, %v", f, err)
	}
}

// TestForkStopsTaking: an alarm keeps a head at home, and a recipient from signing for a
// package, also where the other side sees nothing.
func TestForkStopsTaking(t *testing.T) {
	w := newCase(t)
	pkg := w.send().Package
	w.accept()
	for _, name := range []string{"de", "nl"} {
		s := w.connect(name, "lab-1")
		snap, err := s.Sync(t.Context(), w.request)
		check(t, err)
		l := w.leaves(s, snap.Checkpoint.Size)
		l[0].Salted[0] ^= 1
		s.Tamper(w.shows(snap.Checkpoint.Size, l))
		if _, err := s.Sync(t.Context(), w.request); err == nil {
			t.Fatal("taken")
		}
	}
	if _, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request); !errors.Is(err, agent.ErrForked) {
		t.Errorf("Unlock = %v", err)
	}
	if _, err := w.homes["de"].Head(w.request, pkg); err != nil {
		t.Errorf("the head is gone: %v", err)
	}
	list := w.alarms("de")
	check(t, w.homes["de"].Acknowledge(&list[0], "seen", statement.At(list[0].Found.Time())))
	_, err := w.agent("de").Unlock(t.Context(), w.connect("de", "lab-1"), w.request)
	check(t, err)
	if _, err := w.agent("nl").Fetch(t.Context(), w.connect("nl", "lab-1"), w.request, t.TempDir()); !errors.Is(err, agent.ErrForked) {
		t.Errorf("Fetch = %v", err)
	}
	if n := w.statementsOf(custody.KindRelease); n != 0 {
		t.Errorf("%d releases were signed", n)
	}
}

// TestOtherAlarms: what proves no fork is kept too, and stops nothing by itself.
func TestOtherAlarms(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	old, err := s.Checkpoint(t.Context())
	check(t, err)
	w.accept()
	w.revoke()
	snap, err := s.Sync(t.Context(), w.request)
	check(t, err)
	size := snap.Checkpoint.Size
	other := w.shows(size, append(w.leaves(s, size), translog.Leaf{}))
	early := translog.Leaf{Tag: translog.NewTag(snap.Case(w.request).RequestSHA256), Seq: 99}
	for i, row := range []struct {
		kind alarm.Kind
		lie  func(*http.Request, call) (*http.Response, error)
	}{
		{alarm.KindRolledBack, rewrite("/log/checkpoint", func([]byte) []byte { return old })},
		{alarm.KindEntriesDiffer, func(r *http.Request, next call) (*http.Response, error) {
			if r.URL.Path == "/log/checkpoint" {
				return answer(w.sign(size+1, tlog.Hash{1})), nil
			}
			return other(r, next)
		}},
		{alarm.KindRecordGap, w.shows(size, append(w.leaves(s, size), early))},
		{alarm.KindRecordDiffers, rewrite("/v1/records/"+w.request, recordOf(t, cutLast))},
	} {
		s.Tamper(row.lie)
		for range 2 {
			if _, err := s.Sync(t.Context(), w.request); !errors.Is(err, agent.ErrVerify) {
				t.Fatalf("%s: Sync = %v", row.kind, err)
			}
		}
		list := w.alarms("de")
		if len(list) != i+1 || list[i].Kind != row.kind {
			t.Fatalf("%s: alarms %+v", row.kind, list)
		}
		f, err := list[i].Verify(map[string]custody.Digest{relayName: w.fp})
		check(t, err)
		if f.Proved {
			t.Errorf("%s: proves %q", row.kind, f.Says)
		}
	}
	honest := w.connect("de", "lab-1")
	if _, err = honest.Sync(t.Context(), w.request); err != nil {
		t.Errorf("the honest log: %v", err)
	}
	if _, err := w.agent("de").Unlock(t.Context(), honest, w.request); errors.Is(err, agent.ErrForked) {
		t.Errorf("Unlock = %v", err)
	}
}

func cutLast(p *wire.RecordProof) { p.Lines = p.Lines[:len(p.Lines)-1] }

// TestNoFalseAlarm: a spoilt copy on this machine's disk, a broken connection, or
// an answer that nobody signed accuse nobody.
func TestNoFalseAlarm(t *testing.T) {
	w := newCase(t)
	s := w.connect("de", "lab-1")
	_, err := s.Sync(t.Context(), w.request)
	check(t, err)
	for name, lie := range map[string]func(*http.Request, call) (*http.Response, error){
		"an altered checkpoint": rewrite("/log/checkpoint", func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }),
		"no log": func(r *http.Request, next call) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/log/tile/") {
				return problem(t, wire.CodeStorage), nil
			}
			return next(r)
		},
	} {
		s.Tamper(lie)
		if _, err := s.Sync(t.Context(), w.request); err == nil {
			t.Errorf("%s: taken", name)
		}
		if list := w.alarms("de"); len(list) != 0 {
			t.Errorf("%s: alarm %+v", name, list[0])
		}
	}
}
