package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
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
	snap := &Snapshot{Records: map[custody.RecordID][]wire.Line{}, Taken: s.agent.now()}
	var err error
	if snap.Note, snap.Checkpoint, err = s.checkpoint(ctx); err != nil {
		return nil, err
	}
	if request != "" {
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
	if err := s.scan(ctx, snap, watches); err != nil {
		return nil, err
	}
	return snap, s.remember(snap)
}

// checkpoint fetches and verifies the newest checkpoint.
func (s *Session) checkpoint(ctx context.Context) ([]byte, translog.Checkpoint, error) {
	msg, err := s.Client.Checkpoint(ctx)
	if err != nil {
		return nil, translog.Checkpoint{}, err
	}
	c, err := translog.Open(msg, s.Origin, s.log)
	if err != nil {
		return nil, c, fmt.Errorf("checking the log's checkpoint: %w: %w", err, ErrVerify)
	}
	return msg, c, nil
}

// record fetches one record with proofs to the snapshot's checkpoint.
func (s *Session) record(ctx context.Context, snap *Snapshot, id custody.RecordID) error {
	p, err := s.Client.Record(ctx, id, snap.Checkpoint.Size)
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
	b, ok := st.Body.(*custody.Request)
	if !ok {
		return nil, fmt.Errorf("the record begins with a %s, not a request: %w", st.Kind, ErrVerify)
	}
	return []string{b.By, b.To}, nil
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
	for _, l := range lines {
		leaf, e, err := snap.Book.Add(custody.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt})
		if err != nil {
			return nil, err
		}
		if err := translog.CheckInclusion(snap.Checkpoint, l.Index, leaf, hashes(l.Proof)); err != nil {
			return nil, fmt.Errorf("entry %d of record %q: %w", e.Seq, e.Record, err)
		}
		if watches[e.Record] == nil {
			watches[e.Record] = translog.NewWatch(leaf.Tag)
		}
	}
	for id, list := range snap.Records {
		if r := snap.Book.Record(id); r == nil && len(list) > 0 || r != nil && r.Len() != int64(len(list)) {
			return nil, fmt.Errorf("record %q holds entries of another record", id)
		}
	}
	return watches, nil
}

func hashes(ds []custody.Digest) []tlog.Hash {
	hs := make([]tlog.Hash, len(ds))
	for i, d := range ds {
		hs[i] = tlog.Hash(d)
	}
	return hs
}

// scan reads the whole log up to the checkpoint, recomputes its root, and
// compares the leaves that carry a record's tag with the lines that the relay
// showed: a revocation that it left out would stand here.
func (s *Session) scan(ctx context.Context, snap *Snapshot, watches map[custody.RecordID]*translog.Watch) error {
	visit := func(index int64, leaf translog.Leaf) error {
		for _, w := range watches {
			if err := w.Visit(index, leaf); err != nil {
				return err
			}
		}
		return nil
	}
	fetch := func(n int64, width int) ([]byte, error) { return s.bundle(ctx, n, width) }
	var f translog.Frontier
	old, err := s.remembered()
	if err != nil {
		return err
	}
	if old.Size > snap.Checkpoint.Size {
		return fmt.Errorf("the log has %d entries and had %d: it was rolled back: %w", snap.Checkpoint.Size, old.Size, ErrVerify)
	}
	for _, c := range []translog.Checkpoint{old, snap.Checkpoint} {
		if c.Size == 0 {
			continue
		}
		if err := translog.Scan(&f, c, fetch, visit); err != nil {
			return scanError(err)
		}
	}
	for id, w := range watches {
		if err := complete(snap.Records[id], w.Found(), snap.Book.Record(id)); err != nil {
			return fmt.Errorf("checking record %q: %w: %w", id, err, ErrVerify)
		}
	}
	return nil
}

func scanError(err error) error {
	if errors.Is(err, translog.ErrRoot) || errors.Is(err, translog.ErrFork) || errors.Is(err, translog.ErrGap) {
		return fmt.Errorf("%w: %w", err, ErrVerify)
	}
	return err
}

// complete compares the leaves found in the log with a record's lines.
func complete(lines []wire.Line, found []translog.Found, r *custody.Record) error {
	if len(found) != len(lines) {
		return fmt.Errorf("the relay showed %d entries, its log holds %d", len(lines), len(found))
	}
	for seq, l := range lines {
		c := custody.Line{Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt}
		if found[seq].Index != l.Index || found[seq].Leaf != c.Leaf(r.First(), int64(seq)) {
			return fmt.Errorf("entry %d is not the one in the log", seq)
		}
	}
	return nil
}

// bundle returns an entry bundle, from the local copy where it is full: a full
// bundle never changes, and Scan checks its contents against the root anyway.
func (s *Session) bundle(ctx context.Context, n int64, width int) ([]byte, error) {
	path := translog.EntriesPath(n, width)
	if width < translog.TileWidth {
		return s.Client.Tile(ctx, path)
	}
	local := s.agent.home.path("relays", relayFolder(s.Origin), "entries", fmt.Sprint(n))
	if b, err := os.ReadFile(local); err == nil {
		return b, nil
	}
	b, err := s.Client.Tile(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(s.agent.home.path("relays", relayFolder(s.Origin), "entries"), 0o700); err != nil {
		return nil, err
	}
	return b, durable.WriteFile(local, b, 0o600)
}

// remembered returns the last checkpoint this home verified; size 0 means none.
func (s *Session) remembered() (translog.Checkpoint, error) {
	b, err := os.ReadFile(s.agent.home.path("relays", relayFolder(s.Origin), "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return translog.Checkpoint{}, nil
	}
	if err != nil {
		return translog.Checkpoint{}, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	return translog.Open(b, s.Origin, s.log)
}

// remember stores the checkpoint, so that the relay can never go back behind it.
func (s *Session) remember(snap *Snapshot) error {
	dir := s.agent.home.path("relays", relayFolder(s.Origin))
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(s.agent.home.path("relays", relayFolder(s.Origin), "checkpoint"), snap.Note, 0o600)
}

// relayFolder turns an origin into one folder name.
func relayFolder(origin string) string {
	b := []byte(origin)
	for i, c := range b {
		if c == '/' {
			b[i] = '_'
		}
	}
	return string(b)
}
