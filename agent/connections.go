package agent

import "context"

// lines are connections to one relay, one for each worker of a transfer: a lost one
// takes at most one part with it, and on a long way their windows add up.
type lines struct {
	ctx  context.Context // of the transfer
	list []*Session      // the first is the caller's; the others are opened when first used
}

// lines returns n lines of which the first is the session itself. Close ends the
// others.
func (s *Session) lines(ctx context.Context, n int) *lines {
	l := &lines{ctx: ctx, list: make([]*Session, n)}
	l.list[0] = s
	return l
}

// at returns the line of a worker, who is the only one to call it with that number.
// A relay that lets no more connections in is used over the first from then on.
func (l *lines) at(worker int) *Session {
	if l.list[worker] == nil {
		first := l.list[0]
		s, err := first.agent.Connect(l.ctx, first.ID)
		if err != nil {
			first.agent.log.Warn("another connection failed; the first has to do", "error", err)
			s = first
		}
		l.list[worker] = s
	}
	return l.list[worker]
}

// close ends the lines that at has opened. No worker may use them any more.
func (l *lines) close() {
	for _, s := range l.list[1:] {
		if s != nil && s != l.list[0] {
			s.Close()
		}
	}
}
