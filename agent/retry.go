package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// maxTries bounds how often one call is repeated after the connection or the
// relay failed; the pauses between grow to maxPause.
const (
	maxTries  = 8
	maxDials  = 4
	firstWait = 250 * time.Millisecond
	maxPause  = 15 * time.Second
)

// retry makes a call that may be repeated safely, again after a lost connection
// or an answer that says so. A refusal is final.
func (s *Session) retry(ctx context.Context, call func(*wire.Client) error) error {
	wait := firstWait
	var away error // why there was no new connection
	for try := 1; ; try++ {
		c := s.current()
		err := call(c)
		if err == nil || !transient(err) || ctx.Err() != nil {
			return err
		}
		code := wire.CodeOf(err)
		if away != nil {
			err = fmt.Errorf("%w; reconnecting: %w", err, away)
		}
		if try == maxTries || away != nil && wire.CodeOf(away) != "" && !transient(away) {
			return fmt.Errorf("gave up after %d tries: %w: %w", try, err, ErrTryLater)
		}
		s.agent.log.Warn("call failed, trying again", "try", try, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, maxPause)
		if code == "" || code == wire.CodeHelloRequired {
			away = s.reconnect(ctx, c)
		}
	}
}

// transient reports whether the same call may succeed later: everything that is
// not an answer of the relay, and the answers that ask to wait.
func transient(err error) bool {
	var p *wire.Problem
	if !errors.As(err, &p) {
		return !errors.Is(err, ErrVerify)
	}
	switch p.Code {
	case wire.CodeBusy, wire.CodeRateLimited, wire.CodeInternal, wire.CodeHelloRequired:
		return true
	}
	return false
}

// Authority, Directory and Proposals are those of the client, again after a lost connection: what
// only reads may be repeated.
func (s *Session) Authority(ctx context.Context, name string) (have *wire.AuthorityState, err error) {
	err = s.retry(ctx, func(c *wire.Client) error {
		have, err = c.Authority(ctx, name)
		return err
	})
	return have, err
}

// Directory returns an authority's roots and its directory of a version.
func (s *Session) Directory(ctx context.Context, name string, version int64) (have *wire.AuthorityState, err error) {
	err = s.retry(ctx, func(c *wire.Client) error {
		have, err = c.Directory(ctx, name, version)
		return err
	})
	return have, err
}

// Proposals lists the open proposals of this agent's authority.
func (s *Session) Proposals(ctx context.Context) (list *wire.Proposals, err error) {
	err = s.retry(ctx, func(c *wire.Client) error {
		list, err = c.Proposals(ctx)
		return err
	})
	return list, err
}

// waits reports whether an error leaves everything as it is, to be gone on with: it
// is transient, or it holds the act up.
func waits(err error) bool { return transient(err) || held(err) }

// held reports whether an act is held up by what no retry mends and a person does: one
// of the two States has suspended what moves between them, or the relay's operator does
// not carry it for now, or not keep it for so long. They are asked last, so all else would allow it.
func held(err error) bool {
	code := wire.CodeOf(err)
	return code == custody.CodePairSuspended || code == custody.CodeOperatorPolicy || code == custody.CodeRetention
}

// passing adds ErrTryLater to what may pass: a relay that died in between.
func passing(err error) error {
	if !transient(err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, ErrTryLater)
}

// current returns the client of the newest connection.
func (s *Session) current() *wire.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Client
}

// reconnect replaces a connection that failed, once for all callers that saw it
// fail. If it cannot, the next try fails again and comes back. A relay that only
// asks to wait keeps its connection: others are in the middle of a part on it.
func (s *Session) reconnect(ctx context.Context, failed *wire.Client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Client != failed {
		return nil
	}
	n, err := s.agent.Connect(ctx, s.ID)
	if err != nil {
		s.agent.log.Warn("reconnecting failed", "error", err)
		return err
	}
	s.conn.Close()
	s.conn, s.Client, s.relay, s.log, s.descriptor = n.conn, n.Client, n.relay, n.log, n.descriptor
	return nil
}
