package records

import (
	"fmt"

	"comity.example/comity/custody"
)

// Lapse is a grant in an emergency that lapses unless it is validated by a time.
type Lapse struct {
	Grant  custody.Digest
	Record custody.RecordID
	Due    custody.Time
}

// AddLapse notes when a grant lapses. It belongs into the transaction of the grant's
// entry: no crash can come between.
func (t *Tx) AddLapse(l Lapse) error {
	_, err := t.exec("INSERT INTO lapses (grant_sha256, record, due) VALUES (?, ?, ?)", l.Grant[:], string(l.Record), micros(l.Due))
	if err != nil {
		return fmt.Errorf("noting when grant %s lapses: %w", l.Grant, err)
	}
	return nil
}

// Lapses lists the noted grants whose time has come, oldest first.
func (t *Tx) Lapses(now custody.Time) ([]Lapse, error) {
	list, err := collect(t, func(s scanner) (l Lapse, err error) {
		var grant []byte
		var due int64
		if err := s.Scan(&grant, &l.Record, &due); err != nil {
			return l, err
		}
		l.Due = timeOf(due)
		l.Grant, err = digest(grant)
		return l, err
	}, "SELECT grant_sha256, record, due FROM lapses WHERE due <= ? ORDER BY due, grant_sha256", micros(now))
	if err != nil {
		return nil, fmt.Errorf("listing grants that lapse: %w", err)
	}
	return list, nil
}

// DropLapse forgets a grant: the log says that it lapsed, or it never will.
func (t *Tx) DropLapse(grant custody.Digest) error {
	if _, err := t.exec("DELETE FROM lapses WHERE grant_sha256 = ?", grant[:]); err != nil {
		return fmt.Errorf("forgetting when grant %s lapses: %w", grant, err)
	}
	return nil
}
