package records

import "fmt"

// AddRecalled notes that head and inner file of a package have to be destroyed. It
// belongs into the transaction of the recall's entry: no crash can come between.
func (t *Tx) AddRecalled(id string) error {
	if _, err := t.exec("INSERT INTO recalled (package) VALUES (?)", id); err != nil {
		return fmt.Errorf("noting the recall of package %q: %w", id, err)
	}
	return nil
}

// Recalled lists the packages of AddRecalled that DropRecalled has not taken away,
// sorted.
func (t *Tx) Recalled() ([]string, error) {
	list, err := collect(t, func(s scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, "SELECT package FROM recalled ORDER BY package")
	if err != nil {
		return nil, fmt.Errorf("listing recalled packages: %w", err)
	}
	return list, nil
}

// DropRecalled notes that nothing of a package is left to destroy; a second time is
// no error.
func (t *Tx) DropRecalled(id string) error {
	if _, err := t.exec("DELETE FROM recalled WHERE package = ?", id); err != nil {
		return fmt.Errorf("noting the end of package %q: %w", id, err)
	}
	return nil
}
