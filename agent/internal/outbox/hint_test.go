package outbox_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestHints: a mark in a folder of a request that was there, or that came later, is
// heard of.
func TestHints(t *testing.T) {
	b, dir := newBox(t, "r/n/a")
	ctx, stop := context.WithCancel(t.Context())
	heard, end := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		end <- b.Hints(ctx, func() {
			select {
			case heard <- struct{}{}:
			default:
			}
		})
	}()
	// It may not listen yet, so the same is said until it is heard.
	say := func(path string) {
		t.Helper()
		for {
			write(t, path, "")
			select {
			case <-heard:
				return
			case err := <-end:
				t.Fatalf("it ended with %v", err)
			default:
				check(t, os.Remove(path))
			}
		}
	}
	say(filepath.Join(dir, "r", "n.ready"))
	check(t, os.Mkdir(filepath.Join(dir, "late"), 0o700))
	say(filepath.Join(dir, "late", "m.ready"))
	stop()
	if err := <-end; err != nil {
		t.Error(err)
	}
}
