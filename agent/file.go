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
// and checks what the relay answers: that exactly this envelope stands in the log
// under a checkpoint that the log's key signed. first is the payload hash of the
// record's first statement, the statement's own if it is the first. Filing the
// same statement again is safe. It returns the entry that the relay made.
func (s *Session) File(ctx context.Context, first custody.Digest, st *custody.Statement, annexFile []byte) (*custody.Entry, error) {
	var p *wire.Proof
	err := s.retry(ctx, func(c *wire.Client) (err error) {
		p, err = c.Submit(ctx, st.Envelope, annexFile)
		return err
	})
	if err != nil {
		return nil, err
	}
	e, err := s.filed(p, first, st)
	if err != nil {
		return nil, fmt.Errorf("checking the relay's proof for the %s: %w: %w", st.Kind, err, ErrVerify)
	}
	return e, nil
}

// filed checks a relay's proof for a statement. The line's index is the relay's
// word until the tree confirms it.
func (s *Session) filed(p *wire.Proof, first custody.Digest, st *custody.Statement) (*custody.Entry, error) {
	c, err := translog.Open([]byte(p.Checkpoint), s.Origin, s.log)
	if err != nil {
		return nil, err
	}
	e, err := custody.ParseEntry(p.Line.Entry)
	if err != nil {
		return nil, err
	}
	// The entry may hold an envelope filed before with other signatures of the
	// same statement; what counts is that it commits to the envelope beside it.
	if e.Record != st.Record() || e.Kind != st.Kind || e.Statement != st.SHA256 || e.Envelope != custody.HashOf(p.Line.Envelope) {
		return nil, fmt.Errorf("entry %d of record %q is of another statement", e.Seq, e.Record)
	}
	l := custody.Line{Index: p.Line.Index, Entry: p.Line.Entry, Envelope: p.Line.Envelope, Salt: p.Line.Salt}
	return e, translog.CheckInclusion(c, l.Index, l.Leaf(first, e.Seq), hashes(p.Line.Proof))
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
