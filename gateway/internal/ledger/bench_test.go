package ledger_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	pgtest "comity.example/comity/test/postgres"
)

// BenchmarkSubmit files requests into a database and a folder that sync: verified,
// decided, committed, copied, published, proven. Signing them is not counted. One
// caller waits for each answer ("single"), or 256 are waiting ("grouped"); entries/s,
// p50 and p99 are of what they were answered. What a second caller would take of the
// processors for its connection is not in it.
//
//	go test ./gateway/internal/ledger -run xxx -bench 'Submit|File' -benchtime 4000x
func BenchmarkSubmit(b *testing.B) {
	onEngines(b, func(b *testing.B, w *world, callers int) {
		list := make([]*custody.Statement, b.N)
		for i := range list {
			list[i] = w.request(w.fr, w.nl)
		}
		measure(b, callers, func(i int) error {
			_, err := w.l.Submit(b.Context(), ledger.Submission{Statement: list[i], Via: w.fr.carrier()})
			return err
		})
	})
}

// BenchmarkFile is BenchmarkSubmit with events of the relay's own, which nobody has
// signed: what the log itself costs.
func BenchmarkFile(b *testing.B) {
	onEngines(b, func(b *testing.B, w *world, callers int) {
		next := w.denials()
		type filing struct {
			id custody.RecordID
			ev *custody.Event
		}
		list := make([]filing, b.N)
		for i := range list {
			list[i].id, list[i].ev = next()
		}
		measure(b, callers, func(i int) error { return w.l.File(b.Context(), list[i].id, list[i].ev) })
	})
}

func onEngines(b *testing.B, f func(*testing.B, *world, int)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, how := range []struct {
			name    string
			callers int
		}{{"single", 1}, {"grouped", 256}} {
			b.Run(engine+"/"+how.name, func(b *testing.B) {
				w := newWorldOn(b, nil)
				if engine == "postgres" {
					w.close()
					w = newWorldOn(b, pgtest.StartOnDisk(b).Database(b))
				}
				for _, s := range w.introductions() {
					w.submit(s, "")
				}
				f(b, w, how.callers)
			})
		}
	}
}

// measure calls file for each of b.N, from so many callers that each wait for the
// answer, and reports how many were answered in a second and how long that took.
func measure(b *testing.B, callers int, file func(i int) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				start := time.Now()
				if err := file(int(i)); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// denials returns a source of denials that the rules take, each another: by requests
// that it files, agents, acts and codes.
func (w *world) denials() func() (custody.RecordID, *custody.Event) {
	w.t.Helper()
	var all []*custody.Event
	req := w.request(w.fr, w.nl)
	w.submit(req, w.fr.carrier())
	for _, by := range []custody.PartyID{w.nl.id("agent/lab-1"), w.nl.id("agent/desk-1"), w.fr.id("agent/lab-1"), w.fr.id("agent/desk-1")} {
		for _, act := range []custody.Act{custody.ActReserve, custody.ActPart} {
			for _, code := range []custody.Code{custody.CodeNoGrant, custody.CodeGrantExpired, custody.CodeGrantRevoked, custody.CodeNotAccepted} {
				ev := &custody.Event{Denied: &custody.Denied{By: by, Act: act, Code: code, Rule: "live-grant"}}
				err := w.l.File(w.t.Context(), req.Record(), ev)
				if no := new(ledger.Refused); errors.As(err, &no) {
					continue
				}
				fatalIfErr(w.t, err)
				all = append(all, ev)
			}
		}
	}
	if len(all) < 8 {
		w.t.Fatalf("the rules take %d denials of a request", len(all))
	}
	i := len(all) // those of the first request are filed
	return func() (custody.RecordID, *custody.Event) {
		if i == len(all) {
			req, i = w.request(w.fr, w.nl), 0
			w.submit(req, w.fr.carrier())
		}
		i++
		return req.Record(), all[i-1]
	}
}
