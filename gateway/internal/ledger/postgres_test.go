package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	pgtest "comity.example/comity/test/postgres"
)

// TestPostgres runs the tests of the ledger once more, on PostgreSQL.
func TestPostgres(t *testing.T) {
	pgtest.Suite(t, map[string]func(*testing.T){
		"TestEmpty": TestEmpty, "TestCase": TestCase, "TestRefused": TestRefused, "TestRetry": TestRetry, "TestGroup": TestGroup,
		"TestIn": TestIn, "TestDecideAndRead": TestDecideAndRead, "TestRecordProofOfSize": TestRecordProofOfSize, "TestChanges": TestChanges,
		"TestClock": TestClock, "TestReload": TestReload, "TestClosed": TestClosed, "TestDirectoryUpdate": TestDirectoryUpdate,
		"TestDirectory": TestDirectory, "TestFile": TestFile, "TestFileOnce": TestFileOnce, "TestStoreFails": TestStoreFails,
		"TestOldBackup": TestOldBackup, "TestFork": TestFork, "TestOtherKey": TestOtherKey, "TestDamagedDatabase": TestDamagedDatabase,
		"TestLostStore": TestLostStore, "TestClockBehind": TestClockBehind, "TestOpenRefuses": TestOpenRefuses, "TestCrash": TestCrash, "TestTessera": TestTessera, "TestDuplicateLeaf": TestDuplicateLeaf,
	}, map[string]string{
		"TestCopies":     "it has no database",
		"TestPoints":     "it reads source",
		"TestCrashChild": "TestCrash runs it",
		"TestServerDies": "it is about PostgreSQL alone",
	})
}

// TestServerDies kills the database server while statements are filed. The relay
// acknowledges nothing more and says that it can write no more; after a new start of
// both, all that was acknowledged is there, and who was not answered files again.
func TestServerDies(t *testing.T) {
	server := pgtest.Start(t)
	w := newWorldOn(t, server.Database(t))
	for _, s := range w.introductions() {
		w.submit(s, "")
	}
	statements := make([]*custody.Statement, 60)
	for i := range statements {
		statements[i] = w.request(w.fr, w.nl)
	}
	answered := make([]bool, len(statements))
	var n atomic.Int64
	var all sync.WaitGroup
	crash := make(chan struct{})
	for i, s := range statements {
		all.Go(func() {
			_, err := w.l.Submit(t.Context(), ledger.Submission{Statement: s, Via: w.fr.carrier()})
			if answered[i] = err == nil; answered[i] && n.Add(1) == 1 {
				close(crash)
			}
		})
		if i == len(statements)/2 {
			<-crash // in the middle: the others are on their way, or come later
			server.Crash(t)
		}
	}
	all.Wait()
	if _, err := w.l.Submit(t.Context(), ledger.Submission{Statement: w.request(w.fr, w.nl), Via: w.fr.carrier()}); err == nil {
		t.Error("acknowledged without a server")
	}
	select {
	case <-w.db.Lost():
	case <-time.After(20 * time.Second):
		t.Error("the relay does not notice that it can write no more")
	}
	w.close()
	fatalIfErr(t, server.Run())
	w.connect()
	fatalIfErr(t, w.open())
	w.fsck()
	size := w.check()
	if most := int64(5 + len(statements)); size < 5+n.Load() || size >= most {
		t.Errorf("size %d after %d of %d were acknowledged", size, n.Load(), len(statements))
	}
	for i, s := range statements {
		before := w.l.Size()
		w.submit(s, w.fr.carrier())
		if answered[i] && w.l.Size() != before {
			t.Errorf("statement %d was acknowledged and is filed anew", i)
		}
	}
	w.check()
	w.fsck()
}
