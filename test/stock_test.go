package test_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chunk is the length of a chunk of an age payload: 64 KiB and a tag.
const chunk = 64<<10 + 16

// opened runs the pipeline that the demonstration shows, with the age of go.mod,
// and returns the folder into which tar wrote.
func (d *demonstration) opened(t *testing.T, head, payload string) (string, error) {
	t.Helper()
	into := t.TempDir()
	cmd := exec.Command("bash", "-c", `set -o pipefail; cat "$1" "$2" | "$3" -d -i "$4" | tar -xif - -C "$5"`, "bash",
		head, payload, filepath.Join(programs, "age"), filepath.Join(d.out, "keys", "recipient.txt"), into)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err == nil && stderr.Len() > 0 {
		t.Errorf("age and tar succeed and say %q", &stderr)
	}
	return into, err
}

func (d *demonstration) file(name string) string {
	return filepath.Join(d.out, "package", name)
}

// stock: age, tar, sha256sum and diff are enough. Of the manifest those lines fail,
// and no others, in which RFC 8493 encodes the name.
func (d *demonstration) stock(t *testing.T) {
	version, err := exec.Command(filepath.Join(programs, "age"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("age %s", version)
	into, err := d.opened(t, d.file("head"), d.file("payload"))
	if err != nil {
		t.Fatalf("age and tar: %v", err)
	}
	bags, err := os.ReadDir(into)
	if err != nil || len(bags) != 1 {
		t.Fatalf("the archive holds %v, %v, want one bag", bags, err)
	}
	bag := filepath.Join(into, bags[0].Name())
	if out, err := exec.Command("diff", "-r", d.in, filepath.Join(bag, "data")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("diff: %v\n%s", err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(bag, "manifest-sha256.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var plain, encoded []string
	for line := range strings.Lines(string(manifest)) {
		name := strings.TrimSuffix(line[66:], "\n") // after the digest and two blanks
		if strings.Contains(name, "%") {
			encoded = append(encoded, name)
		} else {
			plain = append(plain, name)
		}
	}
	ok, failed := sha256sum(t, bag, "manifest-sha256.txt")
	if !slices.Equal(ok, plain) || !slices.Equal(failed, encoded) {
		t.Errorf("sha256sum finds %d of %d plain names, and fails for %d of %d encoded ones:\n%q", len(ok), len(plain), len(failed), len(encoded), failed)
	}
	if ok, failed := sha256sum(t, bag, "tagmanifest-sha256.txt"); len(ok) != 3 || len(failed) != 0 {
		t.Errorf("sha256sum of the tag files: OK %q, failed %q", ok, failed)
	}
	if len(plain) < 200 || len(encoded) < 50 {
		t.Errorf("the manifest has %d plain and %d encoded names: too few to show anything", len(plain), len(encoded))
	}
}

// sha256sum returns the names of which sha256sum -c says that they are as listed,
// and those that it does not find.
func sha256sum(t *testing.T, dir, manifest string) (ok, missing []string) {
	t.Helper()
	cmd := exec.Command("sha256sum", "-c", manifest)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if name, found := strings.CutSuffix(line, ": OK"); found {
			ok = append(ok, name)
		} else if name, found := strings.CutSuffix(line, ": FAILED open or read"); found {
			missing = append(missing, name)
		} else {
			t.Errorf("sha256sum says %q", line)
		}
	}
	if (err == nil) != (len(missing) == 0) {
		t.Errorf("sha256sum ends with %v and misses %d files", err, len(missing))
	}
	return ok, missing
}

// altered runs the pipeline on other bytes of the package.
func (d *demonstration) altered(t *testing.T, head, payload []byte) error {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"head": head, "payload": payload} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	into, err := d.opened(t, filepath.Join(dir, "head"), filepath.Join(dir, "payload"))
	os.RemoveAll(into) // the next one needs the room
	return err
}

func (d *demonstration) sealed(t *testing.T) (head, payload []byte) {
	t.Helper()
	head, err := os.ReadFile(d.file("head"))
	if err != nil {
		t.Fatal(err)
	}
	if payload, err = os.ReadFile(d.file("payload")); err != nil {
		t.Fatal(err)
	}
	if err := d.altered(t, head, payload); err != nil {
		t.Fatalf("the pipeline fails on what was not altered: %v", err)
	}
	return head, payload
}

// cutShort: no beginning of a package passes for a package, least of all one that
// ends with a whole chunk.
func (d *demonstration) cutShort(t *testing.T) {
	head, payload := d.sealed(t)
	cuts := []int{0, 1, 100, len(head) - 17, len(head) - 16, len(head) - 1, len(head)}
	for n := len(head) + chunk; n < len(head)+len(payload); n += chunk {
		cuts = append(cuts, n)
	}
	if len(cuts) < 15 {
		t.Errorf("the payload has %d bytes: too few chunks to show anything", len(payload))
	}
	for _, n := range []int{1, 15, 16, 17, chunk - 16, chunk - 1, chunk + 1, chunk + 16, chunk + 17, len(payload)/2 + 1, len(payload) - 17, len(payload) - 16, len(payload) - 1} {
		cuts = append(cuts, len(head)+n)
	}
	for _, n := range cuts {
		if d.altered(t, head[:min(n, len(head))], payload[:max(0, n-len(head))]) == nil {
			t.Errorf("the first %d bytes open without an error; the head has %d, the payload %d", n, len(head), len(payload))
		}
	}
}

// flipped: one bit anywhere is noticed.
func (d *demonstration) flipped(t *testing.T) {
	head, payload := d.sealed(t)
	whole := slices.Concat(head, payload)
	for _, n := range []int{
		0, 25, len(head) / 4, len(head) / 2, len(head) * 3 / 4, // the header: version, stanzas
		len(head) - 20, len(head) - 16, len(head) - 1, // its MAC, the nonce
		len(head), len(head) + chunk - 17, len(head) + chunk - 1, len(head) + chunk, // chunks and their tags
		len(head) + len(payload)/2, len(whole) - 17, len(whole) - 1,
	} {
		b := bytes.Clone(whole)
		b[n] ^= 1 << (n % 8)
		if d.altered(t, b[:len(head)], b[len(head):]) == nil {
			t.Errorf("a bit of byte %d of %d is flipped and nothing notices", n, len(whole))
		}
	}
}
