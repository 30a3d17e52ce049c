package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/internal/wire"
)

// stamps asks the relay for the time stamps that say by when each act of a request
// existed: for each the first one of each authority, up to the snapshot's tree. It
// checks nothing of them: the dossier is checked as a whole.
func (s *Session) stamps(ctx context.Context, snap *Snapshot, d *dossier.Dossier) error {
	d.Earlier = map[int64]dossier.Earlier{}
	var last []wire.Token
	for _, index := range dated(d) {
		// The first tokens after an earlier act are the first ones after this act as
		// well if all of their checkpoints hold it.
		if len(last) > 0 && !slices.ContainsFunc(last, func(k wire.Token) bool { return k.Size <= index }) {
			continue
		}
		got, err := s.Tokens(ctx, index, snap.Checkpoint.Size)
		if err != nil {
			return fmt.Errorf("asking for time stamps: %w", err)
		}
		if len(got.Tokens) == 0 {
			break // nothing later is covered either
		}
		last = got.Tokens
		for _, k := range last {
			e, known := d.Earlier[k.Size]
			if !known {
				e = dossier.Earlier{Note: []byte(k.Checkpoint), Proof: hashes(k.Proof)}
			}
			// Two authorities may have stamped one checkpoint, cosigned by more
			// witnesses when the second one did: a dossier holds one form of it.
			if string(e.Note) == k.Checkpoint && !slices.ContainsFunc(e.Tokens, func(t []byte) bool { return string(t) == string(k.Response) }) {
				e.Tokens = append(e.Tokens, k.Response)
			}
			d.Earlier[k.Size] = e
		}
	}
	return nil
}

// witnessed asks the relay for the checkpoints by which witnesses hold each act to an
// interval: the last without it, as they last cosigned it, and the first with it, as they
// first did. It comes after stamps, and checks nothing either.
func (s *Session) witnessed(ctx context.Context, snap *Snapshot, d *dossier.Dossier) error {
	for _, index := range dated(d) {
		got, err := s.CosignedAround(ctx, index, snap.Checkpoint.Size)
		if err != nil {
			return fmt.Errorf("asking for what witnesses cosigned: %w", err)
		}
		if got.Before == nil && got.After == nil {
			break // nobody cosigned this log
		}
		if err := errors.Join(addNote(d, got.Before, true), addNote(d, got.After, false)); err != nil {
			return err
		}
	}
	return nil
}

// addNote adds a cosigned checkpoint in the one place that it has in a dossier.
func addNote(d *dossier.Dossier, n *wire.CosignedNote, last bool) error {
	if n == nil {
		return nil
	}
	note := []byte(n.Note)
	size, err := translog.SizeOf(note)
	if err != nil {
		return fmt.Errorf("reading what witnesses cosigned: %w: %w", err, ErrVerify)
	}
	e, known := d.Earlier[size]
	switch {
	case !known:
		e = dossier.Earlier{Note: note, Proof: hashes(n.Proof)}
	case bytes.Equal(note, e.Note) || bytes.Equal(note, e.First) || bytes.Equal(note, e.Last):
	case last:
		e.Last = note
	default:
		e.First = note
	}
	d.Earlier[size] = e
	return nil
}

// dated lists the places in the log of what a verdict tells as acts, and of the last
// entry, in their order.
func dated(d *dossier.Dossier) (list []int64) {
	var last int64
	for id, lines := range d.Records {
		for _, l := range lines {
			last = max(last, l.Index)
			if e, err := custody.ParseEntry(l.Entry); string(id) == d.Request || err == nil && e.Kind == custody.KindSuspension {
				list = append(list, l.Index)
			}
		}
	}
	list = append(list, last)
	slices.Sort(list)
	return slices.Compact(list)
}
