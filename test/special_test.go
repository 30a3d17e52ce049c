//go:build !windows

package test_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDemoSpecial: what is no file or folder, or has a name that is no text, is
// listed, all of it; nothing leaves the sender.
func TestDemoSpecial(t *testing.T) {
	t.Parallel()
	onBothStores(t, testSpecial)
}

func testSpecial(t *testing.T, flags ...string) {
	in := t.TempDir()
	at := func(name string) string { return filepath.Join(in, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("good.txt"), []byte("evidence"), 0o600))
	must(os.MkdirAll(at("folder/below"), 0o700))
	must(os.Symlink("good.txt", at("folder/link")))
	must(syscall.Mkfifo(at("folder/pipe"), 0o600))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at("socket"), Net: "unix"})
	must(err)
	defer l.Close()
	must(os.WriteFile(at("folder/below/bad \xff name"), nil, 0o600))
	want := []string{`"folder/link": symbolic link`, `"folder/pipe": named pipe`, `"socket": socket`, `"folder/below/bad \xff name": name is not valid UTF-8`}
	for n := range 900 { // a list of more than 64 KiB
		name := fmt.Sprintf("%0100d", n)
		must(os.Symlink("nowhere", at(name)))
		want = append(want, fmt.Sprintf("%q: symbolic link", name))
	}

	d := runDemo(t, in, filepath.Join(t.TempDir(), "out"), flags...)
	if d.failed == nil {
		t.Errorf("the demonstration succeeded:\n%s", d.said)
	}
	for _, s := range want {
		if !strings.Contains(d.said, s) {
			t.Fatalf("%s is not in the list:\n%.4000s", s, d.said)
		}
	}
	store := filepath.Join(d.out, "relay", "store", "objects")
	if d.s3 {
		store = filepath.Join(d.out, "relay", "versitygw", "objects", "evidence")
	}
	if _, err := os.Stat(filepath.Join(store, "annexes")); err != nil {
		t.Errorf("the relay has not even the request: %v", err)
	}
	for _, area := range []string{"payloads", "heads"} {
		if left, err := os.ReadDir(filepath.Join(store, area)); err == nil && len(left) > 0 {
			t.Errorf("the relay has %d folders in %s", len(left), area)
		}
	}
}
