package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Packet sizes in bytes, UDP payload.
const (
	ethernetPacket = 1452 // 1500 less the IPv6 and UDP headers; quic-go's largest
	tunnelPacket   = 1200 // what RFC 9000 asks of every path
)

// Receive windows of a client, which bound what a hostile server can make it
// hold: one connection, and few requests on it.
const (
	clientStreamWindow = 16 << 20
	clientConnWindow   = 32 << 20
)

// h2ClientFrame is the largest frame a client takes. Large frames cost fewer turns.
const h2ClientFrame = 1 << 20

// How slowly the body of a response may come: a hostile server that sends a byte a
// minute must not hold a caller for ever. Lower and longer than what a server asks
// of clients, because a relay may be slow for a reason.
const (
	responseRate  = 1 << 10 // bytes a second
	responseStall = 3 * time.Minute
)

// maxResponseHeader bounds the head of a response, in bytes.
const maxResponseHeader = 64 << 10

// A Conn is one connection to a server, over its own socket. It is an
// [http.RoundTripper] that sends every request on this connection, whatever
// host the URL names: the scheme must be https and the path is what counts. It
// follows no redirects and keeps no cookies. Bodies of responses that come too
// slowly are cut. Its methods may be called
// concurrently.
//
// When the connection is lost its requests fail and Done is closed; there is no
// reconnecting inside, because proofs made on this connection would not hold on
// another.
type Conn struct {
	proto     string
	state     tls.ConnectionState
	local     net.Addr
	remote    net.Addr
	transport http.RoundTripper
	done      <-chan struct{}
	close     func() error

	stall time.Duration // see responseStall
	rate  int
}

var _ http.RoundTripper = (*Conn)(nil)

// RoundTrip sends one request, as [http.RoundTripper] specifies. A request that
// fails with [ErrGoingAway] was not processed. Trailers, CONNECT and upgrades
// are refused. Over HTTP/3 a body that implements [io.WriterTo], such as one
// made from a bytes.Reader, is sent without being copied.
func (c *Conn) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkRequest(r); err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := resp.Body
	resp.Body = &pacedBody{body, newPace(c.stall, c.rate, func() { body.Close() })}
	return resp, nil
}

// checkRequest refuses what this package does not send.
func checkRequest(r *http.Request) error {
	switch {
	case r.URL == nil || r.URL.Scheme != "https" || r.URL.Host == "":
		return errors.New("sending request: the URL must be https and name a host")
	case len(r.Trailer) > 0:
		return errors.New("sending request: trailers are not supported")
	case r.Method == http.MethodConnect:
		return errors.New("sending request: CONNECT is not supported")
	}
	return nil
}

// closeBody closes the body of a request that is not sent.
func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// Proto returns [H3] or [H2].
func (c *Conn) Proto() string { return c.proto }

// ServerSPKI returns which of the pinned keys the server holds.
func (c *Conn) ServerSPKI() [32]byte {
	spki, _ := peerSPKI(c.state) // the handshake failed if there was none
	return spki
}

// Exporter returns the connection's exporter value (see [ExporterLabel]).
func (c *Conn) Exporter() ([32]byte, error) { return exporter(c.state) }

// LocalAddr returns the client's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the server's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// Done is closed when the connection is closed, by whichever side.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Close closes the connection and its socket at once; requests that are running
// fail.
func (c *Conn) Close() error { return c.close() }

// dialQUIC makes an HTTP/3 connection over a new socket.
func dialQUIC(ctx context.Context, cfg *DialConfig, ap netip.AddrPort, packet uint16) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	network := "udp6"
	if ap.Addr().Is4() {
		network = "udp4"
	}
	udp, pc, err := listenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: pc}
	qc, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(ap), clientTLS(cfg.Certificate, cfg.ServerSPKI, H3), clientQUIC(cfg, packet))
	if err != nil {
		cfg.Logger.DebugContext(ctx, "attempt failed", "transport", H3, "address", ap, "error", err)
		tr.Close()
		udp.Close()
		return nil, err
	}
	// The socket goes with the connection, whoever closes that.
	context.AfterFunc(qc.Context(), func() {
		tr.Close()
		udp.Close()
	})
	return &Conn{
		stall: responseStall, rate: responseRate,
		proto: H3, state: qc.ConnectionState().TLS,
		local: qc.LocalAddr(), remote: qc.RemoteAddr(),
		transport: newH3Client(qc, maxResponseHeader),
		done:      qc.Context().Done(),
		close:     func() error { return qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") },
	}, nil
}

func clientQUIC(cfg *DialConfig, packet uint16) *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           cfg.HandshakeTimeout,
		MaxIdleTimeout:                 max(silenceTimeout, 3*cfg.KeepAlive),
		KeepAlivePeriod:                cfg.KeepAlive,
		InitialPacketSize:              packet,
		InitialStreamReceiveWindow:     clientStreamWindow / 4,
		MaxStreamReceiveWindow:         clientStreamWindow,
		InitialConnectionReceiveWindow: clientConnWindow / 4,
		MaxConnectionReceiveWindow:     clientConnWindow,
		MaxIncomingStreams:             -1, // a server has no business opening requests
		MaxIncomingUniStreams:          8,  // HTTP/3 needs three
	}
}

// dialTCP makes an HTTP/2 connection.
func dialTCP(ctx context.Context, cfg *DialConfig, ap netip.AddrPort) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", ap.String())
	if err != nil {
		return nil, err
	}
	gc := newGatedConn(raw.(*net.TCPConn), nil)
	tc := tls.Client(gc, clientTLS(cfg.Certificate, cfg.ServerSPKI, H2))
	if err := tc.HandshakeContext(ctx); err != nil {
		cfg.Logger.DebugContext(ctx, "attempt failed", "transport", H2, "address", ap, "error", err)
		gc.Close()
		return nil, err
	}
	cc, err := clientHTTP2(cfg, tc).NewClientConn(ctx, "https", "comity:443") // the name is not dialed
	if err != nil {
		gc.Close()
		return nil, err
	}
	return &Conn{
		stall: responseStall, rate: responseRate,
		proto: H2, state: tc.ConnectionState(),
		local: tc.LocalAddr(), remote: tc.RemoteAddr(),
		transport: &h2Client{cc},
		done:      gc.ctx.Done(),
		close:     func() error { return errors.Join(cc.Close(), gc.Close()) },
	}, nil
}

// clientHTTP2 returns a transport whose only connection is tc.
func clientHTTP2(cfg *DialConfig, tc *tls.Conn) *http.Transport {
	var only http.Protocols
	only.SetHTTP2(true)
	return &http.Transport{
		Protocols:              &only,
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return tc, nil },
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxResponseHeader,
		HTTP2:                  &http.HTTP2Config{MaxReadFrameSize: h2ClientFrame, SendPingTimeout: cfg.KeepAlive, PingTimeout: cfg.KeepAlive},
	}
}

// h2Client is an HTTP/2 connection whose refusals can be matched.
type h2Client struct{ cc *http.ClientConn }

func (c *h2Client) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.cc.Err() != nil {
		closeBody(r)
		return nil, fmt.Errorf("sending request: %w", ErrGoingAway)
	}
	return c.cc.RoundTrip(r)
}
