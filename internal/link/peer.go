package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Peer is the other end of one connection to a [Server], as its handlers see
// it. There is exactly one Peer per connection, shared by all its requests and
// gone with it, so what is proved on one connection is never believed on
// another. Its methods may be called concurrently.
type Peer struct {
	proto      string
	remote     net.Addr
	serverSPKI [32]byte
	state      func() tls.ConnectionState // of the finished handshake
	seat       *seat
	ctx        context.Context // ends with the connection
	drop       func(reason string)

	mu      sync.Mutex // guards the fields below
	value   any
	running int         // requests
	idle    *time.Timer // runs while no request does; nil if the transport has its own
	idleFor time.Duration
}

// peerKey is the context key of the *Peer.
type peerKey struct{}

// withPeer returns a connection's context with its peer inside.
func withPeer(ctx context.Context, p *Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerOf returns the peer that sent r, or nil if r did not come through a
// [Server].
func PeerOf(r *http.Request) *Peer {
	p, _ := r.Context().Value(peerKey{}).(*Peer)
	return p
}

// Proto returns [H3] or [H2].
func (p *Peer) Proto() string { return p.proto }

// Remote returns the address of the socket the connection came from. It is
// never taken from a header. A QUIC client may move to another address later.
func (p *Peer) Remote() net.Addr { return p.remote }

// SPKI returns the SHA-256 of the SPKI of the client's certificate, and false
// if it showed none. It says which key the client holds, not who it is.
func (p *Peer) SPKI() ([32]byte, bool) { return peerSPKI(p.state()) }

// ServerSPKI returns the SHA-256 of the SPKI of the certificate that the
// server showed on this connection.
func (p *Peer) ServerSPKI() [32]byte { return p.serverSPKI }

// Exporter returns the connection's exporter value (see [ExporterLabel]), equal
// to [Conn.Exporter] on the other end of this connection and to nothing else.
func (p *Peer) Exporter() ([32]byte, error) { return exporter(p.state()) }

// Set stores what the application has proved about this connection. It can be
// set once: a second principal on one connection would make it unclear for
// whom requests already running act. It fails if v is nil or a value is set.
func (p *Peer) Set(v any) error {
	if v == nil {
		return errors.New("setting peer: the value is nil")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.value != nil {
		return errors.New("setting peer: the connection has a principal already")
	}
	p.value = v
	p.seat.settle()
	return nil
}

// Value returns what was stored with [Peer.Set], or nil.
func (p *Peer) Value() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value
}

// Running returns how many requests of the connection have a handler now.
func (p *Peer) Running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

// idleAfter calls f when no request ran for so long.
func (p *Peer) idleAfter(d time.Duration, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idleFor, p.idle = d, time.AfterFunc(d, func() {
		if p.Running() == 0 { // else one came at the last moment
			f()
		}
	})
}

// begin counts a request.
func (p *Peer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running++; p.running == 1 && p.idle != nil {
		p.idle.Stop()
	}
}

// end uncounts a request.
func (p *Peer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running--; p.running == 0 && p.idle != nil {
		p.idle.Reset(p.idleFor)
	}
}

// Done is closed when the connection is closed, by whichever side.
func (p *Peer) Done() <-chan struct{} { return p.ctx.Done() }

// AfterClose calls f, in a goroutine of its own, once the connection is closed.
func (p *Peer) AfterClose(f func()) { context.AfterFunc(p.ctx, f) }

// Close drops the connection at once, with all its requests; their contexts
// are cancelled. It is for a key that has been revoked. The reason is sent to
// the peer over HTTP/3 (HTTP/2 connections are just cut), so it must not hold
// internal detail.
func (p *Peer) Close(reason string) { p.drop(reason) }
