package records

import (
	"context"
	"errors"
	"fmt"

	"comity.example/comity/custody"
)

// Erasure is what one erasure leaves to be done.
type Erasure struct {
	Record  custody.RecordID
	SHA256  custody.Digest // of its payload
	Entries []int64        // that go whole, ascending
	Annexes []int64        // entries whose annex goes, ascending
}

// AddErasure notes what has to be erased. It belongs into the transaction of the erasure's
// entry: no crash can come between.
func (t *Tx) AddErasure(e Erasure) error {
	add := func(seqs []int64, whole int) error {
		for _, seq := range seqs {
			if _, err := t.exec("INSERT INTO erasures (record, seq, erasure, whole) VALUES (?,?,?,?)", string(e.Record), seq, e.SHA256[:], whole); err != nil {
				return fmt.Errorf("noting erasure %s: %w", e.SHA256, err)
			}
		}
		return nil
	}
	if err := add(e.Entries, 1); err != nil {
		return err
	}
	return add(e.Annexes, 0)
}

// Erasures lists those of AddErasure that Erase has not done, by record.
func (t *Tx) Erasures() ([]Erasure, error) {
	type row struct {
		record custody.RecordID
		sha    custody.Digest
		seq    int64
		whole  bool
	}
	rows, err := collect(t, func(s scanner) (r row, err error) {
		var sha []byte
		var whole int
		if err = s.Scan(&r.record, &sha, &r.seq, &whole); err == nil {
			r.sha, err = digest(sha)
		}
		r.whole = whole == 1
		return r, err
	}, "SELECT record, erasure, seq, whole FROM erasures ORDER BY record, erasure, seq")
	if err != nil {
		return nil, fmt.Errorf("listing erasures: %w", err)
	}
	var list []Erasure
	for _, r := range rows {
		if n := len(list); n == 0 || list[n-1].Record != r.record || list[n-1].SHA256 != r.sha {
			list = append(list, Erasure{Record: r.record, SHA256: r.sha})
		}
		e := &list[len(list)-1]
		if r.whole {
			e.Entries = append(e.Entries, r.seq)
		} else {
			e.Annexes = append(e.Annexes, r.seq)
		}
	}
	return list, nil
}

// Erase empties the rows of the entries that go whole: their bytes, their salts and the
// hashes of their statements. It drops the rows of annexes, and notes that nothing is left
// to do. The schema lets nothing else be changed of an entry, and this only of what
// AddErasure noted.
func (t *Tx) Erase(e Erasure, annexes []custody.Digest) error {
	for _, seq := range e.Entries {
		_, err := t.exec("INSERT INTO erased (statement_sha256) SELECT statement_sha256 FROM entries WHERE record = ? AND seq = ?", string(e.Record), seq)
		if err != nil {
			return fmt.Errorf("erasing entry %d of record %q: %w", seq, e.Record, err)
		}
		n, err := t.exec("UPDATE entries SET entry = ?, envelope = ?, salt = ?, statement_sha256 = NULL WHERE record = ? AND seq = ?",
			[]byte{}, []byte{}, []byte{}, string(e.Record), seq)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows", n)
		}
		if err != nil {
			return fmt.Errorf("erasing entry %d of record %q: %w", seq, e.Record, err)
		}
	}
	for _, sha := range annexes {
		if _, err := t.exec("DELETE FROM annexes WHERE sha256 = ? AND record = ?", sha[:], string(e.Record)); err != nil {
			return fmt.Errorf("erasing annex %s: %w", sha, err)
		}
	}
	if _, err := t.exec("DELETE FROM erasures WHERE record = ? AND erasure = ?", string(e.Record), e.SHA256[:]); err != nil {
		return fmt.Errorf("noting the end of erasure %s: %w", e.SHA256, err)
	}
	return nil
}

// WasErased reports whether the log held the statement of that payload hash and it was
// erased.
func (t *Tx) WasErased(sha custody.Digest) (bool, error) {
	list, err := collect(t, func(s scanner) (n int, err error) {
		err = s.Scan(&n)
		return n, err
	}, "SELECT 1 FROM erased WHERE statement_sha256 = ?", sha[:])
	if err != nil {
		return false, fmt.Errorf("looking whether statement %s was erased: %w", sha, err)
	}
	return len(list) > 0, nil
}

// Scrub has the database let go of pages that were freed or overwritten and still hold
// what was erased, where its driver can do that. It is no transaction.
func (d *DB) Scrub(ctx context.Context) error {
	for _, query := range d.scrub {
		if _, err := d.write.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("scrubbing the database: %w", err)
		}
	}
	return nil
}

// Scrubs sets what Scrub asks of the database. Driver packages call it before the DB is
// used.
func (d *DB) Scrubs(queries ...string) { d.scrub = queries }

// gap makes an entry of an erased row: its place, its kind and its leaf are left.
func (e *Entry) gap(salt, statement []byte) error {
	if len(e.Envelope)+len(salt)+len(statement) > 0 {
		return errors.New("an entry is erased in part")
	}
	e.Entry, e.Envelope = nil, nil
	e.Gap = &custody.Gap{Salted: e.Leaf.Salted, Reason: custody.GapErased}
	return nil
}
