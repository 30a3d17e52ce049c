package command

import (
	"bytes"
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
	"comity.example/comity/test/tsa"
)

// stamp puts a time stamp over the whole log into a dossier.
func stamp(s *env.Story, d *dossier.Dossier, a *tsa.Authority) error {
	note, proof, err := s.Log.SignAt(s.LogSigner, s.Log.Size(), s.Now().Time())
	if err != nil {
		return err
	}
	q, err := timestamp.NewQuery(crypto.SHA256, timestamp.Of(note)(crypto.SHA256), "")
	if err != nil {
		return err
	}
	roots, err := timestamp.ParseRoots(a.Roots)
	if err != nil {
		return err
	}
	kept, _, err := q.Answer(a.Answer(q.Marshal(), s.Now().Time().Add(time.Hour), tsa.Change{}), roots)
	d.Earlier = map[int64]dossier.Earlier{s.Log.Size(): {Note: note, Proof: proof, Tokens: [][]byte{kept}}}
	return err
}

// TestTimeStamps: with the root of the authority, from a file or from the pins, the
// text says by when each act existed; without it, that nobody checked.
func TestTimeStamps(t *testing.T) {
	dir := t.TempDir()
	build(t, dir)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	lines := strings.Split(strings.TrimSpace(read("tsa.pem")), "\n")
	with := filepath.Join(dir, "with.pins")
	if err := os.WriteFile(with, []byte(read("pins")+"tsa "+strings.Join(lines[1:len(lines)-1], "")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bound, open := "the last entry in this file existed before 2026-03-01T", "time stamp present, authority not checked"
	pins := filepath.Join(dir, "pins")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--pins", pins, "--tsa", filepath.Join(dir, "tsa.pem")}, bound}, {[]string{"--pins", with}, bound}, {[]string{"--pins", pins}, open},
	} {
		var out, stderr bytes.Buffer
		code := run(append(tt.args, filepath.Join(dir, "good.dossier")), &out, &stderr)
		if text := out.String(); code != 0 || !strings.Contains(text, tt.want) || strings.Contains(text, bound) == strings.Contains(text, open) {
			t.Errorf("%q: exit status %d, %s, want %q in\n%s", tt.args, code, stderr.String(), tt.want, text)
		}
	}
}
