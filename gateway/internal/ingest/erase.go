package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// Erase destroys what the relay keeps of the entries that erasures name, and then has the
// log say so, in the order
//
//	annexes that nobody else binds                                    store
//	sealed copies of the entries that go whole, taken out of theirs   store
//	rows emptied, rows of annexes dropped, work done, event "erased"  one transaction
//	pages and log of writes that still hold them                      database
//
// Each step can be repeated, so a crash, a lock or a store that does not answer leaves the
// erasure on the list, and the next start or the next hour goes on from its beginning. Until
// the transaction the entries are served as before, whatever is gone of their annexes and
// copies. A hold that is filed meanwhile comes before all of it, or after it. The caller
// holds the lock of the annexes, so that nobody binds one that is about to go.
//
// What cannot be erased now is logged and is no error: the erasure itself is in the log.
func (i *Ingest) Erase(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	var list []records.Erasure
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		list, err = tx.Erasures()
		return err
	})
	for _, e := range list {
		if failed := i.eraseOne(ctx, e); failed != nil {
			switch {
			case errors.Is(failed, errOnHold):
				i.cfg.Logger.InfoContext(ctx, "nothing is erased while the request is on hold", "request", e.Record)
			case errors.Is(failed, objects.ErrLocked):
				i.cfg.Logger.WarnContext(ctx, "what is to be erased stays locked", "request", e.Record, "error", failed)
			default:
				err = errors.Join(err, failed)
			}
		}
	}
	if err != nil {
		i.cfg.Logger.ErrorContext(ctx, "failed to erase what an erasure names", "error", err)
	}
}

// eraseOne does what one erasure wants.
func (i *Ingest) eraseOne(ctx context.Context, e records.Erasure) error {
	i.heads.Lock()
	defer i.heads.Unlock()
	ledger.Crash(ledger.ErasureEntry)
	var annexes, alone []custody.Digest
	var indices []int64
	err := i.cfg.DB.View(ctx, func(tx *records.Tx) (err error) {
		if err = unheld(tx, string(e.Record)); err != nil {
			return err
		}
		if annexes, alone, err = bound(tx, e); err != nil {
			return err
		}
		for _, seq := range e.Entries {
			row, err := tx.Line(e.Record, seq)
			if err != nil {
				return err
			}
			indices = append(indices, row.Index)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, sha := range alone {
		if err := i.destroy(ctx, AnnexKey(sha)); err != nil {
			return err
		}
	}
	ledger.Crash(ledger.AnnexesErased)
	if err := i.eraseCopies(ctx, indices); err != nil {
		return err
	}
	ledger.Crash(ledger.CopiesErased)
	ev := (&custody.Erased{Erasure: e.SHA256, Entries: append([]int64{}, e.Entries...), Annexes: append([]int64{}, e.Annexes...)})
	err = i.cfg.Ledger.Erase(ctx, e.Record, ev, func(tx *records.Tx) error { return tx.Erase(e, annexes) })
	if err != nil {
		return err
	}
	ledger.Crash(ledger.ErasedEntry)
	return i.cfg.DB.Scrub(ctx)
}

// bound lists the annexes that no entry of the record binds any more once an erasure is
// done, and of these the ones that nobody else binds either: no other record, no proposal.
func bound(tx *records.Tx, e records.Erasure) (annexes, alone []custody.Digest, err error) {
	lines, err := tx.Lines(e.Record, 0, 1<<62)
	if err != nil {
		return nil, nil, err
	}
	goes, stays := map[custody.Digest]bool{}, map[custody.Digest]bool{}
	for _, l := range lines {
		if l.Gap != nil || l.Kind.IsEvent() {
			continue
		}
		_, s, err := l.Parse()
		if err != nil {
			return nil, nil, err
		}
		if ref, ok := s.Annex(); ok && (slices.Contains(e.Entries, l.Seq) || slices.Contains(e.Annexes, l.Seq)) {
			goes[ref.SHA256] = true
		} else if ok {
			stays[ref.SHA256] = true
		}
	}
	for sha := range goes {
		if stays[sha] {
			continue
		}
		annexes = append(annexes, sha)
		filed, err := tx.Annexes(sha)
		if err != nil {
			return nil, nil, err
		}
		open, err := tx.Binding(sha)
		if err != nil {
			return nil, nil, err
		}
		if len(open) == 0 && !slices.ContainsFunc(filed, func(a records.Annex) bool { return a.Record != e.Record }) {
			alone = append(alone, sha)
		}
	}
	return annexes, alone, nil
}

// AnnexKey returns the key of an annex in the store.
func AnnexKey(sha custody.Digest) string {
	s := sha.String()
	return "annexes/" + s[:2] + "/" + s
}

// eraseCopies takes the sealed copies of entries out of the objects that hold them. The
// copies beside them are stored anew first, under keys of their own: if we crash in between,
// there are two copies of these, which is allowed.
func (i *Ingest) eraseCopies(ctx context.Context, indices []int64) error {
	for _, index := range indices {
		old, parts, err := i.cfg.Ledger.CopiesWithout(ctx, index)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if _, err := i.cfg.Store.Put(ctx, p.Key, p.Data, objects.Replace); err != nil {
				return fmt.Errorf("storing copies: %w", err)
			}
		}
		for _, key := range old {
			if err := i.destroy(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}
