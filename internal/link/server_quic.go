package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/time/rate"
)

// Receive windows in bytes. That of a connection starts small, because a client
// may fill it before it has proved anything, for instance with the ends of heads
// whose beginnings never come. Windows double in each round trip as long as the
// handler reads as fast as the data comes, up to the maximum, from the server's
// budget. A stream's may start larger: each part begins with it again.
const (
	initialStreamWindow = 512 << 10
	maxStreamWindow     = 16 << 20
	initialConnWindow   = 192 << 10
	maxConnWindow       = 32 << 20
)

const (
	// handshakeTimeout bounds a handshake, in which the client may stay silent
	// for at most so long.
	handshakeTimeout = 10 * time.Second

	// silenceTimeout closes a connection on which not even a keep-alive came.
	silenceTimeout = time.Minute

	// cutTimeout is how long handlers get to notice that their connection was cut.
	cutTimeout = time.Second

	// Connection attempts per second, and in a burst, that are answered without
	// first asking the client to show that it can receive at its address (RFC
	// 9000, section 8.1.2). What senders of forged addresses can have open is
	// this rate times the handshake timeout, which is well below MaxConns.
	unverifiedRate  = 32
	unverifiedBurst = 64
)

// errTooMany refuses a connection above the limit.
var errTooMany = errors.New("too many connections")

// quicServer is the HTTP/3 half of a Server.
type quicServer struct {
	udp    *net.UDPConn
	tr     *quic.Transport
	ln     *quic.Listener
	http   *http3.Server
	server *Server
	budget *budget
}

func newQUICServer(s *Server, udp *net.UDPConn, pc net.PacketConn) (*quicServer, error) {
	unverified := rate.NewLimiter(unverifiedRate, unverifiedBurst)
	q := &quicServer{udp: udp, server: s, budget: newBudget(s.cfg.WindowBudget)}
	q.tr = &quic.Transport{
		Conn:                pc,
		VerifySourceAddress: func(net.Addr) bool { return !unverified.Allow() },
		ConnContext:         q.admit,
	}
	q.http = &http3.Server{
		Handler:        &edge{s.cfg.Handler, &s.cfg},
		MaxHeaderBytes: s.cfg.MaxHeaderBytes,
		ConnContext:    q.connContext,
		Logger:         s.cfg.Logger,
	}
	// Listen and not ListenEarly: a connection is handed over when the
	// handshake is complete and the client's certificate known.
	ln, err := q.tr.Listen(serverTLS(s.cfg.Certificate, H3), q.config())
	if err != nil {
		return nil, err
	}
	q.ln = ln
	return q, nil
}

// config returns the QUIC parameters. The packet size is left to path MTU
// discovery: a fixed large one would cut off clients behind tunnels.
func (q *quicServer) config() *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           handshakeTimeout,
		MaxIdleTimeout:                 silenceTimeout,
		InitialStreamReceiveWindow:     initialStreamWindow,
		MaxStreamReceiveWindow:         maxStreamWindow,
		InitialConnectionReceiveWindow: initialConnWindow,
		MaxConnectionReceiveWindow:     maxConnWindow,
		AllowConnectionWindowIncrease:  q.budget.grow,
		MaxIncomingStreams:             int64(q.server.cfg.MaxStreams),
		MaxIncomingUniStreams:          8, // HTTP/3 needs three
		Allow0RTT:                      false,
	}
}

// seatKey is the context key of the *seat.
type seatKey struct{}

// admit counts a connection attempt until it ends. quic-go cancels ctx when the
// connection is closed and when its handshake fails.
func (q *quicServer) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	seat := q.server.gate.enter()
	if seat == nil {
		return nil, errTooMany
	}
	if info.AddrVerified && !seat.from(info.RemoteAddr) {
		seat.leave()
		return nil, errTooMany
	}
	context.AfterFunc(ctx, seat.leave)
	return context.WithValue(ctx, seatKey{}, seat), nil
}

// connContext gives a connection its Peer and its share of the budget.
func (q *quicServer) connContext(ctx context.Context, c *quic.Conn) context.Context {
	q.budget.open(c)
	context.AfterFunc(c.Context(), func() { q.budget.close(c) })
	seat := ctx.Value(seatKey{}).(*seat)
	if !seat.from(c.RemoteAddr()) { // the finished handshake verified the address
		c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad), errTooMany.Error())
	}
	p := &Peer{
		proto:      H3,
		remote:     c.RemoteAddr(),
		serverSPKI: q.server.spki,
		state:      sync.OnceValue(func() tls.ConnectionState { return c.ConnectionState().TLS }),
		seat:       seat,
		ctx:        c.Context(),
		drop: func(reason string) {
			c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeRequestCanceled), reason)
		},
	}
	// http3 counts a stream whose head never comes to its end as activity, and
	// bounds no head in time.
	p.idleAfter(q.server.cfg.IdleTimeout, func() {
		c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "idle")
	})
	return withPeer(ctx, p)
}

func (q *quicServer) serve() error {
	err := q.http.ServeListener(q.ln)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, quic.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdown refuses new handshakes, sends GOAWAY, and waits for requests.
func (q *quicServer) shutdown(ctx context.Context) error {
	q.ln.Close()
	return bounded(ctx, func() error { return q.http.Shutdown(ctx) })
}

// close closes everything: the HTTP server first, so that clients are told.
func (q *quicServer) close() error {
	q.ln.Close()
	ctx, cancel := context.WithTimeout(context.Background(), cutTimeout)
	defer cancel()
	err := bounded(ctx, q.http.Close)
	return errors.Join(err, q.tr.Close(), q.udp.Close())
}

// bounded runs f, but does not wait for it much longer than ctx lasts: the HTTP/3
// server waits for handlers even when it cuts their connections, and a handler
// that hangs must not keep a process from ending.
func bounded(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(cutTimeout):
		return ctx.Err()
	}
}
