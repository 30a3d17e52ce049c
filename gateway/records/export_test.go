package records

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Tables lists the tables that are moved.
func Tables() (names []string) {
	for _, b := range tables {
		names = append(names, b.name)
	}
	return names
}

// Columns lists their columns, as "table.column" and " null" if they may be.
func Columns() (list []string) {
	for _, b := range tables {
		for _, c := range b.columns() {
			s := b.name + "." + c
			if slices.Contains(strings.Fields(b.nulls), c) {
				s += " null"
			}
			list = append(list, s)
		}
	}
	return list
}

// Compare compares a database with another, in a transaction on it, after spoil.
func Compare(ctx context.Context, was *DB, is *Tx, spoil func() error) (m Moved, err error) {
	if err := spoil(); err != nil {
		return m, err
	}
	err = was.View(ctx, func(src *Tx) error {
		m, err = same(src, is)
		return err
	})
	return m, err
}

// Spoil adds a row to a table that is a copy of its first with another key.
func Spoil(t *Tx, name string) error {
	for _, b := range tables {
		if b.name != name {
			continue
		}
		rows, err := b.walk(t)
		if err != nil {
			return err
		}
		if !rows.Next() {
			return fmt.Errorf("table %s has no row to copy", name)
		}
		row, _, err := b.scan(rows)
		rows.Close()
		if err != nil {
			return err
		}
		for i := range row {
			switch v := row[i].(type) {
			case int64:
				row[i] = v + 1000
			case string:
				if name != "packages" || b.columns()[i] != "state" {
					row[i] = v + "~"
				}
			case []byte:
				if len(v) > 0 {
					row[i] = append(slices.Clone(v[:len(v)-1]), v[len(v)-1]^1)
				}
			}
		}
		if name == "uploads" || name == "parts" || name == "recalled" { // they refer to a package
			for i, c := range b.columns() {
				if c == "package" {
					row[i] = "a"
				}
			}
		}
		return insert(t, "INSERT INTO "+name+" ("+strings.Join(b.columns(), ", ")+") VALUES ", "", [][]any{row}, func(r *[]any) []any { return *r })
	}
	return fmt.Errorf("no table %s", name)
}
