package ledger_test

import (
	"context"
	"errors"
	"flag"
	"sync"
	"testing"
	"time"

	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/test/tessera"
)

// entries is how large the log of TestTessera is; the soak has a hundred thousand.
var entries = flag.Int64("entries", 700, "entries of the log that tessera's fsck checks")

// TestTessera has the published log checked by Tessera's fsck, which shares no code with
// ours: a log of requests, each verified and decided, and of refused acts (events),
// most of all. Altered at one byte of one tile, or with two entries in another order, the
// same program does not say that all is well.
func TestTessera(t *testing.T) {
	if testing.Short() {
		t.Skip("without -short: a log of several tiles")
	}
	w := newSetWorld(t)
	began := time.Now()
	w.fill(*entries)
	t.Logf("%d entries filed in %s", *entries, time.Since(began).Round(time.Millisecond))
	fetch := func(_ context.Context, path string) ([]byte, error) {
		b, err := w.fetch(ledger.TileKey(path))
		if errors.Is(err, objects.ErrNotExist) {
			err = tessera.ErrNotThere
		}
		return b, err
	}
	vkey, _ := w.keys.vlog.Strings()
	began = time.Now()
	size, ok, said := tessera.Fsck(t, vkey, fetch)
	if !ok || size != *entries || size != w.l.Size() {
		t.Fatalf("of a log of %d entries it checked %d: %s", w.l.Size(), size, said)
	}
	t.Logf("checked in %s", time.Since(began).Round(time.Millisecond))
	for name, alter := range map[string]func(path string, b []byte) []byte{
		"a byte of a tile": func(path string, b []byte) []byte {
			if path == "tile/0/000" {
				b[40] ^= 1
			}
			return b
		},
		"two entries in another order": func(path string, b []byte) []byte {
			if path == "tile/entries/001" {
				one := len(b) / 256
				copy(b[:2*one], append(append([]byte{}, b[one:2*one]...), b[:one]...))
			}
			return b
		},
	} {
		_, ok, said := tessera.Fsck(t, vkey, func(ctx context.Context, path string) ([]byte, error) {
			b, err := fetch(ctx, path)
			if err != nil {
				return nil, err
			}
			return alter(path, b), nil
		})
		if ok {
			t.Errorf("%s is not found: %s", name, said)
		}
	}
}

// fill files denials, and the requests that they are of, until the log has a size.
func (w *world) fill(size int64) {
	w.t.Helper()
	next := w.denials()
	var all sync.WaitGroup
	room := make(chan struct{}, 256)
	left := size - w.l.Size()
	for left > 0 {
		id, ev := next()
		left = size - w.l.Size() - int64(len(room))
		if left <= 0 {
			break
		}
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			if err := w.l.File(w.t.Context(), id, ev); err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	for w.l.Size() < size {
		id, ev := next()
		if w.l.Size() < size {
			if err := w.l.File(w.t.Context(), id, ev); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
