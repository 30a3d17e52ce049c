package link_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/internal/link"
	"github.com/quic-go/quic-go"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// impatient makes every pause a standstill.
func impatient(c *link.ServerConfig) { c.Stall, c.MinRate = 200*time.Millisecond, 1<<30 }

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * patience); !f(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, 3*patience)
		}
	}
}

// serves waits until an honest request is answered. The limits that these tests set
// are so tight that one on a loaded machine may meet them.
func serves(t *testing.T, w *world, transport string) {
	t.Helper()
	eventually(t, "an honest request", func() bool {
		c, err := link.Dial(t.Context(), w.dialConfig(transport))
		if err != nil {
			return false
		}
		defer c.Close()
		status, _, err := do(c, "GET", "/", nil)
		return status == http.StatusOK && err == nil
	})
}

// stacks returns how many goroutines have that text in their stack.
func stacks(text string) int {
	b := make([]byte, 4<<20)
	n := 0
	for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(g, text) {
			n++
		}
	}
	return n
}

// A body that stops coming ends its handler, and nothing else.
func TestSlowBody(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		ended := make(chan error, 1)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" {
				_, err := io.Copy(io.Discard, r.Body)
				ended <- err
			}
		}, impatient)
		c := w.dial(t, transport, nil)
		pr, pw := io.Pipe()
		defer pw.Close()
		r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://comity/", pr)
		r.ContentLength = 8 << 20
		go func() {
			if resp, err := c.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		}()
		io.WriteString(pw, "1")
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the body ended with %v", err)
			}
		case <-time.After(3 * patience):
			t.Fatal("the handler still waits for the body")
		}
		serves(t, w, transport)
	})
}

// A client that never reads its answer does not hold the handler.
func TestUnreadAnswer(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		ended := make(chan error, 1)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" {
				_, err := io.Copy(w, io.LimitReader(zeros{}, 256<<20))
				ended <- err
			}
		}, impatient)
		c := w.dial(t, transport, nil)
		r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://comity/", nil)
		resp, err := c.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("the client read nothing, and all of the answer was written")
			}
		case <-time.After(3 * patience):
			t.Fatal("the handler still waits for its reader")
		}
		serves(t, w, transport)
	})
}

// A small answer is written after the handler has returned; that ends too.
func TestUnreadSmallAnswer(t *testing.T) {
	var begun atomic.Int64
	w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "small")
		begun.Add(1)
	}, impatient)
	c, err := quic.DialAddr(t.Context(), w.Addr(), link.ClientTLS(nil, [][32]byte{w.spki}, link.H3),
		&quic.Config{InitialStreamReceiveWindow: 1, KeepAlivePeriod: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseWithError(0, "")
	for range 8 {
		str, err := c.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(str, frame(1, block(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/")))
		str.Close()
	}
	blocked := func() int { return stacks("http3.(*responseWriter).Finish") }
	eventually(t, "the handlers return", func() bool { return begun.Load() >= 8 })
	eventually(t, "the answers are given up", func() bool { return blocked() == 0 })
	serves(t, w, link.H3)
}

// A server that drips its answer does not hold its caller.
func TestSlowResponse(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "1")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, nil)
		c := w.dial(t, transport, nil)
		c.SetPace(200*time.Millisecond, 1<<30)
		if _, _, err := do(c, "GET", "/", nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer ended with %v", err)
		}
	})
}

// Connections of strangers are bounded by address; who has proved something does
// not count among them, and what is closed makes room.
func TestMaxPerSource(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" && link.PeerOf(r).Set("nl") != nil {
				w.WriteHeader(http.StatusConflict)
			}
		}, func(c *link.ServerConfig) { c.MaxPerSource = 2 })
		refused := func(what string) {
			t.Helper()
			c, err := link.Dial(t.Context(), w.dialConfig(transport))
			if err != nil {
				return
			}
			defer c.Close()
			// The handshake may be over before the server counts.
			if _, _, err := do(c, "GET", "/", nil); err == nil {
				t.Errorf("%s: another connection was served", what)
			}
		}
		counted := func(method string, c *link.Conn) *link.Conn {
			t.Helper()
			if status, _, err := do(c, method, "/", nil); status != 200 || err != nil {
				t.Fatal(status, err)
			}
			return c
		}
		first := counted("GET", w.dial(t, transport, nil))
		second := counted("GET", w.dial(t, transport, nil))
		refused("two strangers")
		counted("PUT", first)
		third := counted("GET", w.dial(t, transport, nil))
		refused("two strangers and one who proved something")
		second.Close()
		serves(t, w, transport)
		third.Close()
		first.Close()
		eventually(t, "all are forgotten", func() bool { return w.OpenConns() == 0 && w.Strangers() == 0 })
	})
}

// A head that never comes to its end keeps no connection open.
func TestUnfinishedHead(t *testing.T) {
	idle := func(c *link.ServerConfig) { c.IdleTimeout = 300 * time.Millisecond }
	t.Run("h3", func(t *testing.T) {
		w := serve(t, nothing, idle)
		c, err := quic.DialAddr(t.Context(), w.Addr(), link.ClientTLS(nil, [][32]byte{w.spki}, link.H3), &quic.Config{KeepAlivePeriod: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseWithError(0, "")
		head := frame(1, block(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/"))
		str, err := c.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(str, head[:len(head)-1])
		closed(t, "the connection", c.Context().Done())
		serves(t, w, link.H3)
	})
	t.Run("h2", func(t *testing.T) {
		w := serve(t, nothing, idle)
		raw, f := rawH2(t, w)
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
		io.Copy(io.Discard, raw) // ends with the connection
		serves(t, w, link.H2)
	})
}

// rawH2 opens an HTTP/2 connection by hand. Reads of it fail after a while.
func rawH2(t *testing.T, w *world) (*tls.Conn, *http2.Framer) {
	t.Helper()
	raw, err := tls.Dial("tcp", w.Addr(), link.ClientTLS(nil, [][32]byte{w.spki}, link.H2))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(3 * patience))
	io.WriteString(raw, http2.ClientPreface)
	f := http2.NewFramer(raw, raw)
	f.SetMaxReadFrameSize(1 << 20)
	f.WriteSettings()
	return raw, f
}

// A frame is refused by its length, before there is a buffer for it.
func TestLargeFrame(t *testing.T) {
	w := serve(t, nothing, nil)
	raw, f := rawH2(t, w)
	raw.Write([]byte{0x01, 0x00, 0x00, 0xfe, 0, 0, 0, 0, 0}) // 64 KiB of type 0xfe are allowed
	raw.Write(make([]byte, 64<<10))
	raw.Write([]byte{0x01, 0x00, 0x01, 0xfe, 0, 0, 0, 0, 0}) // and a byte more is not
	for {
		got, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("no GOAWAY came: %v", err)
		}
		if g, ok := got.(*http2.GoAwayFrame); ok {
			if g.ErrCode != http2.ErrCodeFrameSize {
				t.Errorf("closed with %v", g.ErrCode)
			}
			return
		}
	}
}

// Who opens streams and gives them up at once does not have more handlers than the
// streams that a connection may have: QUIC gives no new stream for one whose handler
// has not noticed.
func TestStreamTurnover(t *testing.T) {
	const streams = 4
	var running atomic.Int64
	release := make(chan struct{})
	w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			running.Add(1)
			io.Copy(io.Discard, r.Body)
			<-release // a handler that does not notice
		}
	}, func(c *link.ServerConfig) { c.MaxStreams = streams })
	defer close(release)
	c, err := quic.DialAddr(t.Context(), w.Addr(), link.ClientTLS(nil, [][32]byte{w.spki}, link.H3), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseWithError(0, "")
	head := frame(1, block(":method", "PUT", ":scheme", "https", ":authority", "a", ":path", "/"))
	for n := int64(0); n < 10*streams; n++ {
		str, err := c.OpenStream()
		if err != nil {
			serves(t, w, link.H3) // time passes in which new streams could be allowed
			continue
		}
		io.WriteString(str, head)
		eventually(t, "the request is there", func() bool { return running.Load() > n })
		str.CancelRead(0x10c)
		str.CancelWrite(0x10c)
	}
	if n := running.Load(); n != streams {
		t.Errorf("%d handlers run for %d streams", n, streams)
	}
}

// HTTP/2 has the same turnover bounded by net/http: the connection is closed.
func TestRapidReset(t *testing.T) {
	var running, most atomic.Int64
	w := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if r.Method == "PUT" {
			<-r.Context().Done()
		}
	}, func(c *link.ServerConfig) { c.MaxStreams = 4 })
	_, f := rawH2(t, w)
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for id := uint32(1); id < 200_000; id += 2 {
		b.Reset()
		for _, h := range [][2]string{{":method", "PUT"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}} {
			e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndHeaders: true}) != nil || f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has closed the connection
		}
	}
	serves(t, w, link.H2)
	if most.Load() > 4+1 { // and the honest one
		t.Errorf("%d handlers ran at once for 4 streams", most.Load())
	}
}

// After all that, what the attacks held is given back.
func TestNothingStays(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, test := range []func(*testing.T){TestSlowBody, TestUnreadAnswer, TestStreamTurnover} {
		t.Run("attack", test)
	}
	eventually(t, "goroutines end", func() bool { runtime.GC(); return runtime.NumGoroutine() <= before+2 })
}
