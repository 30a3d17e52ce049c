package records

import (
	"fmt"
	"strings"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// Entry is one line of the log with what is kept beside it.
type Entry struct {
	custody.Line // index, entry, envelope, salt; of one that was erased a gap that nobody declares yet

	Record    custody.RecordID
	Seq       int64 // within the record
	Kind      custody.Kind
	Statement custody.Digest // of the payload; zero of an event
	Leaf      translog.Leaf  // what the log holds at the index
}

const entryColumns = "idx, entry, envelope, salt, record, seq, kind, statement_sha256, leaf"

// row returns the values of entryColumns.
func (e *Entry) row() []any {
	statement, envelope := e.Statement[:], e.Envelope
	if e.Kind.IsEvent() {
		statement, envelope = nil, []byte{} // nil is NULL in SQL
	}
	return []any{e.Index, e.Entry, envelope, e.Salt[:], string(e.Record), e.Seq, string(e.Kind), statement, e.Leaf.Bytes()}
}

// entries reads rows of entries. Those that wait are sent first if the query could
// concern one of them.
func (t *Tx) entries(concerns func(*Entry) bool, where string, args ...any) ([]Entry, error) {
	read := collectSent[Entry]
	for i := range t.waiting.entries {
		if concerns(&t.waiting.entries[i]) {
			read = collect[Entry]
			break
		}
	}
	return read(t, scanEntry, "SELECT "+entryColumns+" FROM entries WHERE "+where, args...)
}

// Lines returns the entries of a record from a seq on whose index is below a
// size, in order.
func (t *Tx) Lines(record custody.RecordID, seq, below int64) ([]Entry, error) {
	list, err := t.entries(func(e *Entry) bool { return e.Record == record }, "record = ? AND seq >= ? AND idx < ? ORDER BY seq",
		string(record), seq, below)
	if err != nil {
		return nil, fmt.Errorf("reading record %q: %w", record, err)
	}
	return list, nil
}

// Line returns the entry of a record with that seq, or ErrNotFound.
func (t *Tx) Line(record custody.RecordID, seq int64) (Entry, error) {
	list, err := collect(t, scanEntry, "SELECT "+entryColumns+" FROM entries WHERE record = ? AND seq = ?", string(record), seq)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("reading entry %d of record %q: %w", seq, record, err)
	}
	return list[0], nil
}

// Range returns the entries of all records with indices from to to-1, in order.
func (t *Tx) Range(from, to int64) ([]Entry, error) {
	list, err := collect(t, scanEntry, "SELECT "+entryColumns+" FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", from, to)
	if err == nil && int64(len(list)) != to-from {
		err = fmt.Errorf("%d entries are there", len(list))
	}
	if err != nil {
		return nil, fmt.Errorf("reading entries %d to %d: %w", from, to-1, err)
	}
	return list, nil
}

// Weights returns the bytes of entry and envelope of the entries from to to-1,
// in order: for planning how many to read at a time.
func (t *Tx) Weights(from, to int64) ([]int64, error) {
	list, err := collect(t, func(s scanner) (n int64, err error) {
		err = s.Scan(&n)
		return n, err
	}, "SELECT LENGTH(entry) + LENGTH(envelope) FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", from, to)
	if err != nil {
		return nil, fmt.Errorf("weighing entries %d to %d: %w", from, to-1, err)
	}
	return list, nil
}

// ByStatement returns the entry of the statement with that payload hash, or
// ErrNotFound.
func (t *Tx) ByStatement(sha custody.Digest) (Entry, error) {
	list, err := t.entries(func(e *Entry) bool { return e.Statement == sha }, "statement_sha256 = ?", sha[:])
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("reading the entry of statement %s: %w", sha, err)
	}
	return list[0], nil
}

func scanEntry(s scanner) (e Entry, err error) {
	var salt, sha, leaf []byte
	err = s.Scan(&e.Index, &e.Entry, &e.Envelope, &salt, &e.Record, &e.Seq, &e.Kind, &sha, &leaf)
	if err != nil {
		return e, err
	}
	if e.Leaf, err = translog.ParseLeaf(leaf); err != nil {
		return e, err
	}
	if len(e.Entry) == 0 {
		return e, e.gap(salt, sha)
	}
	if e.Salt, err = digest(salt); err != nil {
		return e, err
	}
	if sha != nil || !e.Kind.IsEvent() {
		e.Statement, err = digest(sha)
	}
	return e, err
}

// Leaves returns the leaves from to to-1, in order: an entry bundle of the log.
func (t *Tx) Leaves(from, to int64) ([]translog.Leaf, error) {
	list, err := collect(t, func(s scanner) (translog.Leaf, error) {
		var b []byte
		if err := s.Scan(&b); err != nil {
			return translog.Leaf{}, err
		}
		return translog.ParseLeaf(b)
	}, "SELECT leaf FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", from, to)
	if err == nil && int64(len(list)) != to-from {
		err = fmt.Errorf("%d are there", len(list))
	}
	if err != nil {
		return nil, fmt.Errorf("reading leaves %d to %d: %w", from, to-1, err)
	}
	return list, nil
}

// Records lists the records, sorted by name.
func (t *Tx) Records() ([]custody.RecordID, error) {
	list, err := collect(t, func(s scanner) (id custody.RecordID, err error) {
		err = s.Scan(&id)
		return id, err
	}, "SELECT record FROM entries WHERE seq = 0 ORDER BY record")
	if err != nil {
		return nil, fmt.Errorf("listing records: %w", err)
	}
	return list, nil
}

// Begun returns which of some records have an entry: of many new ones it is one question.
func (t *Tx) Begun(ids []custody.RecordID) (map[custody.RecordID]bool, error) {
	begun := map[custody.RecordID]bool{}
	for len(ids) > 0 {
		n := min(len(ids), maxRows)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = string(id)
		}
		ids = ids[n:]
		list, err := collect(t, func(s scanner) (id custody.RecordID, err error) {
			err = s.Scan(&id)
			return id, err
		}, "SELECT record FROM entries WHERE seq = 0 AND record IN "+in(args), padded(args)...)
		if err != nil {
			return nil, fmt.Errorf("looking for records: %w", err)
		}
		for _, id := range list {
			begun[id] = true
		}
	}
	return begun, nil
}

// in returns the placeholders of a list of values, and padded the values with the first
// repeated: as many as a power of two, so that few statements are prepared.
func in(args []any) string { return "(?" + strings.Repeat(",?", len(padded(args))-1) + ")" }

func padded(args []any) []any {
	n := len(args)
	args = args[:n:n]
	for len(args)&(len(args)-1) != 0 {
		args = append(args, args[0])
	}
	return args
}

// AddParty notes that a record concerns an authority; a second time is no error. It is
// written with what is appended: see Append.
func (t *Tx) AddParty(record custody.RecordID, authority string) {
	t.waiting.parties = append(t.waiting.parties, party{authority, record})
}

// Change is one entry that concerns an authority.
type Change struct {
	Index  int64 // in the log
	Record custody.RecordID
	Seq    int64
	Kind   custody.Kind
}

// Changes lists at most so many entries with indices from to to-1 of records
// that concern an authority, in order.
func (t *Tx) Changes(authority string, from, to int64, most int) ([]Change, error) {
	list, err := collect(t, func(s scanner) (c Change, err error) {
		err = s.Scan(&c.Index, &c.Record, &c.Seq, &c.Kind)
		return c, err
	}, `SELECT e.idx, e.record, e.seq, e.kind FROM entries e WHERE e.idx >= ? AND e.idx < ?
		AND EXISTS (SELECT 1 FROM parties p WHERE p.authority = ? AND p.record = e.record) ORDER BY e.idx LIMIT ?`, from, to, authority, most)
	if err != nil {
		return nil, fmt.Errorf("listing changes for %q: %w", authority, err)
	}
	return list, nil
}
