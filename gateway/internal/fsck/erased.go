package fsck

import (
	"context"
	"slices"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"golang.org/x/mod/sumdb/tlog"
)

// place names an entry of a record.
type place struct {
	record custody.RecordID
	seq    int64
}

// erasing is what the log says of erasures.
type erasing struct {
	erasures map[custody.Digest]*erasure // by payload hash
	rows     map[place]int64             // of entries that are empty, with their index
	wanted   map[place]bool              // entries that an erasure names whole
	said     map[place]bool              // of these, those that an event says are gone
	binding  map[place]annexID           // the annex that an entry binds
	indices  map[place]int64             // of entries that can be named
}

// erasure is one of them, and whether an event says that it is done.
type erasure struct {
	place
	*custody.Erasure
	done bool
}

func newErasing() erasing {
	return erasing{map[custody.Digest]*erasure{}, map[place]int64{}, map[place]bool{}, map[place]bool{}, map[place]annexID{}, map[place]int64{}}
}

// erasedRow reports whether nothing is left of an entry but its place and its leaf.
func (l *line) erasedRow(salt []byte) bool {
	return len(l.Entry)+len(l.Envelope)+len(salt)+len(l.statement) == 0
}

// checkErased checks a row of which nothing is left but its place and its leaf. What its
// leaf is made of nobody can tell any more: the stored hash and the entry behind it can.
func (c *checker) checkErased(l *line, leaf translog.Leaf, stored *tlog.Hash) translog.Leaf {
	id := custody.RecordID(l.record)
	r := c.chains[id]
	switch {
	case stored != nil && leaf.Hash() != *stored:
		c.erasedBadly(l, CodeLeaf, "it is not the one in the log, and the entry was erased")
	case r == nil || r.next != l.seq || leaf.Seq != uint64(l.seq) || leaf.Tag != r.tag:
		c.erasedBadly(l, CodeChain, "what was erased has no such place in its record")
	case c.book != nil:
		if _, err := c.book.AddGap(id, l.Index, custody.NewGap(&l.Line, custody.GapErased, c.cfg.Origin)); err != nil {
			c.found(CodeReplay, entryAt(l.Index), "%v", err)
			c.endReplay(l.Index)
		}
	}
	if r != nil {
		r.next, r.tip = l.seq+1, leaf.Salted
	}
	c.gone.rows[place{id, l.seq}] = l.Index
	return leaf
}

func (c *checker) erasedBadly(l *line, code Code, what string) {
	c.found(code, entryAt(l.Index), "%s", what)
	c.damaged[l.Index] = true
	c.endReplay(l.Index)
}

// rememberErasure notes what an erasure names.
func (c *checker) rememberErasure(e *custody.Entry, sha custody.Digest, b *custody.Erasure) {
	c.gone.erasures[sha] = &erasure{place{e.Record, e.Seq}, b, false}
	for _, ref := range b.Entries {
		c.gone.wanted[place{e.Record, ref.Seq}] = true
	}
	for _, at := range c.unbinds(e.Record, b) {
		at.pending++
	}
}

// rememberErased notes what an event says is gone.
func (c *checker) rememberErased(e *custody.Entry) {
	x := c.gone.erasures[e.Event.Erased.Erasure]
	if x == nil { // the replay names it
		return
	}
	x.done = true
	for _, ref := range x.Entries {
		c.gone.said[place{e.Record, ref.Seq}] = true
	}
	for _, at := range c.unbinds(e.Record, x.Erasure) {
		at.gone++
	}
}

// unbinds lists the annexes that an erasure takes from entries which are here.
func (c *checker) unbinds(id custody.RecordID, b *custody.Erasure) (list []*annex) {
	for _, ref := range slices.Concat(b.Entries, b.Annexes) {
		if at, ok := c.gone.binding[place{id, ref.Seq}]; ok {
			list = append(list, c.annexes[at])
		}
	}
	return list
}

// checkErasures compares the empty rows, the list of work, and the hashes of what was
// erased with what the log says.
func (c *checker) checkErasures(ctx context.Context) error {
	for at, index := range c.gone.rows {
		if !c.gone.said[at] && !c.unknown {
			c.found(CodeErased, entryAt(index), "it is empty, and no entry says that it was erased")
		}
	}
	for at := range c.gone.said {
		if _, empty := c.gone.rows[at]; !empty && !c.unknown {
			c.found(CodeErased, entryAt(c.gone.indices[at]), "an entry says that it was erased, and it is here")
		}
	}
	listed := map[custody.Digest]int{}
	err := c.each(ctx, "SELECT erasure, record, seq FROM erasures", "erasures", func(scan func(...any) error) error {
		var b []byte
		var record string
		var seq int64
		if err := scan(&b, &record, &seq); err != nil {
			return err
		}
		sha, err := digest32(b)
		if err != nil {
			return err
		}
		listed[sha]++
		if x := c.gone.erasures[sha]; (x == nil || x.done || string(x.record) != record || !x.names(seq)) && !c.unknown {
			c.found(CodeErasure, recordAt(record), "entry %d is to be erased, and by the log it is not", seq)
		}
		return nil
	})
	for sha, x := range c.gone.erasures {
		switch want := len(x.Entries) + len(x.Annexes); {
		case err != nil || x.done:
		case listed[sha] != want:
			c.found(CodeErasure, recordAt(string(x.record)), "%d entries are to be erased, and %d are listed as such", want, listed[sha])
		default:
			c.note(NoteErasing, recordAt(string(x.record)), "the relay erases what its entry %d names as soon as nothing keeps it from that", x.seq)
		}
	}
	if err != nil {
		return err
	}
	kept := 0
	err = c.each(ctx, "SELECT statement_sha256 FROM erased", "erased", func(scan func(...any) error) error {
		var b []byte
		kept++
		return scan(&b)
	})
	if err == nil && kept != len(c.gone.rows) && !c.unknown {
		c.found(CodeErasure, "table erased", "%d hashes of statements that were erased, want %d", kept, len(c.gone.rows))
	}
	return err
}

func (x *erasure) names(seq int64) bool {
	return slices.ContainsFunc(slices.Concat(x.Entries, x.Annexes), func(r custody.Ref) bool { return r.Seq == seq })
}

// uncopied reports whether the log has no copy of an entry in the store, or need not have
// one: it was erased, or is about to be.
func (c *checker) uncopied() map[int64]bool {
	m := map[int64]bool{}
	for _, index := range c.gone.rows {
		m[index] = true
	}
	for at := range c.gone.wanted {
		if index, ok := c.gone.indices[at]; ok {
			m[index] = true
		}
	}
	return m
}

// copyErased names a copy of what was erased.
func (c *checker) copyErased(key string, index, n int64) bool {
	for _, i := range c.gone.rows {
		if i >= index && i < index+n {
			c.found(CodeErased, objectAt(key), "it holds the copy of entry %d, which was erased", i)
			return true
		}
	}
	return false
}

// erasedWhole reports whether no entry of the record binds the annex any more.
func (a *annex) erasedWhole() bool { return a.gone > 0 && a.gone == a.binders }
