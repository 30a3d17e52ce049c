//go:build !linux

package link

import "net"

// withGRO returns c itself: UDP_GRO is Linux.
func withGRO(c *net.UDPConn) net.PacketConn { return c }

// raiseBuffers asks for receive and send buffers of n bytes. Failures are
// ignored: smaller buffers only cost speed.
func raiseBuffers(c *net.UDPConn, n int) {
	c.SetReadBuffer(n)
	c.SetWriteBuffer(n)
}
