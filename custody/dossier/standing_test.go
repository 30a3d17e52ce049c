package dossier_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// receiptOther receipts a package by an inner statement that nobody sent.
func receiptOther(s *env.Story, p *env.Package) error {
	honest := p.Contents.Inner
	in, _, _, err := custody.ParseInner(honest)
	if err != nil {
		return err
	}
	p.Contents.Inner, err = custody.SignInner(*in, s.From.Lab) // any other hash
	err = errors.Join(err, s.Receipt(p))
	p.Contents.Inner = honest
	return err
}

// invent lets the sender sign a second inner statement over a file that it never
// sent: the seal commits to inner.age alone, which nobody opens for a court.
func invent(s *env.Story, p *env.Package) error {
	in, _, _, err := custody.ParseInner(p.Contents.Inner)
	if err != nil {
		return err
	}
	man := fmt.Sprintf("%x  data/never-sent.mp4\n", sha256.Sum256([]byte("planted")))
	tags := strings.SplitAfter(string(p.Contents.TagManifest), "\n")
	tags[2] = fmt.Sprintf("%x  manifest-sha256.txt\n", sha256.Sum256([]byte(man)))
	p.Contents.Manifest, p.Contents.TagManifest, p.Contents.Index = []byte(man), []byte(strings.Join(tags, "")), nil
	in.TagManifest, in.Files, in.Bytes, in.Description = sha256.Sum256(p.Contents.TagManifest), 1, 7, "planted"
	p.Contents.Inner, err = custody.SignInner(*in, s.To.Lab)
	return err
}

// describe lets the sender's bag hold an acquisition record beside the exhibits.
func describe(s *env.Story, p *env.Package) error {
	in, _, _, err := custody.ParseInner(p.Contents.Inner)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%x  acquisition.jsonld\n", sha256.Sum256([]byte("{}")))
	p.Contents.TagManifest = append([]byte(line), p.Contents.TagManifest...)
	in.TagManifest = sha256.Sum256(p.Contents.TagManifest)
	p.Contents.Inner, err = custody.SignInner(*in, s.To.Lab)
	return err
}

// TestStanding: what sender and recipients say of the contents of a package never
// voids the dossier, and is told for each package; only what both say is confirmed.
func TestStanding(t *testing.T) {
	type act func(*env.Story, *env.Package) error
	reject := func(reason string) act {
		return func(s *env.Story, p *env.Package) error { return s.Reject(p, reason) }
	}
	unlock, release, receipt := (*env.Story).Unlock, (*env.Story).Release, (*env.Story).Receipt
	for _, tt := range []struct {
		name     string
		acts     []act
		standing dossier.Standing
		why      string
	}{
		{"receipted", []act{unlock, release, receipt}, dossier.StandingConfirmed, "the receipt of de/agent/lab-1 names this inner statement"},
		{"receipted with an acquisition record", []act{describe, unlock, release, receipt}, dossier.StandingConfirmed, "names this inner statement"},
		{"not unlocked", nil, dossier.StandingUnconfirmed, "no recipient confirmed it"},
		{"not receipted", []act{unlock, release}, dossier.StandingUnconfirmed, "no recipient confirmed it"},
		{"receipted otherwise", []act{unlock, release, receiptOther}, dossier.StandingDisputed, "the receipt of de/agent/lab-1 names another inner statement than the sender's here"},
		{"invented before the receipt", []act{unlock, release, receipt, invent}, dossier.StandingDisputed, "names another inner statement"},
		{"invented and not receipted", []act{unlock, release, invent}, dossier.StandingUnconfirmed, "by the sender's word alone"},
		{"invented and rejected", []act{unlock, release, invent, reject("inner-mismatch")}, dossier.StandingRejected, "de/agent/lab-1 rejected it, saying that what it decrypted does not fit"},
		{"rejected", []act{unlock, release, reject("payload-mismatch")}, dossier.StandingRejected, "was not the one sealed (payload-mismatch)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d := tale(t, func(s *env.Story, dir string) error {
				if err := s.Agree(); err != nil {
					return err
				}
				p, err := s.Send(dir)
				for _, f := range tt.acts {
					err = errors.Join(err, f(s, p))
				}
				return err
			})
			v, err := dossier.Verify(d, s.Pins())
			fatalIfErr(t, err)
			if !v.Verified() {
				t.Errorf("result %q, want verified", v.Result)
			}
			checkStanding(t, v, tt.standing, tt.why)
		})
	}
}

// checkStanding checks that all that a verdict says of its one package's contents
// tells the standing, and that nothing but a confirmed one looks proved.
func checkStanding(t *testing.T, v *dossier.Verdict, want dossier.Standing, why string) {
	t.Helper()
	p := v.Packages[0]
	if p.Opened.Standing != want || !strings.Contains(p.Opened.Why, why) {
		t.Errorf("standing %q: %q, want %q: %q", p.Opened.Standing, p.Opened.Why, want, why)
	}
	for _, list := range v.Exhibits(nil) {
		for _, x := range list {
			if x.Standing != want || x.Why != p.Opened.Why {
				t.Errorf("exhibit %q stands as %q: %q", x.Path, x.Standing, x.Why)
			}
		}
	}
	text := v.Text()
	if !strings.Contains(text, fmt.Sprintf("standing       %s: %s", want, p.Opened.Why)) {
		t.Errorf("the text lacks the standing:\n%s", text)
	}
	if told := strings.Contains(strings.Join(v.NotProved, "\n"), "package "+p.ID); told == (want == dossier.StandingConfirmed) {
		t.Errorf("standing %q, and what is not proved: %q", want, v.NotProved)
	}
	b, err := json.Marshal(v)
	fatalIfErr(t, err)
	if !bytes.Contains(b, fmt.Appendf(nil, `"standing":%q`, want)) {
		t.Errorf("the JSON lacks the standing: %s", b)
	}
	confirmed := false
	for _, c := range v.Checks {
		confirmed = confirmed || strings.HasPrefix(c, "receipt of package")
	}
	if confirmed != (want == dossier.StandingConfirmed) {
		t.Errorf("standing %q with checks %q", want, v.Checks)
	}
}

// TestStandingOfSeveral: recipients that contradict each other confirm nothing; a
// rejection shows only what reached one of them, and takes nothing from a receipt.
func TestStandingOfSeveral(t *testing.T) {
	sum := custody.Digest{7}
	same := &custody.ReleaseState{By: "de/agent/lab-1", Receipt: &custody.Receipt{InnerStatement: sum}}
	other := &custody.ReleaseState{By: "de/agent/lab-2", Receipt: &custody.Receipt{InnerStatement: custody.Digest{8}}}
	rejected := &custody.ReleaseState{By: "de/agent/lab-3", Rejection: &custody.Rejection{Reason: "payload-mismatch"}}
	open := &custody.ReleaseState{By: "de/agent/lab-4"}
	for _, tt := range []struct {
		releases []*custody.ReleaseState
		want     dossier.Standing
		why      string
	}{
		{[]*custody.ReleaseState{same, open}, dossier.StandingConfirmed, "the receipt of de/agent/lab-1 names this inner statement"},
		{[]*custody.ReleaseState{same, rejected}, dossier.StandingConfirmed, "the receipt of de/agent/lab-1 names"},
		{[]*custody.ReleaseState{same, other}, dossier.StandingDisputed, "the receipt of de/agent/lab-2 names another inner statement"},
		{[]*custody.ReleaseState{other, same}, dossier.StandingDisputed, "; the receipt of de/agent/lab-1 names this one"},
		{[]*custody.ReleaseState{other, rejected}, dossier.StandingDisputed, "de/agent/lab-2"},
		{[]*custody.ReleaseState{open, rejected}, dossier.StandingRejected, "de/agent/lab-3 rejected it, saying"},
		{[]*custody.ReleaseState{open}, dossier.StandingUnconfirmed, "no recipient confirmed it"},
	} {
		if got, why := dossier.StandingOf(&custody.PackageState{Releases: tt.releases}, sum); got != tt.want || !strings.Contains(why, tt.why) {
			t.Errorf("standing after %d releases: %s: %q, want %s: %q", len(tt.releases), got, why, tt.want, tt.why)
		}
	}
}

// TestFalseUnlock: a sender that signs of a log longer than it was voids nothing,
// and is named.
func TestFalseUnlock(t *testing.T) {
	s, d := tale(t, func(s *env.Story, dir string) error {
		if err := s.Agree(); err != nil {
			return err
		}
		p, err := s.Send(dir)
		if err != nil {
			return err
		}
		_, err = s.Post(s.To.ID("agent/lab-1"), &custody.Unlock{
			Header:  custody.Header{Relay: s.Origin, By: string(s.To.ID("agent/lab-1")), Issued: s.Now(), After: tip(t, s)},
			Request: s.Case().RequestSHA256, Package: p.Seal.Package, Seal: p.SealSHA256, HeadSHA256: p.Seal.HeadSHA256,
			Acceptance: s.Case().Live().Acceptance, Checkpoint: custody.CheckpointRef{Size: 1000, Root: custody.Digest{1}},
		}, s.To.Lab)
		return errors.Join(err, s.Release(p), s.Receipt(p))
	})
	v, err := dossier.Verify(d, s.Pins())
	fatalIfErr(t, err)
	if !v.Verified() || len(v.Packages[0].Doubts) != 1 ||
		!strings.Contains(v.Text(), "doubtful       the sender's unlock names a log of 1000 entries and is itself entry 10") {
		t.Errorf("the verdict says:\n%s", v.Text())
	}
	for _, c := range v.Checks {
		if strings.HasPrefix(c, "checkpoint in the unlock") {
			t.Errorf("the check %q counts as passed", c)
		}
	}
}

// tip refers to the newest entry of the request's record.
func tip(t testing.TB, s *env.Story) *custody.Ref {
	t.Helper()
	for id, lines := range s.Lines {
		if id == custody.RelayRecord || id.Authority() != "" {
			continue
		}
		return &custody.Ref{Seq: int64(len(lines) - 1), Leaf: lines[len(lines)-1].Salted()}
	}
	t.Fatal("there is no request yet")
	return nil
}
