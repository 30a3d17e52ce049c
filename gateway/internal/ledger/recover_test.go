package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	pgtest "comity.example/comity/test/postgres"
)

// faulty is a store whose Put fails as it is told: whether it is carried out
// all the same, and with which error.
type faulty struct {
	objects.Store
	mu  sync.Mutex
	put func(key string) (apply bool, err error)
}

func (f *faulty) Put(ctx context.Context, key string, data []byte, how objects.Write) (info objects.Info, err error) {
	f.mu.Lock()
	put := f.put
	f.mu.Unlock()
	apply, fail := true, error(nil)
	if put != nil {
		apply, fail = put(key)
	}
	if apply {
		info, err = f.Store.Put(ctx, key, data, how)
	}
	if fail != nil {
		return objects.Info{}, fail
	}
	return info, err
}

func (f *faulty) fail(put func(key string) (bool, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put = put
}

var errStore = errors.New("the store is down")

// TestStoreFails lets the store fail at each object, with and without the write
// being done. Nothing is acknowledged meanwhile; afterwards filing again, or a
// restart, gives the proof.
func TestStoreFails(t *testing.T) {
	for _, c := range []struct {
		name, prefix string
		apply        bool
	}{
		{"copy", "records/", false},
		{"copy persists", "records/", true},
		{"tile", "log/tile/", false},
		{"tile persists", "log/tile/", true},
		{"checkpoint", "log/checkpoint", false},
		{"checkpoint persists", "log/checkpoint", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSetWorld(t)
			w.l.Close()
			f := &faulty{Store: w.store}
			w.store = f
			fatalIfErr(t, w.open())
			f.fail(func(key string) (bool, error) {
				if strings.HasPrefix(key, c.prefix) {
					return c.apply, errStore
				}
				return true, nil
			})
			first, second := w.request(w.fr, w.nl), w.request(w.fr, w.nl)
			file := func(s *custody.Statement) error {
				_, err := w.l.Submit(t.Context(), ledger.Submission{Statement: s, Via: w.fr.carrier()})
				return err
			}
			if err := file(first); !errors.Is(err, ledger.ErrUnpublished) {
				t.Errorf("Submit = %v, want ErrUnpublished", err)
			}
			if err := file(second); !errors.Is(err, ledger.ErrUnavailable) {
				t.Errorf("Submit = %v, want ErrUnavailable", err)
			}
			fatalIfErr(t, w.l.Read(t.Context(), first.Record(), func(r *custody.Record) error {
				if r.Len() != 0 {
					t.Error("readers see an entry that is not published")
				}
				return nil
			}))
			f.fail(nil)
			if p := w.submit(first, w.fr.carrier()); p.Line.Index != 5 {
				t.Errorf("entry %d, want 5", p.Line.Index)
			}
			if n := w.check(); n != 6 {
				t.Errorf("size %d, want 6", n)
			}
			f.fail(func(key string) (bool, error) { return c.apply, errStore })
			if err := file(second); !errors.Is(err, ledger.ErrUnpublished) {
				t.Errorf("Submit = %v, want ErrUnpublished", err)
			}
			w.restart()
			if n := w.check(); n != 7 {
				t.Errorf("size %d after a restart, want 7", n)
			}
			w.fsck()
		})
	}
}

// backup and restore keep the database of a world that is closed: the bytes of its
// file, or the name of its copy on the server.
func (w *world) backup() []byte {
	w.t.Helper()
	if w.server != nil {
		w.copies++
		name := fmt.Sprintf("%s_%d", w.server.Database, w.copies)
		w.copyDatabase(w.server.Database, name)
		return []byte(name)
	}
	b, err := os.ReadFile(w.dbPath())
	fatalIfErr(w.t, err)
	return b
}

func (w *world) copyDatabase(from, to string) {
	w.t.Helper()
	pgtest.Of(w.server).Exec(w.t, "postgres", "CREATE DATABASE "+to+" TEMPLATE "+from+" OWNER "+w.server.User)
}

func (w *world) restore(b []byte) {
	w.t.Helper()
	if w.server != nil {
		pgtest.Of(w.server).Exec(w.t, "postgres", "DROP DATABASE "+w.server.Database)
		w.copyDatabase(string(b), w.server.Database)
		return
	}
	for _, s := range []string{"-wal", "-shm"} {
		if err := os.Remove(w.dbPath() + s); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
	fatalIfErr(w.t, os.WriteFile(w.dbPath(), b, 0o600))
}

// refuseStart checks that the ledger does not open, and leaves the world closed.
func (w *world) refuseStart(want error) {
	w.t.Helper()
	w.connect()
	if err := w.open(); !errors.Is(err, want) {
		w.t.Errorf("Open = %v, want %v", err, want)
	}
	w.close()
}

func TestOldBackup(t *testing.T) {
	w := newSetWorld(t)
	w.close()
	old := w.backup()
	w.connect()
	fatalIfErr(t, w.open())
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	w.close()
	current := w.backup()
	w.restore(old)
	w.refuseStart(ledger.ErrAhead)
	w.restore(current)
	w.connect()
	fatalIfErr(t, w.open())
	w.check()
}

// TestFork starts a database on the store of another history of the same size.
func TestFork(t *testing.T) {
	w := newSetWorld(t)
	w.close()
	old := w.backup()
	w.connect()
	fatalIfErr(t, w.open())
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	checkpoint := w.l.Checkpoint()
	w.close()
	w.restore(old)
	fatalIfErr(t, os.RemoveAll(w.storePath()))
	w.connect()
	fatalIfErr(t, w.open())
	w.submit(w.request(w.fr, w.nl), w.fr.carrier())
	_, err := w.store.Put(t.Context(), ledger.TileKey("checkpoint"), checkpoint, objects.Replace)
	fatalIfErr(t, err)
	w.close()
	w.refuseStart(ledger.ErrFork)
}

func TestOtherKey(t *testing.T) {
	w := newSetWorld(t)
	w.close()
	mine := w.keys.log
	var err error
	w.keys.log, _, err = translog.GenerateLog(origin)
	fatalIfErr(t, err)
	w.refuseStart(ledger.ErrLogKey)
	w.keys.log = mine
	w.connect()
	_, err = w.store.Put(t.Context(), ledger.TileKey("checkpoint"), []byte("garbage"), objects.Replace)
	fatalIfErr(t, err)
	w.close()
	w.refuseStart(ledger.ErrLogKey)
}

// TestDamagedDatabase changes a hash behind the triggers' back.
func TestDamagedDatabase(t *testing.T) {
	w := newSetWorld(t)
	w.close()
	const zero = "UPDATE log_hash SET hash = %s WHERE idx = 0 OR idx IN (SELECT idx FROM log_hash ORDER BY idx DESC LIMIT 1)"
	if w.server != nil {
		pgtest.Of(w.server).Exec(t, w.server.Database, "DROP TRIGGER log_hash_no_change ON log_hash", fmt.Sprintf(zero, "'\\x"+strings.Repeat("00", 32)+"'"))
		w.refuseStart(ledger.ErrFork)
		return
	}
	db, err := sql.Open("sqlite", w.dbPath())
	fatalIfErr(t, err)
	_, err = db.Exec("DROP TRIGGER log_hash_no_update")
	fatalIfErr(t, err)
	_, err = db.Exec(fmt.Sprintf(zero, "zeroblob(32)"))
	fatalIfErr(t, err)
	fatalIfErr(t, db.Close())
	w.refuseStart(ledger.ErrFork)
}

// TestLostStore starts on an empty store: all that follows from the database is
// there again, over more than one bundle.
func TestLostStore(t *testing.T) {
	w := newSetWorld(t)
	var wg sync.WaitGroup
	for range 300 {
		s := w.request(w.fr, w.nl)
		wg.Go(func() {
			if _, err := w.l.Submit(t.Context(), ledger.Submission{Statement: s, Via: w.fr.carrier()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.check()
	w.close()
	fatalIfErr(t, os.RemoveAll(w.storePath()))
	w.connect()
	fatalIfErr(t, w.open())
	if n := w.check(); n != 305 {
		t.Errorf("size %d, want 305", n)
	}
	if n := w.fsck().Counts; n.Tiles < 5 {
		t.Errorf("fsck checked %d tiles", n.Tiles)
	}
}

// TestClockBehind: a relay whose newest entry lies in the future says so, and goes on
// at the time of that entry.
func TestClockBehind(t *testing.T) {
	w := newSetWorld(t)
	for _, row := range []struct {
		back time.Duration
		want bool
	}{{0, false}, {9 * time.Minute, false}, {time.Hour, true}} {
		w.close()
		w.connect()
		w.clock.add(-row.back)
		var log bytes.Buffer
		c := w.config()
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		l, err := ledger.Open(t.Context(), c)
		fatalIfErr(t, err)
		w.l = l
		if got := strings.Contains(log.String(), "ahead of the clock"); got != row.want {
			t.Errorf("clock %s behind: said so %t, want %t: %s", row.back, got, row.want, log.String())
		}
		w.submit(w.request(w.fr, w.nl), w.fr.carrier())
		w.check()
		w.clock.add(row.back)
	}
}

func TestOpenRefuses(t *testing.T) {
	w := newSetWorld(t)
	for name, change := range map[string]func(*ledger.Config){
		"no database": func(c *ledger.Config) { c.DB = nil },
		"no store":    func(c *ledger.Config) { c.Store = nil },
		"no recovery": func(c *ledger.Config) { c.Recovery = nil },
		"origin":      func(c *ledger.Config) { c.Origin = "other.example" },
	} {
		c := w.config()
		change(&c)
		if l, err := ledger.Open(t.Context(), c); err == nil {
			l.Close()
			t.Errorf("%s: opened", name)
		}
	}
}
