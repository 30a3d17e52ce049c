package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFsck: a new relay is clean, one whose checkpoint is gone is not, and one that
// never ran has nothing to check.
func TestFsck(t *testing.T) {
	data, _ := made(t)
	if code, out, errs := run(t, "fsck", "--data", data); code != exitError || out != "" {
		t.Errorf("fsck of a relay that never ran: %d %q %q", code, out, errs)
	}
	if code, _, errs := run(t, "check", "--data", data); code != exitDone {
		t.Fatalf("check: %d %s", code, errs)
	}
	code, out, errs := run(t, "fsck", "--data", data)
	if code != exitDone || errs != "" || !strings.HasSuffix(out, "\nclean\n") || !strings.Contains(out, "2 entries of 1 records, 2 replayed") {
		t.Errorf("fsck: %d %q %q", code, out, errs)
	}
	identity := filepath.Join(data, "recovery", "identity.txt")
	if code, out, errs = run(t, "fsck", "--deep", "--recovery", identity, "--data", data); code != exitDone || !strings.Contains(out, "copies of 2 entries (2 opened)") {
		t.Errorf("fsck --recovery: %d %q %q", code, out, errs)
	}
	if code, _, errs = run(t, "fsck", "--recovery", filepath.Join(data, "keys", "log"), "--data", data); code != exitError {
		t.Errorf("fsck with another key: %d %q", code, errs)
	}
	if err := os.RemoveAll(filepath.Join(data, "store", "objects", "log", "checkpoint")); err != nil {
		t.Fatal(err)
	}
	code, out, errs = run(t, "fsck", "--data", data)
	if code != exitVerify || !strings.HasPrefix(out, "stored-checkpoint: object log/checkpoint: ") || strings.Contains(out, "clean") {
		t.Errorf("fsck without a checkpoint: %d %q", code, out)
	}
	if !strings.Contains(errs, "1 differences") || !strings.Contains(errs, "hint: ") {
		t.Errorf("it says %q", errs)
	}
}

// TestFsckWrongCommandLines: errors of usage.
func TestFsckWrongCommandLines(t *testing.T) {
	data, _ := made(t)
	for _, args := range [][]string{{"fsck"}, {"fsck", "x", "--data", data}, {"fsck", "--repair", "--data", data}} {
		if code, out, errs := run(t, args...); code != exitUsage || out != "" {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}
