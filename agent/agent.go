// Package agent is what a lab and a central authority run: it keeps an
// authority's keys and pins, checks a relay's answers against the signed log,
// seals and sends packages, fetches and verifies them, also as a daemon, and exports
// dossiers.
//
// It refuses to trust a relay: every record is replayed with package custody and
// proven in the log before a decision rests on it. The head of a package stays
// here until the recipient's State has accepted the conditions. A package that
// does not verify to its last byte is never shown.
package agent

import (
	"errors"
	"io"
	"log/slog"
	"time"
)

// Errors that commands tell apart.
var (
	// ErrTryLater is wrapped where the same call may succeed later.
	ErrTryLater = errors.New("try again later")
	// ErrVerify is wrapped where something that was signed, logged or hashed
	// does not verify.
	ErrVerify = errors.New("verification failed")
)

// Config is what New needs. It must not be modified afterwards.
type Config struct {
	Home *Home
	// Logger receives what operators want to know. If nil, nothing is logged.
	Logger *slog.Logger
	// Progress receives one call now and then while bytes move. If nil, none.
	Progress func(Progress)
	// Now is the clock. If nil, time.Now.
	Now func() time.Time
	// Out receives sentences for people, one a line. If nil, none.
	Out io.Writer
}

// Progress says how far a transfer is.
type Progress struct {
	Act   string // "sending", "fetching", "capturing"
	Done  int64  // payload bytes, or bytes captured
	Total int64  // 0: nobody knows
	Files int
}

// Agent acts for the identities of one home. Its methods may be called from one
// goroutine at a time.
type Agent struct {
	home     *Home
	log      *slog.Logger
	progress func(Progress)
	now      func() time.Time
	out      io.Writer
	within   time.Duration // ProofWithin, but in tests
	cosign   time.Duration // cosignedWait, likewise
}

// New returns an agent for a home.
func New(cfg *Config) (*Agent, error) {
	if cfg.Home == nil {
		return nil, errors.New("starting agent: no home")
	}
	a := &Agent{home: cfg.Home, log: cfg.Logger, progress: cfg.Progress, now: cfg.Now, out: cfg.Out, within: ProofWithin, cosign: cosignedWait}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.progress == nil {
		a.progress = func(Progress) {}
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.out == nil {
		a.out = io.Discard
	}
	return a, nil
}

// Home returns the agent's state folder.
func (a *Agent) Home() *Home { return a.home }
