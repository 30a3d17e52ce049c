package link

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// h2Window is the receive window per connection and per request, in bytes;
	// net/http takes less than 4 MiB. It does not grow by itself, and a request
	// can fill it only while a handler holds its body.
	h2Window = 4<<20 - 1

	// h2Frame is the largest frame the server takes. net/http holds a buffer of
	// the size of the largest frame that was announced, for the life of a
	// connection and before a byte of the frame came.
	h2Frame = 64 << 10

	// h2Ping is after how long a silence a TCP connection is probed; it is
	// closed if the probe is not answered within 15 seconds.
	h2Ping = 30 * time.Second
)

// tcpServer is the HTTP/2 half of a Server.
type tcpServer struct {
	ln     *gatedListener
	http   *http.Server
	server *Server
}

func newTCPServer(s *Server, ln *net.TCPListener) *tcpServer {
	t := &tcpServer{ln: &gatedListener{TCPListener: ln, gate: s.gate}, server: s}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true) // and nothing else
	t.http = &http.Server{
		Handler:           &edge{s.cfg.Handler, &s.cfg},
		TLSConfig:         serverTLS(s.cfg.Certificate, H2),
		Protocols:         protocols,
		ReadHeaderTimeout: handshakeTimeout, // bounds the TLS handshake too
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
		ConnContext:       t.connContext,

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is the handler's to refuse, as over HTTP/3

		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          s.cfg.MaxStreams,
			MaxReadFrameSize:              h2Frame,
			MaxReceiveBufferPerConnection: h2Window,
			MaxReceiveBufferPerStream:     h2Window,
			SendPingTimeout:               h2Ping,
			WriteByteTimeout:              s.cfg.Stall, // the pace of a stream cannot see that TCP stands still
		},
	}
	return t
}

// connContext gives a connection its Peer. The handshake has not happened yet;
// handlers, which alone see the Peer, run after it.
func (t *tcpServer) connContext(ctx context.Context, c net.Conn) context.Context {
	tc := c.(*tls.Conn)
	gc := tc.NetConn().(*gatedConn)
	return withPeer(ctx, &Peer{
		proto:      H2,
		remote:     c.RemoteAddr(),
		serverSPKI: t.server.spki,
		state:      sync.OnceValue(tc.ConnectionState),
		seat:       gc.seat,
		ctx:        gc.ctx,
		drop:       func(string) { gc.Close() },
	})
}

func (t *tcpServer) serve() error {
	err := t.http.ServeTLS(t.ln, "", "")
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (t *tcpServer) shutdown(ctx context.Context) error { return t.http.Shutdown(ctx) }

func (t *tcpServer) close() error {
	err := t.http.Close()
	if lerr := t.ln.Close(); lerr != nil && !errors.Is(lerr, net.ErrClosed) {
		return errors.Join(err, lerr)
	}
	return err
}

// gatedListener counts connections, and closes those above the limit at once.
// It does not leave them in the queue: a client should learn that it must wait.
type gatedListener struct {
	*net.TCPListener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		seat := l.gate.enter()
		if seat == nil {
			c.Close()
			continue
		}
		gc := newGatedConn(c, seat)
		if seat.from(c.RemoteAddr()) {
			return gc, nil
		}
		gc.Close()
	}
}

// gatedConn is a TCP connection that tells when it is closed.
type gatedConn struct {
	*net.TCPConn
	once sync.Once
	ctx  context.Context // ends with the connection
	end  context.CancelFunc
	seat *seat // nil on the client's side
}

func newGatedConn(c *net.TCPConn, seat *seat) *gatedConn {
	ctx, end := context.WithCancel(context.Background())
	return &gatedConn{TCPConn: c, ctx: ctx, end: end, seat: seat}
}

// Close closes the connection, any number of times.
func (c *gatedConn) Close() (err error) {
	c.once.Do(func() {
		err = c.TCPConn.Close()
		c.end()
		if c.seat != nil {
			c.seat.leave()
		}
	})
	return err
}
