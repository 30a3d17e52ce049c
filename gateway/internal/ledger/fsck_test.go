package ledger_test

import (
	"strings"

	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/records/postgres"
)

// fsck stops the ledger, lets the independent checker look at database and store,
// copies opened, and starts it again. A ledger stores no annexes, so those that the
// statements bind are not here.
func (w *world) fsck() *fsck.Report {
	w.t.Helper()
	w.close()
	r := w.fsckStopped()
	for _, f := range r.Findings {
		if !strings.HasPrefix(string(f.Code), "annex-") {
			w.t.Errorf("fsck: %s: %s: %s", f.Code, f.Where, f.What)
		}
	}
	if n := r.Counts; r.Omitted != 0 || n.Replayed != n.Entries || n.Copies != n.Entries || n.Opened < n.Entries {
		w.t.Errorf("fsck did not check all: %+v, %d omitted", n, r.Omitted)
	}
	w.connect()
	fatalIfErr(w.t, w.open())
	return r
}

func (w *world) fsckStopped() *fsck.Report {
	w.t.Helper()
	cfg := fsck.Config{Origin: origin, Descriptor: w.relay.Envelope, Now: w.clock.Now(), Recovery: w.keys.identity, Deep: true}
	if w.server != nil {
		r, err := postgres.OpenReader(w.t.Context(), w.server)
		fatalIfErr(w.t, err)
		defer r.Close()
		cfg.DB, cfg.Integrity = r.DB, r.Integrity
	} else {
		db, err := fsck.OpenSQLite(w.dbPath())
		fatalIfErr(w.t, err)
		defer db.Close()
		cfg.DB = db
	}
	store, err := fsck.OpenFolder(w.storePath())
	fatalIfErr(w.t, err)
	defer store.Close()
	cfg.Store = store
	r, err := fsck.Check(w.t.Context(), cfg)
	fatalIfErr(w.t, err)
	return r
}
