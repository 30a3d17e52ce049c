package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity.example/comity/custody/dossier"
	"comity.example/comity/test/env"
)

// TestSealedAll: of two packages each is in the answer, also the one whose folder
// is not there; and then the status is not 0.
func TestSealedAll(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name ...string) string { return filepath.Join(append([]string{dir}, name...)...) }
	must(os.Mkdir(at("src"), 0o700))
	must(os.WriteFile(at("src", "notes.txt"), []byte("found on a desk\n"), 0o600))
	s, err := env.NewStory("relay.example", "de", "nl", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	must(err)
	must(s.Agree())
	for range 2 {
		p, err := s.Send(at("src"))
		must(err)
		must(os.MkdirAll(at("sealed", p.Seal.Package), 0o700))
		must(p.Save(at("sealed", p.Seal.Package)))
	}
	d, err := s.Dossier(true)
	must(err)
	var b bytes.Buffer
	must(dossier.Write(&b, d))
	must(os.WriteFile(at("case.dossier"), b.Bytes(), 0o600))
	pins := s.Pins()
	must(os.WriteFile(at("pins"), []byte(pins.String()), 0o600))

	verify := func(want, files int) []sealedFile {
		t.Helper()
		var out, diag bytes.Buffer
		if got := run([]string{at("case.dossier"), "--pins", at("pins"), "--sealed", at("sealed"), "--json"}, &out, &diag); got != want {
			t.Errorf("status %d, want %d\n%s", got, want, diag.String())
		}
		if files == 0 {
			return nil
		}
		var r struct{ Sealed []sealedFile }
		must(json.Unmarshal(out.Bytes(), &r))
		if len(r.Sealed) != files {
			t.Errorf("%d files in the answer, want %d: %+v", len(r.Sealed), files, r.Sealed)
		}
		return r.Sealed
	}
	verify(exitVerified, 6)
	gone := s.Packages[1].Seal.Package
	must(os.Rename(at("sealed", gone), at("elsewhere")))
	list := verify(exitFailed, 4)
	if x := list[len(list)-1]; x.Package != gone || !strings.Contains(x.Status, "not checked") {
		t.Errorf("the package without a folder is told as %+v", x)
	}
	must(os.WriteFile(at("sealed", gone), []byte("a file of that name"), 0o600))
	verify(exitFailed, 4)
	must(os.Remove(at("sealed", gone)))
	must(os.MkdirAll(at("sealed", gone, "head"), 0o700))
	if list := verify(exitFailed, 6); list[3].Status != statusNoFile || list[4].Status != statusMissing {
		t.Errorf("a folder called head and no payload are told as %+v", list[3:])
	}
	must(os.RemoveAll(at("sealed", gone)))
	must(os.Rename(at("sealed", s.Packages[0].Seal.Package), at("elsewhere too")))
	verify(exitError, 0) // none of the two: the folder is the wrong one
}
