package quarantine_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"comity.example/comity/agent/internal/quarantine"
	"comity.example/comity/crypto/seal"
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// payload is three parts, the last of which is short.
const payload = 2*seal.PartSize + 1000

// land opens the landing of a payload of three parts.
func land(t *testing.T, dir string) *quarantine.Landing {
	t.Helper()
	l, err := quarantine.Land(dir, "bag", payload)
	fatalIfErr(t, err)
	return l
}

// partsOf makes three parts.
func partsOf() (parts [3][]byte) {
	for n := range parts {
		parts[n] = make([]byte, seal.PartLen(payload, n))
		rand.Read(parts[n])
	}
	return parts
}

// has reports whether a landing gives back a part as it was written.
func has(l *quarantine.Landing, n int, part []byte) bool {
	b := make([]byte, len(part))
	return l.ReadPart(n, b) && bytes.Equal(b, part)
}

func TestLanding(t *testing.T) {
	dir, parts := t.TempDir(), partsOf()
	l := land(t, dir)
	if has(l, 2, parts[2]) || l.Held() != 0 {
		t.Error("an empty landing holds something")
	}
	fatalIfErr(t, l.WritePart(2, parts[2]))
	if !has(l, 2, parts[2]) {
		t.Error("the last part is not there although it came first")
	}
	fatalIfErr(t, l.WritePart(1, parts[1])) // part 0 was torn
	fatalIfErr(t, l.Close())

	l = land(t, dir)
	if l.Held() != payload {
		t.Errorf("Held = %d, want %d", l.Held(), int64(payload))
	}
	if !has(l, 2, parts[2]) || !has(l, 1, parts[1]) || has(l, 0, parts[0]) {
		t.Error("after another start not exactly the parts that landed are there")
	}
	fatalIfErr(t, l.WritePart(0, parts[0]))
	for n := range parts {
		if !has(l, n, parts[n]) {
			t.Errorf("part %d is not there", n)
		}
	}
	fatalIfErr(t, l.Remove())
	checkEmpty(t, dir)
}

// checkEmpty fails if a folder holds anything.
func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	fatalIfErr(t, err)
	for _, f := range left {
		t.Errorf("%q is left", f.Name())
	}
}

func TestLandingOfNothing(t *testing.T) {
	dir := t.TempDir()
	fatalIfErr(t, land(t, dir).Close())
	checkEmpty(t, dir)
}

// TestLandingTooLong: what stands beyond the payload does not stay.
func TestLandingTooLong(t *testing.T) {
	dir := t.TempDir()
	l, err := quarantine.Land(dir, "bag", payload)
	fatalIfErr(t, err)
	fatalIfErr(t, l.WritePart(1, make([]byte, seal.PartSize)))
	fatalIfErr(t, l.Close())
	l, err = quarantine.Land(dir, "bag", 16)
	fatalIfErr(t, err)
	defer l.Remove()
	if l.Held() != 16 {
		t.Errorf("Held = %d, want 16", l.Held())
	}
}

// TestLandingIsNoLink: nothing is written through what somebody else puts in the
// place of a landing.
func TestLandingIsNoLink(t *testing.T) {
	for name, plant := range map[string]func(outside, path string) error{
		"link":          os.Symlink,
		"dangling link": func(_, path string) error { return os.Symlink("nowhere", path) },
		"link beside":   func(_, path string) error { return os.Symlink("other", path) },
		"hard link": func(_, path string) error {
			return os.Link(filepath.Join(filepath.Dir(path), "other"), path)
		},
		"folder": func(_, path string) error { return os.Mkdir(path, 0o700) },
		"pipe":   func(_, path string) error { return exec.Command("mkfifo", path).Run() },
	} {
		dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
		other := filepath.Join(dir, "other")
		for _, path := range []string{outside, other} {
			fatalIfErr(t, os.WriteFile(path, []byte("mine"), 0o600))
		}
		if err := plant(outside, filepath.Join(dir, ".comity-quarantine-bag.landing")); err != nil {
			t.Logf("NOT TESTED with a %s: %v", name, err)
			continue
		}
		l, err := quarantine.Land(dir, "bag", payload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Held() != 0 {
			t.Errorf("%s: Held = %d", name, l.Held())
		}
		fatalIfErr(t, l.WritePart(2, make([]byte, 1000)))
		fatalIfErr(t, l.Remove())
		for _, path := range []string{outside, other} {
			if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
				t.Errorf("%s: %q holds %d other bytes, %v", name, filepath.Base(path), len(b), err)
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was made through it", name)
		}
	}
}

// TestDrop: what belongs to one bag goes, all else stays.
func TestDrop(t *testing.T) {
	dir := t.TempDir()
	l := land(t, dir)
	fatalIfErr(t, l.WritePart(2, make([]byte, 1000)))
	fatalIfErr(t, l.Close())
	_, err := quarantine.New(dir, "bag")
	fatalIfErr(t, err)
	_, err = quarantine.New(dir, "bag2")
	fatalIfErr(t, err)
	fatalIfErr(t, os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600))
	fatalIfErr(t, quarantine.Drop(dir, "bag"))
	fatalIfErr(t, quarantine.Drop(dir, "bag"))
	fatalIfErr(t, quarantine.Drop(filepath.Join(dir, "missing"), "bag"))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v are left: %v", left, err)
	}
}
