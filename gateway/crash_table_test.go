package gateway_test

import (
	"testing"

	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/fsck"
	"comity.example/comity/gateway/internal/ledger"
)

// act is one call of a party, in the order in which a package goes through them.
type act int

const (
	actReserve act = iota + 1
	actPart
	actSeal
	actUnlock
	actRelease
	actFetch
	actReceipt
	actRecall
	actAbandon // instead of a seal
)

func (a act) String() string {
	return [...]string{"", "reserve", "part", "seal", "unlock", "release", "fetch", "receipt", "recall", "abandon"}[a]
}

// crash is one row of the table: the relay dies at a point of an act. Found is what
// may be wrong until the next start, or until the party repeats its call. Starting
// says that the next start comes to the point again.
type crash struct {
	act      act
	point    ledger.Point
	found    []gateway.CheckCode
	starting bool
}

// table pairs each point with the act that reaches it. Those of an entry are reached
// by several.
func table() (list []crash) {
	lock, head := []gateway.CheckCode{fsck.CodeLock}, []gateway.CheckCode{fsck.CodeHeadMissing, fsck.CodeLock}
	entry := func(a act, found []gateway.CheckCode) {
		for _, p := range entryPoints {
			// What is committed is published by the next start, which also decides
			// again about a seal.
			again := p == ledger.EntryCopied || p == ledger.EntryTiled || p == ledger.EntrySigned || a == actSeal && p == ledger.EntryDecided
			list = append(list, crash{a, p, found, again})
		}
	}
	list = append(list,
		crash{actReserve, ledger.ReserveRow, nil, false}, crash{actReserve, ledger.ReserveBegun, nil, true},
		crash{actReserve, ledger.ReserveUploads, nil, false},
		crash{actPart, ledger.PartStored, nil, false}, crash{actPart, ledger.PartRow, nil, false},
		crash{actSeal, ledger.SealFrozen, nil, false}, crash{actSeal, ledger.SealCompleted, nil, true}, crash{actSeal, ledger.SealReadBack, nil, true},
	)
	entry(actSeal, lock)
	list = append(list, crash{actSeal, ledger.SealEntry, lock, false}, crash{actSeal, ledger.SealLocked, nil, false})
	list = append(list,
		crash{actUnlock, ledger.UnlockEntry, head, false}, crash{actUnlock, ledger.HeadStored, head, false},
		crash{actUnlock, ledger.HeadLocked, head, false}, crash{actUnlock, ledger.InnerStored, head, false},
		crash{actUnlock, ledger.InnerLocked, nil, false},
	)
	entry(actRelease, nil)
	entry(actRecall, nil)
	list = append(list,
		crash{actRecall, ledger.RecallEntry, nil, false}, crash{actRecall, ledger.HeadDestroyed, nil, true}, crash{actRecall, ledger.InnerDestroyed, nil, true},
		crash{actRecall, ledger.DestroyedEntry, nil, true}, crash{actRecall, ledger.RecallDone, nil, false},
	)
	return append(list,
		crash{actRelease, ledger.ReleaseEntry, nil, false},
		crash{actFetch, ledger.HeadAnswered, nil, false}, crash{actFetch, ledger.InnerAnswered, nil, false}, crash{actFetch, ledger.PayloadAnswered, nil, false},
		crash{actReceipt, ledger.EntryCommitted, nil, false},
		crash{actAbandon, ledger.AbandonRow, []gateway.CheckCode{fsck.CodeOrphan}, false},
	)
}

// TestCrashTable: every point has its row.
func TestCrashTable(t *testing.T) {
	rows := map[ledger.Point]int{}
	for _, c := range table() {
		rows[c.point]++
	}
	for _, p := range erasurePoints { // see TestEraseCrash
		rows[p]++
	}
	for _, p := range ledger.Points() {
		if rows[p] == 0 {
			t.Errorf("no act is killed at %s", p)
		}
		delete(rows, p)
	}
	for p := range rows {
		t.Errorf("%s is not listed", p)
	}
}
