package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
)

// BenchmarkSubmit files requests from many callers at a time, into a database
// and a folder that sync: verified, decided, committed, copied, published,
// proven. Signing is not counted.
func BenchmarkSubmit(b *testing.B) {
	w := newSetWorld(b)
	list := make([]*custody.Statement, b.N)
	for i := range list {
		list[i] = w.request(w.fr, w.nl)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 512 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				if _, err := w.l.Submit(b.Context(), ledger.Submission{Statement: list[i], Via: w.fr.carrier()}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
