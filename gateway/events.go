package gateway

import (
	"context"
	"errors"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/admit"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/internal/wire"
)

// countEvery is how often the relay looks whether an hour is over. A refusal in
// the next hour makes it look at once.
const countEvery = time.Minute

// refused is told of every refusal before it is answered. A denial by the rule
// book to a party of a request becomes an entry of the record first; that it
// cannot be filed changes nothing in the answer.
func (g *Gateway) refused(ctx context.Context, who *admit.Principal, err error, code custody.Code) {
	if code != wire.CodeInternal && g.tally.Add(code) {
		select {
		case g.counting <- struct{}{}:
		default: // it looks already
		}
	}
	var d *admit.Denial
	if who == nil || !errors.As(err, &d) {
		return
	}
	// Whether the caller waits for its answer or not, it was refused.
	denied := &custody.Denied{By: who.ID(), Act: d.Act, Code: d.Decision.Code, Rule: d.Decision.Rule}
	if denied.Code == custody.CodeOperatorPolicy {
		denied.Policy = d.Decision.Policy
	}
	ev := &custody.Event{Denied: denied}
	g.fileEvent(context.WithoutCancel(ctx), d.Record, ev)
}

// fileEvent files an event unless the rules do not take it, which is no fault: the
// record says it already, or the caller of a denial is no party. It reports
// whether there is nothing left to file.
func (g *Gateway) fileEvent(ctx context.Context, id custody.RecordID, ev *custody.Event) bool {
	err := g.ledger.File(ctx, id, ev)
	var no *ledger.Refused
	switch {
	case errors.As(err, &no):
		if ev.Denied == nil && no.Decision.Code != custody.CodeDuplicate || no.Decision.Code == custody.CodeBadStatement {
			g.cfg.Logger.WarnContext(ctx, "gave an event up that the rules do not take", "record", id, "decision", no.Decision.String())
		}
		return true
	case err != nil:
		g.cfg.Logger.ErrorContext(ctx, "failed to file an event", "record", id, "error", err)
		return errors.Is(err, ledger.ErrUnpublished) // it is committed
	}
	return true
}

// count files hours that are over, until ctx ends.
func (g *Gateway) count(ctx context.Context) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-g.counting:
		}
		g.fileCounts(ctx)
	}
}

// quietFor is how old the last entry of the relay's own record gets before the relay
// files a sign of life. Agents send nothing when nothing in the log is younger than 24
// hours, so that who serves an old one is noticed.
const quietFor = 8 * time.Hour

// quiet reports whether it is time for a sign of life.
func (g *Gateway) quiet(ctx context.Context) (yes bool) {
	err := g.ledger.Read(ctx, custody.RelayRecord, func(r *custody.Record) error {
		yes = g.cfg.Now().Sub(r.Last().Time()) >= quietFor
		return nil
	})
	return err == nil && yes
}

// fileCounts files the counts of all hours that are over, or a sign of life. Those that
// cannot be filed now stay for the next time.
func (g *Gateway) fileCounts(ctx context.Context) {
	if _, waiting := g.tally.Over(); !waiting && g.quiet(ctx) {
		g.tally.Beat()
	}
	for {
		c, ok := g.tally.Over()
		if !ok || !g.fileEvent(context.WithoutCancel(ctx), custody.RelayRecord, &custody.Event{Counted: &c}) {
			break
		}
		g.tally.Done(c)
	}
	if n := g.tally.Lost(); n > 0 {
		g.cfg.Logger.ErrorContext(ctx, "gave counts of refusals up that could not be filed", "hours", n)
	}
}

// fileProbe files what the store was found to enforce, if it differs from what
// the relay's record says of it.
func (g *Gateway) fileProbe(ctx context.Context) error {
	s, ok := g.cfg.Store.(objects.Prober)
	if !ok {
		return nil
	}
	p := custody.Probed(s.Probe())
	err := g.ledger.File(ctx, custody.RelayRecord, &custody.Event{Probed: &p})
	var no *ledger.Refused
	if errors.As(err, &no) && no.Decision.Code == custody.CodeDuplicate {
		return nil
	}
	return err
}
