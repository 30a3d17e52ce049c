package dossier_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// TestSingleFiles: receipts for single files confirm these files, and no others.
func TestSingleFiles(t *testing.T) {
	other := func(s *env.Story, p *env.Package) error {
		in, _, _, err := custody.ParseInner(p.Contents.Inner)
		if err != nil {
			return err
		}
		honest := p.Contents.Inner
		p.Contents.Inner, err = custody.SignInner(*in, s.From.Lab) // any other hash
		err = errors.Join(err, s.ReceiptExhibits(p, 1))
		p.Contents.Inner = honest
		return err
	}
	single := func(lines ...int64) func(*env.Story, *env.Package) error {
		return func(s *env.Story, p *env.Package) error { return s.ReceiptExhibits(p, lines...) }
	}
	reject := func(s *env.Story, p *env.Package) error { return s.Reject(p, "malformed-package") }
	whole := (*env.Story).Receipt
	type act = func(*env.Story, *env.Package) error
	for _, tt := range []struct {
		name    string
		acts    []act
		stands  dossier.Standing
		files   string // standing of a, b, c by first letters
		outcome string
		says    []string
	}{
		{"one", []act{single(2)}, dossier.StandingPartial, "ucu", "exhibits", []string{"line 2 of the manifest", `received       "data/b"`, "the whole: not in this record"}},
		{"two receipts", []act{single(2), single(1, 2)}, dossier.StandingPartial, "ccu", "exhibits", []string{"lines 1, 2 of the manifest"}},
		{"then the whole", []act{single(2), whole}, dossier.StandingConfirmed, "ccc", "receipted", []string{"everything in it arrived"}},
		{"then rejected", []act{single(2), reject}, dossier.StandingPartial, "rcr", "rejected", []string{"malformed-package"}},
		{"of another statement", []act{other}, dossier.StandingDisputed, "ddd", "exhibits", []string{"names another inner statement"}},
		{"of another statement, then the whole of this", []act{other, whole}, dossier.StandingDisputed, "ddd", "receipted", nil},
		{"of a line that is not there", []act{single(9)}, dossier.StandingPartial, "uuu", "exhibits", []string{"names line 9 of a manifest of 3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, d := tale(t, func(s *env.Story, _ string) error {
				dir := t.TempDir()
				for _, name := range []string{"a", "b", "c"} {
					fatalIfErr(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
				}
				fatalIfErr(t, s.Agree())
				p, err := s.Send(dir)
				for _, f := range append([]act{(*env.Story).Unlock, (*env.Story).Release}, tt.acts...) {
					err = errors.Join(err, f(s, p))
				}
				return err
			})
			v, err := dossier.Verify(d, s.Pins())
			fatalIfErr(t, err)
			p := v.Packages[0]
			if !v.Verified() || p.Opened.Standing != tt.stands || p.Taken[0].Outcome != tt.outcome {
				t.Errorf("%s, package %s, outcome %q", v.Result, p.Opened.Standing, p.Taken[0].Outcome)
			}
			got := map[string]string{}
			for _, list := range v.Exhibits(nil) {
				for _, x := range list {
					got[x.Path] = string(x.Standing[0])
				}
			}
			if all := got["data/a"] + got["data/b"] + got["data/c"]; all != tt.files {
				t.Errorf("the files stand as %q, want %q", all, tt.files)
			}
			text := v.Text()
			for _, want := range tt.says {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
			if tt.stands != dossier.StandingConfirmed && !strings.Contains(strings.Join(v.NotProved, "\n"), "package "+p.ID) {
				t.Errorf("not proved: %q", v.NotProved)
			}
		})
	}
}
