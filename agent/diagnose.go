package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/alarm"

	"golang.org/x/mod/sumdb/tlog"
)

// suspect finds out what signed checkpoints and the entries that the relay serves show,
// after they did not go together, and raises an alarm with the strongest evidence there
// is. The entries are read anew, and none from this machine's copies: a spoilt copy is no
// evidence against anybody.
func (s *Session) suspect(ctx context.Context, all []seen, cause error) {
	fork, err := s.contradiction(ctx, all)
	last := slices.MaxFunc(all, bySize)
	switch {
	case fork != nil:
		s.raise(*fork)
	case ctx.Err() != nil:
	case errors.Is(err, translog.ErrRoot):
		s.differ(last, cause, all...)
	case err != nil:
		s.differ(last, fmt.Errorf("%w; they could not be read again: %w", cause, err), all...)
	}
}

func bySize(a, b seen) int { return cmp.Compare(a.Size, b.Size) }

// contradiction looks for two of these checkpoints that cannot both be of one log. If the
// entries that the relay serves are not those of the largest one, the error wraps
// translog.ErrRoot.
func (s *Session) contradiction(ctx context.Context, all []seen) (*alarm.Alarm, error) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, bySize)
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.Size == b.Size && a.Root != b.Root {
			return &alarm.Alarm{Kind: alarm.KindTwoRoots, Seen: string(a.note), Shown: string(b.note),
				Words: fmt.Sprintf("the relay's log has signed two different trees of %d entries", a.Size)}, nil
		}
	}
	last := all[len(all)-1]
	g, err := s.gather(ctx, all)
	if err != nil {
		return nil, err
	}
	if root, _ := g.RootAt(last.Size); root != last.Root {
		return nil, translog.ErrRoot
	}
	for _, o := range all { // the entries are those of the last tree
		root, _ := g.RootAt(o.Size)
		if root == o.Root {
			continue
		}
		proof, err := translog.ProveConsistency(o.Size, last.Size, g)
		if err != nil {
			return nil, err // not after gather
		}
		return &alarm.Alarm{Kind: alarm.KindRewritten, Seen: string(o.note), Shown: string(last.note), Root: custody.Digest(root), Proof: digests(proof),
			Words: fmt.Sprintf("the relay's log of %d entries does not begin with the log of %d entries that it has signed, too", last.Size, o.Size)}, nil
	}
	return nil, nil
}

// differ raises an alarm of a signed tree whose entries the relay does not serve. others
// are what this home remembers, by size.
func (s *Session) differ(c seen, why error, others ...seen) {
	var before string // the largest of another size
	for _, o := range others {
		if o.Size < c.Size {
			before = string(o.note)
		}
	}
	s.raise(alarm.Alarm{Seen: before, Kind: alarm.KindEntriesDiffer, Shown: string(c.note),
		Words: bounded4k(fmt.Sprintf("the entries that the relay serves do not lead to the tree of %d that its log has signed: %v", c.Size, why))})
}

// gather reads the log up to the last of checkpoints, for proofs between them.
func (s *Session) gather(ctx context.Context, all []seen) (*translog.Gatherer, error) {
	last := all[len(all)-1]
	var sizes []int64
	for _, o := range all {
		sizes = append(sizes, o.Size)
	}
	g := translog.NewGatherer(sizes...)
	for _, o := range all {
		if err := g.ForConsistency(o.Size, last.Size); err != nil {
			return nil, err
		}
	}
	return g, s.reread(ctx, last.Size, func(_ int64, l translog.Leaf) { g.Append(l) })
}

// reread reads the log as the relay serves it now.
func (s *Session) reread(ctx context.Context, size int64, each func(int64, translog.Leaf)) error {
	for index := int64(0); index < size; {
		n := index / translog.TileWidth
		width := int(min(size-index, translog.TileWidth))
		b, err := s.tile(ctx, translog.EntriesPath(n, width))
		if err != nil {
			return err
		}
		leaves, err := translog.DecodeEntries(b, width)
		if err != nil {
			return err
		}
		for _, l := range leaves {
			each(index, l)
			index++
		}
	}
	return nil
}

// place is a leaf and where it stands.
type place struct {
	index int64
	leaf  translog.Leaf
}

// recordError says which leaf does not fit its record.
type recordError struct {
	record custody.RecordID
	at     place
	err    error
}

// Error implements error.
func (e *recordError) Error() string { return fmt.Sprintf("record %q: %v", e.record, e.err) }

// Unwrap returns what is wrong with the leaf.
func (e *recordError) Unwrap() error { return e.err }

// misplaced raises an alarm of a leaf that comes a second time, or too early. The leaves
// have not led to the signed root yet when that shows, so all are read once more.
func (s *Session) misplaced(ctx context.Context, c seen, e *recordError) {
	x := alarm.Alarm{Kind: alarm.KindRecordGap, Record: e.record, Shown: string(c.note),
		Words: fmt.Sprintf("the relay's log has entry %d of record %q at %d, before the entry that it must follow", e.at.leaf.Seq, e.record, e.at.index)}
	var list []place
	if errors.Is(e, translog.ErrFork) {
		err := s.reread(ctx, e.at.index+1, func(i int64, l translog.Leaf) {
			if l.Tag == e.at.leaf.Tag && l.Seq == e.at.leaf.Seq {
				list = append(list, place{i, l})
			}
		})
		if err != nil || len(list) < 2 {
			s.differ(c, errors.Join(e, err))
			return
		}
		list = list[:2]
		x.Kind = alarm.KindRecordFork
		x.Words = fmt.Sprintf("the relay's log has two entries %d of record %q, at %d and at %d", e.at.leaf.Seq, e.record, list[0].index, list[1].index)
	}
	g := translog.NewGatherer(c.Size)
	for _, p := range list {
		if err := g.ForInclusion(c.Size, p.index); err != nil {
			s.differ(c, err)
			return
		}
	}
	err := s.reread(ctx, c.Size, func(_ int64, l translog.Leaf) { g.Append(l) })
	if root, ok := g.RootAt(c.Size); err == nil && (!ok || root != c.Root) {
		err = errors.New("the entries do not lead to the signed root")
	}
	if err != nil {
		s.differ(c, err)
		return
	}
	for _, p := range list {
		proof, err := translog.ProveInclusion(c.Size, p.index, g)
		if err != nil {
			s.differ(c, err) // not after reading all
			return
		}
		x.Leaves = append(x.Leaves, alarm.Leaf{Index: p.index, Leaf: p.leaf.Bytes(), Proof: digests(proof)})
	}
	s.raise(x)
}

func digests(hs []tlog.Hash) []custody.Digest {
	list := make([]custody.Digest, len(hs))
	for i, h := range hs {
		list[i] = custody.Digest(h)
	}
	return list
}

// bounded4k shortens words that a relay may have had a part in.
func bounded4k(s string) string {
	const most = 2000
	if len(s) > most {
		s = s[:most] + " …"
	}
	return strings.ToValidUTF8(s, "?")
}
