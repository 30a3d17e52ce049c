package ledger_test

import (
	"bytes"
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/records"
	"golang.org/x/mod/sumdb/tlog"
)

// check verifies everything that a ledger at rest promises: the store's
// checkpoint is that of the database's head, the published tiles have its root,
// every record replays from its lines through the rule book in the order of the
// log, and the copies give back every line. It returns the size of the log.
func (w *world) check() int64 {
	w.t.Helper()
	c := w.checkCheckpoint()
	leaves := w.checkTiles(c)
	lines := w.checkReplay(c, leaves)
	w.checkCopies(lines)
	return c.Size
}

func (w *world) checkCheckpoint() translog.Checkpoint {
	w.t.Helper()
	b, err := w.fetch(ledger.TileKey("checkpoint"))
	fatalIfErr(w.t, err)
	if !bytes.Equal(b, w.l.Checkpoint()) {
		w.t.Errorf("the store shows another checkpoint than the ledger")
	}
	c, err := translog.OpenExact(b, origin, w.keys.verifier(w.t))
	fatalIfErr(w.t, err)
	fatalIfErr(w.t, w.db.View(w.t.Context(), func(tx *records.Tx) error {
		head, err := tx.Head()
		fatalIfErr(w.t, err)
		if head.Size != c.Size || head.Root != c.Root || c.Size != w.l.Size() {
			w.t.Errorf("head is %d %v, checkpoint %d %v, ledger %d", head.Size, head.Root, c.Size, c.Root, w.l.Size())
		}
		kept, err := tx.Checkpoint(c.Size)
		fatalIfErr(w.t, err)
		if !bytes.Equal(kept.Note, b) {
			w.t.Errorf("the database keeps another checkpoint of size %d", c.Size)
		}
		return nil
	}))
	return c
}

// checkTiles scans the published bundles and recomputes every tile of hashes.
func (w *world) checkTiles(c translog.Checkpoint) []translog.Leaf {
	w.t.Helper()
	var leaves []translog.Leaf
	fetch := func(n int64, width int) ([]byte, error) {
		return w.fetch(ledger.TileKey(translog.EntriesPath(n, width)))
	}
	visit := func(_ int64, l translog.Leaf) error { leaves = append(leaves, l); return nil }
	fatalIfErr(w.t, translog.Scan(new(translog.Frontier), c, fetch, visit))
	var stored []tlog.Hash
	hr := tlog.HashReaderFunc(func(ix []int64) (list []tlog.Hash, err error) {
		for _, i := range ix {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for i, l := range leaves {
		hs, err := tlog.StoredHashesForRecordHash(int64(i), l.Hash(), hr)
		fatalIfErr(w.t, err)
		stored = append(stored, hs...)
	}
	tiles, err := translog.NewTiles(0, c.Size)
	fatalIfErr(w.t, err)
	for _, t := range tiles {
		if t.Level == translog.Entries {
			continue
		}
		want, err := translog.TileData(t, hr)
		fatalIfErr(w.t, err)
		got, err := w.fetch(ledger.TileKey(t.Path()))
		fatalIfErr(w.t, err)
		if !bytes.Equal(got, want) {
			w.t.Errorf("tile %q differs", t.Path())
		}
	}
	return leaves
}

// checkReplay plays the lines of all records, as RecordProof gives them, through
// the rule book.
func (w *world) checkReplay(c translog.Checkpoint, leaves []translog.Leaf) []custody.Line {
	w.t.Helper()
	var lines []custody.Line
	for _, id := range w.recordIDs() {
		p, err := w.l.RecordProof(w.t.Context(), id, 0)
		fatalIfErr(w.t, err)
		for _, l := range p.Lines {
			lines = append(lines, lineOf(l))
			fatalIfErr(w.t, translog.CheckInclusion(c, l.Index, leaves[l.Index], hashes(l.Proof)))
		}
	}
	slices.SortFunc(lines, func(a, b custody.Line) int { return int(a.Index - b.Index) })
	pins := map[string]custody.Digest{"nl": w.nl.fingerprint(), "fr": w.fr.fingerprint()}
	book := custody.NewBook(origin, pins, w.relay.Body.(*custody.Relay).Fingerprint())
	for i, l := range lines {
		leaf, _, err := book.Add(l)
		fatalIfErr(w.t, err)
		if l.Index != int64(i) || leaf != leaves[i] {
			w.t.Fatalf("line %d replays to another leaf than the log holds at %d", l.Index, i)
		}
	}
	if int64(len(lines)) != c.Size {
		w.t.Errorf("%d lines in the records, %d leaves in the log", len(lines), c.Size)
	}
	return lines
}

func (w *world) recordIDs() (ids []custody.RecordID) {
	w.t.Helper()
	fatalIfErr(w.t, w.db.View(w.t.Context(), func(tx *records.Tx) (err error) {
		ids, err = tx.Records()
		return err
	}))
	return ids
}

// checkCopies opens every copy with the recovery identity.
func (w *world) checkCopies(lines []custody.Line) {
	w.t.Helper()
	found := map[int64]custody.Line{}
	for key, err := range w.store.List(w.t.Context(), "records/") {
		fatalIfErr(w.t, err)
		b, err := w.fetch(key)
		fatalIfErr(w.t, err)
		list, err := ledger.OpenCopies(b, w.keys.identity)
		fatalIfErr(w.t, err)
		for _, l := range list {
			found[l.Index] = l
		}
	}
	for _, l := range lines {
		f, ok := found[l.Index]
		if !ok || f.Salted() != l.Salted() {
			w.t.Errorf("the copy of entry %d is missing or another", l.Index)
		}
	}
}
