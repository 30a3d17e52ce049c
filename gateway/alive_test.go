package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/records"
)

// TestSignsOfLife: a relay that runs and has nothing to do says so three times a day, in
// virtual time, so that its log is never a day old.
func TestSignsOfLife(t *testing.T) {
	w := newRelay(t)
	w.stop()
	base := time.Now()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		cfg, closeParts, err := relayConfig(w.dir)
		check(t, err)
		defer closeParts()
		cfg.Now = func() time.Time { return base.Add(time.Since(begun)) }
		g, err := gateway.New(t.Context(), cfg)
		check(t, err)
		defer g.Close()
		signs := func() (n int, last time.Time) {
			check(t, cfg.DB.View(t.Context(), func(tx *records.Tx) error {
				list, err := tx.Lines(custody.RelayRecord, 0, 1<<40)
				for _, l := range list {
					e, err := custody.ParseEntry(l.Entry)
					check(t, err)
					last = e.Time.Time()
					if e.Event != nil && e.Event.Counted != nil && len(e.Event.Counted.Counts) == 0 {
						n++
					}
				}
				return err
			}))
			return n, last
		}
		for hour := range 49 {
			n, last := signs()
			if age := cfg.Now().Sub(last); age > 8*time.Hour+2*time.Minute {
				t.Errorf("after %d hours the newest entry is %s old", hour, age)
			}
			if most := hour/8 + 1; n > most {
				t.Errorf("after %d hours there are %d signs of life, more than %d", hour, n, most)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		if n, _ := signs(); n < 5 {
			t.Errorf("%d signs of life in two days", n)
		}
	})
}
