package records

import (
	"errors"
	"fmt"

	"comity.example/comity/custody"
)

// ErrPinned means that an authority's root is in the log already under another
// fingerprint: from then on only its old and new root keys together change it.
var ErrPinned = errors.New("the authority's root is already recorded under another fingerprint")

// Pin pins the root fingerprint of an authority. Another fingerprint replaces
// one that was pinned before, until the authority's first root is in the log;
// then it is ErrPinned.
func (t *Tx) Pin(authority string, fingerprint custody.Digest) error {
	pins, err := t.Pins()
	if err != nil {
		return err
	}
	if old, ok := pins[authority]; ok && old != fingerprint {
		var n int64
		err := t.row("SELECT COUNT(*) FROM entries WHERE record = ? AND seq = 0", []any{string(custody.AuthorityRecord(authority))}, &n)
		if err == nil && n > 0 {
			err = ErrPinned
		}
		if err != nil {
			return fmt.Errorf("pinning authority %q: %w", authority, err)
		}
	}
	_, err = t.exec("INSERT INTO pins (authority, fingerprint) VALUES (?,?) ON CONFLICT (authority) DO UPDATE SET fingerprint = excluded.fingerprint",
		authority, fingerprint[:])
	if err != nil {
		return fmt.Errorf("pinning authority %q: %w", authority, err)
	}
	return nil
}

// Pins returns the root fingerprints of the authorities that the relay serves.
func (t *Tx) Pins() (map[string]custody.Digest, error) {
	pins := map[string]custody.Digest{}
	_, err := collect(t, func(s scanner) (struct{}, error) {
		var name string
		var fp []byte
		err := s.Scan(&name, &fp)
		if err == nil {
			pins[name], err = digest(fp)
		}
		return struct{}{}, err
	}, "SELECT authority, fingerprint FROM pins")
	if err != nil {
		return nil, fmt.Errorf("reading pinned authorities: %w", err)
	}
	return pins, nil
}
