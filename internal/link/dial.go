package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
)

// A DialConfig describes a connection to make. It must not be modified while
// [Dial] runs.
type DialConfig struct {
	// Addrs are the server's addresses, host:port, in order of preference.
	// Required.
	Addrs []string

	// ServerSPKI are the keys that the server may hold (see [SPKI]). Required,
	// unless FirstContact is set: there is no other trust.
	ServerSPKI [][32]byte

	// FirstContact accepts whatever key the server shows, for a caller that
	// first asks the server for a signed description of itself and then
	// compares [Conn.ServerSPKI] with it, before it sends or believes anything
	// else. ServerSPKI must be empty then.
	FirstContact bool

	// Certificate is the client's. If nil, the client shows none, which is
	// enough to read a log.
	Certificate *tls.Certificate

	// Transport is [H3], [H2], or "auto" or empty: HTTP/3, and HTTP/2 as well if
	// that has not come up in 300 ms; the first finished handshake wins.
	Transport string

	// Logger receives which attempts failed. If nil, nothing is logged.
	Logger *slog.Logger

	// HandshakeTimeout bounds each attempt. If zero, 10 seconds.
	HandshakeTimeout time.Duration

	// KeepAlive is how often a silent connection is probed, which also keeps
	// it open in middleboxes. If zero, 15 seconds.
	KeepAlive time.Duration
}

const (
	// headStart is what each attempt gets before the next one starts beside it.
	headStart = 300 * time.Millisecond

	// maxAttempts bounds the sockets that one Dial opens, whatever a name
	// server answers.
	maxAttempts = 16

	defaultKeepAlive = 15 * time.Second
)

// withDefaults checks the required fields and fills the others.
func (c DialConfig) withDefaults() (DialConfig, error) {
	if len(c.Addrs) == 0 {
		return c, errors.New("dialing: no address")
	}
	if (len(c.ServerSPKI) == 0) != c.FirstContact {
		return c, errors.New("dialing: want pinned server keys, or a first contact, and not both")
	}
	switch c.Transport {
	case "", "auto", H3, H2:
	default:
		return c, fmt.Errorf("dialing: unknown transport %q", c.Transport)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.HandshakeTimeout = orDefault(c.HandshakeTimeout, handshakeTimeout)
	c.KeepAlive = orDefault(c.KeepAlive, defaultKeepAlive)
	return c, nil
}

// Dial makes one connection to one of the addresses. ctx bounds the dialing
// only; the connection lives until [Conn.Close].
//
// If every attempt fails, the error names each of them; [ErrServerKey] and the
// error of ctx can be matched in it. A client certificate that the server does
// not like shows only in the first response.
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	attempts, err := cfg.attempts(ctx)
	if err != nil {
		return nil, err
	}
	return race(ctx, attempts, headStart)
}

// An attempt is one handshake to try.
type attempt struct {
	name string // for errors
	dial func(context.Context) (*Conn, error)
}

// attempts lists what to try for every address, in order.
func (c DialConfig) attempts(ctx context.Context) ([]attempt, error) {
	var list []attempt
	var failed []error
	for _, addr := range c.Addrs {
		resolved, err := resolve(ctx, addr)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, ap := range resolved {
			list = append(list, c.attemptsAt(ap)...)
		}
	}
	if len(list) == 0 {
		return nil, errors.Join(failed...)
	}
	return list[:min(len(list), maxAttempts)], nil
}

// attemptsAt lists what to try at one address. QUIC comes first with the packet
// size of an Ethernet path, which is fastest, and last with one that also
// passes tunnels.
func (c DialConfig) attemptsAt(ap netip.AddrPort) []attempt {
	quicOf := func(size uint16) attempt {
		return attempt{
			name: fmt.Sprintf("%s to %s (packets of %d bytes)", H3, ap, size),
			dial: func(ctx context.Context) (*Conn, error) { return dialQUIC(ctx, &c, ap, size) },
		}
	}
	tcp := attempt{
		name: fmt.Sprintf("%s to %s", H2, ap),
		dial: func(ctx context.Context) (*Conn, error) { return dialTCP(ctx, &c, ap) },
	}
	switch c.Transport {
	case H3:
		return []attempt{quicOf(ethernetPacket), quicOf(tunnelPacket)}
	case H2:
		return []attempt{tcp}
	}
	return []attempt{quicOf(ethernetPacket), tcp, quicOf(tunnelPacket)}
}

// resolve returns the addresses behind a host:port.
func resolve(ctx context.Context, addr string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("reading address %q: %v", addr, err)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, fmt.Errorf("reading port of %q: %v", addr, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolving %q: %w", addr, err)
	}
	var out []netip.AddrPort
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
	}
	return out, nil
}

// race starts the attempts one after the other, each as soon as one before it
// failed or lead has passed, and returns the first connection. It returns only
// when every attempt has ended, so that no socket and no second connection is
// left behind.
func race(ctx context.Context, attempts []attempt, lead time.Duration) (*Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn *Conn
		err  error
	}
	results := make(chan result)
	timer := time.NewTimer(0) // starts the first
	defer timer.Stop()
	var won *Conn
	var errs []error
	for next, running := 0, 0; ; {
		if running == 0 && (next == len(attempts) || won != nil) {
			break
		}
		select {
		case <-timer.C:
			if next == len(attempts) || won != nil {
				continue
			}
			a := attempts[next]
			next++
			running++
			timer.Reset(lead)
			go func() {
				conn, err := a.dial(ctx)
				if err != nil {
					err = fmt.Errorf("%s: %w", a.name, err)
				}
				results <- result{conn, err}
			}()
		case r := <-results:
			running--
			switch {
			case r.err != nil:
				errs = append(errs, r.err)
				timer.Reset(0)
			case won != nil:
				r.conn.Close()
			default:
				won = r.conn
				cancel() // the others end now
			}
		}
	}
	if won == nil {
		return nil, &dialError{errs}
	}
	return won, nil
}

// dialError is the failure of every attempt.
type dialError struct{ errs []error }

func (e *dialError) Unwrap() []error { return e.errs }

func (e *dialError) Error() string {
	var b strings.Builder
	b.WriteString("dialing")
	for i, err := range e.errs {
		if i > 0 {
			b.WriteString(";")
		}
		b.WriteString(" ")
		b.WriteString(err.Error())
	}
	return b.String()
}
