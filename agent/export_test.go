package agent

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"comity.example/comity/agent/internal/queue"
	"comity.example/comity/config"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// CheckProof lets tests check a relay's answer without a relay.
func CheckProof(origin string, log *translog.LogKey, p *wire.Proof, first custody.Digest, st *custody.Statement) (*custody.Entry, error) {
	s := &Session{Origin: origin, log: log}
	_, e, err := s.included(p, first, st)
	return e, err
}

// Tamper puts f between a session and its connection, as a relay that lies.
func (s *Session) Tamper(f func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Client = wire.NewClient(&tampered{s.conn, f})
}

type tampered struct {
	wire.Transport
	f func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error)
}

func (t *tampered) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.f(r, t.Transport.RoundTrip)
}

// PackageDir returns where a home keeps a package.
func (h *Home) PackageDir(request, pkg string) string { return h.packageDir(request, pkg) }

// Head returns the head of a package that a home still has.
func (h *Home) Head(request, pkg string) ([]byte, error) {
	return h.packageData(request, pkg, fileHead)
}

// Inner returns the inner file of a package that a home still has.
func (h *Home) Inner(request, pkg string) ([]byte, error) {
	return h.packageData(request, pkg, fileInnerAge)
}

// PlantOpen leaves a home as a process does that dies while it sends.
func (h *Home) PlantOpen(request, pkg string, agent custody.PartyID, epoch int64) error {
	return h.savePackage(packageFile{Package: pkg, Request: request, Side: sideSender, State: stateOpen, Agent: agent, Epoch: epoch}, nil)
}

// SayHello proves the session's identity once more, to a relay that lies.
func (s *Session) SayHello(ctx context.Context, f func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error)) error {
	s.Tamper(f)
	certs, _, err := s.agent.home.TLS(s.ID)
	if err != nil {
		return err
	}
	spki, err := link.SPKI(certs)
	if err != nil {
		return err
	}
	return s.hello(ctx, spki)
}

// ErrStandstill is what calls end with on which nothing moves.
var ErrStandstill = errStandstill

// Patient wraps a transport as sessions do.
func Patient(t wire.Transport) wire.Transport { return &patient{Transport: t, most: standstill} }

// RunTo is Run of a process that ends at a step: there step returns an error, having
// ended ctx, and nothing is done any more.
func (a *Agent) RunTo(ctx context.Context, id custody.PartyID, ready func(), step func(string) error) error {
	return a.run(ctx, id, ready, step)
}

// Acquired says what the acquisition record in a folder says.
var Acquired = acquired

// Receives says whether an inbox with a rule is for packages of a case.
func (h *Home) Receives(rule config.Inbox, request string, c *custody.Case) bool {
	cfg := *h.Config
	cfg.Inbox = rule
	d := &daemon{a: &Agent{home: &Home{dir: h.dir, Config: &cfg, Trust: h.Trust}}, inbox: rule.Folder}
	return d.receives(h, request, c)
}

// Backoff is the pause after so many tries.
var Backoff = backoff

// Noticed lists what a daemon that puts everything off looks at and sends after news from
// a relay: it knows these requests, and each has a package to send.
func Noticed(requests []string, news ...wire.Change) (due []string) {
	d := &daemon{a: &Agent{log: slog.New(slog.DiscardHandler)}, wake: make(chan struct{}, 1), visits: map[string]*visit{}, sends: map[string]*send{}}
	for _, id := range requests {
		d.visits[id] = &visit{request: id, task: task{due: time.Now().Add(time.Hour)}}
		d.sends[id] = &send{entry: queue.Entry{Request: id}, task: task{due: time.Now().Add(time.Hour)}}
	}
	d.notice(news)
	for _, id := range requests {
		if v := d.visits[id]; v.wanted && v.due.IsZero() {
			due = append(due, "look at "+id)
		}
		if d.sends[id].due.IsZero() {
			due = append(due, "send for "+id)
		}
	}
	return due
}

// Alarm returns what a daemon writes to its log at news.
func Alarm(news wire.Change) string {
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	d := &daemon{a: &Agent{log: log}, wake: make(chan struct{}, 1), visits: map[string]*visit{}, sends: map[string]*send{}}
	d.notice([]wire.Change{news})
	return b.String()
}

// Waits reports whether a daemon waits, without giving up, after an answer of a relay.
func Waits(code custody.Code) bool { return judge(wire.NewProblem(code, "")) == later }

// Monitor follows a log by its leaves.
type Monitor = monitor

// Know notes that a record was read.
func (m *Monitor) Know(snap *Snapshot, request string) { m.know(snap, request) }

// Monitor goes on reading.
func (s *Session) Monitor(ctx context.Context, m *Monitor) ([]string, error) {
	return s.monitor(ctx, m)
}

// ProofWithin changes how long the relay has to prove that what stops something is in its
// log.
func (s *Session) ProofWithin(d time.Duration) { s.agent.within = d }

// CosignWait changes how long an agent waits for the witnesses.
func (s *Session) CosignWait(d time.Duration) { s.agent.cosign = d }
