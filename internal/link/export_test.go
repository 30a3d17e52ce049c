package link

import "time"

// A window for the tests on what is not exported.
var (
	ServerTLS     = serverTLS
	ClientTLS     = clientTLS
	ParseResponse = parseResponse
)

// SetPace sets how slowly responses may come.
func (c *Conn) SetPace(stall time.Duration, rate int) { c.stall, c.rate = stall, rate }

// Strangers returns under how many addresses the server counts connections.
func (s *Server) Strangers() int {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return len(s.gate.sources)
}

// FreeWindow returns what is left of the server's window budget.
func (s *Server) FreeWindow() uint64 {
	s.quic.budget.mu.Lock()
	defer s.quic.budget.mu.Unlock()
	return s.quic.budget.free
}

// OpenConns returns how many connections the server counts.
func (s *Server) OpenConns() int {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.gate.open
}
