package agent_test

import (
	"errors"
	"os"
	"testing"

	"comity.example/comity/agent"
	"comity.example/comity/custody"

	"golang.org/x/sys/unix"
)

// TestDiskFull fetches into a file system that is too small: nothing is left, the
// package is not rejected, and arrives where there is room.
func TestDiskFull(t *testing.T) {
	into := t.TempDir()
	if err := unix.Mount("tmpfs", into, "tmpfs", 0, "size=2m"); err != nil {
		if os.Getenv("COMITY_TEST_REQUIRE") == "all" {
			t.Fatalf("mounting a small file system, and COMITY_TEST_REQUIRE is all: %v", err)
		}
		t.Skipf("NOT TESTED on a full disk: a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(into, 0) })
	w := newCase(t)
	w.accept()
	_, err := w.agent("de").Send(t.Context(), w.connect("de", "lab-1"), w.request, exhibits(t, 4<<20), agent.SendOptions{})
	check(t, err)
	nl := w.connect("nl", "lab-1")
	if _, err := w.agent("nl").Fetch(t.Context(), nl, w.request, into); !errors.Is(err, unix.ENOSPC) || errors.Is(err, agent.ErrVerify) {
		t.Errorf("Fetch = %v", err)
	}
	empty(t, into)
	if n := w.statementsOf(custody.KindRejection); n != 0 {
		t.Errorf("%d rejections", n)
	}
	list, err := w.agent("nl").Fetch(t.Context(), nl, w.request, t.TempDir())
	check(t, err)
	if len(list) != 1 {
		t.Errorf("fetched %+v", list)
	}
}
