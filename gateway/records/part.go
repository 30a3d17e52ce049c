package records

import (
	"fmt"

	"comity.example/comity/gateway/objects"
)

// The part table is the truth about a package's parts: what the store lists is
// a hint. Part numbers count from 0 over all objects of the package.

// PutPart stores the row of a part, replacing an older one, if the package is
// open under that epoch, and reports whether it did.
func (t *Tx) PutPart(id string, epoch int64, p objects.Part) (changed bool, err error) {
	n, err := t.exec(`INSERT INTO parts (package, n, size, sha256, etag)
		SELECT id, ?, ?, ?, ? FROM packages WHERE id = ? AND epoch = ? AND state = 'open'
		ON CONFLICT (package, n) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256, etag = excluded.etag`,
		p.Number, p.Size, p.SHA256[:], p.ETag, id, epoch)
	if err != nil {
		return false, fmt.Errorf("storing part %d of package %q: %w", p.Number, id, err)
	}
	return n == 1, nil
}

// DropPart removes the row of a part if the package is open under that epoch:
// what the store wants before other bytes are put under the number. It reports
// whether the package was so, also if there was no row.
func (t *Tx) DropPart(id string, epoch int64, number int) (open bool, err error) {
	var n int64
	err = t.row("SELECT COUNT(*) FROM packages WHERE id = ? AND epoch = ? AND state = 'open'", []any{id, epoch}, &n)
	if err == nil && n == 1 {
		_, err = t.exec("DELETE FROM parts WHERE package = ? AND n = ?", id, number)
	}
	if err != nil {
		return false, fmt.Errorf("dropping part %d of package %q: %w", number, id, err)
	}
	return n == 1, nil
}

// Part returns one row of the part table, or ErrNotFound.
func (t *Tx) Part(id string, number int) (objects.Part, error) {
	list, err := collect(t, scanPart, "SELECT n, size, sha256, etag FROM parts WHERE package = ? AND n = ?", id, number)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return objects.Part{}, fmt.Errorf("reading part %d of package %q: %w", number, id, err)
	}
	return list[0], nil
}

// Parts returns the part table of a package in order of number; parts that are
// not there are left out.
func (t *Tx) Parts(id string) ([]objects.Part, error) {
	list, err := collect(t, scanPart, "SELECT n, size, sha256, etag FROM parts WHERE package = ? ORDER BY n", id)
	if err != nil {
		return nil, fmt.Errorf("reading parts of package %q: %w", id, err)
	}
	return list, nil
}

func scanPart(s scanner) (p objects.Part, err error) {
	var sum []byte
	if err = s.Scan(&p.Number, &p.Size, &sum, &p.ETag); err != nil {
		return p, err
	}
	d, err := digest(sum)
	p.SHA256 = d
	return p, err
}
