package records

import (
	"fmt"

	"comity.example/comity/custody"
)

// State is how far a package went.
type State string

// The states of a package. Only the move from Sealing to Sealed is part of the
// custody record; the others are the relay's own.
const (
	Open      State = "open"      // parts may come
	Sealing   State = "sealing"   // the part list is frozen, the seal is stored
	Sealed    State = "sealed"    // deposited: its entry is in the log
	Abandoned State = "abandoned" // given up before it was sealed
)

// Package is one reservation and what became of it.
type Package struct {
	ID          string
	Request     string // id of the request, which is the name of its record
	Grant       custody.Digest
	Agent       custody.PartyID // who reserved it
	Epoch       int64           // raised by every take-over; fences older callers
	State       State
	PayloadSize int64 // bytes of ciphertext over all objects, as reserved
	Parts       int64 // over all objects
	Seal        []byte
	Uploads     []Upload // in order of their parts; empty until SetUploads
	Created     custody.Time
	Touched     custody.Time // when the last part came; Created until then
}

// Upload is one object of a package's payload.
type Upload struct {
	Key  string // in the store
	ID   string // what Store.Begin returned
	Size int64  // bytes
}

const packageColumns = "id, request, grant_sha256, agent, epoch, state, payload_size, parts, seal, created, touched"

// InsertPackage adds a package, without uploads and seal, touched when it was
// created.
func (t *Tx) InsertPackage(p Package) error {
	_, err := t.exec("INSERT INTO packages ("+packageColumns+") VALUES (?,?,?,?,?,?,?,?,NULL,?,?)",
		p.ID, p.Request, p.Grant[:], string(p.Agent), p.Epoch, string(p.State), p.PayloadSize, p.Parts, micros(p.Created), micros(p.Created))
	if err != nil {
		return fmt.Errorf("inserting package %q: %w", p.ID, err)
	}
	return nil
}

// Package returns a package, or ErrNotFound.
func (t *Tx) Package(id string) (Package, error) {
	list, err := t.packages("WHERE id = ?", id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Package{}, fmt.Errorf("reading package %q: %w", id, err)
	}
	return list[0], nil
}

// PackagesIn lists the packages in a state, oldest first: what a start has to
// drive on.
func (t *Tx) PackagesIn(s State) ([]Package, error) {
	list, err := t.packages("WHERE state = ? ORDER BY created, id", string(s))
	if err != nil {
		return nil, fmt.Errorf("listing packages in state %q: %w", s, err)
	}
	return list, nil
}

func (t *Tx) packages(where string, args ...any) ([]Package, error) {
	list, err := collect(t, scanPackage, "SELECT "+packageColumns+" FROM packages "+where, args...)
	for i := range list {
		if err == nil {
			list[i].Uploads, err = t.uploads(list[i].ID)
		}
	}
	return list, err
}

func scanPackage(s scanner) (p Package, err error) {
	var grant []byte
	var created, touched int64
	err = s.Scan(&p.ID, &p.Request, &grant, &p.Agent, &p.Epoch, &p.State, &p.PayloadSize, &p.Parts, &p.Seal, &created, &touched)
	if err != nil {
		return p, err
	}
	p.Created, p.Touched = timeOf(created), timeOf(touched)
	p.Grant, err = digest(grant)
	return p, err
}

func (t *Tx) uploads(id string) ([]Upload, error) {
	return collect(t, func(s scanner) (u Upload, err error) {
		err = s.Scan(&u.Key, &u.ID, &u.Size)
		return u, err
	}, "SELECT object_key, upload, size FROM uploads WHERE package = ? ORDER BY n", id)
}

// SetUploads stores the uploads of a package that has none yet.
func (t *Tx) SetUploads(id string, list []Upload) error {
	for n, u := range list {
		_, err := t.exec("INSERT INTO uploads (package, n, object_key, upload, size) VALUES (?,?,?,?,?)", id, n, u.Key, u.ID, u.Size)
		if err != nil {
			return fmt.Errorf("inserting upload %d of package %q: %w", n, id, err)
		}
	}
	return nil
}

// Abandon moves a package from Open to Abandoned under that epoch, and reports
// whether it did.
func (t *Tx) Abandon(id string, epoch int64) (changed bool, err error) {
	n, err := t.exec("UPDATE packages SET state = 'abandoned' WHERE id = ? AND epoch = ? AND state = 'open'", id, epoch)
	if err != nil {
		return false, fmt.Errorf("abandoning package %q: %w", id, err)
	}
	return n == 1, nil
}

// Freeze moves a package from Open to Sealing under that epoch and stores the
// envelope of its seal. From then on PutPart and DropPart change nothing.
func (t *Tx) Freeze(id string, epoch int64, seal []byte) (changed bool, err error) {
	n, err := t.exec("UPDATE packages SET state = 'sealing', seal = ? WHERE id = ? AND epoch = ? AND state = 'open'", seal, id, epoch)
	if err != nil {
		return false, fmt.Errorf("freezing package %q: %w", id, err)
	}
	return n == 1, nil
}

// Unfreeze moves a package from Sealing to another state if it was frozen with
// exactly that seal, and reports whether it did: a late call about an earlier seal
// changes nothing. Going back to Open drops the stored seal.
func (t *Tx) Unfreeze(id string, seal []byte, to State) (changed bool, err error) {
	q := "UPDATE packages SET state = ? WHERE id = ? AND state = 'sealing' AND seal = ?"
	if to == Open {
		q = "UPDATE packages SET state = ?, seal = NULL WHERE id = ? AND state = 'sealing' AND seal = ?"
	}
	n, err := t.exec(q, string(to), id, seal)
	if err != nil {
		return false, fmt.Errorf("moving package %q to state %q: %w", id, to, err)
	}
	return n == 1, nil
}

// RaiseEpoch fences all callers so far of a package that is open, and returns
// the new epoch. A package that is not open is ErrNotFound.
func (t *Tx) RaiseEpoch(id string) (epoch int64, err error) {
	n, err := t.exec("UPDATE packages SET epoch = epoch + 1 WHERE id = ? AND state = 'open'", id)
	if err == nil && n != 1 {
		err = ErrNotFound
	}
	if err == nil {
		err = t.row("SELECT epoch FROM packages WHERE id = ?", []any{id}, &epoch)
	}
	if err != nil {
		return 0, fmt.Errorf("raising epoch of package %q: %w", id, err)
	}
	return epoch, nil
}

// Touch notes that something of a package came.
func (t *Tx) Touch(id string, at custody.Time) error {
	if _, err := t.exec("UPDATE packages SET touched = ? WHERE id = ?", micros(at), id); err != nil {
		return fmt.Errorf("touching package %q: %w", id, err)
	}
	return nil
}

// SealsSince returns the envelopes of the seals in a record whose index in the log
// is from or more, in order.
func (t *Tx) SealsSince(record custody.RecordID, from int64) ([][]byte, error) {
	list, err := collect(t, func(s scanner) (b []byte, err error) {
		err = s.Scan(&b)
		return b, err
	}, "SELECT envelope FROM entries WHERE record = ? AND kind = ? AND idx >= ? ORDER BY idx", string(record), string(custody.KindSeal), from)
	if err != nil {
		return nil, fmt.Errorf("reading seals of record %q: %w", record, err)
	}
	return list, nil
}

// ToCome returns the bytes that packages in Open and Sealing have reserved and not
// received, leaving out the package named by except.
func (t *Tx) ToCome(except string) (n int64, err error) {
	err = t.row(`SELECT CAST(COALESCE(SUM(p.payload_size - COALESCE((SELECT SUM(q.size) FROM parts q WHERE q.package = p.id), 0)), 0) AS BIGINT)
		FROM packages p WHERE p.id <> ? AND p.state IN ('open', 'sealing')`, []any{except}, &n)
	if err != nil {
		return 0, fmt.Errorf("adding up what open packages have still to receive: %w", err)
	}
	return n, nil
}

// OpenUsage returns what the packages in Open and Sealing take of a grant,
// leaving out the package named by except, which may be "".
func (t *Tx) OpenUsage(grant custody.Digest, except string) (u custody.Usage, err error) {
	err = t.row(`SELECT CAST(COALESCE(SUM(payload_size), 0) AS BIGINT), COUNT(*) FROM packages
		WHERE grant_sha256 = ? AND id <> ? AND state IN ('open', 'sealing')`, []any{grant[:], except}, &u.Bytes, &u.Packages)
	if err != nil {
		return u, fmt.Errorf("adding up open packages of grant %s: %w", grant, err)
	}
	return u, nil
}
