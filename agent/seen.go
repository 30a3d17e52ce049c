package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"
)

// maxGrowth bounds by how many entries a log may outgrow the largest tree that
// this home has seen: about 1 GB of bundles. Without it a relay could sign any
// size and have us fill the disk before the first root is compared.
const maxGrowth = 1 << 24

// seen is a checkpoint that the relay has signed to this home. Each is a file
// below checkpoints/; every later tree must contain all of them. A file goes away
// only after one that was proven to contain it is durable, so that processes which
// work at the same time need no lock: what one has not compared the next one does.
type seen struct {
	translog.Checkpoint
	note []byte // as it was signed
}

// seen reads the checkpoints that this home has seen.
func (s *Session) seen() ([]seen, error) {
	names, err := s.seenNames()
	if err != nil {
		return nil, err
	}
	var list []seen
	for _, name := range names {
		b, err := os.ReadFile(s.relayPath("checkpoints", name))
		if errors.Is(err, fs.ErrNotExist) {
			return s.seen() // another process has replaced it by a larger one
		}
		if err != nil {
			return nil, fmt.Errorf("reading a checkpoint: %w", err)
		}
		c, err := translog.Open(b, s.Origin, s.log)
		if err != nil {
			return nil, fmt.Errorf("reading the checkpoint %q in this home: %w", name, err)
		}
		list = append(list, seen{c, b})
	}
	// A name that came while we read may be the one that replaced what we missed.
	if again, err := s.seenNames(); err != nil || !slices.Equal(names, again) {
		if err != nil {
			return nil, err
		}
		return s.seen()
	}
	return list, nil
}

func (s *Session) seenNames() ([]string, error) {
	files, err := os.ReadDir(s.relayPath("checkpoints"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the checkpoints: %w", err)
	}
	var names []string
	for _, f := range files {
		if !durable.IsTemp(f.Name()) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

func (s *Session) seenPath(c seen) string {
	return s.relayPath("checkpoints", fmt.Sprintf("%d-%s", c.Size, custody.Digest(c.Root)))
}

// keep remembers a checkpoint.
func (s *Session) keep(c seen) error {
	path := s.seenPath(c)
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, c.note, 0o600)
}

// bounded refuses a tree that no log grows to since it was last seen.
func bounded(list []seen, c translog.Checkpoint) error {
	var most int64
	for _, o := range list {
		most = max(most, o.Size)
	}
	if c.Size-most > maxGrowth {
		return fmt.Errorf("the log claims %d entries more than were seen, and more than %d at once are not read", c.Size-most, maxGrowth)
	}
	return nil
}

// prove reads the log from its first leaf on and recomputes its root at c and at
// every checkpoint that this home has seen: all are trees of one log, or the relay
// shows others another. visit gets the leaves of c. Afterwards only the largest is
// remembered. An error of the log itself wraps ErrVerify.
func (s *Session) prove(ctx context.Context, c seen, visit func(int64, translog.Leaf) error) error {
	list, err := s.seen()
	for err == nil {
		all := append(list, c)
		var f translog.Frontier
		if err := s.compare(ctx, &f, all, c.Size, visit); err != nil {
			s.accuse(ctx, all, c, err)
			return err
		}
		if err := s.settle(all); err != nil {
			return err
		}
		// What another process has put there since has to be compared as well: of two
		// that do this at once, the later one finds the other's.
		if list, err = s.seen(); !slices.ContainsFunc(list, func(o seen) bool { return !among(all, o) }) {
			return err
		}
		visit = func(int64, translog.Leaf) error { return nil } // it has had its leaves
	}
	return err
}

// accuse raises an alarm where a comparison failed by the relay's doing.
func (s *Session) accuse(ctx context.Context, all []seen, c seen, err error) {
	var misplaced *recordError
	switch {
	case !errors.Is(err, ErrVerify): // the connection, or this machine's disk
	case errors.As(err, &misplaced):
		s.misplaced(ctx, c, misplaced)
	default:
		s.suspect(ctx, all, err)
	}
}

func among(list []seen, c seen) bool {
	return slices.ContainsFunc(list, func(o seen) bool { return o.Size == c.Size && o.Root == c.Root })
}

// compare sorts checkpoints by size and reads the log once, from f on through all of them;
// visit gets the leaves up to a size.
func (s *Session) compare(ctx context.Context, f *translog.Frontier, all []seen, size int64, visit func(int64, translog.Leaf) error) error {
	slices.SortStableFunc(all, func(a, b seen) int { return cmp.Compare(a.Size, b.Size) })
	for _, o := range all {
		if err := s.readTo(ctx, f, o, func(index int64, leaf translog.Leaf) error {
			if index >= size {
				return nil
			}
			return visit(index, leaf)
		}); err != nil {
			return err
		}
	}
	return nil
}

// settle remembers the largest of checkpoints that were compared, and forgets the
// others. If we crash between, or a file does not go away, it is compared again.
func (s *Session) settle(all []seen) error {
	last := all[len(all)-1]
	if err := s.keep(last); err != nil {
		return err
	}
	for _, o := range all {
		if path := s.seenPath(o); path != s.seenPath(last) {
			os.Remove(path)
		}
	}
	return nil
}

// readTo scans the log up to a checkpoint.
func (s *Session) readTo(ctx context.Context, f *translog.Frontier, c seen, visit func(int64, translog.Leaf) error) error {
	var lost error // of the connection or the disk, not of the log
	fetch := func(n int64, width int) (b []byte, err error) {
		b, err = s.bundle(ctx, n, width)
		lost = err
		return b, err
	}
	err := translog.Scan(f, c.Checkpoint, fetch, visit)
	if err != nil && lost == nil {
		return fmt.Errorf("%w: %w", errors.Join(err, s.forget()), ErrVerify)
	}
	return err
}
