package agent

import (
	"context"
	"fmt"
	"os"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// checkpoint fetches and verifies the newest checkpoint: it is not behind what this
// home has seen before it asked.
func (s *Session) checkpoint(ctx context.Context) (seen, error) {
	before, err := s.seen() // first: another process may see more while we ask
	if err != nil {
		return seen{}, err
	}
	var msg []byte
	if err := s.retry(ctx, func(c *wire.Client) (err error) {
		msg, err = c.Checkpoint(ctx)
		return err
	}); err != nil {
		return seen{}, err
	}
	// What witnesses have added is dropped: kept is what the log itself signed.
	opened, err := translog.OpenCosigned(msg, s.log)
	c := opened.Checkpoint
	if err == nil {
		err = bounded(before, c)
	}
	if err != nil {
		return seen{}, fmt.Errorf("checking the log's checkpoint: %w: %w", err, ErrVerify)
	}
	for _, o := range before {
		if o.Size > c.Size {
			s.raise(alarm.Alarm{Kind: alarm.KindRolledBack, Seen: string(o.note), Shown: string(opened.Note()),
				Words: fmt.Sprintf("the relay shows a log of %d entries, and had shown %d: it was rolled back", c.Size, o.Size)})
			if fork, _ := s.contradiction(ctx, append(before, seen{c, opened.Note()})); fork != nil { // not only an old tree: another one
				s.raise(*fork)
			}
			return seen{}, fmt.Errorf("the log has %d entries and had %d: it was rolled back: %w", c.Size, o.Size, ErrVerify)
		}
	}
	return seen{c, opened.Note()}, nil
}

// scan reads the whole log up to the checkpoint, recomputes its root, and
// compares the leaves that carry a record's tag with the lines that the relay
// showed: a revocation that it left out would stand here.
func (s *Session) scan(ctx context.Context, snap *Snapshot, watches map[custody.RecordID]*translog.Watch) error {
	others, err := namedIn(snap)
	if err != nil {
		return err
	}
	visit := func(index int64, leaf translog.Leaf) error {
		others.visit(leaf)
		for id, w := range watches {
			if err := w.Visit(index, leaf); err != nil {
				return &recordError{id, place{index, leaf}, err}
			}
		}
		return nil
	}
	if err := s.prove(ctx, seen{snap.Checkpoint, snap.Note}, visit); err != nil {
		return err
	}
	for id, w := range watches {
		if err := complete(snap.Records[id], w.Found(), snap.Book.Record(id)); err != nil {
			s.raise(alarm.Alarm{Kind: alarm.KindRecordDiffers, Record: id, Shown: string(snap.Note),
				Words: fmt.Sprintf("record %q, as the relay shows it, is not the one in its log: %v", id, err)})
			return fmt.Errorf("checking record %q: %w: %w", id, err, ErrVerify)
		}
	}
	for _, x := range others.other {
		x.Shown = string(snap.Note)
		s.raise(x)
	}
	return nil
}

// forget removes the local copies of bundles after a scan that failed: one of
// them may be what the relay lied with, or spoilt on the disk, and kept it would
// make every later scan fail as well.
func (s *Session) forget() error { return os.RemoveAll(s.relayPath("entries")) }

// complete compares the leaves found in the log with a record's lines.
func complete(lines []wire.Line, found []translog.Found, r *custody.Record) error {
	if len(found) != len(lines) {
		return fmt.Errorf("the relay showed %d entries, its log holds %d", len(lines), len(found))
	}
	for seq, l := range lines {
		c := l.Custody()
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
		return s.tile(ctx, path)
	}
	local := s.relayPath("entries", fmt.Sprint(n))
	if b, err := os.ReadFile(local); err == nil {
		return b, nil
	}
	b, err := s.tile(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(s.relayPath("entries"), 0o700); err != nil {
		return nil, err
	}
	return b, durable.WriteFile(local, b, 0o600)
}

func (s *Session) tile(ctx context.Context, path string) (b []byte, err error) {
	err = s.retry(ctx, func(c *wire.Client) (err error) {
		b, err = c.Tile(ctx, path)
		return err
	})
	return b, err
}

// relayPath returns a path in the folder of what is known of the relay.
func (s *Session) relayPath(elem ...string) string {
	return s.agent.home.path(append([]string{"relays", relayFolder(s.Origin)}, elem...)...)
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
