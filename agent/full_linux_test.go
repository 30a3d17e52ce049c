package agent_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/internal/room"
	"comity.example/comity/test/need"

	"golang.org/x/sys/unix"
)

// small mounts a file system of so many MiB.
func small(t *testing.T, size string) string {
	t.Helper()
	into := t.TempDir()
	if err := unix.Mount("tmpfs", into, "tmpfs", 0, "size="+size); err != nil {
		need.Missing(t, "a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(into, 0) })
	return into
}

// TestNoRoom fetches into a file system that is too small: the figures are told
// before a byte of the payload is fetched, nothing is left, the package is not
// rejected, and arrives where there is room.
func TestNoRoom(t *testing.T) {
	into := small(t, "8m")
	w := newCase(t)
	w.accept()
	folder := exhibits(t, 4<<20)
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	nl := w.connect("nl", "lab-1")
	w.reads.count(nil)
	_, err = w.agent("nl").Fetch(t.Context(), nl, w.request, into)
	var full *agent.SpaceError
	if !errors.As(err, &full) || errors.Is(err, agent.ErrVerify) {
		t.Fatalf("Fetch = %v", err)
	}
	if full.Free != 8<<20 || full.Ciphertext < 4<<20 || full.Files < 4<<20 || full.Ciphertext+full.Files <= full.Free {
		t.Errorf("the figures are %+v", full)
	}
	empty(t, into)
	if len(w.reads.all()) > 0 || len(w.packages("nl")) > 0 {
		t.Errorf("parts %v were fetched, the home has %q", w.reads.all(), w.packages("nl"))
	}
	if n := w.statementsOf(custody.KindRejection); n != 0 {
		t.Errorf("%d rejections", n)
	}
	w.finish(folder, t.TempDir())
}

// TestCaptureDiskFull fills the disk with a capture. It is removed, and the error says
// how far it was and where it lay.
func TestCaptureDiskFull(t *testing.T) {
	w := newCase(t)
	disk, captures := small(t, "8m"), w.captureDir("")
	check(t, os.MkdirAll(filepath.Dir(captures), 0o700))
	check(t, os.Symlink(disk, captures))
	_, err := w.agent("de").CaptureInput(t.Context(), w.connect("de", "lab-1"), w.request, "disk.img", bytes.NewReader(noise(16<<20)), agent.SendOptions{})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "bytes were read into") || !strings.Contains(err.Error(), captures) {
		t.Errorf("CaptureInput = %v", err)
	}
	empty(t, disk)
	w.waiting()
}

// TestDiskFull fills the disk while the package is on its way. The plaintext is
// removed; what has landed stays, and is all that the next try needs.
func TestDiskFull(t *testing.T) {
	into := small(t, "12m")
	w := newCase(t)
	w.accept()
	folder, filler := exhibits(t, 4<<20), filepath.Join(into, "filler")
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, folder, agent.SendOptions{})
	check(t, err)
	nl := w.connect("nl", "lab-1")
	w.reads.count(func(int) {
		if free, err := room.Free(into); err != nil {
			t.Error(err)
		} else if err := os.WriteFile(filler, make([]byte, free-6<<20), 0o600); err != nil { // the payload fits, and half of the files
			t.Error(err)
		}
	})
	if _, err := w.agent("nl").Fetch(t.Context(), nl, w.request, into); !errors.Is(err, unix.ENOSPC) || errors.Is(err, agent.ErrVerify) {
		t.Errorf("Fetch = %v", err)
	}
	check(t, os.Remove(filler))
	w.reads.then(nil)
	if got, want := names(t, into), []string{filepath.Base(landing(t, into))}; !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	if n := w.statementsOf(custody.KindRejection); n != 0 {
		t.Errorf("%d rejections", n)
	}
	w.finish(folder, into)
	if n := w.reads.again(); n != 0 {
		t.Errorf("%d parts were fetched again", n)
	}
}
