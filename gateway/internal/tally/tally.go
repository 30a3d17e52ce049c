// Package tally counts, by code, what a relay refuses, hour by hour of UTC. The
// counts are in memory: the relay files those of an hour that is over in its own
// record, and those of the running hour when it ends. What was counted and not yet
// filed is lost in a crash; a denial to a party of a request is not, because that
// has an entry of its own before it is answered.
//
// It refuses to grow: codes beyond a fixed number count as "other", and hours that
// could not be filed for a day are given up, the oldest first. It knows numbers
// alone, not to whom or about what a refusal was.
package tally

import (
	"maps"
	"slices"
	"sync"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

const (
	maxCodes = 100 // the relay knows fewer
	maxHours = 24  // that wait to be filed

	codeOther custody.Code = "other"
)

// Tally is a running count. It is safe for concurrent use.
type Tally struct {
	now func() time.Time

	mu     sync.Mutex // guards the fields below
	from   time.Time  // of the running count
	last   time.Time  // the clock, which never goes back here
	counts map[custody.Code]int64
	over   []custody.Counted // hours that are over and not taken yet, oldest first
	lost   int64             // of these, given up since Lost was last asked
}

// New returns a tally that counts from now on by a clock.
func New(now func() time.Time) *Tally {
	t := now()
	return &Tally{now: now, from: t, last: t, counts: map[custody.Code]int64{}}
}

// Add counts one refusal. It reports whether hours that are over wait to be taken.
func (t *Tally) Add(code custody.Code) (waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	if _, known := t.counts[code]; !known && len(t.counts) >= maxCodes {
		code = codeOther
	}
	t.counts[code]++
	return len(t.over) > 0
}

// Over returns the oldest hour that is over and in which something was refused.
// It stays until it is taken with Done.
func (t *Tally) Over() (c custody.Counted, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	if len(t.over) == 0 {
		return c, false
	}
	return t.over[0], true
}

// Done takes away what Over returned.
func (t *Tally) Done(c custody.Counted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = slices.DeleteFunc(t.over, func(o custody.Counted) bool { return o.From == c.From && o.To == c.To })
}

// End puts the running hour among those that are over: the relay ends.
func (t *Tally) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	t.cut(t.last)
}

// Beat puts the running count among those that are over, even if it is empty: a sign of
// life of a relay that has nothing else to say.
func (t *Tally) Beat() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	if len(t.counts) > 0 {
		t.cut(t.last)
		return
	}
	t.over = append(t.over, custody.Counted{From: statement.At(t.from), To: statement.At(t.last), Counts: []custody.Count{}})
	t.from = t.last
}

// Lost returns how many hours were given up since the last call.
func (t *Tally) Lost() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.lost
	t.lost = 0
	return n
}

// turn begins a new count if the hour of the running one is over.
func (t *Tally) turn() {
	if now := t.now(); now.After(t.last) {
		t.last = now
	}
	if end := t.from.UTC().Truncate(time.Hour).Add(time.Hour); !t.last.Before(end) {
		t.cut(end)
		t.from = t.last.UTC().Truncate(time.Hour)
	}
}

// cut ends the running count at a time.
func (t *Tally) cut(to time.Time) {
	if len(t.counts) > 0 {
		c := custody.Counted{From: statement.At(t.from), To: statement.At(to)}
		for _, code := range slices.Sorted(maps.Keys(t.counts)) {
			c.Counts = append(c.Counts, custody.Count{Code: code, Count: t.counts[code]})
		}
		t.over = append(t.over, c)
	}
	if n := len(t.over) - maxHours; n > 0 {
		t.over, t.lost = slices.Delete(t.over, 0, n), t.lost+int64(n)
	}
	t.from, t.counts = to, map[custody.Code]int64{}
}
