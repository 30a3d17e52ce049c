package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/tlog"
)

// maxClockSkew is the difference of clocks worth a warning.
const maxClockSkew = 5 * time.Second

// Snapshot is what the relay's log proves at one checkpoint: records replayed by
// the rule book, every entry included in the tree, none of their leaves left
// out. A relay can still withhold the newest entries; only time and other
// readers of the log show that.
type Snapshot struct {
	Checkpoint translog.Checkpoint
	Note       []byte // the signed checkpoint
	Book       *custody.Book
	Records    map[custody.RecordID][]wire.Line
	Taken      time.Time // local clock

	senders map[string]*keys.Public // by package: the sender's key when its seal was logged
}

// Case returns the state of a request in the snapshot, or nil.
func (s *Snapshot) Case(request string) *custody.Case {
	r := s.Book.Record(custody.RecordID(request))
	if r == nil {
		return nil
	}
	return r.Case()
}

// Tip returns the last entry of a request's record.
func (s *Snapshot) Tip(request string) *custody.Ref {
	return s.Book.Record(custody.RecordID(request)).Tip()
}

// Sync reads and proves the records of the relay, of the authorities named, and
// of a request if it is not empty, whose two authorities it adds by itself.
func (s *Session) Sync(ctx context.Context, request string, authorities ...string) (*Snapshot, error) {
	snap := &Snapshot{Records: map[custody.RecordID][]wire.Line{}, Taken: s.agent.now(), senders: map[string]*keys.Public{}}
	c, err := s.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	snap.Note, snap.Checkpoint = c.note, c.Checkpoint
	watches, err := s.read(ctx, snap, request, authorities)
	if err != nil {
		return nil, s.look(ctx, c, err)
	}
	if err := s.scan(ctx, snap, watches); err != nil {
		return snap, err
	}
	s.keepProven(snap)
	return snap, nil
}

// look compares a checkpoint with what this home remembers, after the relay has signed it
// and then did not show what goes with it: a fork is not to be hidden by an error.
// It returns the error, with what it found.
func (s *Session) look(ctx context.Context, c seen, cause error) error {
	if ctx.Err() != nil || wire.CodeOf(cause) == custody.CodeNoSuchRequest {
		return cause
	}
	err := s.prove(ctx, c, func(int64, translog.Leaf) error { return nil })
	var e *recordError
	if err == nil && errors.As(cause, &e) { // the log is one: it is the record that is not
		s.raise(alarm.Alarm{Kind: alarm.KindRecordDiffers, Record: e.record, Shown: string(c.note),
			Words: bounded4k("a record, as the relay shows it, is not the one in its log: " + e.Error())})
	}
	if errors.Is(err, ErrVerify) {
		return errors.Join(cause, err)
	}
	return cause
}

// read fetches and replays the records of a snapshot. It returns a watch for the tag of each.
func (s *Session) read(ctx context.Context, snap *Snapshot, request string, authorities []string) (map[custody.RecordID]*translog.Watch, error) {
	if request != "" {
		if err := custody.CheckID(request); err != nil { // it becomes a folder
			return nil, err
		}
		id := custody.RecordID(request)
		if err := s.record(ctx, snap, id); err != nil {
			return nil, err
		}
		parties, err := partiesOf(snap.Records[id])
		if err != nil {
			return nil, err
		}
		authorities = append(authorities, parties...)
	}
	ids := []custody.RecordID{custody.RelayRecord}
	for _, a := range authorities {
		ids = append(ids, custody.AuthorityRecord(a))
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if err := s.record(ctx, snap, id); err != nil {
			return nil, err
		}
	}
	watches, err := s.replay(snap)
	if err != nil {
		return nil, fmt.Errorf("checking the relay's records: %w: %w", err, ErrVerify)
	}
	return watches, nil
}

// record fetches one record with proofs to the snapshot's checkpoint.
func (s *Session) record(ctx context.Context, snap *Snapshot, id custody.RecordID) error {
	var p *wire.RecordProof
	err := s.retry(ctx, func(c *wire.Client) (err error) {
		p, err = c.Record(ctx, id, snap.Checkpoint.Size)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading record %q: %w", id, err)
	}
	if p.Record != id {
		return fmt.Errorf("reading record %q: the relay answered with %q: %w", id, p.Record, ErrVerify)
	}
	snap.Records[id] = p.Lines
	return nil
}

// partiesOf reads the two authorities of a request from its first statement.
func partiesOf(lines []wire.Line) ([]string, error) {
	if len(lines) == 0 {
		return nil, wire.NewProblem(custody.CodeNoSuchRequest, "")
	}
	st, err := custody.ParseStatement(lines[0].Envelope)
	if err != nil {
		return nil, fmt.Errorf("reading request: %w: %w", err, ErrVerify)
	}
	p := st.Parties()
	if p == nil {
		return nil, fmt.Errorf("the record begins with a %s, not a request or an offer: %w", st.Kind, ErrVerify)
	}
	return p, nil
}

// replay folds all lines in the order of the log, checks their inclusion, and
// returns a watch for the tag of each record.
func (s *Session) replay(snap *Snapshot) (map[custody.RecordID]*translog.Watch, error) {
	var lines []wire.Line
	for _, list := range snap.Records {
		lines = append(lines, list...)
	}
	slices.SortFunc(lines, func(a, b wire.Line) int { return cmp.Compare(a.Index, b.Index) })
	snap.Book = custody.NewBook(s.Origin, s.agent.home.Trust.Pins(), s.fp)
	watches := map[custody.RecordID]*translog.Watch{}
	of := map[int64]custody.RecordID{} // of what was erased, by index
	for id, list := range snap.Records {
		for _, l := range list {
			if l.Gap != nil {
				of[l.Index] = id
			}
		}
	}
	for _, l := range lines {
		if l.Gap != nil {
			if err := s.gap(snap, of[l.Index], l); err != nil {
				return nil, err
			}
			continue
		}
		leaf, e, err := snap.Book.Add(l.Custody())
		if err != nil {
			return nil, err
		}
		if err := translog.CheckInclusion(snap.Checkpoint, l.Index, leaf, hashes(l.Proof)); err != nil {
			return nil, &recordError{e.Record, place{l.Index, leaf}, fmt.Errorf("entry %d is not in the log at %d: %w", e.Seq, l.Index, err)}
		}
		if watches[e.Record] == nil {
			watches[e.Record] = translog.NewWatch(leaf.Tag)
		}
		if err := snap.note(e, l.Envelope); err != nil {
			return nil, err
		}
	}
	for id, list := range snap.Records {
		r := snap.Book.Record(id)
		if r == nil && len(list) > 0 || r != nil && r.Len() != int64(len(list)) {
			return nil, fmt.Errorf("record %q holds entries of another record", id)
		}
		if r != nil {
			if err := r.Erased(); err != nil { // else a relay could hide a revocation by calling it erased
				return nil, err
			}
		}
	}
	return watches, s.newest(snap.Book.Record(custody.RelayRecord))
}

// gap takes an entry that the relay says it has erased. That it may say so, the rest of the
// record has to show: see replay.
func (s *Session) gap(snap *Snapshot, id custody.RecordID, l wire.Line) error {
	if len(l.Entry)+len(l.Envelope) > 0 || !l.Salt.IsZero() {
		return fmt.Errorf("log entry %d is said to be erased, and stands beside that", l.Index)
	}
	leaf, err := snap.Book.AddGap(id, l.Index, l.Gap)
	if err != nil {
		return err
	}
	if err := translog.CheckInclusion(snap.Checkpoint, l.Index, leaf, hashes(l.Proof)); err != nil {
		return fmt.Errorf("entry %d of record %q: %w", leaf.Seq, id, err)
	}
	return nil
}

// newest refuses a connection that was made with an older description of the
// relay than its log holds: who has keys that the relay gave up could show it.
func (s *Session) newest(r *custody.Record) error {
	if r == nil || r.Relay() == nil {
		return errors.New("the relay's own record is empty")
	}
	if s.relay.Version < r.Relay().Version {
		return fmt.Errorf("the relay showed version %d of its descriptor, its log holds version %d", s.relay.Version, r.Relay().Version)
	}
	return nil
}

// note keeps the key of a package's sender as its directory lists it at the place
// of the seal: the sender may be retired, or have a new key, when the package is
// opened.
func (s *Snapshot) note(e *custody.Entry, envelope []byte) error {
	if e.Kind != custody.KindSeal {
		return nil
	}
	st, err := custody.ParseStatement(envelope)
	if err != nil {
		return err
	}
	by := custody.PartyID(st.Header.By)
	m, ok := s.Book.View().Authorities[by.Authority()].Member(by)
	if !ok {
		return fmt.Errorf("entry %d of record %q: its sender %q is in no directory", e.Seq, e.Record, by)
	}
	s.senders[st.Package()] = m.Key
	return nil
}

func hashes(ds []custody.Digest) []tlog.Hash {
	hs := make([]tlog.Hash, len(ds))
	for i, d := range ds {
		hs[i] = tlog.Hash(d)
	}
	return hs
}
