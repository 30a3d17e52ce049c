package outbox

import "time"

// Watch says which items have settled. It is used by one goroutine.
type Watch struct {
	settle time.Duration
	seen   map[Item]still
}

// still is since when an item looks the same.
type still struct {
	print Print
	since time.Duration
}

// Settled is an item that may be sent.
type Settled struct {
	Item
	Print Print // as it settled
}

// NewWatch returns a watch that lets an item go when nothing in it has changed for
// so long.
func NewWatch(settle time.Duration) *Watch {
	return &Watch{settle, map[Item]still{}}
}

// Look takes what was found at a moment, counted on a clock that never jumps, and
// returns the items that have settled. print takes an item's fingerprint; an item
// for which it fails, or that is empty, has not. One that is marked is sent at once.
func (w *Watch) Look(at time.Duration, found []Found, print func(Item) (Print, int, error)) []Settled {
	var list []Settled
	now := map[Item]still{}
	for _, f := range found {
		p, names, err := print(f.Item)
		if err != nil || names == 0 && !f.Marked {
			continue // and it begins anew
		}
		s, ok := w.seen[f.Item]
		if !ok || s.print != p {
			s = still{p, at}
		}
		now[f.Item] = s
		if f.Marked || at-s.since >= w.settle {
			list = append(list, Settled{f.Item, p})
		}
	}
	w.seen = now
	return list
}
