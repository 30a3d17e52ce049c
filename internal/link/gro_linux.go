package link

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// maxUDP is the largest coalesced datagram the kernel hands over.
const maxUDP = 1 << 16

// groConn receives through UDP_GRO: one system call returns many datagrams of
// one sender, coalesced, and ReadBatch splits them. The per-datagram path of the
// kernel is the largest single cost of QUIC, and this halves it.
//
// quic-go reads through ReadBatch because the method is there, and still sees
// the socket itself for everything else, so that sending with UDP_SEGMENT stays
// on. Only quic-go's one reading goroutine uses the fields.
type groConn struct {
	*net.UDPConn
	buf     []byte       // receives one coalesced datagram
	oob     []byte       // receives its control messages
	rest    []byte       // the part of buf not yet returned
	segment int          // the size of each datagram in rest but the last
	control []byte       // control messages that hold for all of rest
	from    *net.UDPAddr // sender of all of rest
}

var _ quic.OOBCapablePacketConn = (*groConn)(nil)

// withGRO returns c with UDP_GRO switched on, or c itself where the kernel
// does not have it (before Linux 5.0).
func withGRO(c *net.UDPConn) net.PacketConn {
	raw, err := c.SyscallConn()
	if err != nil {
		return c
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	if err != nil || serr != nil {
		return c
	}
	return &groConn{UDPConn: c, buf: make([]byte, maxUDP), oob: make([]byte, 256), control: make([]byte, 0, 256)}
}

// ReadBatch fills messages with datagrams, waiting for the first. It implements
// the method that quic-go looks for, with the meaning of
// [ipv4.PacketConn.ReadBatch]; flags are ignored.
func (c *groConn) ReadBatch(messages []ipv4.Message, flags int) (int, error) {
	for len(c.rest) == 0 {
		if err := c.receive(); err != nil {
			return 0, err
		}
	}
	n := 0
	for n < len(messages) && len(c.rest) > 0 {
		size := min(c.segment, len(c.rest))
		m := &messages[n]
		// A datagram larger than the buffer is cut, as recvmsg would: quic-go
		// never sends one, and a stranger's fails to decrypt.
		m.N = copy(m.Buffers[0], c.rest[:size])
		m.NN = copy(m.OOB, c.control)
		m.Addr = c.from
		c.rest = c.rest[size:]
		n++
	}
	return n, nil
}

// receive reads one coalesced datagram. An empty one leaves rest empty.
func (c *groConn) receive() error {
	n, oobn, _, from, err := c.ReadMsgUDP(c.buf, c.oob)
	if err != nil {
		return err
	}
	c.rest, c.from = c.buf[:n], from
	c.segment, c.control, err = parseControl(c.oob[:oobn], c.control[:0])
	if err != nil {
		return err
	}
	if c.segment <= 0 {
		c.segment = max(n, 1)
	}
	return nil
}

// parseControl takes the segment size out of the control messages in oob and
// appends the others (ECN, packet info) to dst. It returns 0 if there is none.
func parseControl(oob, dst []byte) (segment int, control []byte, err error) {
	for len(oob) > 0 {
		if len(oob) < unix.SizeofCmsghdr { // unix reads the header before it asks how long oob is
			return 0, dst, fmt.Errorf("parsing control message: %d bytes are no header", len(oob))
		}
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0, dst, fmt.Errorf("parsing control message: %v", err)
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO {
			if len(body) >= 4 {
				segment = int(int32(binary.NativeEndian.Uint32(body)))
			}
		} else {
			dst = append(dst, oob[:len(oob)-len(rest)]...)
		}
		oob = rest
	}
	return segment, dst, nil
}

// raiseBuffers asks for receive and send buffers of n bytes. The kernel clips
// them to net.core.rmem_max and wmem_max unless the process may force them.
// Failures are ignored: smaller buffers only cost speed.
func raiseBuffers(c *net.UDPConn, n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) != nil {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, n)
		}
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, n) != nil {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, n)
		}
	})
}
