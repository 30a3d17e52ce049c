// Package ledger makes entries of accepted statements and of the relay's own
// events: it holds the head of the log, asks the rule book under it, and the
// operator's policy where that allows, commits state, entry and leaf in one
// transaction, publishes copies, tiles and a signed checkpoint to the store, and
// answers with a proof.
//
// One goroutine, the sequencer, owns the head. Whatever waits for it goes into
// one transaction (group commit); each statement is decided against the state
// that the one before it left. The order of writes is
//
//	decide, entry, leaf, hashes, head, the caller's own state   one transaction
//	copies of the lines, sealed to the operator's recovery key  store
//	entry bundles and tiles of hashes                           store
//	signed checkpoint                                           store, then database
//	answer
//
// so that no statement is acknowledged that losing either the database or the
// store would undo. What a crash leaves committed and not published, the next
// Open publishes with the same functions. Readers (View, Decide, Read,
// RecordProof, Changes) see published entries only.
//
// It refuses to start when the store shows a checkpoint that the database cannot
// continue: larger, of other entries, or by another key. Going on would sign a
// second history of the same log.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/policy"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"
	"filippo.io/age"
)

// Config is what a ledger needs. All fields but the last two are required; they are
// not modified after the call to Open.
type Config struct {
	// DB holds the records. The caller closes it after the ledger.
	DB *records.DB

	// Store takes the log below "log/" and the copies below "records/".
	Store objects.Store

	// Origin is the name of the relay and of its log.
	Origin string

	// LogKey signs checkpoints, with both halves, and is of Origin.
	LogKey *translog.LogSigner

	// Recovery is the operator's recipient, post-quantum, to which copies of the
	// lines are sealed. Its identity is kept off the machine.
	Recovery age.Recipient

	// Now is the clock. Entries never go back in time, also if it does.
	Now func() time.Time

	// Logger takes what the operator must see.
	Logger *slog.Logger

	// Policy returns the operator's policy in force, nil if there is none; called at
	// every decision, by several goroutines. It may be nil.
	Policy func() *policy.Set

	// MaxRetention is the longest that the operator keeps a package because a grant says
	// so. If zero, none that says so is carried.
	MaxRetention time.Duration
}

// Named reasons why a ledger refuses.
var (
	// ErrAhead: the store's checkpoint is of a larger log than the database
	// holds. An old backup of the database was restored, or the database is of
	// another relay.
	ErrAhead = errors.New("the store's checkpoint is ahead of the database")

	// ErrFork: the store's checkpoint, or the database's own, is of other
	// entries than those in the database.
	ErrFork = errors.New("the checkpoint is not of the log in the database")

	// ErrLogKey: the store's checkpoint is not signed by the log key, or not of
	// this origin.
	ErrLogKey = errors.New("the checkpoint is not by this log's key")

	// ErrEmptied: the store has nothing of the log, and the database knows of
	// packages or annexes that were in it.
	ErrEmptied = errors.New("the store is empty, and the packages and annexes of the database were in it")

	// ErrNoCheckpoint: there is no signed checkpoint of that size.
	ErrNoCheckpoint = errors.New("no checkpoint of that size")

	// ErrNoRecord: the record has no entry (in the tree of that size).
	ErrNoRecord = errors.New("no such record")

	// ErrUnavailable: the store does not take the log. Nothing was written.
	ErrUnavailable = errors.New("the log cannot be published")

	// ErrUnpublished: the statement is committed but not published yet, because
	// the store failed. Filing it again answers with its proof once the store
	// is back.
	ErrUnpublished = errors.New("committed, not yet published")

	// ErrClosed: the ledger was closed. The statement may have become an entry.
	ErrClosed = errors.New("ledger is closed")
)

// Answer is what is said to an act: by the rule book, and where that allows it, by the
// operator's policy, and by how long it keeps packages.
type Answer struct {
	custody.Decision
	Policy *custody.PolicyRef // the operator's, if it was asked; its ids are those that refuse

	MaxRetention time.Duration // of custody.CodeRetention: the longest that the operator keeps one
}

// Refused is the error of a statement or event that is not allowed. Nothing was written.
type Refused struct{ Answer }

// Error names the code and the rule.
func (r *Refused) Error() string { return "refused: " + r.Decision.String() }

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	cfg   Config
	queue chan *pending
	stop  context.CancelFunc
	done  chan struct{} // closed when the sequencer has ended

	shown    atomic.Pointer[snapshot] // what is published
	cosigned atomic.Pointer[cosigned] // newest of those; nil: none

	mu      sync.Mutex // guards the fields below
	changed chan struct{}
	slots   cache[*slot]

	// The fields below are owned by the sequencer.

	next   *state             // nil: load it again
	copies map[int64]*sealing // of entries not yet published, by index, as far as begun
}

// Open checks that database and store belong together, publishes what is
// committed and not published yet, and starts the sequencer. The context bounds
// the opening only. Errors wrap ErrAhead, ErrFork or ErrLogKey where the store
// must be looked at by a person.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("opening ledger: %w", err)
	}
	l := &Ledger{cfg: cfg, queue: make(chan *pending, maxBatch), done: make(chan struct{}),
		changed: make(chan struct{}), copies: map[int64]*sealing{}}
	if err := l.recover(ctx); err != nil {
		return nil, fmt.Errorf("opening ledger of %q: %w", cfg.Origin, err)
	}
	run, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.sequence(run)
	return l, nil
}

func (c *Config) check() error {
	switch {
	case c.DB == nil || c.Store == nil || c.LogKey == nil || c.Recovery == nil || c.Now == nil || c.Logger == nil:
		return errors.New("a required field is missing")
	case c.LogKey.Origin() != c.Origin:
		return fmt.Errorf("log key is named %q, not %q", c.LogKey.Origin(), c.Origin)
	}
	return custody.CheckOrigin(c.Origin)
}

// Close ends the sequencer after the batch that it works on. Statements that
// wait are answered with ErrClosed.
func (l *Ledger) Close() {
	l.stop()
	<-l.done
}

// Submission is one statement on its way into the log.
type Submission struct {
	// Statement is parsed, its signatures not yet verified: the rules do that.
	Statement *custody.Statement

	// Via is the agent whose hello was proven; empty for statements that anyone
	// may bring. Of a root, directory or relay it is not recorded.
	Via custody.PartyID

	// Open returns, in the transaction, what other reservations take of the
	// grant. If nil, nothing is taken.
	Open func(*records.Tx) (custody.Usage, error)

	// Deposit is what the store confirmed; of a seal, and only of a seal.
	Deposit *custody.Deposit

	// In changes state of the caller's in the same transaction, after the rules
	// allowed the statement and before the commit. Its error undoes this
	// statement alone and is returned by Submit, wrapped. It must be quick, and
	// must not call the ledger. It does not run for a statement that is in the
	// log already. If nil, nothing is changed.
	In func(*records.Tx) error
}

// Submit makes an entry of a statement if the rules allow it, and returns its
// proof in the newest checkpoint. When it returns nil, the entry survives the
// loss of either the database or the store. The same envelope filed again
// returns the proof of its entry; another envelope of the same payload is
// refused as a duplicate.
//
// Errors: *Refused when the rules say no; what In returned; ErrUnpublished and
// ErrClosed. After any error but *Refused and that of In the statement may be in
// the log, also when ctx ends: file it again to find out.
func (l *Ledger) Submit(ctx context.Context, s Submission) (*wire.Proof, error) {
	r, err := l.enqueue(&pending{ctx: ctx, sub: s})
	if err != nil {
		return nil, fmt.Errorf("submitting %s: %w", s.Statement.Kind, err)
	}
	return r, nil
}

// File makes an entry of an event of the relay's own in a record, if the rules
// allow it. When it returns nil, the entry survives the loss of either the
// database or the store.
//
// Errors: *Refused when the rules say no, with CodeDuplicate where the record says
// it already; nothing was written then. ErrUnpublished and ErrClosed are as of
// Submit.
func (l *Ledger) File(ctx context.Context, id custody.RecordID, ev *custody.Event) error {
	if isCase(id) {
		// A party may repeat what is refused as often as it likes: that must not
		// cost a transaction each time, nor be felt by others.
		if err := l.mayFile(ctx, id, ev); err != nil {
			return err
		}
	}
	if _, err := l.enqueue(&pending{ctx: ctx, record: id, event: ev}); err != nil {
		return fmt.Errorf("filing an event in record %q: %w", id, err)
	}
	return nil
}

func (l *Ledger) mayFile(ctx context.Context, id custody.RecordID, ev *custody.Event) error {
	return l.Read(ctx, id, func(r *custody.Record) error {
		if d := custody.DecideEvent(r, l.View(), ev, l.now()); !d.Allowed() {
			return refused(d)
		}
		return nil
	})
}

// Reload reads the pinned authorities again. When it returns nil, View has them.
func (l *Ledger) Reload(ctx context.Context) error {
	if _, err := l.enqueue(&pending{ctx: ctx, reload: true}); err != nil {
		return fmt.Errorf("reloading pinned authorities: %w", err)
	}
	return nil
}
