package dossier_test

import (
	"bytes"
	"crypto"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
	"comity.example/comity/test/tsa"
)

// stamped puts a checkpoint of the story's log into a dossier, with a time stamp.
func stamped(t testing.TB, s *env.Story, d *dossier.Dossier, a *tsa.Authority, size int64, at time.Time) {
	t.Helper()
	note, proof, err := s.Log.SignAt(s.LogSigner, size, s.Now().Time())
	fatalIfErr(t, err)
	if e, ok := d.Earlier[size]; ok {
		note = e.Note // ML-DSA signatures differ each time
	}
	q, err := timestamp.NewQuery(crypto.SHA256, timestamp.Of(note)(crypto.SHA256), "")
	fatalIfErr(t, err)
	kept, _, err := q.Answer(a.Answer(q.Marshal(), at, tsa.Change{}), stampRoots(t, a))
	fatalIfErr(t, err)
	if d.Earlier == nil {
		d.Earlier = map[int64]dossier.Earlier{}
	}
	e := d.Earlier[size]
	d.Earlier[size] = dossier.Earlier{Note: note, Proof: proof, Tokens: append(e.Tokens, kept)}
}

func stampRoots(t testing.TB, a *tsa.Authority) *timestamp.Roots {
	t.Helper()
	r, err := timestamp.ParseRoots(a.Roots)
	fatalIfErr(t, err)
	return r
}

func stampPins(t testing.TB, s *env.Story, list ...*tsa.Authority) dossier.Pins {
	p := s.Pins()
	for _, a := range list {
		p.AddStampers(stampRoots(t, a))
	}
	return p
}

// TestStamps: what a verifier whose pins name an authority is told of its stamps, of
// those of another, and without any pin.
func TestStamps(t *testing.T) {
	s, d, _ := wholeTale(t)
	d = clone(d)
	good, other := tsa.New(tsa.Options{Name: "Good", Intermediate: true}), tsa.New(tsa.Options{Name: "Other"})
	size, now := s.Log.Size(), s.Now().Time()
	half := size - 4
	stamped(t, s, d, good, half, now.Add(10*time.Minute))
	stamped(t, s, d, other, half, now.Add(time.Minute))
	stamped(t, s, d, good, size, now.Add(time.Hour))
	raw := write(t, d)
	d, err := read(raw)
	fatalIfErr(t, err)
	v, err := dossier.Verify(d, stampPins(t, s, good))
	fatalIfErr(t, err)
	if !v.Verified() || len(v.Stamps) != 3 || !v.Stamps[0].Checked || v.Stamps[1].Checked || !v.Stamps[2].Checked {
		t.Fatalf("result %s, stamps %+v", v.Result, v.Stamps)
	}
	for _, a := range v.Acts {
		want := now.Add(10*time.Minute + time.Second) // with its accuracy
		if a.Index >= half {
			want = now.Add(time.Hour + time.Second)
		}
		if a.Before == nil || !a.Before.Time.Time().Equal(want) || a.Before.Authority != "Good" {
			t.Errorf("entry %d of the log existed before %+v, want %s", a.Index, a.Before, want)
		}
	}
	if v.LastBefore == nil || v.LastBefore.Size != size {
		t.Errorf("the last entry existed before %+v", v.LastBefore)
	}
	has(t, v.Text(), `existed before 2026-`, `by the time stamp of "Good"`, "time stamp present, authority not checked",
		`what the time stamps of "Other" say: no certificate of theirs was named`, "the last entry in this file existed before",
		fmt.Sprintf("of %d of %[1]d acts a time stamp shows by when they existed", len(v.Acts)), "and not how long before")

	rendered := v.Render()
	if v, err = dossier.Verify(d, s.Pins()); err != nil || !v.Verified() || v.LastBefore != nil || v.Acts[0].Before != nil {
		t.Errorf("without a root of an authority: %v, the last entry existed before %+v", err, v.LastBefore)
	}
	if !reflect.DeepEqual(rendered, v.Render()) {
		t.Error("the documents depend on whose time stamps are trusted")
	}
	has(t, v.Text(), "asserted by the relay alone: no witness cosigned)", "no time stamp that is checked covers the last entry")
	delete(d.Earlier, size)
	if v, err = dossier.Verify(d, stampPins(t, s, good)); err != nil || v.LastBefore != nil || v.Acts[0].Before == nil {
		t.Errorf("with the older stamp alone: %v, the last entry existed before %+v, the first act before %+v", err, v.LastBefore, v.Acts[0].Before)
	}
}

func has(t *testing.T, text string, list ...string) {
	t.Helper()
	for _, want := range list {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
}

// TestStampTooEarly: a relay that dates an entry after a time stamp that covers it has
// lied, or its clock has; a few minutes pass, and stamps of strangers say nothing.
func TestStampTooEarly(t *testing.T) {
	s, whole, _ := wholeTale(t)
	good := tsa.New(tsa.Options{Name: "Good"})
	size := s.Log.Size()
	d := clone(whole)
	stamped(t, s, d, good, size, s.Now().Time().Add(-4*time.Minute))
	if _, err := dossier.Verify(d, stampPins(t, s, good)); err != nil {
		t.Errorf("clocks four minutes apart: %v", err)
	}
	d = clone(whole)
	stamped(t, s, d, good, size, s.Now().Time().Add(-20*time.Minute))
	v, err := dossier.Verify(d, stampPins(t, s, good))
	if err == nil || !strings.Contains(v.Failed.Check, "time of entry") || !strings.Contains(v.Failed.Why, `by the time stamp of "Good" it existed before`) {
		t.Errorf("clocks twenty minutes apart: %v", err)
	}
	if _, err := dossier.Verify(d, s.Pins()); err != nil {
		t.Errorf("by a stranger's stamp: %v", err)
	}
}

// TestStampsAltered: no byte of what time stamps need can be altered without the file
// failing, or the stamp being called unchecked; nor can they be moved or mixed.
func TestStampsAltered(t *testing.T) {
	s, whole, _ := wholeTale(t)
	d := clone(whole)
	a := tsa.New(tsa.Options{Intermediate: true})
	size := s.Log.Size()
	stamped(t, s, d, a, 7, s.Now().Time())
	stamped(t, s, d, a, size, s.Now().Time())
	pins := stampPins(t, s, a)
	passes := func(c *dossier.Dossier) bool {
		v, err := dossier.Verify(c, pins)
		if err != nil {
			return false
		}
		for _, x := range v.Stamps {
			if !x.Checked {
				return false
			}
		}
		return true
	}
	if !passes(d) {
		t.Fatal("the good one does not pass")
	}
	files, n := dossier.Files(d), 0
	for _, f := range files {
		if !strings.HasPrefix(f.Name, "checkpoints/") && !strings.HasPrefix(f.Name, "tokens/") {
			continue
		}
		step := 23 // crypto/timestamp alters each bit of a token
		if strings.HasSuffix(f.Name, ".proof") {
			step = 7
		}
		for i := n % step; i < len(f.Data); i += step {
			b := bytes.Clone(f.Data)
			b[i] ^= 1 << (n % 8)
			n++
			if c, err := dossier.Replace(d, f.Name, b); err == nil && passes(c) {
				t.Errorf("%s: byte %d altered: passes", f.Name, i)
			}
		}
		for what, name := range map[string]string{"cut": f.Name, "longer": f.Name} {
			b := f.Data[:max(0, len(f.Data)-1)]
			if what == "longer" {
				b = append(bytes.Clone(f.Data), '\n')
			}
			if len(f.Data) == 0 && what == "cut" {
				continue
			}
			if c, err := read(dossier.Pack(swapFile(files, name, b))); err == nil && passes(c) {
				t.Errorf("%s %s: passes", f.Name, what)
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d bytes altered", n)
	}
	for what, f := range map[string]func(c *dossier.Dossier){
		"tokens swapped": func(c *dossier.Dossier) {
			x, y := c.Earlier[7], c.Earlier[size]
			x.Tokens, y.Tokens = y.Tokens, x.Tokens
			c.Earlier[7], c.Earlier[size] = x, y
		},
		"under another size": func(c *dossier.Dossier) { c.Earlier[8] = c.Earlier[7]; delete(c.Earlier, 7) },
		"without a token": func(c *dossier.Dossier) {
			x := c.Earlier[7]
			x.Tokens = nil
			c.Earlier[7] = x
		},
		"without a proof": func(c *dossier.Dossier) {
			x := c.Earlier[7]
			x.Proof = nil
			c.Earlier[7] = x
		},
		"of another log": func(c *dossier.Dossier) {
			var other env.Log
			lines := c.Records["relay"]
			for range 7 {
				_, err := other.Append(lines[0].Leaf(lines[0].Salt, 0))
				fatalIfErr(t, err)
			}
			note, err := other.Sign(s.LogSigner, s.Now().Time())
			fatalIfErr(t, err)
			x := c.Earlier[7]
			x.Note = note
			c.Earlier[7] = x
		},
	} {
		c := clone(d)
		f(c)
		if passes(c) {
			t.Errorf("%s: passes", what)
		}
	}
	for _, name := range []string{"checkpoints/07", "checkpoints/x", "checkpoints/7.proof.proof", "tokens/7-1", "tokens/7-2.tsr", "tokens/7-01.tsr", "tokens/+7-1.tsr", "tokens/7/0.tsr"} {
		if _, err := read(dossier.Pack(append(files[:len(files):len(files)], dossier.File{Name: name, Data: files[0].Data}))); err == nil {
			t.Errorf("with a member %q: read", name)
		}
	}
}
