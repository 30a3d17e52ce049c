package link_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/internal/link"
)

// patience bounds what a test waits for; nothing waits for it to pass.
const patience = 20 * time.Second

// A party holds a TLS key.
type party struct {
	cert tls.Certificate
	spki [32]byte
}

func newParty(t testing.TB) party {
	t.Helper()
	der, key, err := link.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := link.Certificate(der, key)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := link.SPKI(der)
	if err != nil {
		t.Fatal(err)
	}
	return party{cert, spki}
}

// A world is a running server.
type world struct {
	*link.Server
	party
	stop func() error // asks for a graceful shutdown and returns what Serve returned
}

// serve starts a server with h, changed by the given function.
func serve(t testing.TB, h http.HandlerFunc, change func(*link.ServerConfig)) *world {
	t.Helper()
	p := newParty(t)
	cfg := link.ServerConfig{Addr: "127.0.0.1:0", Certificate: p.cert, Handler: h}
	if change != nil {
		change(&cfg)
	}
	s, err := link.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		s.Close()
		stop()
	})
	return &world{s, p, stop}
}

// dial connects to the world as p over one transport.
func (w *world) dial(t testing.TB, transport string, p *party) *link.Conn {
	t.Helper()
	cfg := w.dialConfig(transport)
	if p != nil {
		cfg.Certificate = &p.cert
	}
	c, err := link.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) dialConfig(transport string) link.DialConfig {
	return link.DialConfig{Addrs: []string{w.Addr()}, ServerSPKI: [][32]byte{w.spki}, Transport: transport}
}

// do sends a request and returns the status and the body.
func do(c http.RoundTripper, method, path string, body io.Reader) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://comity"+path, body)
	if err != nil {
		return 0, "", err
	}
	resp, err := c.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// each runs a test over both transports.
func each(t *testing.T, f func(t *testing.T, transport string)) {
	for _, transport := range []string{link.H3, link.H2} {
		t.Run(transport, func(t *testing.T) { f(t, transport) })
	}
}

func closed(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not closed", what)
	}
}

func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Seen", fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.ContentLength, " ", r.Header.Get("X-Case")))
			w.WriteHeader(http.StatusAccepted)
			io.Copy(w, r.Body)
		}, nil)
		c := w.dial(t, transport, nil)
		big := strings.Repeat("evidence ", 100_000)
		for _, tt := range []struct{ method, body string }{
			{"GET", ""}, {"PUT", ""}, {"PUT", "x"}, {"POST", big}, {"PUT", big}, {"DELETE", ""},
		} {
			r, _ := http.NewRequest(tt.method, "https://elsewhere.example/a/b?c=d", strings.NewReader(tt.body))
			r.Header.Set("X-Case", "kept")
			resp, err := c.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != tt.body || resp.StatusCode != http.StatusAccepted {
				t.Errorf("%s: status %d, %d bytes, error %v; want %d bytes", tt.method, resp.StatusCode, len(got), err, len(tt.body))
			}
			want := fmt.Sprint(tt.method, " /a/b ", len(tt.body), " kept")
			if tt.method == "GET" && transport == link.H3 {
				want = "GET /a/b -1 kept" // a GET names no length, and HTTP/3 servers do not look ahead
			}
			if seen := resp.Header.Get("X-Seen"); seen != want {
				t.Errorf("server saw %q, want %q", seen, want)
			}
		}
		for _, method := range []string{"HEAD", "GET"} {
			status, body, err := do(c, method, "/", nil)
			if err != nil || status != http.StatusAccepted || body != "" {
				t.Errorf("%s = %d, %q, %v", method, status, body, err)
			}
		}
	})
}

// The body's length may be unknown, and both directions may run at once.
func TestEchoStream(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			buf := make([]byte, 16)
			for {
				n, err := r.Body.Read(buf)
				w.Write(buf[:n])
				http.NewResponseController(w).Flush()
				if err != nil {
					return
				}
			}
		}, nil)
		c := w.dial(t, transport, nil)
		pr, pw := io.Pipe()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://comity/", pr)
		resp := make(chan *http.Response, 1)
		go func() {
			answer, err := c.RoundTrip(r)
			if err != nil {
				t.Error(err)
				pr.CloseWithError(err)
			}
			resp <- answer
		}()
		var body io.Reader
		for _, word := range []string{"one", "two", "three"} {
			if _, err := io.WriteString(pw, word); err != nil {
				t.Fatal(err)
			}
			if body == nil {
				answer := <-resp
				defer answer.Body.Close()
				body = answer.Body
			}
			got := make([]byte, len(word))
			if _, err := io.ReadFull(body, got); err != nil || string(got) != word {
				t.Fatalf("got %q, %v; want %q", got, err, word)
			}
		}
		pw.Close()
		if n, err := body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d bytes, %v", n, err)
		}
	})
}

func TestPeer(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		peers := make(chan *link.Peer, 8)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) { peers <- link.PeerOf(r) }, nil)
		alice := newParty(t)
		seen := map[[32]byte]bool{}
		for range 2 {
			c := w.dial(t, transport, &alice)
			if _, _, err := do(c, "GET", "/", nil); err != nil {
				t.Fatal(err)
			}
			p := <-peers
			ours, err := c.Exporter()
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := p.Exporter()
			if err != nil || ours != theirs || ours == ([32]byte{}) {
				t.Errorf("exporters %x and %x, %v", ours, theirs, err)
			}
			if seen[ours] {
				t.Error("two connections have the same exporter")
			}
			seen[ours] = true
			if spki, ok := p.SPKI(); !ok || spki != alice.spki {
				t.Errorf("server sees client key %x, %v", spki, ok)
			}
			if c.ServerSPKI() != w.spki || p.ServerSPKI() != w.spki {
				t.Errorf("server key: client sees %x, server says %x", c.ServerSPKI(), p.ServerSPKI())
			}
			if p.Proto() != transport || c.Proto() != transport {
				t.Errorf("protocols %q and %q, want %q", p.Proto(), c.Proto(), transport)
			}
			if port := c.LocalAddr().String()[strings.LastIndex(c.LocalAddr().String(), ":"):]; !strings.HasSuffix(p.Remote().String(), port) {
				t.Errorf("server sees %v, client is %v", p.Remote(), c.LocalAddr())
			}
		}
	})
}

func TestNoClientCertificate(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		none := make(chan bool, 1)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			spki, ok := link.PeerOf(r).SPKI()
			none <- !ok && spki == [32]byte{}
		}, nil)
		if _, _, err := do(w.dial(t, transport, nil), "GET", "/log/checkpoint", nil); err != nil {
			t.Fatal(err)
		}
		if !<-none {
			t.Error("the server sees a client certificate")
		}
	})
}

// Two connections of one client have two principals; requests of one
// connection share theirs; nobody sets a second one.
func TestPeerValue(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			p := link.PeerOf(r)
			if name := r.URL.Query().Get("set"); name != "" {
				if err := p.Set(name); err != nil {
					http.Error(w, "", http.StatusConflict)
					return
				}
			}
			fmt.Fprint(w, p.Value())
		}, nil)
		alice := newParty(t)
		a, b := w.dial(t, transport, &alice), w.dial(t, transport, &alice)
		for i, tt := range []struct {
			c      *link.Conn
			query  string
			status int
			value  string
		}{
			{a, "", 200, "<nil>"},
			{a, "?set=nl", 200, "nl"},
			{a, "", 200, "nl"},
			{b, "", 200, "<nil>"},
			{b, "?set=fr", 200, "fr"},
			{a, "?set=fr", 409, "\n"},
			{a, "", 200, "nl"},
			{b, "", 200, "fr"},
		} {
			status, body, err := do(tt.c, "GET", "/"+tt.query, nil)
			if err != nil || status != tt.status || body != tt.value {
				t.Errorf("step %d: %d %q %v, want %d %q", i, status, body, err, tt.status, tt.value)
			}
		}
	})
}

func TestPeerClose(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		peers := make(chan *link.Peer, 1)
		running := make(chan struct{})
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			peers <- link.PeerOf(r)
			<-r.Context().Done() // the cut ends requests that run
			close(running)
		}, nil)
		c := w.dial(t, transport, nil)
		failed := make(chan error, 1)
		go func() {
			_, _, err := do(c, "GET", "/", nil)
			failed <- err
		}()
		p := <-peers
		p.Close("revoked")
		if err := <-failed; err == nil {
			t.Error("the request succeeded on a connection that was cut")
		}
		closed(t, "the handler's context", running)
		closed(t, "Peer.Done", p.Done())
		closed(t, "Conn.Done", c.Done())
		if _, _, err := do(c, "GET", "/", nil); !errors.Is(err, link.ErrGoingAway) {
			t.Errorf("request after the cut: %v, want ErrGoingAway", err)
		}
	})
}

func TestUpload(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			h := sha256.New()
			n, err := io.CopyBuffer(h, r.Body, make([]byte, 256<<10))
			fmt.Fprintf(w, "%x %d %d %v", h.Sum(nil), n, r.ContentLength, err)
		}, nil)
		c := w.dial(t, transport, nil)
		data := bytes.Repeat([]byte("0123456789abcdef"), 64<<20/16)
		for name, body := range map[string]io.Reader{
			"writer to": bytes.NewReader(data),
			"reader":    io.LimitReader(bytes.NewReader(data), int64(len(data))),
		} {
			r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://comity/", body)
			r.ContentLength = int64(len(data))
			resp, err := c.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := fmt.Sprintf("%x %d %d <nil>", sha256.Sum256(data), len(data), len(data))
			if err != nil || string(got) != want {
				t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
			}
		}
	})
}

func TestDownload(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		data := bytes.Repeat([]byte("fedcba9876543210"), 32<<20/16)
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
		}, nil)
		c := w.dial(t, transport, nil)
		_, got, err := do(c, "GET", "/", nil)
		if err != nil || got != string(data) {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(data))
		}
	})
}

// A body that is not what was announced must not arrive as a whole.
func TestWrongLength(t *testing.T) {
	broken := errors.New("disk failed")
	for _, tt := range []struct {
		name string
		body func() io.Reader
		err  error // nil: any
	}{
		{"short", func() io.Reader { return strings.NewReader("12345") }, nil},
		{"long", func() io.Reader { return strings.NewReader("12345678901") }, nil},
		{"broken", func() io.Reader { return io.MultiReader(strings.NewReader("12345"), errReader{broken}) }, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var whole atomic.Bool
			w := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					whole.Store(true)
				}
			}, nil)
			c := w.dial(t, link.H3, nil)
			r, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://comity/", tt.body())
			r.ContentLength = 10
			resp, err := c.RoundTrip(r)
			if err == nil {
				resp.Body.Close()
				t.Errorf("status %d, want an error", resp.StatusCode)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if err := w.stop(); err != nil { // handlers have ended
				t.Error(err)
			}
			if whole.Load() {
				t.Error("the server took the body for whole")
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// A server that answers early stops the rest of a large body.
func TestEarlyAnswer(t *testing.T) {
	each(t, func(t *testing.T, transport string) {
		w := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}, nil)
		c := w.dial(t, transport, nil)
		for range 3 {
			status, _, err := do(c, "PUT", "/", io.LimitReader(zeros{}, 1<<40))
			if err != nil || status != http.StatusRequestEntityTooLarge {
				t.Fatalf("status %d, %v", status, err)
			}
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
