package agent

import (
	"fmt"
	"time"
)

// maxProofAge is how old what proves the directories and a record may be when a package
// is begun, or its head leaves. A relay says at least every eight hours that it runs,
// and what it says is an entry, so a log of which nothing is younger is an old one: from
// a backup, or shown to hide a revocation that came since.
const maxProofAge = 24 * time.Hour

// ErrStale is wrapped, with ErrTryLater, where the log has nothing of the last 24 hours.
// It cannot tell a relay that lies about the time: see docs/threats.md.
var ErrStale = fmt.Errorf("the proof is too old: %w", ErrTryLater)

// clear refuses to begin a package, to let a head go, or to take one, where the rules
// and the record allow it and something else speaks against it: a log that has forked, a
// notice that the record does not hold, a proof that is too old. pkg is empty of a package
// that begins.
func (a *Agent) clear(snap *Snapshot, request, pkg string) error {
	if err := a.home.unforked(snap.Checkpoint.Origin); err != nil {
		return err
	}
	if err := a.unnoticed(snap, request, pkg); err != nil {
		return err
	}
	return a.fresh(snap)
}

// fresh refuses a snapshot that proves nothing of the last 24 hours. Every entry in it
// counts, of whatever record: all are proven at the same checkpoint.
func (a *Agent) fresh(snap *Snapshot) error {
	last := snap.Book.Last().Time()
	if age := a.now().Sub(last); age > maxProofAge {
		return fmt.Errorf("the newest entry that the relay's log shows is of %s, %d hours ago, and more than %d are not enough to send by: %w",
			last.UTC().Format(time.RFC3339), int(age.Hours()), int(maxProofAge.Hours()), ErrStale)
	}
	return nil
}
