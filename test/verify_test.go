package test_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"comity.example/comity/test/need"
)

// court: the verifier finds exhibits in the evidence, and says so when one differs
// in a byte, or the dossier does.
func (d *demonstration) court(t *testing.T) {
	w := &world{t: t, dir: d.out}
	verify := func(want int, says string, args ...string) string {
		t.Helper()
		return w.run(want, says, append([]string{"comity-verify"}, args...)...)
	}
	if said := verify(0, "", "dossier.comity", "--pins", "pins", "--exhibits", "received"); strings.Contains(said, "is in no package") {
		t.Errorf("not all that was received is in the evidence:\n%s", said)
	}
	data, err := os.ReadFile(filepath.Join(d.in, "photos.zip"))
	if err != nil {
		t.Fatal(err)
	}
	exhibits := t.TempDir()
	exhibit := filepath.Join(exhibits, "exhibit 7")
	write := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(exhibit, data)
	if said := verify(0, "", "dossier.comity", "--pins", "pins", "--exhibits", exhibits); !strings.Contains(said, `"exhibit 7" is in the evidence`) {
		t.Errorf("the verifier does not say that the exhibit is in the evidence:\n%s", said)
	}
	data[len(data)/2] ^= 1
	write(exhibit, data)
	verify(4, `"exhibit 7" is in no package`, "dossier.comity", "--pins", "pins", "--exhibits", exhibits)

	dossier, err := os.ReadFile(filepath.Join(d.out, "dossier.comity"))
	if err != nil {
		t.Fatal(err)
	}
	dossier[len(dossier)/2] ^= 1
	other := filepath.Join(t.TempDir(), "other.comity")
	write(other, dossier)
	verify(4, "", other, "--pins", "pins")
	verify(4, "origin", "dossier.comity")
}

// courtOffline: the verifier needs no network, as on the machine of a court that
// has none.
func (d *demonstration) courtOffline(t *testing.T) {
	require(t, "unshare", "sh", "grep")
	if os.Getuid() != 0 {
		need.Missing(t, "only root makes an empty network namespace")
	}
	cmd := exec.Command("unshare", "--net", "--", "sh", "-c", `test "$(grep -c : /proc/net/dev)" = 1 || exit 99; exec "$@"`, "sh",
		filepath.Join(programs, "comity-verify"), "dossier.comity", "--pins", "pins", "--sealed", "package", "--exhibits", "received")
	cmd.Dir = d.out
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "VERIFIED: ") {
		t.Errorf("comity-verify without a network: %v\n%s", err, out)
	}
}
