package link

// A window for the tests on what is not exported.
var (
	ServerTLS     = serverTLS
	ClientTLS     = clientTLS
	ParseResponse = parseResponse
)

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
