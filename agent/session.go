package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// Session is one proven connection to a relay, as one agent or as nobody.
type Session struct {
	*wire.Client
	ID     custody.PartyID // empty on a public connection
	Origin string

	agent *Agent
	relay *custody.Relay
	fp    custody.Digest
	log   *translog.LogKey
	key   *keys.Private

	descriptor []byte // envelope, by which the log's key is the relay's

	mu   sync.Mutex // guards the connection: Client and conn
	conn *link.Conn
}

// Close ends the connection.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.Close()
}

// Connect opens a connection to the pinned relay and proves to be the agent id.
// With an empty id it stays a public connection, good for the log, directories
// and publishing.
func (a *Agent) Connect(ctx context.Context, id custody.PartyID) (*Session, error) {
	pin, err := a.home.Trust.Relay(a.home.Config.Relay)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	s := &Session{ID: id, Origin: pin.Origin, agent: a, fp: pin.Fingerprint}
	var certs *tls.Certificate
	var spki custody.Digest
	if id != "" {
		if certs, spki, err = a.certificate(id); err != nil {
			return nil, fmt.Errorf("connecting as %q: %w", id, err)
		}
		if s.key, err = a.home.Key(id); err != nil {
			return nil, fmt.Errorf("connecting as %q: %w", id, err)
		}
	}
	wait := firstWait
	for try := 1; ; try++ { // a relay that restarts is away for a moment
		err := s.open(ctx, pin, certs, spki)
		if err == nil {
			return s, nil
		}
		if try == maxDials || !transient(err) || !sleep(ctx, wait) {
			return nil, passing(err)
		}
		wait *= 2
	}
}

// open connects, and proves to be the session's agent, if it is to be one.
func (s *Session) open(ctx context.Context, pin PinnedRelay, certs *tls.Certificate, spki custody.Digest) error {
	if err := s.dial(ctx, pin, certs); err != nil {
		return fmt.Errorf("connecting to %q: %w", pin.Origin, err)
	}
	if s.ID == "" {
		return nil
	}
	if err := s.hello(ctx, spki); err != nil {
		s.Close()
		return fmt.Errorf("proving to %q to be %q: %w", pin.Origin, s.ID, err)
	}
	return nil
}

func (a *Agent) certificate(id custody.PartyID) (*tls.Certificate, custody.Digest, error) {
	der, key, err := a.home.TLS(id)
	if err != nil {
		return nil, custody.Digest{}, err
	}
	c, err := link.Certificate(der, key)
	if err != nil {
		return nil, custody.Digest{}, err
	}
	spki, err := link.SPKI(der)
	return &c, spki, err
}

// dial connects and learns the relay's keys. The connection is made to whoever
// answers; it is used only after the relay's descriptor, signed by the pinned
// root, has named the TLS key that answered.
func (s *Session) dial(ctx context.Context, pin PinnedRelay, cert *tls.Certificate) error {
	conn, err := link.Dial(ctx, link.DialConfig{
		Addrs: pin.Addresses, FirstContact: true, Certificate: cert,
		Transport: s.agent.home.Config.Transport, Logger: s.agent.log,
	})
	if err != nil {
		return err
	}
	s.conn, s.Client = conn, wire.NewClient(&patient{Transport: conn, most: standstill})
	if err := s.identify(ctx); err != nil {
		conn.Close()
		return err
	}
	return nil
}

// identify checks the relay's descriptor against the pin and the connection.
func (s *Session) identify(ctx context.Context) error {
	env, err := s.Client.Relay(ctx)
	if err != nil {
		return err
	}
	st, err := custody.ParseStatement(env)
	if err != nil {
		return fmt.Errorf("reading relay descriptor: %v: %w", err, ErrVerify)
	}
	d, ok := st.Body.(*custody.Relay)
	if !ok || d.By != s.Origin || d.Fingerprint() != s.fp {
		return fmt.Errorf("the relay's descriptor is not of %q with root %s: %w", s.Origin, s.fp, ErrVerify)
	}
	if err := custody.VerifyRelay(st); err != nil {
		return fmt.Errorf("verifying relay descriptor: %v: %w", err, ErrVerify)
	}
	if !slices.Contains(d.TLS, custody.Digest(s.conn.ServerSPKI())) {
		return fmt.Errorf("the relay answered with a TLS key that its descriptor does not name: %w", ErrVerify)
	}
	s.relay, s.descriptor = d, env
	if s.log, err = translog.ParseLogKey(d.LogKey, d.LogMLDSAKey, s.Origin); err != nil {
		return fmt.Errorf("reading relay descriptor: %w: %w", err, ErrVerify)
	}
	return nil
}

func (s *Session) hello(ctx context.Context, spki custody.Digest) error {
	pub, err := keys.ParsePublic(s.relay.Key)
	if err != nil {
		return err
	}
	me := wire.Identity{ID: s.ID, Key: s.key, SPKI: spki}
	h, err := s.Client.Hello(ctx, me, s.Origin, pub)
	if err != nil {
		if errors.Is(err, wire.ErrHello) {
			err = fmt.Errorf("%w: %w", err, ErrVerify)
		}
		return err
	}
	if d := s.agent.now().Sub(h.Time.Time()).Abs(); d > maxClockSkew {
		s.agent.log.Warn("clock differs from the relay's", "seconds", int64(d.Seconds()))
	}
	return nil
}
