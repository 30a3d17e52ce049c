package records

import (
	"fmt"

	"comity.example/comity/custody"
)

// PutHold notes that a request is on hold, or, if held is false, that it is not any
// more. It belongs into the transaction of that entry: no crash can come between.
func (t *Tx) PutHold(id custody.RecordID, held bool) error {
	query := "INSERT INTO holds (record) VALUES (?)"
	if !held {
		query = "DELETE FROM holds WHERE record = ?"
	}
	if _, err := t.exec(query, string(id)); err != nil {
		return fmt.Errorf("noting a hold of request %q: %w", id, err)
	}
	return nil
}

// Holds lists the requests that are on hold, sorted.
func (t *Tx) Holds() ([]custody.RecordID, error) {
	list, err := collect(t, func(s scanner) (id custody.RecordID, err error) {
		err = s.Scan(&id)
		return id, err
	}, "SELECT record FROM holds ORDER BY record")
	if err != nil {
		return nil, fmt.Errorf("listing holds: %w", err)
	}
	return list, nil
}

// OnHold reports whether a request is on hold.
func (t *Tx) OnHold(id custody.RecordID) (bool, error) {
	list, err := collect(t, func(s scanner) (n int, err error) {
		err = s.Scan(&n)
		return n, err
	}, "SELECT 1 FROM holds WHERE record = ?", string(id))
	if err != nil {
		return false, fmt.Errorf("looking for a hold of request %q: %w", id, err)
	}
	return len(list) > 0, nil
}
