package agent

import (
	"context"
	"fmt"

	"comity.example/comity/custody"
)

// Attest signs as the session's agent, and files, that it has seen the record of a request
// as the snapshot has it, whose log it has read. It returns the entry of the attestation;
// nil if there is nothing new to attest, or the rules want no more of it within the hour.
func (s *Session) Attest(ctx context.Context, snap *Snapshot, request string) (*custody.Entry, error) {
	if s.ID.Role() != custody.RoleAgent {
		return nil, nil // an auditor reads
	}
	c := snap.Case(request)
	st, err := custody.Sign(&custody.Attestation{
		Header: s.header(snap, request, string(s.ID)), Request: c.RequestSHA256,
		Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)},
	}, s.key)
	if err != nil {
		return nil, err
	}
	switch d := decide(snap, s, st); d.Code {
	case custody.CodeAllowed:
	case custody.CodeNothingNew, custody.CodeTooOften:
		return nil, nil
	default:
		return nil, fmt.Errorf("attesting the record of request %q: %s", request, d)
	}
	e, err := s.File(ctx, c.RequestSHA256, st, nil)
	if err != nil {
		return nil, fmt.Errorf("attesting the record of request %q: %w", request, err)
	}
	return e, nil
}

// AttestNews does so if the record holds something that others brought since this agent
// last attested it: what its own State signed, its State has said already. It is for
// whoever acts in the record anyway. That it fails fails nothing else: it is logged, and
// the next one says the same.
func (s *Session) AttestNews(ctx context.Context, snap *Snapshot, request string) {
	if !snap.news(request, s.ID) {
		return
	}
	if _, err := s.Attest(ctx, snap, request); err != nil && ctx.Err() == nil {
		s.agent.log.Warn("the record could not be attested", "request", request, "error", err)
	}
}

// news reports whether a record holds entries by others, attestations aside, that an
// agent has not attested.
func (s *Snapshot) news(request string, by custody.PartyID) bool {
	upTo := int64(-1)
	lines := s.Records[custody.RecordID(request)]
	var others []int64
	for seq := range lines {
		l := lines[seq].Custody()
		if l.Gap != nil { // erased, and nothing new
			continue
		}
		e, st, err := l.Parse()
		if err != nil {
			return false // not after Sync
		}
		if b, ok := bodyOf(st).(*custody.Attestation); ok {
			if b.By == string(by) {
				upTo = b.After.Seq
			}
		} else if e.Via.Authority() != by.Authority() {
			others = append(others, int64(seq))
		}
	}
	return len(others) > 0 && others[len(others)-1] > upTo
}

// bodyOf returns the body of a statement; of an event, which has none, nil.
func bodyOf(st *custody.Statement) custody.Body {
	if st == nil {
		return nil
	}
	return st.Body
}
