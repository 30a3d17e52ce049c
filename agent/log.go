package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
	"comity.example/comity/internal/wire"
)

// checkpoint fetches and verifies the newest checkpoint.
func (s *Session) checkpoint(ctx context.Context) ([]byte, translog.Checkpoint, error) {
	var msg []byte
	err := s.retry(ctx, func(c *wire.Client) (err error) {
		msg, err = c.Checkpoint(ctx)
		return err
	})
	if err != nil {
		return nil, translog.Checkpoint{}, err
	}
	c, err := translog.OpenExact(msg, s.Origin, s.log)
	if err != nil {
		return nil, c, fmt.Errorf("checking the log's checkpoint: %w: %w", err, ErrVerify)
	}
	return msg, c, nil
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
	var lost error // of the connection or the disk, not of the log
	fetch := func(n int64, width int) (b []byte, err error) {
		b, err = s.bundle(ctx, n, width)
		lost = err
		return b, err
	}
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
			if lost != nil {
				return err
			}
			return fmt.Errorf("%w: %w", errors.Join(err, s.forget()), ErrVerify)
		}
	}
	for id, w := range watches {
		if err := complete(snap.Records[id], w.Found(), snap.Book.Record(id)); err != nil {
			return fmt.Errorf("checking record %q: %w: %w", id, err, ErrVerify)
		}
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

// remembered returns the last checkpoint this home verified; size 0 means none.
func (s *Session) remembered() (translog.Checkpoint, error) {
	b, err := os.ReadFile(s.relayPath("checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return translog.Checkpoint{}, nil
	}
	if err != nil {
		return translog.Checkpoint{}, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	return translog.Open(b, s.Origin, s.log)
}

// remember stores the checkpoint, so that the relay can never go back behind it;
// another process may have stored a newer one meanwhile, which stays.
func (s *Session) remember(snap *Snapshot) error {
	if old, err := s.remembered(); err != nil || old.Size >= snap.Checkpoint.Size {
		return err
	}
	if err := durable.MkdirAll(s.relayPath(), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(s.relayPath("checkpoint"), snap.Note, 0o600)
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
