package gateway_test

import (
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
	"golang.org/x/mod/sumdb/tlog"
)

// proven checks the proof of an entry in the record whose first statement has the
// payload hash given, and returns the reference to the entry.
func (w *world) proven(p *wire.Proof, first custody.Digest) *custody.Ref {
	w.t.Helper()
	line := lineOf(p.Line)
	e, err := custody.ParseEntry(line.Entry)
	check(w.t, err)
	w.included(p.Checkpoint, p.Line, line.Leaf(first, e.Seq))
	return &custody.Ref{Seq: e.Seq, Leaf: line.Salted()}
}

func lineOf(l wire.Line) custody.Line {
	return l.Custody()
}

func (w *world) open(note string) translog.Checkpoint {
	w.t.Helper()
	c, err := translog.OpenExact([]byte(note), origin, w.log)
	check(w.t, err)
	return c
}

func (w *world) included(note string, l wire.Line, leaf translog.Leaf) {
	w.t.Helper()
	var path []tlog.Hash
	for _, h := range l.Proof {
		path = append(path, tlog.Hash(h))
	}
	check(w.t, translog.CheckInclusion(w.open(note), l.Index, leaf, path))
}

// replay reads the whole of the records named through a client, at one checkpoint,
// and replays them with the rule book: what an agent believes a relay by.
func (w *world) replay(c *wire.Client, ids ...custody.RecordID) *custody.Book {
	w.t.Helper()
	note, err := c.Checkpoint(w.t.Context())
	check(w.t, err)
	size := w.open(string(note)).Size
	var lines []wire.Line
	of := map[int64]custody.RecordID{} // by index
	for _, id := range append(ids, custody.RelayRecord, "authority/nl", "authority/fr", "authority/de") {
		p, err := c.Record(w.t.Context(), id, size)
		check(w.t, err)
		if w.open(p.Checkpoint).Size != size {
			w.t.Errorf("record %q is proven at size %d, not %d", id, w.open(p.Checkpoint).Size, size)
		}
		lines = append(lines, p.Lines...)
		for _, l := range p.Lines {
			of[l.Index] = id
		}
	}
	slices.SortFunc(lines, func(a, b wire.Line) int { return int(a.Index - b.Index) })
	pins := map[string]custody.Digest{}
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		pins[a.name] = a.root.Body.(*custody.Root).Fingerprint()
	}
	book := custody.NewBook(origin, pins, w.fp)
	for _, l := range lines {
		var leaf translog.Leaf
		if l.Gap != nil {
			leaf, err = book.AddGap(of[l.Index], l.Index, l.Gap)
		} else {
			leaf, _, err = book.Add(lineOf(l))
		}
		check(w.t, err)
		w.included(string(note), l, leaf)
	}
	if int64(len(lines)) != size {
		w.t.Errorf("the records have %d lines, the log %d", len(lines), size)
	}
	return book
}
