package link

import (
	"sync"

	"github.com/quic-go/quic-go"
)

// A gate counts open connections of both transports together.
type gate struct {
	mu   sync.Mutex
	open int
	max  int
}

// enter reports whether one more connection may open, and counts it.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.max {
		return false
	}
	g.open++
	return true
}

// leave uncounts a connection.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
}

// A budget is the memory by which all QUIC connections together may grow their
// receive windows beyond the initial one. Without it the data that clients may
// have in flight would be bounded only per connection, and a slow object store
// behind the handlers would fill memory with it.
type budget struct {
	mu   sync.Mutex
	free uint64
	held map[*quic.Conn]uint64
}

func newBudget(bytes uint64) *budget {
	return &budget{free: bytes, held: make(map[*quic.Conn]uint64)}
}

// open registers a connection; before that it cannot grow.
func (b *budget) open(c *quic.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[c] = 0
}

// grow implements quic.Config.AllowConnectionWindowIncrease. It must not call
// into the connection, which holds locks.
func (b *budget) grow(c *quic.Conn, delta uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	held, ok := b.held[c]
	if !ok || delta > b.free {
		return false
	}
	b.free -= delta
	b.held[c] = held + delta
	return true
}

// close returns what the connection held.
func (b *budget) close(c *quic.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += b.held[c]
	delete(b.held, c)
}
