// Package link is the transport below Comity's HTTP: HTTP/3 over QUIC, and
// HTTP/2 over TCP where UDP is blocked, on one port number, with one handler
// and the same view of the peer ([Peer]) for both.
//
// A link says who holds which TLS key, and nothing more. Both ends show
// self-signed certificates, which are compared by the SHA-256 of their SPKI and
// by nothing else: names, dates and issuers in them mean nothing. The server
// accepts any client certificate, and none; the application's hello decides,
// and binds its proof to the connection with [Peer.Exporter] and
// [Conn.Exporter]. In TLS 1.3 a client's dial succeeds before the server has
// looked at its certificate, so a finished [Dial] proves only the server's key.
//
// It refuses:
//   - any TLS but 1.3, and any key exchange that is not post-quantum: traffic
//     recorded today must not be readable by a later quantum computer;
//   - 0-RTT and session resumption: a replayed request, or a connection whose
//     certificates were not shown, does not exist;
//   - HTTP/1.1, and TLS connections that agree on no protocol;
//   - a server whose key the caller has not pinned: there is no trust store and
//     no first use;
//   - redirects, proxies from the environment, compression, request trailers;
//   - request heads above a limit, connections above a limit, and receive
//     windows above a budget that all connections share.
package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// The protocols of a link, as their ALPN names and as [Peer.Proto],
// [Conn.Proto] and [DialConfig.Transport] use them.
const (
	H3 = "h3" // HTTP/3 (RFC 9114) over QUIC
	H2 = "h2" // HTTP/2 (RFC 9113) over TLS and TCP
)

// ExporterLabel is the label of the TLS exporter (RFC 8446, section 7.5) that
// the application's proofs are bound to. The context is empty and the value is
// 32 bytes long.
const ExporterLabel = "EXPORTER-comity-hello-v1"

var (
	// ErrServerKey says that the server holds none of the pinned keys.
	ErrServerKey = errors.New("the server's key is not the pinned one")

	// ErrGoingAway says that the connection takes no more requests, because the
	// server is shutting down or the connection is closed. The request was not
	// processed: it is safe to send it again on a new connection.
	ErrGoingAway = errors.New("the connection takes no more requests")
)

// curves returns the key exchanges that a link accepts. All are hybrids of
// ML-KEM and an elliptic curve.
func curves() []tls.CurveID {
	return []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}
}

// checkState asserts, on either side and after the handshake, what the
// configuration asked for. It does not trust the configuration alone: a later
// default of crypto/tls, or a protocol that was silently not negotiated (the
// standard library lets HTTP/1.1 through to an h2-only server), would otherwise
// pass unseen.
func checkState(cs tls.ConnectionState, proto string) error {
	if cs.Version != tls.VersionTLS13 {
		return fmt.Errorf("checking handshake: TLS version %#04x is not 1.3", cs.Version)
	}
	if !slices.Contains(curves(), cs.CurveID) {
		return fmt.Errorf("checking handshake: key exchange %v is not post-quantum", cs.CurveID)
	}
	if cs.NegotiatedProtocol != proto {
		return fmt.Errorf("checking handshake: protocol is %q, want %q", cs.NegotiatedProtocol, proto)
	}
	if cs.DidResume {
		return errors.New("checking handshake: the session was resumed")
	}
	return nil
}

// baseTLS is what the TLS configurations of both sides have in common.
func baseTLS(proto string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		CurvePreferences:       curves(),
		NextProtos:             []string{proto},
		SessionTicketsDisabled: true,
	}
}

// serverTLS returns the server's TLS configuration for proto.
func serverTLS(cert tls.Certificate, proto string) *tls.Config {
	c := baseTLS(proto)
	c.Certificates = []tls.Certificate{cert}
	c.ClientAuth = tls.RequestClientCert
	c.VerifyConnection = func(cs tls.ConnectionState) error { return checkState(cs, proto) }
	return c
}

// clientTLS returns the client's TLS configuration for proto. The pins decide
// alone: chain building and host names are switched off, the proof of
// possession of the key inside the handshake is not.
func clientTLS(cert *tls.Certificate, pins [][32]byte, proto string) *tls.Config {
	c := baseTLS(proto)
	if cert != nil {
		c.Certificates = []tls.Certificate{*cert}
	}
	c.InsecureSkipVerify = true
	c.ServerName = "comity" // the same for all: the name of a relay is nobody's business on the way
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := checkState(cs, proto); err != nil {
			return err
		}
		spki, ok := peerSPKI(cs)
		// No pins means a first contact: Dial refuses the other case.
		if !ok || len(pins) > 0 && !slices.Contains(pins, spki) {
			return fmt.Errorf("checking server key %x: %w", spki[:8], ErrServerKey)
		}
		return nil
	}
	return c
}
