package dossier_test

import (
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
	"comity.example/comity/test/tsa"
)

// verdictOf makes the dossier of a story as it stands, reads it again and verifies it.
func verdictOf(t *testing.T, s *env.Story) *dossier.Verdict {
	t.Helper()
	d, err := s.Dossier(true)
	fatalIfErr(t, err)
	d, err = read(write(t, d))
	fatalIfErr(t, err)
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() {
		t.Fatalf("result %s", v.Result)
	}
	return v
}

// TestAttested: what the States' agents attested of the record stands in the verdict, as
// far as both go and as far as one goes alone; and what that leaves open is told.
func TestAttested(t *testing.T) {
	s, _ := tale(t, (*env.Story).Play) // entries 0 to 7
	fatalIfErr(t, s.Attest(s.To))
	v := verdictOf(t, s)
	want := "complete to entry 7 of the request's record, attested by nl alone (nl/agent/desk-1 read the log up to 13 entries)"
	if v.Completeness != want || !strings.Contains(v.Text(), want) {
		t.Errorf("attested by one: %q in\n%s", v.Completeness, v.Text())
	}
	if !strings.Contains(v.NotProved[0], "after entry 7") || !strings.Contains(v.NotProved[1], "nl alone attests it") {
		t.Errorf("not proved: %q", v.NotProved[:2])
	}
	fatalIfErr(t, s.Attest(s.From)) // entry 9, up to nl's attestation
	fatalIfErr(t, s.Revoke())
	fatalIfErr(t, s.Attest(s.From))
	v = verdictOf(t, s)
	want = "complete to entry 7 of the request's record, attested by de and nl; to entry 10, attested by de alone"
	if !strings.HasPrefix(v.Completeness, want) || len(v.Attested) != 2 || len(v.Doubts) != 0 {
		t.Errorf("attested by both: %q, %+v, %q", v.Completeness, v.Attested, v.Doubts)
	}
	if a := v.Attested[1]; a.Authority != "de" || a.By != "de/agent/desk-1" || a.Seq != 10 || a.Entry != 11 || a.Checkpoint.Size != 16 {
		t.Errorf("attested by de: %+v", a)
	}
	if last := v.Acts[len(v.Acts)-1]; last.Kind != custody.KindAttestation || !strings.Contains(last.Says, "up to entry 10, and that the log of 16 entries has no more of it") {
		t.Errorf("the last act is %+v", last)
	}
}

// TestFalseAttestation: what cannot be so is named, counts for nothing, and voids nothing
// of what others signed.
func TestFalseAttestation(t *testing.T) {
	root := custody.Digest{1}
	for _, tt := range []struct {
		name, doubt string
		after, size int64
	}{
		{"a log that is longer than the log was", "cannot have read that one", 7, 14},
		{"a log that had not got there", "did not have the entry yet", 7, 12},
		{"a log that held more of the record", "that log had entry 7 too: the agent says what is not so, or was shown another log", 6, 13},
	} {
		s, _ := tale(t, (*env.Story).Play)
		after := &custody.Ref{Seq: tt.after, Leaf: s.Lines[custody.RecordID(custody.RequestID(s.Case().RequestSHA256))][tt.after].Salted()}
		fatalIfErr(t, s.AttestAs(s.To, after, custody.CheckpointRef{Size: tt.size, Root: root}))
		v := verdictOf(t, s)
		if len(v.Doubts) != 1 || !strings.Contains(v.Doubts[0], tt.doubt) || !strings.Contains(v.Text(), "doubtful: entry 8: nl/agent/desk-1 attests") {
			t.Errorf("%s: doubts %q", tt.name, v.Doubts)
		}
		if len(v.Attested) != 0 || v.Completeness != "completeness not attested" {
			t.Errorf("%s: it counts: %q", tt.name, v.Completeness)
		}
		fatalIfErr(t, s.Attest(s.From)) // entry 9 goes on to say how it was
		if v := verdictOf(t, s); !strings.Contains(v.Completeness, "entry 8 of the request's record, attested by de alone") {
			t.Errorf("%s: then %q", tt.name, v.Completeness)
		}
	}
}

// TestTwoLogsAttested: two agents that name one size and two roots were shown two logs, or
// one of them is wrong: the verdict says so, and neither counts.
func TestTwoLogsAttested(t *testing.T) {
	s, _ := tale(t, (*env.Story).Play)
	c, err := s.Log.Head(s.Origin)
	fatalIfErr(t, err)
	tip := &custody.Ref{Seq: 7, Leaf: s.Lines[custody.RecordID(custody.RequestID(s.Case().RequestSHA256))][7].Salted()}
	fatalIfErr(t, s.AttestAs(s.To, tip, custody.CheckpointRef{Size: c.Size, Root: custody.Digest(c.Root)}))
	fatalIfErr(t, s.AttestAs(s.From, tip, custody.CheckpointRef{Size: c.Size, Root: custody.Digest{9}}))
	v := verdictOf(t, s)
	if len(v.Doubts) != 1 || !strings.Contains(v.Doubts[0], "entries 8 and 9: nl/agent/desk-1 and de/agent/desk-1 have read two different logs of 13 entries") {
		t.Errorf("doubts %q", v.Doubts)
	}
	if len(v.Attested) != 0 {
		t.Errorf("they count: %q", v.Completeness)
	}
}

// TestAttestedTailCut: entries that were cut off after the attestation still do not show,
// and the verdict says so; one that attests is cut off with what it attests or not at all.
func TestAttestedTailCut(t *testing.T) {
	s, _ := tale(t, (*env.Story).Play)
	fatalIfErr(t, s.Attest(s.To))
	fatalIfErr(t, s.Attest(s.From))
	fatalIfErr(t, s.Revoke())
	d, err := s.Dossier(true)
	fatalIfErr(t, err)
	id := custody.RecordID(d.Request)
	d.Records[id] = d.Records[id][:len(d.Records[id])-1]
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !strings.HasPrefix(v.Completeness, "complete to entry 7 of") || !strings.Contains(v.NotProved[0], "withheld or cut off after the attested one do not show") {
		t.Errorf("cut after what was attested: %q, %q", v.Completeness, v.NotProved[0])
	}
	for _, keep := range []int{7, 6} { // what is shown of the attestation names an entry that is gone
		d.Records[id] = append(d.Records[id][:keep:keep], d.Records[id][8:]...)
		if _, err := dossier.Verify(d, s.Pins()); err == nil {
			t.Errorf("without entries from %d on to what attests them it passes", keep)
		}
	}
}

// TestAttestedAgainstStamped: where the dossier has an earlier checkpoint of the log, what
// an agent attests of that size is held against it.
func TestAttestedAgainstStamped(t *testing.T) {
	s, _ := tale(t, (*env.Story).Play)
	tip := &custody.Ref{Seq: 7, Leaf: s.Lines[custody.RecordID(custody.RequestID(s.Case().RequestSHA256))][7].Salted()}
	fatalIfErr(t, s.AttestAs(s.To, tip, custody.CheckpointRef{Size: 13, Root: custody.Digest{9}}))
	if v := verdictOf(t, s); len(v.Doubts) != 0 || len(v.Attested) != 1 {
		t.Fatalf("nothing contradicts it yet: %q", v.Doubts)
	}
	d, err := s.Dossier(true)
	fatalIfErr(t, err)
	a := tsa.New(tsa.Options{})
	stamped(t, s, d, a, 13, s.Now().Time())
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if len(v.Doubts) != 1 || len(v.Attested) != 0 || !strings.Contains(v.Doubts[0], "entry 8: nl/agent/desk-1 has read another log of 13 entries than this one was") {
		t.Errorf("doubts %q, attested %+v", v.Doubts, v.Attested)
	}
}
