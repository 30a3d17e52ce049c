// Package gateway is the relay: it stands between the agents of two authorities,
// keeps sealed packages and the record of who did what, and hands out nothing
// that the rule book does not allow at that moment.
//
// It holds no key to any package. It refuses content, file names and case text
// because it cannot read them, operators' overrides because there are none, and
// to answer for anything but the bytes that it was given: who wants to know
// whether a relay is honest replays its log.
//
// The parts are internal: admit decides who asks, ledger decides and writes the log,
// policy is what the operator takes away of what the rules allow, ingest takes packages
// in, deliver hands them out, tally counts what was refused. This package joins them to
// the routes of the protocol.
//
// What the rule book refuses to a party of a request becomes an entry of its
// record before it is answered. Every refusal is counted, and the counts of an
// hour become an entry of the relay's own record when it is over, or when the
// relay is closed; a crash loses the counts of the running hour, and of hours
// that the store or the database would not take yet.
package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/cosign"
	"comity.example/comity/gateway/internal/deliver"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/internal/stamps"
	"comity.example/comity/gateway/internal/tally"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/witness"
	"filippo.io/age"
)

// ErrHistory means that the database and the store are not of one history: going
// on would sign a second version of the log. The error says what does not fit.
var ErrHistory = errors.New("the log does not fit the store")

// ErrEmptied means, besides ErrHistory, that the store has nothing of the log at all,
// and that packages or annexes were in it: it is not mounted, or it is another one.
var ErrEmptied = ledger.ErrEmptied

// Config is a relay, ready to run. It must not be modified after New.
type Config struct {
	// Origin is the relay's name. Required.
	Origin string

	// Descriptor is the relay's signed description of itself, an envelope. It is
	// filed when the relay starts. It must name the keys below. Required.
	Descriptor []byte

	// Key signs the relay's half of every hello. Required.
	Key *keys.Private

	// LogKey signs checkpoints, with both halves. Required.
	LogKey *translog.LogSigner

	// Witnesses names who is asked to cosign checkpoints, each with its URL, and how
	// many of them are enough. If nil, nobody is, and the log is unwitnessed.
	Witnesses *translog.Policy

	// Certificate is the relay's TLS certificate. Required.
	Certificate tls.Certificate

	// Recovery is who copies of the records are sealed to. Required.
	Recovery age.Recipient

	// DB and Store are open, for this relay alone; the caller closes them after
	// Close. Required.
	DB    *records.DB
	Store objects.Store

	// Destroyer deletes the heads of recalled packages while they are locked; of a
	// bucket it has a credential of its own. If nil, they stay until the lock ends,
	// handed out to nobody.
	Destroyer objects.Destroyer

	// Policy is what the operator lets through of what the rules allow. If nil, all.
	// SetPolicy changes it.
	Policy *Policy

	// Timestamps are the time stamping authorities that stamp the checkpoints, two at
	// most. Nothing waits for them. Optional.
	Timestamps []Timestamps

	// StampLook is how often it is looked whether a checkpoint is to be stamped. If
	// zero, 20 seconds.
	StampLook time.Duration

	// Listen is the address for UDP and TCP, host:port. Required by Listen.
	Listen string

	// Lock is how long a deposited payload cannot be deleted. If zero, 30 days.
	Lock time.Duration

	// MaxRetention is the longest that a payload is locked because the terms of its grant
	// say so; nothing is taken under terms that say more. If less than Lock, Lock.
	MaxRetention time.Duration

	// MinFree is the space in bytes below which nothing more is reserved.
	MinFree int64

	// MaxConns bounds the open connections. If zero, 1024.
	MaxConns int

	// Memory bounds, in bytes, what the bodies and answers of all requests together
	// hold in memory. If zero, 256 MiB.
	Memory int64

	// Windows bounds, in bytes, by how much all QUIC connections together may raise
	// their receive windows beyond the initial 192 KiB each. If zero, 512 MiB.
	Windows int64

	// Now is the relay's clock. If nil, time.Now.
	Now func() time.Time

	// Logger receives the relay's log. If nil, nothing is logged.
	Logger *slog.Logger
}

// Gateway is a relay. It is safe for concurrent use.
type Gateway struct {
	cfg     Config
	ledger  *ledger.Ledger
	ingest  *ingest.Ingest
	deliver *deliver.Deliver
	door    *admit.Door

	// publishing has room for one: a directory of a stranger is expensive to
	// verify, so strangers wait for each other.
	publishing chan struct{}

	// annexes is held for reading from the moment an annex is in the store until a
	// row binds it, and for writing to remove one that no row binds.
	annexes sync.RWMutex

	server  *link.Server // nil before Listen
	closing chan struct{}
	close   sync.Once

	stamps *stamps.Stamper // asks time stamping authorities, if there are any

	policy atomic.Pointer[Policy] // the operator's, in force; nil: none

	tally    *tally.Tally  // of refusals
	counting chan struct{} // has room for one: hours are over

	stopTending context.CancelFunc // ends what start began in the background
	tending     sync.WaitGroup
}

// New opens a relay on its database and store: it publishes what an earlier
// process committed, files the descriptor, and drives on what was left half-done.
// It listens to nothing yet. The context bounds the opening.
func New(ctx context.Context, cfg *Config) (*Gateway, error) {
	g := &Gateway{cfg: *cfg, publishing: make(chan struct{}, 1), closing: make(chan struct{}), counting: make(chan struct{}, 1)}
	g.defaults()
	g.tally = tally.New(g.cfg.Now)
	g.policy.Store(cfg.Policy)
	d, err := g.descriptor()
	if err != nil {
		return nil, err
	}
	if cfg.Witnesses != nil {
		if err := cosign.Check(cfg.Witnesses, cfg.LogKey.Key()); err != nil {
			return nil, fmt.Errorf("opening relay: %w", err)
		}
	}
	g.ledger, err = ledger.Open(ctx, ledger.Config{
		DB: cfg.DB, Store: cfg.Store, Origin: cfg.Origin, LogKey: cfg.LogKey, Recovery: cfg.Recovery, Now: g.cfg.Now, Logger: g.cfg.Logger,
		Policy: g.policy.Load, MaxRetention: g.cfg.MaxRetention,
	})
	if errors.Is(err, ledger.ErrAhead) || errors.Is(err, ledger.ErrFork) || errors.Is(err, ledger.ErrLogKey) || errors.Is(err, ErrEmptied) {
		return nil, fmt.Errorf("%w: %w", ErrHistory, err)
	}
	if err != nil {
		return nil, err
	}
	if err := g.start(ctx, d); err != nil {
		g.ledger.Close()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) defaults() {
	if g.cfg.Now == nil {
		g.cfg.Now = time.Now
	}
	if g.cfg.Logger == nil {
		g.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if g.cfg.Lock == 0 {
		g.cfg.Lock = 30 * 24 * time.Hour
	}
	g.cfg.MaxRetention = max(g.cfg.MaxRetention, g.cfg.Lock)
}

// descriptor reads the relay's descriptor and checks that it describes this relay:
// agents would refuse one that shows other keys.
func (g *Gateway) descriptor() (*custody.Statement, error) {
	s, err := custody.ParseStatement(g.cfg.Descriptor)
	if err != nil {
		return nil, fmt.Errorf("reading the relay's descriptor: %v", err)
	}
	b, ok := s.Body.(*custody.Relay)
	if !ok {
		return nil, fmt.Errorf("reading the relay's descriptor: it is a %s", s.Kind)
	}
	v, err := translog.ParseLogKey(b.LogKey, b.LogMLDSAKey, g.cfg.Origin)
	if err != nil {
		return nil, fmt.Errorf("reading the relay's descriptor: %v", err)
	}
	if len(g.cfg.Certificate.Certificate) == 0 {
		return nil, errors.New("opening relay: no certificate")
	}
	spki, err := link.SPKI(g.cfg.Certificate.Certificate[0])
	if err != nil {
		return nil, err
	}
	switch {
	case b.By != g.cfg.Origin:
		err = fmt.Errorf("it is of %q", b.By)
	case b.Key != g.cfg.Key.Public().String():
		err = errors.New("it names another hybrid key")
	case !v.Equal(g.cfg.LogKey.Key()):
		err = errors.New("it names another log key")
	case !slices.Contains(b.TLS, custody.Digest(spki)):
		err = errors.New("it does not name the TLS key")
	}
	if err != nil {
		return nil, fmt.Errorf("checking the descriptor of relay %q: %w", g.cfg.Origin, err)
	}
	return s, nil
}

func (g *Gateway) start(ctx context.Context, d *custody.Statement) error {
	if _, err := g.ledger.Submit(ctx, ledger.Submission{Statement: d}); err != nil {
		return fmt.Errorf("filing the relay's descriptor: %w", err)
	}
	if !bytes.Equal(g.ledger.Relay(), g.cfg.Descriptor) {
		return errors.New("filing the relay's descriptor: the log holds a newer one")
	}
	if err := g.fileProbe(ctx); err != nil {
		return fmt.Errorf("filing what the store enforces: %w", err)
	}
	g.fileCounts(ctx) // before anybody asks how old the log is
	g.ingest = ingest.New(ingest.Config{
		DB: g.cfg.DB, Ledger: g.ledger, Store: g.cfg.Store, Destroyer: g.cfg.Destroyer, Lock: g.cfg.Lock, MinFree: g.cfg.MinFree, Now: g.cfg.Now, Logger: g.cfg.Logger,
	})
	if err := g.ingest.Resume(ctx); err != nil {
		return fmt.Errorf("driving packages on: %w", err)
	}
	g.deliver = deliver.New(deliver.Config{DB: g.cfg.DB, Ledger: g.ledger, Store: g.cfg.Store, Now: g.cfg.Now})
	var err error
	g.door, err = admit.New(admit.Config{
		Origin: g.cfg.Origin, Key: g.cfg.Key, View: g.ledger.View, Now: g.cfg.Now, Logger: g.cfg.Logger, Routes: g.routes(), Memory: g.cfg.Memory,
		Refused: g.refused,
	})
	if err != nil {
		return err
	}
	if g.stamps, err = g.stamper(); err != nil {
		return err
	}
	g.removeExpired(ctx)
	tend, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stopTending = stop
	g.tending.Go(func() { g.ingest.Tend(tend) })
	g.tending.Go(func() { g.count(tend) })
	g.tending.Go(func() { g.expire(tend) })
	g.tending.Go(func() { g.lapse(tend) })
	return nil
}

// Handler returns the http.Handler of all routes. It answers requests that came
// through package link only.
func (g *Gateway) Handler() http.Handler { return g.door }

// Size returns the number of entries in the published log.
func (g *Gateway) Size() int64 { return g.ledger.Size() }

// View returns the directories in force.
func (g *Gateway) View() *custody.View { return g.ledger.View() }

// Checkpoint returns the newest signed checkpoint, a C2SP signed note.
func (g *Gateway) Checkpoint() []byte { return g.ledger.Checkpoint() }

// CosignedSize returns the size of the newest tree that witnesses have cosigned, or 0.
func (g *Gateway) CosignedSize() int64 { return g.ledger.CosignedSize() }

// Descriptor returns the relay's description of itself.
func (g *Gateway) Descriptor() (*custody.Relay, error) {
	s, err := g.descriptor()
	if err != nil {
		return nil, err
	}
	return s.Body.(*custody.Relay), nil
}

// Listen opens the sockets. Connections are taken from Serve on.
func (g *Gateway) Listen() error {
	s, err := link.Listen(link.ServerConfig{
		Addr: g.cfg.Listen, Certificate: g.cfg.Certificate, Handler: g.door, Logger: g.cfg.Logger,
		MaxConns: g.cfg.MaxConns, WindowBudget: uint64(max(0, g.cfg.Windows)),
	})
	if err != nil {
		return err
	}
	g.server = s
	return nil
}

// Addr returns the address that Listen opened, host:port, for UDP and TCP alike.
func (g *Gateway) Addr() string { return g.server.Addr() }

// Serve answers requests until ctx is done, then lets those that run end, for ten
// seconds at most. It may be called once, after Listen.
func (g *Gateway) Serve(ctx context.Context) error {
	if g.server == nil {
		return errors.New("serving: Listen was not called")
	}
	// Close ends the sockets and then waits for who asks: they end with Serve.
	ask, done := context.WithCancel(ctx)
	defer done()
	if g.cfg.Witnesses != nil { // only a relay that serves asks, not one that is looked at
		asker := cosign.New(cosign.Config{
			Ledger: g.ledger, Key: g.cfg.LogKey.Key(), Policy: g.cfg.Witnesses, Client: witness.NewClient(), Now: g.cfg.Now, Logger: g.cfg.Logger,
		})
		g.tending.Go(func() { asker.Run(ask) })
	}
	g.stamp(ask)
	// Long polls must not hold the end up.
	stop := context.AfterFunc(ctx, func() { close(g.closing) })
	defer stop()
	err := g.server.Serve(ctx)
	g.cfg.Logger.Info("stopped", "panics", g.door.Panics()) // other than 0 is a bug to report
	return err
}

// Close ends the relay: sockets first, then the counts of the running hour are
// filed, then the ledger ends after the entries that it is working on. A second
// call does nothing.
func (g *Gateway) Close() error {
	var err error
	g.close.Do(func() {
		if g.server != nil {
			err = g.server.Close()
		}
		g.stopTending()
		g.tending.Wait()
		g.tally.End()
		g.fileCounts(context.Background())
		g.ledger.Close()
	})
	return err
}
