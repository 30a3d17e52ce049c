package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A ServerConfig describes a [Server]. It must not be modified after the call
// to [Listen].
type ServerConfig struct {
	// Addr is the address to listen on, host:port, for UDP and TCP alike. If
	// the port is 0, one that is free for both is taken. Required.
	Addr string

	// Certificate is the server's. Required; see [Certificate].
	Certificate tls.Certificate

	// Handler answers the requests of both transports. Required.
	Handler http.Handler

	// Logger receives what goes wrong below the handler. If nil, nothing is
	// logged.
	Logger *slog.Logger

	// MaxHeaderBytes bounds the head of a request, and its trailers, counted as
	// RFC 9114 section 4.2.2 counts. If zero, 16 KiB.
	MaxHeaderBytes int

	// MaxConns bounds the open connections of both transports together,
	// handshakes included. If zero, 1024.
	MaxConns int

	// MaxPerSource bounds the open connections from one address (see [Source])
	// of which [Peer.Set] has not been called. If zero, 64.
	MaxPerSource int

	// MaxStreams bounds the requests in flight on one connection. If zero, 32.
	MaxStreams int

	// MinRate is how fast bodies and answers must move, in bytes a second of the
	// time that the client is waited for. If zero, 16 KiB: 8 MiB take less than
	// nine minutes then, and a line of 128 kbit/s carries one of them at a time.
	MinRate int

	// Stall is how far a body or an answer may fall behind MinRate before it is
	// cut. It is also the longest pause. If zero, 30 seconds, which outlasts a
	// mobile network's change of cells.
	Stall time.Duration

	// WindowBudget is the memory in bytes by which all QUIC connections
	// together may raise their receive windows beyond the initial 192 KiB each,
	// up to 32 MiB each. If zero, 512 MiB.
	WindowBudget uint64

	// IdleTimeout closes connections on which for so long no request ran; one
	// whose head is not complete does not run. If zero, two minutes.
	IdleTimeout time.Duration

	// ShutdownTimeout is how long [Server.Serve] waits for running requests
	// once its context is done. If zero, 10 seconds.
	ShutdownTimeout time.Duration
}

// withDefaults checks the required fields and fills the others.
func (c ServerConfig) withDefaults() (ServerConfig, error) {
	if c.Handler == nil {
		return c, errors.New("configuring listener: no handler")
	}
	if len(c.Certificate.Certificate) == 0 || c.Certificate.PrivateKey == nil {
		return c, errors.New("configuring listener: no certificate")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.MaxHeaderBytes = orDefault(c.MaxHeaderBytes, 16<<10)
	c.MaxConns = orDefault(c.MaxConns, 1024)
	c.MaxPerSource = orDefault(c.MaxPerSource, 64)
	c.MaxStreams = orDefault(c.MaxStreams, 32)
	c.MinRate = orDefault(c.MinRate, 16<<10)
	c.Stall = orDefault(c.Stall, 30*time.Second)
	c.WindowBudget = orDefault(c.WindowBudget, 512<<20)
	c.IdleTimeout = orDefault(c.IdleTimeout, 2*time.Minute)
	c.ShutdownTimeout = orDefault(c.ShutdownTimeout, 10*time.Second)
	return c, nil
}

// orDefault returns v, or def if v is zero or negative.
func orDefault[T int | uint64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// A Server listens for both transports on one port. Its methods may be called
// concurrently.
type Server struct {
	cfg  ServerConfig
	spki [32]byte
	gate *gate
	quic *quicServer
	tcp  *tcpServer

	closeOnce sync.Once
}

// Listen opens the sockets. Connections are taken from the first call to
// [Server.Serve] on; the caller must call Serve or [Server.Close].
func Listen(cfg ServerConfig) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	spki, err := SPKI(cfg.Certificate.Certificate[0])
	if err != nil {
		return nil, err
	}
	tcp, udp, pc, err := listenBoth(cfg.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, spki: spki, gate: newGate(cfg.MaxConns, cfg.MaxPerSource)}
	s.tcp = newTCPServer(s, tcp)
	s.quic, err = newQUICServer(s, udp, pc)
	if err != nil {
		tcp.Close()
		udp.Close()
		return nil, fmt.Errorf("listening on QUIC: %v", err)
	}
	return s, nil
}

// Addr returns the address the server listens on, host:port, the same for both
// transports.
func (s *Server) Addr() string { return s.tcp.ln.Addr().String() }

// Serve answers requests until ctx is done or a socket fails. Then it takes no
// new requests, waits for the running ones, at most the configured
// ShutdownTimeout, closes everything and returns: nil after a shutdown that was
// asked for and in which all requests ended by themselves. It may be called
// once.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.quic.serve() }()
	go func() { failed <- s.tcp.serve() }()

	var err error
	waiting := 2
	select {
	case <-ctx.Done():
		err = s.shutdown()
	case err = <-failed:
		waiting--
	}
	s.Close()
	for range waiting {
		err = errors.Join(err, <-failed)
	}
	return err
}

// shutdown lets running requests end on both transports.
func (s *Server) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = s.quic.shutdown(ctx) })
	wg.Go(func() { errs[1] = s.tcp.shutdown(ctx) })
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shutting down: requests were cut: %w", err)
	}
	return nil
}

// Close closes the sockets and all connections at once. Requests that are
// running are cut.
func (s *Server) Close() error {
	var err error
	s.closeOnce.Do(func() { err = errors.Join(s.quic.close(), s.tcp.close()) })
	return err
}
