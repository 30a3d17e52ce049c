package fsck

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ingest"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/records"
)

// deposit is what the log says about a package.
type deposit struct {
	index    int64
	entry    *custody.Entry
	seal     *custody.Seal
	envelope custody.Digest
	row      bool  // the package has a row in state sealed
	days     int64 // that the terms in force at the deposit have it kept; 0 if they say nothing
	unlocked bool

	recalled  bool
	destroyed bool // the relay says so of head and inner file
}

// owner is who explains an object below payloads/ or heads/.
type owner struct {
	id    string
	state records.State
	seal  bool // the object is of the package's deposit, or of its unlock
}

// packageRow is a row of the table of packages with what hangs on it.
type packageRow struct {
	records.Package
	sealSum custody.Digest // of the stored seal; zero if none
	parts   []objects.Part
}

func readPackage(scan func(...any) error) (p packageRow, err error) {
	var grant, envelope []byte
	if err = scan(&p.ID, &p.Request, &grant, &p.Agent, &p.State, &p.PayloadSize, &p.Package.Parts, &envelope); err != nil {
		return p, err
	}
	if envelope != nil {
		p.sealSum = digestOf(envelope)
	}
	p.Grant, err = digest32(grant)
	return p, err
}

type uploadRow struct {
	id string
	records.Upload
}

func readUpload(scan func(...any) error) (u uploadRow, err error) {
	err = scan(&u.id, &u.Key, &u.ID, &u.Size)
	return u, err
}

type partRow struct {
	id string
	objects.Part
}

func readPart(scan func(...any) error) (p partRow, err error) {
	var b []byte
	if err = scan(&p.id, &p.Number, &p.Size, &b); err != nil {
		return p, err
	}
	d, err := digest32(b)
	p.SHA256 = d
	return p, err
}

// rememberSeal notes the deposit of an entry.
func (c *checker) rememberSeal(l *line, e *custody.Entry, b *custody.Seal) {
	c.report.Counts.Deposits++
	if d := c.deposits[b.Package]; d != nil {
		c.found(CodeDeposit, entryAt(l.Index), "package %q was deposited with entry %d already", b.Package, d.index)
		return
	}
	if e.Deposit == nil {
		c.found(CodeDeposit, entryAt(l.Index), "the seal of package %q names no objects", b.Package)
		return
	}
	c.deposits[b.Package] = &deposit{index: l.Index, entry: e, seal: b, envelope: digestOf(l.Envelope)}
	if days := c.retention[b.Grant]; days != nil {
		c.deposits[b.Package].days = *days
	}
}

// checkPackages walks packages, uploads and parts together, by package.
func (c *checker) checkPackages(ctx context.Context) error {
	rows, err := walk(ctx, c, "SELECT id, request, grant_sha256, agent, state, payload_size, parts, seal FROM packages ORDER BY id", "packages", readPackage)
	if err != nil {
		return err
	}
	defer rows.close()
	uploads, err := walk(ctx, c, "SELECT package, object_key, upload, size FROM uploads ORDER BY package, n", "uploads", readUpload)
	if err != nil {
		return err
	}
	defer uploads.close()
	parts, err := walk(ctx, c, "SELECT package, n, size, sha256 FROM parts ORDER BY package, n", "parts", readPart)
	if err != nil {
		return err
	}
	defer parts.close()
	for rows.more {
		p := rows.row
		if err := gather(c, uploads, p.ID, func(u uploadRow) string { return u.id }, func(u uploadRow) { p.Uploads = append(p.Uploads, u.Upload) }); err != nil {
			return err
		}
		if err := gather(c, parts, p.ID, func(r partRow) string { return r.id }, func(r partRow) { p.parts = append(p.parts, r.Part) }); err != nil {
			return err
		}
		if err := c.checkPackage(ctx, p); err != nil {
			return err
		}
		if err := rows.next(); err != nil {
			return fmt.Errorf("reading packages: %v", err)
		}
	}
	if err := packageless(c, uploads, func(u uploadRow) string { return u.id }); err != nil {
		return err
	}
	if err := packageless(c, parts, func(r partRow) string { return r.id }); err != nil {
		return err
	}
	return c.checkRowless(ctx)
}

// gather takes the rows of one package from a cursor. Rows before it belong to no
// package.
func gather[T any](c *checker, w *cursor[T], id string, of func(T) string, take func(T)) error {
	for w.more && of(w.row) <= id {
		if of(w.row) == id {
			take(w.row)
		} else {
			c.foundPackageless(of(w.row))
		}
		if err := w.next(); err != nil {
			return fmt.Errorf("reading packages: %v", err)
		}
	}
	return nil
}

// packageless names the rows that are left of a cursor after the last package.
func packageless[T any](c *checker, w *cursor[T], of func(T) string) error {
	for w.more {
		c.foundPackageless(of(w.row))
		if err := w.next(); err != nil {
			return fmt.Errorf("reading packages: %v", err)
		}
	}
	return nil
}

func (c *checker) foundPackageless(id string) {
	c.found(CodePackage, packageAt(id), "an upload or a part names it, and it has no row")
}

func (c *checker) checkPackage(ctx context.Context, p packageRow) error {
	c.report.Counts.Packages++
	c.report.Counts.Parts += int64(len(p.parts))
	where, d := packageAt(p.ID), c.deposits[p.ID]
	c.own(p, d)
	switch {
	case d != nil && p.State == records.Sealed:
		d.row = true
		if !c.checkSealed(p, d) {
			p.parts = nil // what they say of the payload is no second finding
		}
		return c.checkDeposit(ctx, p.ID, d, p.parts)
	case d != nil:
		return nil // see checkRowless
	}
	switch p.State {
	case records.Sealed:
		if !c.unknown { // else its entry may be one that is named already
			c.found(CodePackage, where, "it is sealed, and the log has no seal of it")
		}
	case records.Sealing:
		c.note(NoteSealing, where, "the next start drives it on")
	case records.Open:
		c.note(NoteOpen, where, "%d of %d parts are here", len(p.parts), p.Package.Parts)
	case records.Abandoned:
	default:
		c.found(CodePackage, where, "its state is unknown")
	}
	return nil
}

// own notes which objects a row explains.
func (c *checker) own(p packageRow, d *deposit) {
	for _, u := range p.Uploads {
		c.owners[u.Key] = owner{id: p.ID, state: p.State}
	}
	heads := owner{id: p.ID, state: p.State, seal: d != nil && d.unlocked}
	c.owners[ingest.HeadKey(p.ID)], c.owners[ingest.InnerKey(p.ID)] = heads, heads
}

// checkSealed compares the rows of a sealed package with its seal and its entry, and
// reports whether its parts are those that the seal names.
func (c *checker) checkSealed(p packageRow, d *deposit) bool {
	where, b := packageAt(p.ID), d.seal
	same := string(d.entry.Record) == p.Request && b.Grant == p.Grant && string(p.Agent) == b.By && d.entry.Via == p.Agent &&
		b.PayloadSize == p.PayloadSize && b.Parts == p.Package.Parts && p.sealSum == d.envelope
	objs := d.entry.Deposit.Objects
	same = same && len(objs) == len(p.Uploads)
	for n := 0; same && n < len(objs); n++ {
		same = objs[n].Key == p.Uploads[n].Key && objs[n].Size == p.Uploads[n].Size
	}
	if !same {
		c.found(CodePackage, where, "its row or its uploads differ from seal and entry")
	}
	var root seal.Root
	for n, r := range p.parts {
		if r.Number != n || r.Size != seal.PartLen(b.PayloadSize, n) {
			c.found(CodeParts, where, "part %d is missing, or of another size", n)
			return false
		}
		root.Add(r.SHA256)
	}
	if got := root.Sum(); int64(len(p.parts)) != b.Parts || !bytes.Equal(got[:], b.PayloadRoot[:]) {
		c.found(CodeParts, where, "the part rows do not lead to the root that the seal names")
		return false
	}
	return true
}

// checkRowless names the deposits that no row is sealed for, and checks their
// objects all the same.
func (c *checker) checkRowless(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(c.deposits)) {
		d := c.deposits[id]
		if d.row {
			continue
		}
		c.found(CodeDeposit, entryAt(d.index), "no row says that package %q is sealed", id)
		if err := c.checkDeposit(ctx, id, d, nil); err != nil {
			return err
		}
	}
	return nil
}

func packageAt(id string) string { return "package " + id }
