package tally_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/tally"
)

// ten is ten o'clock on some day, in UTC.
var ten = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// world is a tally by a clock that is set by hand, of a zone with half hours.
type world struct {
	*tally.Tally
	t   *testing.T
	now time.Time
}

func newWorld(t *testing.T, minute int) *world {
	w := &world{t: t}
	w.at(minute)
	w.Tally = tally.New(func() time.Time { return w.now.In(time.FixedZone("half", 5*3600+1800)) })
	return w
}

func (w *world) at(minute int) { w.now = ten.Add(time.Duration(minute) * time.Minute) }

// takes takes all hours that are over and compares them: "FROM-TO code=count …",
// in minutes after ten.
func (w *world) takes(want ...string) {
	w.t.Helper()
	var got []string
	for {
		c, ok := w.Over()
		if !ok {
			break
		}
		s := fmt.Sprintf("%v-%v", c.From.Time().Sub(ten).Minutes(), c.To.Time().Sub(ten).Minutes())
		for _, n := range c.Counts {
			s += fmt.Sprintf(" %s=%d", n.Code, n.Count)
		}
		got = append(got, s)
		w.Done(c)
	}
	if !reflect.DeepEqual(got, want) {
		w.t.Errorf("took %q, want %q", got, want)
	}
}

// TestBeat: a sign of life counts nothing, or what there is, and no minute twice.
func TestBeat(t *testing.T) {
	w := newWorld(t, 20)
	w.Beat()
	w.takes("20-20")
	w.Add("a")
	w.at(30)
	w.Beat()
	w.Beat()
	w.takes("20-30 a=1", "30-30")
	w.at(200)
	w.Beat()
	w.takes("180-200")
}

func TestHours(t *testing.T) {
	w := newWorld(t, 20)
	w.takes()
	if w.Add("b") || w.Add("a") || w.Add("b") {
		t.Error("the running hour waits to be taken")
	}
	w.at(59)
	w.takes()
	w.at(60)
	if !w.Add("c") {
		t.Error("an hour is over and does not wait")
	}
	w.takes("20-60 a=1 b=2")
	w.at(70)
	w.End()
	w.takes("60-70 c=1")
}

// TestEmptyHours: where nothing was refused there is nothing to file.
func TestEmptyHours(t *testing.T) {
	w := newWorld(t, 0)
	w.at(500)
	w.takes()
	w.Add("a")
	w.at(1000)
	w.takes("480-540 a=1")
	w.End()
	w.takes()
}

// TestBackwards: a clock that is set back makes no hour overlap another.
func TestBackwards(t *testing.T) {
	w := newWorld(t, 50)
	w.Add("a")
	w.at(65)
	w.Add("a")
	w.at(55)
	w.Add("a")
	w.End()
	w.takes("50-60 a=1", "60-65 a=2")
}

// TestUntaken: what cannot be filed stays in order, for a day.
func TestUntaken(t *testing.T) {
	w := newWorld(t, 0)
	for h := range 30 {
		w.at(60 * h)
		w.Add(custody.Code(fmt.Sprintf("h%d", h)))
	}
	w.End()
	if n := w.Lost(); n != 6 || w.Lost() != 0 {
		t.Errorf("%d hours lost, want 6, once", n)
	}
	if c, ok := w.Over(); !ok || c.Counts[0].Code != "h6" {
		t.Errorf("the oldest hour left is %+v", c)
	}
	if a, _ := w.Over(); a.From != statement.At(ten.Add(6*time.Hour)) {
		t.Errorf("an hour that was not taken is gone: %+v", a)
	}
}

// TestBounded: invented codes cost no memory, and are counted all the same.
func TestBounded(t *testing.T) {
	w := newWorld(t, 0)
	for i := range 1000 {
		w.Add(custody.Code(fmt.Sprintf("code-%04d", i)))
	}
	w.End()
	c, _ := w.Over()
	var sum int64
	for _, n := range c.Counts {
		sum += n.Count
	}
	if len(c.Counts) > 101 || sum != 1000 {
		t.Errorf("%d codes, %d counts", len(c.Counts), sum)
	}
}

// TestConcurrent: nothing is lost between callers, whoever takes meanwhile.
func TestConcurrent(t *testing.T) {
	var mu sync.Mutex
	now := ten
	w := tally.New(func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(time.Second); return now })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				w.Add("a")
			}
		})
	}
	var sum int64
	take := func() {
		for c, ok := w.Over(); ok; c, ok = w.Over() {
			sum += c.Counts[0].Count
			w.Done(c)
		}
	}
	for range 1000 {
		take()
	}
	wg.Wait()
	w.End()
	take()
	if sum != 8000 || w.Lost() != 0 {
		t.Errorf("%d of 8000 counted", sum)
	}
}
