package gateway_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"comity.example/comity/gateway"
)

// TestEmptiedStore: on a store that is not mounted a relay with case papers does not
// start, and publishes nothing there; with the store it goes on.
func TestEmptiedStore(t *testing.T) {
	w := newRelay(t)
	w.begin()
	w.stop()
	store, away := filepath.Join(w.dir, "store"), filepath.Join(w.dir, "unmounted")
	check(t, os.Rename(store, away))
	for range 2 { // the second start finds what the first left
		if _, _, err := openRelay(t.Context(), w.dir); !errors.Is(err, gateway.ErrHistory) || !errors.Is(err, gateway.ErrEmptied) {
			t.Fatalf("starting on an empty store: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(store, "objects", "log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log was published there: %v", err)
	}
	check(t, os.RemoveAll(store))
	check(t, os.Rename(away, store))
	w.start()
	w.begin()
	w.stop()
	w.clean()
}
