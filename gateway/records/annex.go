package records

import (
	"fmt"
	"slices"
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

// PutAnnex stores the row of an annex, or adds to the scope of the row by which the
// record binds the file already: who binds it again has brought its bytes, so no one
// opens by that what he has not.
func (t *Tx) PutAnnex(a Annex) error {
	list, err := t.Annexes(a.SHA256)
	if err != nil {
		return err
	}
	scope := a.Scope
	for _, old := range list {
		if old.Record == a.Record {
			scope = Widen(old.Scope, a.Scope)
		}
	}
	_, err = t.exec("INSERT INTO annexes (sha256, record, size, scope) VALUES (?,?,?,?) ON CONFLICT (sha256, record) DO UPDATE SET scope = excluded.scope",
		a.SHA256[:], string(a.Record), a.Size, strings.Join(scope, ","))
	if err != nil {
		return fmt.Errorf("storing annex %s: %w", a.SHA256, err)
	}
	return nil
}

// Widen returns a scope with the authorities of another that it lacks, behind it.
func Widen(scope, by []string) []string {
	scope = slices.Clone(scope)
	for _, name := range by {
		if !slices.Contains(scope, name) {
			scope = append(scope, name)
		}
	}
	return scope
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
