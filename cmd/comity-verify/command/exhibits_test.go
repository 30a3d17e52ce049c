package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// told plays a story of one package of one small file, up to its unlock and
// release and then as then says, and returns the command line that verifies its
// dossier with pins.
func told(t *testing.T, dir string, then func(*env.Story, *env.Package) error) []string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	src := filepath.Join(dir, "src")
	must(os.Mkdir(src, 0o700))
	must(os.WriteFile(filepath.Join(src, "notes.txt"), []byte("found on a desk\n"), 0o600))
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	must(s.Agree())
	p, err := s.Send(src)
	must(err)
	must(errors.Join(s.Unlock(p), s.Release(p)))
	must(then(s, p))
	d, err := s.Dossier(true)
	must(err)
	var b bytes.Buffer
	must(dossier.Write(&b, d))
	must(os.WriteFile(filepath.Join(dir, "case.dossier"), b.Bytes(), 0o600))
	pins := s.Pins()
	must(os.WriteFile(filepath.Join(dir, "pins"), []byte(pins.String()), 0o600))
	return []string{filepath.Join(dir, "case.dossier"), "--pins", filepath.Join(dir, "pins")}
}

// TestExhibitsStand: a file that the sender lists is in the evidence only if the
// receipts confirm it. Whatever they say, the record itself is verified.
func TestExhibitsStand(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(*env.Story, *env.Package) error
		want int
		says []string
	}{
		{"receipted", (*env.Story).Receipt, exitVerified,
			[]string{`"notes.txt" is in the evidence`, ": the receipt of de/agent/lab-1 names this inner statement"}},
		{"not receipted", func(*env.Story, *env.Package) error { return nil }, exitFailed,
			[]string{`"notes.txt" is listed by the sender's word alone: no recipient confirmed it`}},
		{"rejected", func(s *env.Story, p *env.Package) error { return s.Reject(p, "inner-mismatch") }, exitFailed,
			[]string{`"notes.txt" is listed by the sender, but in a package that a recipient rejected`, "de/agent/lab-1 rejected it, saying that", "(inner-mismatch)"}},
		{"receipted otherwise", func(s *env.Story, p *env.Package) error {
			in, _, _, err := custody.ParseInner(p.Contents.Inner)
			if err != nil {
				return err
			}
			honest := p.Contents.Inner
			p.Contents.Inner, err = custody.SignInner(*in, s.From.Lab)
			err = errors.Join(err, s.Receipt(p))
			p.Contents.Inner = honest
			return err
		}, exitFailed, []string{`"notes.txt" is listed by the sender, but disputed`, "names another inner statement"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			args := told(t, dir, tt.then)
			var out, diag bytes.Buffer
			if got := run(args, &out, &diag); got != exitVerified {
				t.Errorf("without exhibits: status %d, want 0\n%s", got, diag.String())
			}
			out.Reset()
			if got := run(append(args, "--exhibits", filepath.Join(dir, "src")), &out, &diag); got != tt.want {
				t.Errorf("status %d, want %d\n%s", got, tt.want, diag.String())
			}
			_, list, _ := strings.Cut(out.String(), "\nExhibits\n")
			for _, s := range tt.says {
				if !strings.Contains(list, s) {
					t.Errorf("the exhibits lack %q:\n%s", s, list)
				}
			}
			if !strings.HasPrefix(out.String(), "VERIFIED") || strings.Contains(list, statusHeld) != (tt.want == exitVerified) {
				t.Errorf("the text says:\n%s", out.String())
			}
		})
	}
}
