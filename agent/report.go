package agent

import (
	"context"
	"fmt"

	"comity.example/comity/custody"
	"comity.example/comity/custody/report"
	"comity.example/comity/internal/wire"
)

// ReportSpec says what to count: the requests of an authority, in a period, at the
// newest checkpoint or at the signed one of a size, down to a threshold.
type ReportSpec struct {
	Period    report.Period
	Size      int64 // 0: the newest
	Threshold int64
}

// Report makes the statistics of this session's authority from the records that the
// relay shows, each replayed and proven in the log. An index kept here has no part in
// it. That the relay shows all requests nobody can tell: leaves_others says how much of
// the log was not read. Offers are no requests, and are not counted.
func (s *Session) Report(ctx context.Context, spec ReportSpec) (*custody.Statistics, error) {
	requests, err := s.Requests(ctx)
	if err != nil {
		return nil, err
	}
	authority := s.agent.home.Authority()
	tally := report.NewTally(authority, spec.Period)
	at, err := s.Survey(ctx, spec.Size, requests, func(snap *Snapshot, request string) error {
		entries, err := snap.entries(request)
		if err != nil {
			return err
		}
		c := snap.Case(request)
		if c == nil || c.From != authority && c.To != authority {
			return fmt.Errorf("request %q is none of %q: %w", request, authority, ErrVerify)
		}
		if c.Offer != nil { // nobody has asked
			return nil
		}
		suspended := len(snap.Book.View().Suspended(c.From, c.To)) > 0
		return tally.Add(report.Of(authority, c, entries, suspended))
	})
	if err != nil {
		return nil, fmt.Errorf("counting requests: %w", err)
	}
	st := tally.Statistics(s.Origin, custody.CheckpointRef{Size: at.Size, Root: custody.Digest(at.Root)}, spec.Threshold)
	return &st, nil
}

// entries reads the entries of a request, which the replay has checked.
func (s *Snapshot) entries(request string) (list []*custody.Entry, err error) {
	for _, l := range s.Records[custody.RecordID(request)] {
		if l.Gap != nil { // erased
			continue
		}
		e, err := custody.ParseEntry(l.Entry)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Published returns the reports in an authority's record, oldest first, each proven.
func (s *Session) Published(ctx context.Context, authority string) (list []*custody.Statement, err error) {
	snap, err := s.Sync(ctx, "", authority)
	if err != nil {
		return nil, err
	}
	for _, l := range snap.Records[custody.AuthorityRecord(authority)] {
		st, err := lineStatement(l)
		if err != nil {
			return nil, err
		}
		if st != nil && st.Kind == custody.KindReport {
			list = append(list, st)
		}
	}
	return list, nil
}

// lineStatement reads the statement of a line; nil of an event.
func lineStatement(l wire.Line) (*custody.Statement, error) {
	if len(l.Envelope) == 0 {
		return nil, nil
	}
	return custody.ParseStatement(l.Envelope)
}
