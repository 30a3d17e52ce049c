package agent_test

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"comity.example/comity/agent"
)

// cutting forwards to the relay, and resets a connection when its client has sent so
// many bytes.
type cutting struct {
	relay string
	after atomic.Int64
	sent  atomic.Int64 // on the last connection
}

func (c *cutting) serve(ln net.Listener) {
	for {
		in, err := ln.Accept()
		if err != nil {
			return
		}
		go c.forward(in.(*net.TCPConn))
	}
}

func (c *cutting) forward(in *net.TCPConn) {
	defer in.Close()
	out, err := net.Dial("tcp", c.relay)
	if err != nil {
		return
	}
	defer out.Close()
	go io.Copy(in, out)
	c.sent.Store(0)
	n, _ := io.CopyN(out, countedReader{in, &c.sent}, c.after.Load())
	if n == c.after.Load() {
		in.SetLinger(0)
	}
}

type countedReader struct {
	io.Reader
	n *atomic.Int64
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// TestLostOnConnecting: a relay that is gone between the handshake and the proof of
// identity is one that restarts; the same command may be given again.
func TestLostOnConnecting(t *testing.T) {
	w := newWorld(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	c := &cutting{relay: w.cfg.Listen}
	go c.serve(ln)
	t.Cleanup(func() { ln.Close() })
	check(t, w.homes["de"].Trust.PinRelay(relayName, w.fp, []string{ln.Addr().String()}))
	const everything = 1 << 40
	c.after.Store(everything)
	s, err := w.agent("de").Connect(t.Context(), "de/agent/lab-1")
	check(t, err)
	s.Close()
	all := c.sent.Load()
	lost := 0
	for part := range int64(5) {
		c.after.Store(all * (part + 1) / 6)
		s, err := w.agent("de").Connect(t.Context(), "de/agent/lab-1")
		if err == nil {
			s.Close()
			continue
		}
		lost++
		if !errors.Is(err, agent.ErrTryLater) {
			t.Errorf("cut after %d of %d bytes: %v", c.after.Load(), all, err)
		}
	}
	if lost == 0 {
		t.Error("no connection was cut in time")
	}
}

// TestLostBetween: what reads only is asked again over another connection.
func TestLostBetween(t *testing.T) {
	w := newWorld(t)
	s := w.connect("de", "desk-1")
	for range 2 {
		w.stop() // the connection is gone
		w.start()
		if have, err := s.Authority(t.Context(), "de"); err != nil || len(have.Roots) == 0 {
			t.Errorf("the authority's state after a restart: %+v, %v", have, err)
		}
		w.stop()
		w.start()
		if _, err := s.Proposals(t.Context()); err != nil {
			t.Errorf("the proposals after a restart: %v", err)
		}
	}
}
