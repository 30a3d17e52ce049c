package link_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/internal/link"
	"github.com/quic-go/quic-go"
)

func nothing(http.ResponseWriter, *http.Request) {}

func TestWrongServerKey(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, nothing, nil)
		cfg := w.dialConfig(transport)
		cfg.ServerSPKI = [][32]byte{newParty(t).spki}
		c, err := link.Dial(t.Context(), cfg)
		if !errors.Is(err, link.ErrServerKey) {
			t.Errorf("Dial = %v, %v; want ErrServerKey", c, err)
		}
		// One of several pins is enough.
		cfg.ServerSPKI = append(cfg.ServerSPKI, w.spki)
		c, err = link.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

// What a stranger's TLS client may ask for, and does not get.
func TestTLSRefused(t *testing.T) {
	tests := []struct {
		name   string
		ok     bool
		change func(*tls.Config)
	}{
		{"as it should be", true, func(*tls.Config) {}},
		{"only the second curve", true, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.SecP256r1MLKEM768} }},
		{"only the third curve", true, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.SecP384r1MLKEM1024} }},
		{"classic X25519", false, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} }},
		{"classic P-256", false, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }},
		{"no protocol", false, func(c *tls.Config) { c.NextProtos = nil }},
		{"HTTP/1.1", false, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
		{"TLS 1.2", false, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, tls.VersionTLS12, nil
		}},
	}
	w := serve(t, nothing, nil)
	config := func(proto string, change func(*tls.Config)) *tls.Config {
		c := link.ClientTLS(nil, [][32]byte{w.spki}, proto)
		c.VerifyConnection = nil // a client that does not mind
		change(c)
		return c
	}
	for _, tt := range tests {
		t.Run("tcp/"+tt.name, func(t *testing.T) {
			raw, err := net.Dial("tcp", w.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			c := tls.Client(raw, config(link.H2, tt.change))
			if err = c.Handshake(); err == nil {
				// The server speaks first in HTTP/2, with its settings. A refusal
				// may come after the client's side of the handshake is finished.
				_, err = io.ReadFull(c, make([]byte, 9))
			}
			if ok := err == nil; ok != tt.ok {
				t.Errorf("error %v, want success %v", err, tt.ok)
			}
		})
		if tt.name == "TLS 1.2" {
			continue // QUIC knows no other than 1.3
		}
		t.Run("quic/"+tt.name, func(t *testing.T) {
			c, err := quic.DialAddr(t.Context(), w.Addr(), config(link.H3, tt.change), nil)
			if err == nil {
				defer c.CloseWithError(0, "")
				_, err = c.AcceptUniStream(t.Context()) // the server's control stream
			}
			if ok := err == nil; ok != tt.ok {
				t.Errorf("error %v, want success %v", err, tt.ok)
			}
		})
	}
}

// The client checks the handshake too, against a server with the right key but
// a weaker configuration.
func TestWeakServerRefused(t *testing.T) {
	p := newParty(t)
	weak := link.ServerTLS(p.cert, link.H2)
	weak.CurvePreferences = []tls.CurveID{tls.X25519}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", weak)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
			c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	c, err := link.Dial(t.Context(), link.DialConfig{Addrs: []string{ln.Addr().String()}, ServerSPKI: [][32]byte{p.spki}, Transport: link.H2})
	if err == nil {
		c.Close()
		t.Error("dialed a server without post-quantum key exchange")
	}
}

func TestNoSessionTicket(t *testing.T) {
	w := serve(t, nothing, nil)
	cfg := link.ClientTLS(nil, [][32]byte{w.spki}, link.H2)
	cfg.SessionTicketsDisabled = false
	cache := &countingCache{}
	cfg.ClientSessionCache = cache
	raw, err := tls.Dial("tcp", w.Addr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var only http.Protocols
	only.SetHTTP2(true)
	tr := &http.Transport{Protocols: &only, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return raw, nil }}
	cc, err := tr.NewClientConn(t.Context(), "https", "comity:443")
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	if _, _, err := do(cc, "GET", "/", nil); err != nil { // tickets come before the answer
		t.Fatal(err)
	}
	if n := cache.puts.Load(); n != 0 {
		t.Errorf("the server sent %d session tickets", n)
	}
}

type countingCache struct{ puts atomic.Int64 }

func (*countingCache) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (c *countingCache) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.puts.Add(1)
	}
}

// With nothing on UDP the connection comes up over TCP.
func TestFallback(t *testing.T) {
	p := newParty(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{TLSConfig: link.ServerTLS(p.cert, link.H2), Handler: http.HandlerFunc(nothing)}
	go s.ServeTLS(ln, "", "")
	defer s.Close()
	cfg := link.DialConfig{Addrs: []string{ln.Addr().String()}, ServerSPKI: [][32]byte{p.spki}}
	c, err := link.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if status, _, err := do(c, "GET", "/", nil); c.Proto() != link.H2 || status != 200 || err != nil {
		t.Errorf("over %s: status %d, %v; want 200 over h2", c.Proto(), status, err)
	}
}

func TestAutoPrefersQUIC(t *testing.T) {
	w := serve(t, nothing, nil)
	if c := w.dial(t, "auto", nil); c.Proto() != link.H3 {
		t.Errorf("protocol %q, want h3", c.Proto())
	}
}

// The error of a failed dial names every transport, and a caller's cancellation
// can be matched in it.
func TestDialErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close() // now nothing listens there
	cfg := link.DialConfig{Addrs: []string{ln.Addr().String()}, ServerSPKI: make([][32]byte, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func(cfg link.DialConfig) {
		_, err := link.Dial(ctx, cfg)
		failed <- err
	}(cfg)
	cfg.Transport = link.H2
	if _, err := link.Dial(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "h2 to 127.0.0.1") {
		t.Errorf("error %v does not name h2", err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	for name, bad := range map[string]link.DialConfig{
		"no address": {ServerSPKI: make([][32]byte, 1)},
		"no pin":     {Addrs: []string{"127.0.0.1:1"}},
		"transport":  {Addrs: []string{"127.0.0.1:1"}, ServerSPKI: make([][32]byte, 1), Transport: "h1"},
		"no port":    {Addrs: []string{"127.0.0.1"}, ServerSPKI: make([][32]byte, 1)},
	} {
		if _, err := link.Dial(t.Context(), bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestHeaderTooLarge(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, nothing, nil)
		c := w.dial(t, transport, nil)
		send := func(size int) (int, error) {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://comity/", nil)
			r.Header.Set("X-Large", strings.Repeat("x", size))
			resp, err := c.RoundTrip(r)
			if err != nil {
				return 0, err
			}
			resp.Body.Close()
			return resp.StatusCode, nil
		}
		if status, err := send(15 << 10); status != 200 || err != nil {
			t.Errorf("15 KiB: status %d, %v", status, err)
		}
		if status, err := send(20 << 10); err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("20 KiB: status %d, want 431 or an error", status)
		}
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		started, ended := make(chan struct{}), make(chan struct{})
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				close(started)
				<-r.Context().Done()
				close(ended)
			}
		}, nil)
		c := w.dial(t, transport, nil)
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "PUT", "https://comity/wait", io.LimitReader(zeros{}, 1<<40))
		failed := make(chan error, 1)
		go func() {
			_, err := c.RoundTrip(r)
			failed <- err
		}()
		closed(t, "start", started)
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
		closed(t, "the handler's context", ended)
		if status, _, err := do(c, "GET", "/", nil); status != 200 || err != nil {
			t.Errorf("the connection did not survive: %d, %v", status, err)
		}
	})
}

// A shutdown lets the running upload end, and then takes nothing more.
func TestGracefulShutdown(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		started := make(chan struct{})
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			r.Body.Read(make([]byte, 1))
			close(started)
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil || n != 5 {
				w.WriteHeader(http.StatusBadRequest)
			}
		}, nil)
		c := w.dial(t, transport, nil)
		pr, pw := io.Pipe()
		type answer struct {
			status int
			err    error
		}
		answered := make(chan answer, 1)
		go func() {
			status, _, err := do(c, "PUT", "/", pr)
			answered <- answer{status, err}
		}()
		io.WriteString(pw, "1")
		closed(t, "start", started)
		stopped := make(chan error, 1)
		go func() { stopped <- w.stop() }()
		// New connections are refused from now on; wait until it is so.
		for {
			extra, err := link.Dial(t.Context(), w.dialConfig(link.H2))
			if err != nil {
				break
			}
			extra.Close()
		}
		io.WriteString(pw, "23456")
		pw.Close()
		if a := <-answered; a.status != 200 || a.err != nil {
			t.Errorf("the running upload: %d, %v", a.status, a.err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Serve = %v", err)
		}
		closed(t, "Conn.Done", c.Done())
	})
}

func TestMaxConns(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, nothing, func(c *link.ServerConfig) { c.MaxConns = 2 })
		first := w.dial(t, transport, nil)
		w.dial(t, transport, nil)
		if c, err := link.Dial(t.Context(), w.dialConfig(transport)); err == nil {
			c.Close()
			t.Error("a third connection was let in")
		}
		first.Close()
		for end := time.Now().Add(patience); ; { // the server takes a moment to notice
			c, err := link.Dial(t.Context(), w.dialConfig(transport))
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(end) {
				t.Fatal("the place of a closed connection stays taken")
			}
		}
	})
}
