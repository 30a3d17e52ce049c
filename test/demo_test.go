package test_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/custody/bag"
	"comity.example/comity/gateway/objects/s3/s3test"
)

// demonstration is one run of the demo program, on the folder in.
type demonstration struct {
	in, out string
	s3      bool   // with -s3
	said    string // standard output and error
	failed  error
}

func runDemo(t *testing.T, in, out string, flags ...string) *demonstration {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs, "demo"), append(flags, "-in", in, "-out", out)...)
	said, err := cmd.CombinedOutput()
	return &demonstration{in, out, slices.Contains(flags, "-s3"), string(said), err}
}

// onBothStores runs a test with the flags of the demonstration that choose where the
// relay keeps its objects.
func onBothStores(t *testing.T, test func(t *testing.T, flags ...string)) {
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		test(t)
	})
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		s3test.NeedVersitygw(t)
		test(t, "-s3")
	})
}

// TestDemo runs the demonstration once on a folder of odd names, and looks at what
// it leaves as a recipient, a court, and a reader without Comity do.
func TestDemo(t *testing.T) {
	t.Parallel()
	require(t, "diff", "bash", "tar", "sha256sum")
	onBothStores(t, testDemo)
}

func testDemo(t *testing.T, flags ...string) {
	in := t.TempDir()
	makeOdd(t, in)
	d := runDemo(t, in, filepath.Join(t.TempDir(), "out"), flags...)
	t.Run("arrives", d.arrived)
	if t.Failed() {
		return
	}
	t.Run("promised files", d.promised)
	if d.s3 {
		t.Run("bucket", d.bucket)
	}
	t.Run("stock tools", d.stock)
	t.Run("stock tools, cut short", d.cutShort)
	t.Run("stock tools, one bit flipped", d.flipped)
	t.Run("court", d.court)
	t.Run("court without a network", d.courtOffline)
}

// TestDemoEmpty: a folder of one empty folder, and an empty one.
func TestDemoEmpty(t *testing.T) {
	t.Parallel()
	require(t, "diff")
	for name, folder := range map[string]string{"one empty folder": "nothing in it", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, flags ...string) {
				in := t.TempDir()
				if err := os.MkdirAll(filepath.Join(in, folder), 0o700); err != nil {
					t.Fatal(err)
				}
				d := runDemo(t, in, filepath.Join(t.TempDir(), "out"), flags...)
				t.Run("arrives", d.arrived)
				t.Run("promised files", d.promised)
			})
		})
	}
}

// arrived wants success, and diff to agree.
func (d *demonstration) arrived(t *testing.T) {
	if d.failed != nil || !strings.HasSuffix(d.said, "\nEverything verified.\n") {
		t.Fatalf("demo: %v\n%s", d.failed, d.said)
	}
	if out, err := exec.Command("diff", "-r", d.in, filepath.Join(d.out, "received")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("diff: %v\n%s", err, out)
	}
	// diff says nothing of times.
	if before, after := items(t, d.in), items(t, filepath.Join(d.out, "received")); !reflect.DeepEqual(after, before) {
		t.Errorf("names, sizes and times are not what was sent:\n%v\n%v", before, after)
	}
}

// items lists a folder, without the fingerprints: a copy has others.
func items(t *testing.T, dir string) (list []bag.Item) {
	t.Helper()
	inv, err := bag.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	for it := range inv.Items() {
		it.Fingerprint = bag.Fingerprint{}
		list = append(list, it)
	}
	return list
}

// promised wants every file that the demonstration says it leaves.
func (d *demonstration) promised(t *testing.T) {
	files := []string{"package/head", "package/payload", "package/inner.age", "keys/recipient.txt", "dossier.comity", "pins",
		"bag/manifest-sha256.txt", "relay/relay.db", "relay/relay.log", "relay/gateway.yaml"}
	folders := []string{"received", "relay/store", "homes"}
	if d.s3 {
		files = append(files, "relay/versitygw.log", "bucket.txt")
		folders[1] = "relay/versitygw/objects/evidence/payloads"
	}
	for _, name := range files {
		if st, err := os.Stat(filepath.Join(d.out, name)); err != nil || !st.Mode().IsRegular() || st.Size() == 0 && name != "bag/manifest-sha256.txt" {
			t.Errorf("%s is no file with something in it: %v", name, err)
		}
	}
	for _, name := range folders {
		if st, err := os.Stat(filepath.Join(d.out, name)); err != nil || !st.IsDir() {
			t.Errorf("%s is no folder: %v", name, err)
		}
	}
	key, err := os.ReadFile(filepath.Join(d.out, "keys", "recipient.txt"))
	if err != nil || !strings.HasPrefix(string(key), "AGE-SECRET-KEY-PQ-1") {
		t.Errorf("keys/recipient.txt is no post-quantum identity of age: %v", err)
	}
}

// TestDemoFolders: the demonstration overwrites nothing, and packs no keys of its
// own.
func TestDemoFolders(t *testing.T) {
	t.Parallel()
	in, out := t.TempDir(), t.TempDir()
	kept := filepath.Join(out, "kept")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ in, out, says string }{
		"not empty":         {in, out, "is not empty"},
		"a file":            {in, kept, "not a directory"},
		"inside the source": {in, filepath.Join(in, "case"), "is inside"},
		"no source":         {filepath.Join(in, "none"), filepath.Join(t.TempDir(), "new"), "is not a folder of evidence"},
	} {
		d := runDemo(t, c.in, c.out)
		if d.failed == nil || !strings.Contains(d.said, c.says) {
			t.Errorf("%s: %v, want an error that says %q:\n%s", name, d.failed, c.says, d.said)
		}
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("the folder that was not empty holds %v, %v", left, err)
	}
	if left, err := os.ReadDir(in); err != nil || len(left) != 0 {
		t.Errorf("the source holds %v, %v", left, err)
	}
}
