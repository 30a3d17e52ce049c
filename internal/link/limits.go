package link

import (
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"
)

// A gate counts open connections of both transports together, and how many of
// those that have proved nothing come from each address.
type gate struct {
	max       int // open
	perSource int // open from one address, of those that have proved nothing

	mu      sync.Mutex // guards the fields below
	open    int
	sources map[string]int // never more than open
}

func newGate(most, perSource int) *gate {
	return &gate{max: most, perSource: perSource, sources: map[string]int{}}
}

// A seat is the place of one connection at a gate.
type seat struct {
	gate    *gate
	source  string // under which it is counted, or ""
	settled bool   // it is never counted under a source again
}

// enter counts one more connection, or returns nil if there is no room.
func (g *gate) enter() *seat {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.max {
		return nil
	}
	g.open++
	return &seat{gate: g}
}

// from counts the connection under the address that it comes from, and reports
// whether there is room. The address must be one that the client was seen to
// receive at: otherwise a forger could lock out whomever it names.
func (s *seat) from(a net.Addr) bool {
	g := s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.source != "" || s.settled {
		return true
	}
	source := Source(a)
	if g.sources[source] >= g.perSource {
		return false
	}
	g.sources[source]++
	s.source = source
	return true
}

// settle says that the connection is not a stranger's any more, or over.
func (s *seat) settle() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.forget()
}

// forget needs the gate's lock.
func (s *seat) forget() {
	s.settled = true
	if s.source == "" {
		return
	}
	if s.gate.sources[s.source]--; s.gate.sources[s.source] == 0 {
		delete(s.gate.sources, s.source)
	}
	s.source = ""
}

// leave uncounts the connection. It must be called once.
func (s *seat) leave() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.forget()
	s.gate.open--
}

// Source names where a connection comes from, for counting: its IPv4 address, or
// the /64 from which an IPv6 host can choose addresses at will.
func Source(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
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
