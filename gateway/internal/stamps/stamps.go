// Package stamps has time stamping authorities stamp the relay's checkpoints (RFC
// 3161 over HTTP), so that others than the relay say when its log was no shorter.
//
// There is no queue that could be lost: what an authority has to stamp is what the log
// has beyond its newest token in the database. One token over a newer checkpoint covers
// all that an older one would, so after an outage, or a restart, one answer works off
// whatever waited. An authority is asked when its interval has passed and the log has
// grown, and soon after a hand-over.
//
// Nothing waits for it: neither statements nor packages. What is kept was checked down
// to the authority's pinned root, is in the database, and from there in the store, and is
// never changed or removed.
//
// It refuses what package stamping refuses on the way, and every answer that package
// timestamp does not take.
package stamps

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/stamping"
)

const (
	// MaxAuthorities is how many authorities a relay may ask.
	MaxAuthorities = 2

	// lastPause is how long an authority is left alone at most after it failed: as
	// long as between two looks first, then twice that, and so on.
	lastPause = 10 * time.Minute

	prefix = "log/tokens/"
)

// Authority is one that stamps.
type Authority struct {
	URL      string
	Roots    *timestamp.Roots
	Policy   string        // an OID in dots; empty: the authority's own
	Interval time.Duration // between two stamps, if the log has grown
}

// Config is what a Stamper works with. It is not modified.
type Config struct {
	DB          *records.DB
	Store       objects.Store
	Authorities []Authority

	// Newest returns the newest checkpoint that is fit to be stamped, a signed note,
	// and its size.
	Newest func() (size int64, note []byte)

	// Look is how often it is looked whether something is to be stamped, and so how
	// long a hand-over waits for others. If zero, 20 seconds.
	Look time.Duration

	Now    func() time.Time
	Logger *slog.Logger
}

// Key is the key in the store of a token.
func Key(size, n int64) string { return fmt.Sprintf("%s%d.%d.tsr", prefix, size, n) }

// handOvers are the kinds of entries after which a stamp is not put off.
var handOvers = []custody.Kind{custody.KindUnlock, custody.KindRelease, custody.KindReceipt}

// Stamper asks the authorities.
type Stamper struct {
	cfg    Config
	client *stamping.Client
}

// New returns a Stamper.
func New(cfg Config) *Stamper {
	if cfg.Look == 0 {
		cfg.Look = 20 * time.Second
	}
	return &Stamper{cfg, stamping.New()}
}

// Run asks one authority, by its number, until ctx ends. It may run for several at a
// time, for each of them once.
func (s *Stamper) Run(ctx context.Context, authority int) {
	w := worker{Stamper: s, a: s.cfg.Authorities[authority]}
	wait, failed := time.Duration(0), 0
	for {
		// Not all relays at the full minute, nor both authorities at once.
		t := time.NewTimer(wait + rand.N(s.cfg.Look/4+1))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		err := w.work(ctx)
		if ctx.Err() != nil {
			return
		}
		if wait = s.cfg.Look; err == nil {
			failed = 0
			continue
		}
		wait = min(w.cfg.Look<<min(failed, 10), lastPause)
		failed++
		s.cfg.Logger.WarnContext(ctx, "no time stamp: it is asked for again, and nothing waits for it", "authority", w.a.URL, "failures", failed, "again", wait, "error", err)
	}
}

// worker asks one authority. It belongs to the goroutine of Run.
type worker struct {
	*Stamper
	a      Authority
	asked  time.Time // last; zero: not since the start
	stored bool      // the newest token of the authority is in the store
}

// work does what there is to do.
func (w *worker) work(ctx context.Context) error {
	if err := w.store(ctx); err != nil {
		return err
	}
	due, err := w.due(ctx)
	if err != nil || !due {
		return err
	}
	w.asked = w.cfg.Now()
	if err := w.stamp(ctx); err != nil {
		return err
	}
	return w.store(ctx)
}

// due reports whether the authority has to be asked now.
func (w *worker) due(ctx context.Context) (due bool, err error) {
	size, _ := w.cfg.Newest()
	err = w.cfg.DB.View(ctx, func(tx *records.Tx) error {
		stamped, err := tx.NewestToken(w.a.URL)
		if err != nil && !errors.Is(err, records.ErrNotFound) || stamped.Size >= size {
			return err
		}
		// After a start nothing is known of when it was asked: ask.
		if due = w.asked.IsZero() || w.cfg.Now().Sub(w.asked) >= w.a.Interval; due {
			return nil
		}
		due, err = tx.HasKind(stamped.Size, size, handOvers...)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		err = nil
	}
	return due, err
}

// stamp has the newest checkpoint stamped, checks the answer and keeps it.
func (w *worker) stamp(ctx context.Context) error {
	size, note := w.cfg.Newest()
	q, err := timestamp.NewQuery(crypto.SHA256, timestamp.Of(note)(crypto.SHA256), w.a.Policy)
	if err != nil {
		return err
	}
	answer, err := w.client.Ask(ctx, w.a.URL, q.Marshal())
	if err != nil {
		return err
	}
	kept, stamp, err := q.Answer(answer, w.a.Roots)
	if err != nil {
		return err
	}
	if d := stamp.Time.Sub(w.cfg.Now()).Abs(); d > time.Minute {
		w.cfg.Logger.WarnContext(ctx, "the clocks of relay and time stamping authority differ", "authority", w.a.URL, "by", d)
	}
	err = w.cfg.DB.Update(ctx, func(tx *records.Tx) error {
		return tx.AddToken(records.Token{Size: size, Authority: w.a.URL, Note: note, Response: kept})
	})
	if err == nil {
		w.stored = false
	}
	return err
}

// store puts the newest token of the authority into the store. If we crash before, the
// next start does it: it begins with the newest token, and no newer one is asked for
// before the one at hand is stored.
func (w *worker) store(ctx context.Context) error {
	if w.stored {
		return nil
	}
	var k records.Token
	err := w.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		k, err = tx.NewestToken(w.a.URL)
		return err
	})
	if errors.Is(err, records.ErrNotFound) {
		w.stored = true
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.cfg.Store.Put(ctx, Key(k.Size, k.N), k.Response, objects.Replace); err != nil {
		return fmt.Errorf("storing time stamp: %w", err)
	}
	w.stored = true
	return nil
}
