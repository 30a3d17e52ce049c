package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"comity.example/comity/agent/internal/annex"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// File submits a statement, with its annex if the relay does not have it yet,
// and checks what the relay answers: that exactly this envelope stands in the one
// log that this home has seen. If that log cannot be read at the moment, the error
// is that of the connection, and the next Sync checks the answer. first is the
// payload hash of the record's first statement, the statement's own if it is the
// first. Filing the same statement again is safe. It returns the entry that the
// relay made.
func (s *Session) File(ctx context.Context, first custody.Digest, st *custody.Statement, annexFile []byte) (*custody.Entry, error) {
	var p *wire.Proof
	err := s.retry(ctx, func(c *wire.Client) (err error) {
		p, err = c.Submit(ctx, st.Envelope, annexFile)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.filed(ctx, p, first, st)
}

// filed checks a relay's proof for a statement: the entry stands in a tree that
// the log's key signed, and that tree is one of the log that this home has seen.
// It may be smaller than the largest one seen, of which it then is the beginning.
func (s *Session) filed(ctx context.Context, p *wire.Proof, first custody.Digest, st *custody.Statement) (*custody.Entry, error) {
	c, e, err := s.included(p, first, st)
	if err != nil {
		return nil, fmt.Errorf("checking the relay's proof for the %s: %w: %w", st.Kind, err, ErrVerify)
	}
	list, err := s.seen()
	if err != nil {
		return nil, err
	}
	if err := bounded(list, c.Checkpoint); err != nil {
		return nil, fmt.Errorf("checking the relay's proof for the %s: %w: %w", st.Kind, err, ErrVerify)
	}
	err = s.prove(ctx, c, func(int64, translog.Leaf) error { return nil })
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, ErrVerify):
		return nil, fmt.Errorf("checking the relay's proof for the %s: %w", st.Kind, err)
	}
	// A relay that keeps its log from us now must not be rid of what it signed:
	// the next tree has to contain it.
	return nil, fmt.Errorf("the relay has acknowledged the %s, but its log could not be read to check that: %w", st.Kind, errors.Join(err, s.keep(c)))
}

// included checks that a statement's entry stands in a tree that the log's key
// signed. The line's index is the relay's word until the tree confirms it.
func (s *Session) included(p *wire.Proof, first custody.Digest, st *custody.Statement) (c seen, e *custody.Entry, err error) {
	c.note = []byte(p.Checkpoint)
	if c.Checkpoint, err = translog.Open(c.note, s.Origin, s.log); err != nil {
		return c, nil, err
	}
	if e, err = custody.ParseEntry(p.Line.Entry); err != nil {
		return c, nil, err
	}
	// The entry may hold an envelope filed before with other signatures of the
	// same statement; what counts is that it commits to the envelope beside it.
	if e.Record != st.Record() || e.Kind != st.Kind || e.Statement != st.SHA256 || e.Envelope != custody.HashOf(p.Line.Envelope) {
		return c, nil, fmt.Errorf("entry %d of record %q is of another statement", e.Seq, e.Record)
	}
	l := p.Line.Custody()
	return c, e, translog.CheckInclusion(c.Checkpoint, l.Index, l.Leaf(first, e.Seq), hashes(p.Line.Proof))
}

// Header begins a statement of this home's authority on the newest entry of a
// request's record; without a request, one that begins a record.
func (s *Session) Header(snap *Snapshot, request string) custody.Header {
	h := custody.Header{Relay: s.Origin, By: s.agent.home.Authority(), Issued: statement.At(s.agent.now())}
	if request != "" {
		h.After = snap.Tip(request)
	}
	return h
}

// Decide asks the rule book, on the records of the snapshot, whether the relay
// has to take a statement that this session carries.
func (s *Session) Decide(snap *Snapshot, st *custody.Statement) custody.Decision {
	if snap.Book.Record(st.Record()) != nil {
		return decide(snap, s, st)
	}
	return custody.Decide(custody.NewRecord(st.Record()), snap.Book.View(),
		custody.Action{Act: custody.ActStatement, Via: s.ID, Statement: st}, statement.At(s.agent.now()))
}

// OpenAnnex fetches an annex and opens it with the identities of this home.
func (s *Session) OpenAnnex(ctx context.Context, ref custody.AnnexRef) (*annex.Annex, error) {
	if s.ID.Role() == custody.RoleAuditor {
		return nil, errors.New("an auditor reads no annexes")
	}
	return s.annex(ctx, ref)
}

// LockCase keeps other processes from moving packages of a request until the
// function it returns is called. It wraps ErrTryLater when another has it.
func (h *Home) LockCase(request string) (func(), error) {
	if err := custody.CheckID(request); err != nil {
		return nil, err
	}
	path := h.path("cases", request, "lock")
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l, err := durable.LockFile(path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("%w: another comity process moves packages of this request: %w", err, ErrTryLater)
	}
	if err != nil {
		return nil, err
	}
	return func() { l.Unlock() }, nil
}
