// Package fsck recomputes a relay: the log, the records and the objects that
// follow from its database and its store, and names each difference. It is what
// an operator believes a disk by after a fault, and what tests of faults end with.
//
// It shares little with what it checks: it reads the tables itself, without
// package records, and a store of package dir without opening it, because opening
// one sweeps. What it recomputes with are the rule book of package custody and the
// mathematics of package translog, as an agent or a court would. A difference is
// named once, at the row or object where it began; what only follows from it is
// not named again. Damage ends the replay of the rules, because they judge each
// entry by all before it: a note says where.
//
// It reads one row or object at a time. What it keeps is a summary of each record,
// package, annex and copy, and the state that the rules need.
//
// It refuses to change anything, to repair anything, and to say anything of what
// statements, entries and objects contain: a finding is a code, a place, and what
// is wrong with it.
package fsck

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"filippo.io/age"
	"golang.org/x/mod/sumdb/tlog"
)

// Config is what is checked, and by what. It is not modified.
type Config struct {
	// DB is the database of a relay that does not run, best opened by
	// OpenSQLite or postgres.OpenReader. Required.
	DB *sql.DB

	// Integrity returns what a database server says of the database as such, without
	// values. If nil, the database is a file of SQLite, which checks it.
	Integrity func(context.Context) (faults []string, err error)

	// Store is the store of the same relay. Required.
	Store Store

	// Origin is the name of the relay. Required.
	Origin string

	// Descriptor is the relay's signed description of itself, an envelope: it
	// names the log key, and its root keys are the pin of the relay. Required.
	Descriptor []byte

	// Lock is how long a deposited payload cannot be deleted, unless the terms of its
	// grant say longer.
	Lock time.Duration

	// Now is the time at which locks must run or may have ended.
	Now time.Time

	// Recovery opens the copies of the records. If nil, only their presence,
	// their order and their sizes are checked.
	Recovery age.Identity

	// Stampers are the roots of time stamping authorities, by the URL at which the relay
	// asked. The tokens of others are checked for what they say, not for who made them.
	Stampers map[string]*timestamp.Roots

	// Deep reads every payload and compares the SHA-256 of each part.
	Deep bool
}

// maxListed bounds the findings that are listed one by one, and the notes.
const maxListed = 1000

// Finding is one difference.
type Finding struct {
	Code  Code
	Where string // row or object, such as "entry 7" or "object log/tile/0/000"
	What  string
}

// Report is what a check found. It is clean if there is no finding.
type Report struct {
	Findings []Finding // in the order in which they were found
	Omitted  int       // findings beyond the first 1000
	Notes    []Finding // what is as it may be, and worth knowing: reservations, work half-done
	Counts   Counts
}

// Clean reports whether nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }

// Counts is how much was checked.
type Counts struct {
	Entries     int64 // rows of the log
	Replayed    int64 // of these, judged again by the rules
	Records     int64
	Checkpoints int64 // signed, in the database
	Tiles       int64 // and entry bundles, in the store
	Copies      int64 // entries whose copy is in the store
	Opened      int64 // of these, opened with the recovery identity
	Packages    int64 // rows
	Deposits    int64 // entries of seals
	Parts       int64 // rows
	Reread      int64 // parts whose bytes were read
	Annexes     int64 // bound by statements
	Objects     int64 // keys in the store
	Tokens      int64 // time stamps, rows
}

// checker is one run. What one file fills in and others read is named here.
type checker struct {
	cfg      Config
	report   *Report
	verifier *translog.LogKey
	relay    custody.Digest // fingerprint

	log      logState
	chains   map[custody.RecordID]*chain
	tags     map[translog.Tag]custody.RecordID
	book     *custody.Book // nil once the replay has ended
	damaged  map[int64]bool
	unknown  bool // what some entry says about packages and annexes
	deposits map[string]*deposit
	holds    map[custody.RecordID]bool // requests that were ever on hold; true while they are
	annexes  map[annexID]*annex
	// retention is, for each grant and offer, the days that its terms in force have a package
	// kept; an amendment shares that of what it amends.
	retention map[custody.Digest]*int64
	gone      erasing
	waiting   map[custody.Digest]bool  // annexes of proposals
	owners    map[string]owner         // of payload objects and heads that rows explain
	tokens    map[string]bool          // keys that rows explain
	copied    int64                    // entries that have a copy, from 0 on
	spoilt    map[int64]*translog.Leaf // leaves that differ from their column; nil: unknown
	mended    map[int64]tlog.Hash      // hashes that differ from their row
	stored    *publishedCheckpoint     // nil: the store has none that counts
	kept      *publishedCheckpoint     // the newest in the database
	witnessed map[int64]tlog.Hash      // trees that witnesses cosigned, by size, and their roots
}

// Check checks a relay. The error says that the check could not be made, as when
// the database cannot be read; what the check found is in the report.
func Check(ctx context.Context, cfg Config) (*Report, error) {
	c := &checker{
		cfg: cfg, report: &Report{}, chains: map[custody.RecordID]*chain{}, tags: map[translog.Tag]custody.RecordID{},
		damaged: map[int64]bool{}, deposits: map[string]*deposit{}, holds: map[custody.RecordID]bool{}, annexes: map[annexID]*annex{}, retention: map[custody.Digest]*int64{}, waiting: map[custody.Digest]bool{},
		gone: newErasing(), owners: map[string]owner{}, tokens: map[string]bool{}, spoilt: map[int64]*translog.Leaf{}, mended: map[int64]tlog.Hash{}, witnessed: map[int64]tlog.Hash{},
	}
	if err := c.check(ctx); err != nil {
		return nil, fmt.Errorf("checking relay %q: %w", cfg.Origin, err)
	}
	return c.report, nil
}

func (c *checker) check(ctx context.Context) error {
	if c.cfg.DB == nil || c.cfg.Store == nil {
		return errors.New("a required field is missing")
	}
	if err := c.identify(); err != nil {
		return err
	}
	// In this order: packages and annexes are compared with what the entries say,
	// and objects with what all of them explain.
	for _, step := range []func(context.Context) error{
		c.checkDatabase, c.readStored, c.checkLog, c.checkParties, c.checkHead, c.checkStored, c.checkTiles, c.checkTokens,
		c.checkPackages, c.checkRecalls, c.checkHolds, c.checkErasures, c.checkAnnexes, c.checkProposals, c.checkObjects, c.checkUploads,
	} {
		err := step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// identify reads the descriptor: whose log this is, and signed by which key.
func (c *checker) identify() error {
	s, err := custody.ParseStatement(c.cfg.Descriptor)
	if err != nil {
		return fmt.Errorf("reading the relay's descriptor: %v", err)
	}
	b, ok := s.Body.(*custody.Relay)
	if !ok || b.By != c.cfg.Origin {
		return fmt.Errorf("reading the relay's descriptor: it is a %s of %q", s.Kind, s.Header.By)
	}
	c.relay = b.Fingerprint()
	c.verifier, err = translog.ParseLogKey(b.LogKey, b.LogMLDSAKey, c.cfg.Origin)
	return err
}

// found files a finding.
func (c *checker) found(code Code, where, what string, args ...any) {
	if len(c.report.Findings) == maxListed {
		c.report.Omitted++
		return
	}
	c.report.Findings = append(c.report.Findings, Finding{code, where, fmt.Sprintf(what, args...)})
}

// note files what is no difference.
func (c *checker) note(code Code, where, what string, args ...any) {
	if len(c.report.Notes) < maxListed {
		c.report.Notes = append(c.report.Notes, Finding{code, where, fmt.Sprintf(what, args...)})
	}
}

func digestOf(b []byte) custody.Digest { return sha256.Sum256(b) }
