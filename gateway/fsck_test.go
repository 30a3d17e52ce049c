package gateway_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"comity.example/comity/crypto/seal"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/wire"
)

// check checks the relay, which must not run. Change may be nil.
func (w *world) check(change func(*gateway.CheckConfig)) *gateway.CheckReport {
	w.t.Helper()
	var s secrets
	check(w.t, json.Unmarshal(w.secrets, &s))
	cfg := &gateway.CheckConfig{Origin: origin, Descriptor: s.Descriptor, Database: filepath.Join(w.dir, "relay.db"), Folder: filepath.Join(w.dir, "store")}
	if change != nil {
		change(cfg)
	}
	r, err := gateway.Check(w.t.Context(), cfg)
	check(w.t, err)
	return r
}

// recovering opens the copies of the records too, and reads all payloads.
func (w *world) recovering(c *gateway.CheckConfig) {
	id, err := seal.ParseIdentity(w.recovery)
	check(w.t, err)
	c.Recovery, c.Deep = id, true
}

// clean checks that nothing is found, as thoroughly as can be.
func (w *world) clean() *gateway.CheckReport {
	w.t.Helper()
	r := w.check(w.thorough)
	w.finds("clean relay", r)
	n := r.Counts
	if n.Entries == 0 || n.Replayed != n.Entries || n.Copies != n.Entries || n.Opened < n.Entries || n.Checkpoints == 0 || n.Tiles == 0 {
		w.t.Errorf("not everything was checked: %+v", n)
	}
	return r
}

// finds checks that a report has exactly the findings of some codes.
func (w *world) finds(what string, r *gateway.CheckReport, codes ...gateway.CheckCode) {
	w.t.Helper()
	var got []gateway.CheckCode
	for _, f := range r.Findings {
		got = append(got, f.Code)
	}
	if !slices.Equal(got, codes) || r.Omitted != 0 || r.Clean() != (len(codes) == 0) {
		w.t.Errorf("%s: found %v, want %v", what, r.Findings, codes)
	}
}

// checked is a relay that has all there is: a package that was received, one whose
// head is with its sender, one that is being sent, one that was given up, a proposal
// with an annex. Each test damages a copy.
type checked struct {
	*world
	received, sealed, open, gaveUp bundle
	request                        custody.RecordID
	requestAnnex, annex            string // keys
	entries                        int64
	old                            []byte // a checkpoint before the last one
}

// newChecked makes the relay of the tests of damage, of a new one that runs.
func newChecked(w *world) *checked {
	t := w.t
	t.Helper()
	s := w.agreed()
	s.accepted()
	c := w.as(w.nl.lab)
	k := &checked{world: w, request: s.id(), requestAnnex: annexKey(sum(s.annexes[s.request]))}
	k.received = *s.deposit(c, s.pack(), 1)
	unlock := s.unlockOf(&k.received, s.checkpoint(c))
	p, err := c.Unlock(t.Context(), k.received.id, unlock.Envelope, k.received.head, k.received.inner)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	p, err = w.as(w.fr.lab).Release(t.Context(), k.received.id, s.releaseOf(&k.received, s.acceptance.SHA256).Envelope)
	check(t, err)
	s.after = s.proven(p, s.request.SHA256)
	k.old = []byte(s.checkpoint(c))
	k.sealed = *s.deposit(c, s.packOf(1000), 2)
	for n, b := range []*bundle{&k.gaveUp, &k.open} {
		*b = *s.packOf(1000)
		s.reserve(c, b)
		check(t, c.PutPart(t.Context(), b.id, b.epoch, 0, b.sums[0], b.parts[0]))
		if n == 0 {
			check(t, c.Abandon(t.Context(), b.id, b.epoch))
		}
	}
	k.propose()
	_, err = w.as(w.fr.lab).Reserve(t.Context(), wire.Reserve{Package: newID(), Request: string(s.id()), Grant: s.grant.SHA256, PayloadSize: 100})
	refused(t, "room for the asking party", err, custody.CodeSenderNotGranted)
	w.stop()
	k.entries = w.clean().Counts.Entries
	return k
}

// propose leaves a proposal with an annex, in a second case.
func (k *checked) propose() {
	k.t.Helper()
	s := k.begin()
	desk := k.as(k.nl.desk)
	s.reviewed(desk)
	file, ref := s.annex("for the second officer", k.nl, k.fr)
	body := s.grantBody()
	body.Annex, k.annex = &ref, annexKey(ref.SHA256)
	_, err := desk.Propose(k.t.Context(), sign(k.t, body, k.nl.officers[0]).Envelope, file)
	check(k.t, err)
}

func annexKey(sha custody.Digest) string { return "annexes/" + sha.String()[:2] + "/" + sha.String() }

func (s *story) checkpoint(c *wire.Client) string {
	s.t.Helper()
	b, err := c.Checkpoint(s.t.Context())
	check(s.t, err)
	return string(b)
}

// deposit brings and seals a package.
func (s *story) deposit(c *wire.Client, b *bundle, delivery int64) *bundle {
	s.t.Helper()
	s.reserve(c, b)
	s.upload(c, b)
	body := s.sealBody(b)
	body.Delivery = delivery
	b.seal = sign(s.t, body, s.nl.lab.key)
	p, err := c.Seal(s.t.Context(), b.id, b.epoch, b.seal.Envelope)
	check(s.t, err)
	s.after = s.proven(p, s.request.SHA256)
	return b
}

// damaged is a copy of the relay to damage.
type damaged struct {
	*world
	of *checked
}

func (k *checked) copyOf(t *testing.T) *damaged {
	t.Helper()
	w := &world{t: t, cast: k.cast, dir: t.TempDir(), stop: func() {}}
	check(t, filepath.WalkDir(k.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(k.dir, path)
		to := filepath.Join(w.dir, rel)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(to, 0o700)
		case e.Name() == "@data": // large, and edit makes a new file
			return os.Link(path, to)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	}))
	return &damaged{w, k}
}

// exec changes the database behind the back of its triggers.
func (d *damaged) exec(query string, args ...any) {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(d.dir, "relay.db"))+"?_pragma=synchronous(OFF)")
	check(d.t, err)
	defer db.Close()
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'trigger'")
	check(d.t, err)
	var names []string
	for rows.Next() {
		var n string
		check(d.t, rows.Scan(&n))
		names = append(names, n)
	}
	check(d.t, rows.Err())
	for _, n := range names {
		_, err := db.Exec("DROP TRIGGER " + n)
		check(d.t, err)
	}
	r, err := db.Exec(query, args...)
	check(d.t, err)
	if n, err := r.RowsAffected(); n == 0 || err != nil {
		d.t.Fatalf("%q changed %d rows, %v", query, n, err)
	}
}

// blob reads one value of the database.
func (d *damaged) blob(query string) (b []byte) {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(d.dir, "relay.db"))+"?_pragma=synchronous(OFF)")
	check(d.t, err)
	defer db.Close()
	check(d.t, db.QueryRow(query).Scan(&b))
	return b
}

// entry changes an entry and stores it in its canonical form.
func (d *damaged) entry(index int64, change func(*custody.Entry)) {
	d.t.Helper()
	e, err := custody.ParseEntry(d.blob(fmt.Sprintf("SELECT entry FROM entries WHERE idx = %d", index)))
	check(d.t, err)
	change(e)
	d.exec("UPDATE entries SET entry = ? WHERE idx = ?", e.Marshal(), index)
}

func (d *damaged) path(key, name string) string {
	return filepath.Join(d.dir, "store", "objects", filepath.FromSlash(key), filepath.FromSlash(name))
}

// edit changes a file.
func (d *damaged) edit(path string, change func([]byte) []byte) {
	d.t.Helper()
	b, err := os.ReadFile(path)
	check(d.t, err)
	check(d.t, os.Remove(path))
	check(d.t, os.WriteFile(path, change(bytes.Clone(b)), 0o600))
}

// flip changes one byte of a file, counted from its end.
func (d *damaged) flip(path string, fromEnd int) {
	d.t.Helper()
	d.edit(path, func(b []byte) []byte { b[len(b)-fromEnd] ^= 1; return b })
}

// remove removes an object.
func (d *damaged) remove(key string) {
	d.t.Helper()
	check(d.t, os.RemoveAll(d.path(key, "")))
}

// logKey is the relay's key that signs checkpoints.
func (d *damaged) logKey() string {
	d.t.Helper()
	var s secrets
	check(d.t, json.Unmarshal(d.secrets, &s))
	return s.Log
}
