package dossier_test

import (
	"bytes"
	"crypto"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/tsa"
)

// renewed returns the dossier with one more renewal.
func renewed(t testing.TB, d *dossier.Dossier, a *tsa.Authority, h crypto.Hash, at time.Time) *dossier.Dossier {
	t.Helper()
	sum, err := d.Digest(crypto.SHA512)
	fatalIfErr(t, err)
	if h == crypto.SHA256 { // not for renewals
		w := h.New()
		fatalIfErr(t, dossier.Write(w, d))
		sum = w.Sum(nil)
	}
	q, err := timestamp.NewQuery(h, sum, "")
	fatalIfErr(t, err)
	kept, _, err := q.Answer(a.Answer(q.Marshal(), at, tsa.Change{}), stampRoots(t, a))
	fatalIfErr(t, err)
	c := clone(d)
	c.Renewals = append(c.Renewals[:len(c.Renewals):len(c.Renewals)], kept)
	return c
}

// TestRenewals: each renewal covers all that was there before it, also the renewals,
// and nothing of it; the verdict says what each of them shows, and which came late.
func TestRenewals(t *testing.T) {
	s, d, _ := wholeTale(t)
	day := s.Now().Time()
	short := tsa.New(tsa.Options{Name: "Short", NotAfter: day.AddDate(3, 0, 0)})
	long := tsa.New(tsa.Options{Name: "Long", NotAfter: day.AddDate(60, 0, 0), Intermediate: true})
	d = clone(d)
	stamped(t, s, d, short, s.Log.Size(), day)
	one := renewed(t, d, short, crypto.SHA512, day.AddDate(2, 0, 0))
	two := renewed(t, one, long, crypto.SHA512, day.AddDate(5, 0, 0)) // the first one's certificate ended
	pins := stampPins(t, s, short, long)
	two, err := read(write(t, two))
	fatalIfErr(t, err)
	v, err := dossier.Verify(two, pins)
	fatalIfErr(t, err)
	if r := v.Renewals; !v.Verified() || len(r) != 2 || !r[0].Checked || r[0].Late || !r[1].Checked || !r[1].Late || r[1].Hash != "SHA-512" || r[1].Authority != "Long" {
		t.Errorf("%s, renewals %+v", v.Result, v.Renewals)
	}
	has(t, v.Text(), `by "Long": all of this file but what was added after it existed before 2031-`, "the certificates of the stamps before it had ended by then")
	v, err = dossier.Verify(two, stampPins(t, s, short))
	fatalIfErr(t, err)
	if r := v.Renewals; !r[0].Checked || r[1].Checked {
		t.Errorf("with one root, renewals %+v", v.Renewals)
	}
	has(t, v.Text(), `what the time stamps of "Long" say: no certificate of theirs was named`)

	fails := func(what string, c *dossier.Dossier, want string) {
		t.Helper()
		if _, err := dossier.Verify(c, pins); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	c := clone(two)
	c.Renewals = c.Renewals[1:]
	fails("the first one dropped", c, "imprint is of other bytes")
	c = clone(two)
	c.Renewals = [][]byte{two.Renewals[1], two.Renewals[0]}
	fails("swapped", c, "imprint is of other bytes")
	c = clone(two)
	clear(c.Packages)
	fails("contents dropped afterwards", c, "imprint is of other bytes")
	c = clone(two)
	c.Earlier = nil
	fails("a stamp dropped afterwards", c, "imprint is of other bytes")
	fails("with SHA-256", renewed(t, d, long, crypto.SHA256, day), "not what was asked for")
	fails("older than what it renews", renewed(t, one, long, crypto.SHA512, day.AddDate(1, 0, 0)), "before 2028-")

	for i := 3; i < len(two.Renewals[1]); i += 97 {
		b := bytes.Clone(two.Renewals[1])
		b[i] ^= 1
		c := clone(two)
		c.Renewals = [][]byte{two.Renewals[0], b}
		if v, err := dossier.Verify(c, pins); err == nil && v.Renewals[1].Checked {
			t.Errorf("byte %d of a renewal altered: passes", i)
		}
	}
	files := dossier.Files(two)
	for _, name := range []string{"renewals/000002/x", "renewals/000003/token.tsr", "renewals/2/token.tsr", "renewals/token.tsr"} {
		if _, err := read(dossier.Pack(append(files[:len(files):len(files)], dossier.File{Name: name, Data: two.Renewals[0]}))); err == nil {
			t.Errorf("with a member %q: read", name)
		}
	}
}
