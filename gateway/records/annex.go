package records

import (
	"fmt"
	"strings"

	"comity.example/comity/custody"
)

// Annex is one annex as a record binds it. Two records may bind the same file;
// each has its own row.
type Annex struct {
	SHA256 custody.Digest
	Size   int64 // bytes
	Record custody.RecordID
	Scope  []string // the authorities that may read it
}

// PutAnnex stores the row of an annex. If the record binds the file already, the
// row stays as it is: a second statement cannot widen the scope of a first.
func (t *Tx) PutAnnex(a Annex) error {
	_, err := t.exec("INSERT INTO annexes (sha256, record, size, scope) VALUES (?,?,?,?) ON CONFLICT (sha256, record) DO NOTHING",
		a.SHA256[:], string(a.Record), a.Size, strings.Join(a.Scope, ","))
	if err != nil {
		return fmt.Errorf("storing annex %s: %w", a.SHA256, err)
	}
	return nil
}

// Annexes lists the records that bind a file, by record; none is an empty list.
func (t *Tx) Annexes(sha custody.Digest) ([]Annex, error) {
	list, err := collect(t, func(s scanner) (Annex, error) {
		a := Annex{SHA256: sha}
		var scope string
		err := s.Scan(&a.Record, &a.Size, &scope)
		a.Scope = strings.Split(scope, ",")
		return a, err
	}, "SELECT record, size, scope FROM annexes WHERE sha256 = ? ORDER BY record", sha[:])
	if err != nil {
		return nil, fmt.Errorf("reading annex %s: %w", sha, err)
	}
	return list, nil
}
