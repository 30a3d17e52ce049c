package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
)

// TestDirectory: each version of a directory is found, before and after a restart,
// by reading one row; what is not there is answered without asking the database,
// and who hangs up stops the reading.
func TestDirectory(t *testing.T) {
	w := newWorld(t)
	for _, s := range w.introductions() {
		w.submit(s, "")
	}
	versions := []*custody.Statement{w.nl.dirStatement}
	for v := int64(2); v <= 3; v++ {
		w.clock.add(time.Minute)
		s := w.sign(w.nl.directory(w, v, versions[v-2].SHA256), w.nl.reg1, w.nl.reg2)
		w.submit(s, "")
		versions = append(versions, s)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		for i, s := range versions {
			b, err := w.l.Directory(t.Context(), "nl", int64(i+1))
			fatalIfErr(t, err)
			if !bytes.Equal(b, s.Envelope) {
				t.Errorf("version %d is another directory", i+1)
			}
		}
		for _, v := range []int64{-1, 0, 4, 999_999, 1<<63 - 1} {
			if _, err := w.l.Directory(gone, "nl", v); !errors.Is(err, ledger.ErrNoRecord) {
				t.Errorf("version %d: %v, want ErrNoRecord", v, err)
			}
		}
		if _, err := w.l.Directory(gone, "de", 1); !errors.Is(err, ledger.ErrNoRecord) {
			t.Errorf("of a stranger: %v, want ErrNoRecord", err)
		}
		if _, err := w.l.Directory(gone, "nl", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("for nobody: %v, want canceled", err)
		}
		w.restart()
	}
}
