package admit

import (
	"context"
	"slices"
	"sync"
	"time"

	"comity.example/comity/internal/wire"
)

// Shares of the memory, as divisors, that nobody may go beyond: one authority's
// agents, strangers all together, strangers from one address.
const (
	authorityShare = 2
	strangersShare = 4
	sourceShare    = 16
)

// memory is the budget in bytes for what requests hold in memory: bodies that are
// read as a whole, and answers that are built as a whole. Without it a thousand
// connections that bring the largest annex at once would need sixteen gigabytes.
//
// Claims are served in order, except that one whose own share is used up does not
// hold up the others.
type memory struct {
	total int64
	wait  time.Duration // after which a claim is given up

	mu     sync.Mutex // guards the fields below
	free   int64
	held   map[string]int64 // by claimant
	claims []*claim         // that wait
}

// A claim is what one request asks for.
type claim struct {
	bytes  int64
	shares map[string]int64 // claimants, and the most that each may hold
	given  chan struct{}    // closed when the memory is given
}

func newMemory(total int64, wait time.Duration) *memory {
	return &memory{total: total, wait: wait, free: total, held: map[string]int64{}}
}

// shares returns what a caller's claim counts against. No share is smaller than one
// claim: a small budget makes callers wait for each other, and shuts nobody out.
func (m *memory) shares(who *Principal, source string, bytes int64) map[string]int64 {
	if who != nil {
		return map[string]int64{"authority " + who.Authority(): max(bytes, m.total/authorityShare)}
	}
	return map[string]int64{
		"strangers":        max(bytes, m.total/strangersShare),
		"source " + source: max(bytes, m.total/sourceShare),
	}
}

// take waits for memory and returns the function that gives it back. If there is
// none in time, or could never be so much, the request is put off.
func (m *memory) take(ctx context.Context, who *Principal, source string, bytes int64) (release func(), err error) {
	if bytes <= 0 {
		return func() {}, nil
	}
	if bytes > m.total {
		return nil, wire.NewProblem(wire.CodeBusy, "")
	}
	c := &claim{bytes, m.shares(who, source, bytes), make(chan struct{})}
	m.mu.Lock()
	m.claims = append(m.claims, c)
	m.serve()
	m.mu.Unlock()
	timer := time.NewTimer(m.wait)
	defer timer.Stop()
	select {
	case <-c.given:
		return func() { m.release(c) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = wire.NewProblem(wire.CodeBusy, "")
	}
	m.drop(c)
	return nil, err
}

// serve gives memory to the claims that fit. It needs the lock.
func (m *memory) serve() {
	full := false
	m.claims = slices.DeleteFunc(m.claims, func(c *claim) bool {
		switch {
		case full || !m.within(c):
			return false
		case c.bytes > m.free:
			full = true // who comes later must not take what this one waits for
			return false
		}
		m.count(c, c.bytes)
		close(c.given)
		return true
	})
}

// within reports whether a claim is within its caller's shares.
func (m *memory) within(c *claim) bool {
	for k, most := range c.shares {
		if m.held[k]+c.bytes > most {
			return false
		}
	}
	return true
}

// count adds bytes to what the claim's caller holds.
func (m *memory) count(c *claim, bytes int64) {
	m.free -= bytes
	for k := range c.shares {
		if m.held[k] += bytes; m.held[k] == 0 {
			delete(m.held, k)
		}
	}
}

// release gives the memory of a claim back.
func (m *memory) release(c *claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count(c, -c.bytes)
	m.serve()
}

// drop takes a claim back that was given up, also if it was served meanwhile.
func (m *memory) drop(c *claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-c.given:
		m.count(c, -c.bytes)
	default:
		m.claims = slices.DeleteFunc(m.claims, func(o *claim) bool { return o == c })
	}
	m.serve()
}
