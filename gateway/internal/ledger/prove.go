package ledger

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/records"
	"comity.example/comity/internal/wire"

	"golang.org/x/mod/sumdb/tlog"
)

// prove fills in the proofs of a batch in the newest checkpoint.
func (l *Ledger) prove(ctx context.Context, batch []*pending) error {
	s := l.shown.Load()
	from := s.size
	for _, p := range batch {
		if p.proves() {
			from = min(from, p.line.Index)
		}
	}
	return l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		if from < s.size && s.size-from <= 2*maxBatch {
			if err := tx.LoadHashes(from, s.size); err != nil {
				return err
			}
		}
		for _, p := range batch {
			if !p.proves() {
				continue
			}
			w, err := prove(tx, p.line, s.size)
			if err != nil {
				return err
			}
			p.proof = &wire.Proof{Checkpoint: string(s.note), Line: w}
		}
		return nil
	})
}

// proves reports whether the answer to a call is a proof: who files an event asks
// for none.
func (p *pending) proves() bool { return p.err == nil && p.sub.Statement != nil }

// prove returns a line with its proof in the tree of a size.
func prove(tx *records.Tx, line custody.Line, size int64) (wire.Line, error) {
	w := wire.Line{Index: line.Index, Entry: line.Entry, Envelope: line.Envelope, Salt: line.Salt, Proof: []custody.Digest{}}
	if g := line.Gap; g != nil {
		w.Entry, w.Gap = []byte{}, g
	}
	if w.Envelope == nil { // of an event: in JSON an empty string, not null
		w.Envelope = []byte{}
	}
	path, err := translog.ProveInclusion(size, line.Index, tx.Hashes())
	for _, h := range path {
		w.Proof = append(w.Proof, custody.Digest(h))
	}
	return w, err
}

// RootAt returns the root of the published tree at a size. ErrNoCheckpoint: it is not
// that large.
func (l *Ledger) RootAt(ctx context.Context, size int64) (root custody.Digest, err error) {
	if size > l.Size() {
		return root, ErrNoCheckpoint
	}
	err = l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		h, err := tlog.TreeHash(size, tx.Hashes())
		root = custody.Digest(h)
		return err
	})
	if err != nil {
		return root, fmt.Errorf("reading the root at %d: %w", size, err)
	}
	return root, nil
}

// RecordProof returns the lines of a record with their proofs in the tree of a
// size: 0 is the newest checkpoint, any other size must have a signed one
// (ErrNoCheckpoint). ErrNoRecord: the record has no line in that tree.
func (l *Ledger) RecordProof(ctx context.Context, id custody.RecordID, size int64) (*wire.RecordProof, error) {
	p := &wire.RecordProof{Record: id}
	if size == 0 {
		size = l.Size()
	}
	err := l.cfg.DB.View(ctx, func(tx *records.Tx) error {
		c, err := tx.Checkpoint(size)
		if errors.Is(err, records.ErrNotFound) {
			return ErrNoCheckpoint
		}
		if err != nil {
			return err
		}
		p.Checkpoint = string(c.Note)
		p.Lines, err = proveRecord(tx, l.cfg.Origin, id, size)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("proving record %q at %d: %w", id, size, err)
	}
	return p, nil
}

func proveRecord(tx *records.Tx, origin string, id custody.RecordID, size int64) ([]wire.Line, error) {
	list, err := tx.Lines(id, 0, size)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNoRecord
	}
	lines := make([]wire.Line, len(list))
	for i, e := range list {
		if e.Gap != nil {
			e.Gap = custody.NewGap(&e.Line, e.Gap.Reason, origin)
		}
		if lines[i], err = prove(tx, e.Line, size); err != nil {
			return nil, err
		}
	}
	return lines, nil
}
