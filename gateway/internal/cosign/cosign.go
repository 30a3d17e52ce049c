// Package cosign asks witnesses to cosign what the relay has published, and keeps
// what a quorum of them has.
//
// It waits for nobody on the way of a statement or a part: it begins when a
// checkpoint has been published. It refuses what does not verify: a witness that
// is down, lies, or answers rubbish is said to do so once, asked again later, and
// stops nothing. It calls the addresses of the operator's policy file, and no
// other: an answer cannot lead it elsewhere.
package cosign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/internal/witness"
)

const (
	// pause is the shortest time between two rounds.
	pause = time.Second
	// refresh is how old the newest cosignatures get while nothing happens.
	refresh = 5 * time.Minute
	// patience is how long a witness may take to answer.
	patience = 5 * time.Second
	// maxRest is how long a witness that fails is left alone, at most.
	maxRest = time.Minute
	// skew is how far a witness's clock may be off before the operator is told.
	skew = 5 * time.Minute
)

// Config is what is asked, and whom. All fields are required.
type Config struct {
	Ledger *ledger.Ledger
	Key    *translog.LogKey
	Policy *translog.Policy // with a URL for each witness
	Client *http.Client
	Now    func() time.Time
	Logger *slog.Logger
}

// Check refuses a policy by which this relay could never be cosigned.
func Check(p *translog.Policy, key *translog.LogKey) error {
	if !p.Accepts(key) {
		return fmt.Errorf("the witness policy names other logs than %q", key.Origin())
	}
	if p.None() {
		return errors.New("the witness policy has the quorum none: leave it out instead")
	}
	for _, w := range p.Witnesses() {
		if w.URL == "" {
			return fmt.Errorf("the witness policy has no URL for %q", w.Name)
		}
	}
	return nil
}

// Asker asks the witnesses. Its methods may be called from one goroutine.
type Asker struct {
	cfg     Config
	parties []*party
	met     bool // whether the last round met the quorum
}

// party is an address and the keys that cosign there: one request serves all.
type party struct {
	url   string
	names []string
	keys  []*translog.CosignerKey

	size   int64 // that it has cosigned, as far as is known
	failed error // how it last failed; nil: it did not
	rest   time.Duration
	until  time.Time // not asked before
}

// New returns an asker. It asks nobody yet.
func New(cfg Config) *Asker {
	a := &Asker{cfg: cfg, met: true}
	for _, w := range cfg.Policy.Witnesses() {
		i := slices.IndexFunc(a.parties, func(p *party) bool { return p.url == w.URL })
		if i < 0 {
			i = len(a.parties)
			a.parties = append(a.parties, &party{url: w.URL, size: cfg.Ledger.CosignedSize()})
		}
		p := a.parties[i]
		p.names, p.keys = append(p.names, w.Name), append(p.keys, w.Key)
	}
	return a
}

// Run asks until ctx is done: soon after each publication, and now and then while
// nothing happens.
func (a *Asker) Run(ctx context.Context) {
	for {
		_, _, changed := a.cfg.Ledger.Signed()
		wait := refresh
		if !a.Round(ctx) {
			wait = a.nextTry()
		}
		if !sleep(ctx, pause, nil) || !sleep(ctx, wait, changed) {
			return
		}
	}
}

// nextTry returns when a witness that failed is asked again.
func (a *Asker) nextTry() time.Duration {
	wait := refresh
	for _, p := range a.parties {
		if p.failed != nil {
			wait = min(wait, max(pause, p.until.Sub(a.cfg.Now())))
		}
	}
	return wait
}

// sleep reports whether the time has passed, or changed was closed, before ctx ended.
func sleep(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-t.C:
	}
	return true
}

// Round asks all witnesses at once about the newest checkpoint, and keeps the
// cosigned note if they are a quorum. It reports whether they are.
func (a *Asker) Round(ctx context.Context) bool {
	note, size, _ := a.cfg.Ledger.Signed()
	if size == 0 {
		return true // there is nothing to vouch for
	}
	lines := make([][]byte, len(a.parties))
	var wg sync.WaitGroup
	for i, p := range a.parties {
		if a.cfg.Now().Before(p.until) {
			continue
		}
		wg.Go(func() {
			var err error
			lines[i], err = a.ask(ctx, p, note, size)
			a.outcome(ctx, p, err)
		})
	}
	wg.Wait()
	return a.keep(ctx, append(bytes.Clone(note), slices.Concat(lines...)...), size)
}

// keep keeps the note if a quorum has cosigned it.
func (a *Asker) keep(ctx context.Context, note []byte, size int64) bool {
	c, err := translog.OpenCosigned(note, a.cfg.Key, a.cfg.Policy.Keys()...)
	_, ok := a.cfg.Policy.Evaluate(c.Cosignatures)
	if err == nil && ok {
		err = a.cfg.Ledger.KeepCosigned(ctx, c)
	}
	if ctx.Err() != nil {
		return false
	}
	if met := err == nil && ok; met != a.met {
		a.met = met
		if met {
			a.cfg.Logger.InfoContext(ctx, "witnesses cosign again", "size", size)
		} else {
			a.cfg.Logger.ErrorContext(ctx, "too few witnesses cosign", "size", size, "cosignatures", len(c.Cosignatures), "err", err)
		}
	}
	return a.met
}

// ask returns the valid cosignature lines of one witness.
func (a *Asker) ask(ctx context.Context, p *party, note []byte, size int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	old := min(p.size, size)
	lines, err := a.add(ctx, p, note, old, size)
	var conflict *witness.Conflict
	if errors.As(err, &conflict) {
		switch {
		case conflict.Size > size:
			return nil, fmt.Errorf("it has cosigned %d entries of this log, which has %d: the relay was restored from an old copy, or the witness is not honest", conflict.Size, size)
		case conflict.Size == old:
			return nil, fmt.Errorf("it has cosigned another tree of %d entries: this log has forked, or the witness is not honest", old)
		}
		old = conflict.Size
		lines, err = a.add(ctx, p, note, old, size)
	}
	if err != nil {
		return nil, err
	}
	c, err := translog.OpenCosigned(append(bytes.Clone(note), lines...), a.cfg.Key, p.keys...)
	if err != nil {
		return nil, fmt.Errorf("its cosignature does not verify: %w", err)
	}
	p.size = size
	if len(c.Cosignatures) != len(p.keys) {
		// What there is counts: the policy decides whether that is enough.
		err = fmt.Errorf("it cosigned with %d of its %d keys", len(c.Cosignatures), len(p.keys))
	}
	var valid []byte
	for _, s := range c.Cosignatures {
		valid = append(valid, s.Line()...)
		if off := s.Time.Sub(a.cfg.Now()); off > skew || off < -skew {
			err = fmt.Errorf("its clock is off by %v", off.Round(time.Minute))
		}
	}
	return valid, err
}

func (a *Asker) add(ctx context.Context, p *party, note []byte, old, size int64) ([]byte, error) {
	proof, err := a.cfg.Ledger.Consistency(ctx, old, size)
	if err != nil {
		return nil, err
	}
	return witness.Add(ctx, a.cfg.Client, p.url, &witness.Request{Old: old, Proof: proof, Note: note})
}

// outcome says once that a witness has failed, or is back, and lets one that fails
// rest for longer each time.
func (a *Asker) outcome(ctx context.Context, p *party, err error) {
	if ctx.Err() != nil {
		return
	}
	switch {
	case err == nil && p.failed != nil:
		a.cfg.Logger.InfoContext(ctx, "a witness is back", "witness", p.names[0], "url", p.url)
	case err != nil && p.failed == nil:
		a.cfg.Logger.ErrorContext(ctx, "a witness does not cosign", "witness", p.names[0], "url", p.url, "err", err)
	case err != nil && err.Error() != p.failed.Error():
		a.cfg.Logger.DebugContext(ctx, "a witness does not cosign", "witness", p.names[0], "url", p.url, "err", err)
	}
	if p.failed = err; err == nil {
		p.rest, p.until = 0, time.Time{}
		return
	}
	p.rest = min(max(2*p.rest, pause), maxRest)
	p.until = a.cfg.Now().Add(p.rest)
}
