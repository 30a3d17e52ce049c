package dossier_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// watched is a whole path with a witness of each authority, played once.
var watched played

func watchedTale(t testing.TB) (*env.Story, *dossier.Dossier) {
	t.Helper()
	watched.once.Do(func() {
		dir := t.TempDir()
		fatalIfErr(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("found on a desk\n"), 0o600))
		s, err := env.NewWitnessedStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
		fatalIfErr(t, err)
		fatalIfErr(t, s.Play(dir))
		d, err := s.Dossier(true)
		fatalIfErr(t, err)
		watched.story, watched.d = s, d
	})
	if watched.d == nil {
		t.Fatal("the story was not played")
	}
	return watched.story, watched.d
}

// cosignedNote is the checkpoint of a size as witnesses cosigned it at a time.
func cosignedNote(t testing.TB, s *env.Story, size int64, at time.Time, by ...*env.Witness) (note []byte, e dossier.Earlier) {
	t.Helper()
	note, proof, err := s.Log.SignAt(s.LogSigner, size, at)
	fatalIfErr(t, err)
	c, err := translog.Open(note, s.Origin, s.LogSigner.Key())
	fatalIfErr(t, err)
	var known []*translog.CosignerKey
	for _, w := range by {
		lines, err := w.Cosign(c, at)
		fatalIfErr(t, err)
		note = append(note, lines...)
		for _, k := range w.Cosigners {
			known = append(known, k.Key())
		}
	}
	o, err := translog.OpenCosigned(note, s.LogSigner.Key(), known...)
	fatalIfErr(t, err)
	return o.Note(), dossier.Earlier{Note: o.Note(), Proof: proof}
}

// timeOf is the time that the relay gave the entry at an index of the log.
func timeOf(t testing.TB, d *dossier.Dossier, index int64) time.Time {
	t.Helper()
	for _, lines := range d.Records {
		for _, l := range lines {
			if l.Index == index {
				e, err := custody.ParseEntry(l.Entry)
				fatalIfErr(t, err)
				return e.Time.Time()
			}
		}
	}
	t.Fatalf("no entry %d", index)
	return time.Time{}
}

// TestIntervals: witnesses hold acts to intervals: after the last time that a quorum
// called the tree without them the largest, before the first time that it cosigned one
// with them.
func TestIntervals(t *testing.T) {
	s, d := watchedTale(t)
	both := []*env.Witness{s.From.Witness, s.To.Witness}
	end := s.Log.Size()
	half := end - 4
	d = clone(d)
	d.Earlier = map[int64]dossier.Earlier{}
	atHalf, last := timeOf(t, d, half-1), timeOf(t, d, end-1)
	_, e := cosignedNote(t, s, half, atHalf.Add(10*time.Second), both...)
	e.Last, _ = cosignedNote(t, s, half, atHalf.Add(50*time.Second), both...)
	d.Earlier[half] = e
	_, d.Earlier[end] = cosignedNote(t, s, end, last.Add(20*time.Second), both...)
	d, err := read(write(t, d))
	fatalIfErr(t, err)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() || len(v.Witnessed) != 3 || !v.Witnessed[0].Checked || len(v.Witnessed[0].Witnesses) != 2 || v.Witnessed[0].Others {
		t.Fatalf("%s, witnessed %+v", v.Result, v.Witnessed)
	}
	for _, a := range v.Acts {
		switch {
		case a.Before == nil || !a.Before.Witness:
			t.Errorf("entry %d is bounded by %+v", a.Index, a.Before)
		case a.Index < half && (a.After != nil || !a.Before.Time.Time().Equal(atHalf.Add(10*time.Second))),
			a.Index >= half && (a.After == nil || !a.After.Time.Time().Equal(atHalf.Add(50*time.Second)) || !a.Before.Time.Time().Equal(last.Add(20*time.Second))):
			t.Errorf("entry %d came after %+v and before %+v", a.Index, a.After, a.Before)
		}
	}
	has(t, v.Text(), "came into the log after 2026-", "and before 2026-", "de/witness/1, nl/witness/1 cosigned 3 checkpoints", "others show between which times they came into the log",
		"beyond its first ", "others show the intervals in which those of some acts lie")
	if strings.Contains(v.Text(), "no witness cosigned") {
		t.Error("the text says that no witness cosigned")
	}
	rendered := v.Render()

	// Another policy: one of the two is enough; or strangers are wanted.
	alone := clone(d)
	alone.Earlier = map[int64]dossier.Earlier{}
	_, alone.Earlier[end] = cosignedNote(t, s, end, last.Add(20*time.Second), s.From.Witness)
	v, err = dossier.Verify(alone, s.Pins())
	fatalIfErr(t, err)
	if v.Witnessed[0].Checked || v.LastBefore != nil || !v.Verified() {
		t.Errorf("one of two witnesses bounds: %+v", v.LastBefore)
	}
	has(t, v.Text(), "no witness cosigned", "cosignatures that the policy does not count")
	pins := s.Pins()
	pins.Policy, err = translog.ParsePolicy([]byte("witness a " + s.From.Witness.Cosigners[1].Key().String() + "\nquorum a\n"))
	fatalIfErr(t, err)
	if v, err = dossier.Verify(alone, pins); err != nil || !v.Witnessed[0].Checked || v.LastBefore == nil {
		t.Errorf("by a policy of one witness: %v", err)
	}
	w, err := env.NewWitness("fr/witness/1")
	fatalIfErr(t, err)
	pins.Policy, err = translog.ParsePolicy([]byte("witness a " + w.Cosigners[1].Key().String() + "\nquorum a\n"))
	fatalIfErr(t, err)
	if v, err = dossier.Verify(d, pins); err != nil || v.Witnessed[0].Checked || v.Acts[0].Before != nil {
		t.Errorf("by the policy of a stranger: %v", err)
	}
	if !reflect.DeepEqual(rendered, v.Render()) {
		t.Error("the documents depend on the policy")
	}
}

// TestIntervalsBroken: a relay that dates entries outside of the interval that witnesses
// prove has lied, or its clock has; a few minutes pass, and what a store that was down
// held back is told.
func TestIntervalsBroken(t *testing.T) {
	s, whole := watchedTale(t)
	both := []*env.Witness{s.From.Witness, s.To.Witness}
	end := s.Log.Size()
	for _, tt := range []struct {
		what string
		size int64
		at   time.Duration // after the relay's time of the entry before or behind
		want string
	}{
		{"cosigned four minutes before its last entry", end, -4 * time.Minute, ""},
		{"cosigned twenty minutes before its last entry", end, -20 * time.Minute, "it existed before"},
		{"without what came four minutes before", end - 3, 5 * time.Minute, ""},
		{"without what came half an hour before", end - 3, 30 * time.Minute, "delayed"},
		{"without what came two hours before", end - 3, 2 * time.Hour, "it came into the log after"},
	} {
		d := clone(whole)
		d.Earlier = map[int64]dossier.Earlier{}
		_, d.Earlier[tt.size] = cosignedNote(t, s, tt.size, timeOf(t, d, tt.size-1).Add(tt.at), both...)
		v, err := dossier.Verify(d, s.Pins())
		switch {
		case tt.want == "" || tt.want == "delayed":
			if err != nil || (len(v.Delayed) > 0) != (tt.want == "delayed") {
				t.Errorf("%s: %v, %q", tt.what, err, v.Delayed)
			}
		case err == nil || !strings.Contains(v.Failed.Check, "time of entry") || !strings.Contains(v.Failed.Why, tt.want):
			t.Errorf("%s: %v, want %q", tt.what, err, tt.want)
		}
	}
}

// TestWitnessedAltered: no byte of a cosigned checkpoint can be altered without the file
// failing, or that checkpoint counting for nothing; nor can one stand there for nothing.
func TestWitnessedAltered(t *testing.T) {
	s, whole := watchedTale(t)
	both := []*env.Witness{s.From.Witness, s.To.Witness}
	end := s.Log.Size()
	d := clone(whole)
	d.Earlier = map[int64]dossier.Earlier{}
	_, e := cosignedNote(t, s, end, s.Now().Time(), both...)
	d.Earlier[end] = e
	passes := func(x dossier.Earlier) bool {
		c := clone(d)
		c.Earlier = map[int64]dossier.Earlier{end: x}
		v, err := dossier.Verify(c, s.Pins())
		return err == nil && v.Witnessed[0].Checked
	}
	if !passes(e) {
		t.Fatal("the good one does not pass")
	}
	for i := 5; i < len(e.Note); i += 211 {
		b := bytes.Clone(e.Note)
		b[i] ^= 1
		if passes(dossier.Earlier{Note: b, Proof: e.Proof}) {
			t.Errorf("byte %d of a note altered: it still counts", i)
		}
	}
	c := clone(d)
	bare, proof, err := s.Log.SignAt(s.LogSigner, 7, s.Now().Time())
	fatalIfErr(t, err)
	c.Earlier = map[int64]dossier.Earlier{7: {Note: bare, Proof: proof}}
	if _, err := dossier.Verify(c, s.Pins()); err == nil || !strings.Contains(err.Error(), "nobody vouches for it") {
		t.Errorf("a checkpoint that nobody cosigned or stamped: %v", err)
	}
	for what, x := range map[string]dossier.Earlier{
		"the first twice": {Note: e.Note, Proof: e.Proof, First: e.Note}, "the last twice": {Note: e.Note, Proof: e.Proof, Last: e.Note},
		"first and last alike": {Note: bare, Proof: e.Proof, First: e.Note, Last: e.Note},
	} {
		c.Earlier = map[int64]dossier.Earlier{end: x}
		if dossier.Write(&bytes.Buffer{}, c) == nil {
			t.Errorf("%s: written", what)
		}
	}
}
