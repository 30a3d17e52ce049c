package agent

import (
	"context"
	"fmt"
	"slices"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// surveyed is how many records a survey holds in memory at a time.
const surveyed = 64

// Survey reads and proves the records of many requests at one checkpoint: the newest, or
// the one of a size that the relay has signed, if that is not 0. Each is replayed as by
// Sync, a few at a time, so that ten thousand take no more memory than some; visit gets
// their snapshot. What visit has seen holds only if Survey returns nil: the log is read
// at the end, once, and every leaf of these records compared.
//
// Of a request that had no entry then there is no visit.
func (s *Session) Survey(ctx context.Context, size int64, requests []string, visit func(snap *Snapshot, request string) error) (translog.Checkpoint, error) {
	v := survey{Session: s, visit: visit, expected: map[translog.Tag][]translog.Found{}, public: map[custody.RecordID][]wire.Line{}}
	var err error
	if v.at, err = s.checkpointAt(ctx, size); err != nil {
		return translog.Checkpoint{}, err
	}
	requests = slices.Clone(requests)
	slices.Sort(requests)
	for batch := range slices.Chunk(slices.Compact(requests), surveyed) {
		if err := v.batch(ctx, batch); err != nil {
			return translog.Checkpoint{}, err
		}
	}
	return v.at.Checkpoint, v.compare(ctx)
}

// checkpointAt returns the newest checkpoint, or the signed one of a size.
func (s *Session) checkpointAt(ctx context.Context, size int64) (seen, error) {
	if size == 0 {
		return s.checkpoint(ctx)
	}
	var p *wire.RecordProof
	if err := s.retry(ctx, func(c *wire.Client) (err error) {
		p, err = c.Record(ctx, custody.RelayRecord, size)
		return err
	}); err != nil {
		return seen{}, fmt.Errorf("reading the checkpoint of %d leaves: %w", size, err)
	}
	c, err := translog.Open([]byte(p.Checkpoint), s.Origin, s.log)
	if err == nil && c.Size != size {
		err = fmt.Errorf("it is of %d leaves, not of %d", c.Size, size)
	}
	if err == nil {
		var before []seen
		if before, err = s.seen(); err == nil {
			err = bounded(before, c)
		}
	}
	if err != nil {
		return seen{}, fmt.Errorf("checking the log's checkpoint: %w: %w", err, ErrVerify)
	}
	return seen{c, []byte(p.Checkpoint)}, nil
}

// survey is a Survey under way.
type survey struct {
	*Session
	at       seen
	visit    func(*Snapshot, string) error
	expected map[translog.Tag][]translog.Found // what the log has to hold of the records
	public   map[custody.RecordID][]wire.Line  // records of authorities and of the relay
}

// batch reads, replays and visits some records.
func (v *survey) batch(ctx context.Context, requests []string) error {
	snap := &Snapshot{Checkpoint: v.at.Checkpoint, Note: v.at.note, Records: map[custody.RecordID][]wire.Line{}, Taken: v.agent.now(), senders: map[string]*keys.Public{}}
	authorities := []custody.RecordID{custody.RelayRecord}
	for _, r := range requests {
		if err := custody.CheckID(r); err != nil {
			return err
		}
		id := custody.RecordID(r)
		err := v.record(ctx, snap, id)
		if wire.CodeOf(err) == custody.CodeNoSuchRequest {
			continue
		}
		if err != nil {
			return err
		}
		parties, err := partiesOf(snap.Records[id])
		if err != nil {
			return err
		}
		for _, p := range parties {
			authorities = append(authorities, custody.AuthorityRecord(p))
		}
	}
	for _, id := range authorities {
		if err := v.once(ctx, snap, id); err != nil {
			return err
		}
	}
	if _, err := v.replay(snap); err != nil {
		return fmt.Errorf("checking the relay's records: %w: %w", err, ErrVerify)
	}
	for id, lines := range snap.Records {
		v.expect(snap.Book.Record(id), lines)
	}
	for _, r := range requests {
		if snap.Book.Record(custody.RecordID(r)) == nil {
			continue
		}
		if err := v.visit(snap, r); err != nil {
			return err
		}
	}
	return nil
}

// once reads a record that every batch needs a single time.
func (v *survey) once(ctx context.Context, snap *Snapshot, id custody.RecordID) error {
	if lines, ok := v.public[id]; ok {
		snap.Records[id] = lines
		return nil
	}
	err := v.record(ctx, snap, id)
	v.public[id] = snap.Records[id]
	return err
}

// expect notes the leaves of a record, whose inclusion the replay has checked.
func (v *survey) expect(r *custody.Record, lines []wire.Line) {
	tag := translog.NewTag(r.First())
	if v.expected[tag] != nil {
		return
	}
	for seq, l := range lines {
		c := l.Custody()
		v.expected[tag] = append(v.expected[tag], translog.Found{Index: l.Index, Leaf: c.Leaf(r.First(), int64(seq))})
	}
}

// compare reads the log up to the checkpoint and finds in it all leaves of the records,
// and no other that has one of their tags.
func (v *survey) compare(ctx context.Context) error {
	found := map[translog.Tag]int{}
	err := v.prove(ctx, v.at, func(index int64, leaf translog.Leaf) error {
		want, ours := v.expected[leaf.Tag]
		if !ours {
			return nil
		}
		n := found[leaf.Tag]
		if n >= len(want) || want[n] != (translog.Found{Index: index, Leaf: leaf}) {
			return fmt.Errorf("leaf %d is of a record that was read, and not what the relay showed of it: %w", index, ErrVerify)
		}
		found[leaf.Tag]++
		return nil
	})
	if err != nil {
		return err
	}
	for tag, want := range v.expected {
		if found[tag] != len(want) {
			return fmt.Errorf("the relay showed %d entries of a record, its log holds %d: %w", len(want), found[tag], ErrVerify)
		}
	}
	return nil
}

// Requests lists the requests of this authority that the relay tells of, sorted.
func (s *Session) Requests(ctx context.Context) ([]string, error) {
	has := map[custody.RecordID]bool{}
	err := s.changes(ctx, func(c wire.Change) {
		if c.Record.Authority() == "" && c.Record != custody.RelayRecord && custody.CheckID(string(c.Record)) == nil {
			has[c.Record] = true
		}
	})
	var list []string
	for id := range has {
		list = append(list, string(id))
	}
	slices.Sort(list)
	return list, err
}
