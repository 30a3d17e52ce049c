package gateway_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/internal/stamps"
	"comity.example/comity/internal/wire"
	"comity.example/comity/test/tsa"
)

// authorityServer is a time stamping authority on the network that can be down.
type authorityServer struct {
	*tsa.OpenSSL
	url   string
	roots *timestamp.Roots
	down  atomic.Bool
	asked atomic.Int64
}

func serveTSA(t *testing.T, o tsa.Options) *authorityServer {
	a := &authorityServer{OpenSSL: tsa.NewOpenSSL(t, o)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		if a.down.Load() {
			http.Error(w, "down for days", http.StatusServiceUnavailable)
			return
		}
		a.OpenSSL.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	var err error
	a.roots, err = timestamp.ParseRoots(a.Roots)
	check(t, err)
	a.url = srv.URL
	return a
}

// stampedBy has the relay ask authorities, looking every few milliseconds.
func stampedBy(interval time.Duration, list ...*authorityServer) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.StampLook = 10 * time.Millisecond
		for _, a := range list {
			c.Timestamps = append(c.Timestamps, gateway.Timestamps{URL: a.url, Roots: a.roots, Interval: interval})
		}
	}
}

// awaitTokens waits until n authorities have stamped a checkpoint that holds an entry,
// and checks their tokens and proofs as a party would.
func (w *world) awaitTokens(c *wire.Client, index int64, n int) []wire.Token {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := c.Tokens(w.t.Context(), index, 0)
		check(w.t, err)
		if len(got.Tokens) < n && time.Now().Before(end) {
			continue
		}
		if len(got.Tokens) != n {
			w.t.Fatalf("entry %d is covered by tokens of %d authorities, want %d", index, len(got.Tokens), n)
		}
		for _, k := range got.Tokens {
			w.covers(c, got.Size, index, k)
		}
		return got.Tokens
	}
}

func (w *world) covers(c *wire.Client, size, index int64, k wire.Token) {
	w.t.Helper()
	older := w.open(k.Checkpoint)
	if older.Size != k.Size || k.Size <= index {
		w.t.Errorf("token of size %d over a checkpoint of %d, for entry %d", k.Size, older.Size, index)
	}
	p, err := c.Record(w.t.Context(), "relay", size)
	check(w.t, err)
	path := make([]tlog.Hash, len(k.Proof))
	for i, h := range k.Proof {
		path[i] = tlog.Hash(h)
	}
	check(w.t, translog.CheckConsistency(older, w.open(p.Checkpoint), path))
}

// TestTimestamps: two authorities stamp the newest checkpoints. One that is down stops
// nothing and, when it is back, covers all that came meanwhile, also after a restart of
// the relay; a check finds everything in its place.
func TestTimestamps(t *testing.T) {
	good, down := serveTSA(t, tsa.Options{RSA: true, Name: "Good"}), serveTSA(t, tsa.Options{Name: "Down"})
	down.down.Store(true)
	w := newWorld(t)
	w.change = stampedBy(time.Nanosecond, good, down)
	w.start()
	w.publish(w.nl)
	w.publish(w.fr)
	w.publish(w.de)
	desk := w.as(w.nl.desk)
	first := w.gate.Size() - 1
	list := w.awaitTokens(desk, first, 1)
	s, err := timestamp.Verify(list[0].Response, timestamp.Of([]byte(list[0].Checkpoint)), good.roots)
	check(t, err)
	if !s.Checked || s.Authority != "Good" || time.Since(s.Time) > time.Minute {
		t.Errorf("the token says %+v", s)
	}
	check(t, good.Verify(list[0].Response, []byte(list[0].Checkpoint)))

	w.suspends(w.nl, "fr") // nothing waits for an authority that is down
	last := w.gate.Size() - 1
	w.awaitTokens(w.as(w.de.desk), last, 1)
	if down.asked.Load() == 0 {
		t.Error("the authority that is down was not asked")
	}
	w.stop()
	w.clean()
	down.down.Store(false)
	w.start()
	desk = w.as(w.nl.desk)
	list = w.awaitTokens(desk, first, 2)
	for _, k := range list {
		if k.Authority == down.url && k.Size <= last {
			t.Errorf("back again it stamped a checkpoint of %d, the newest has more than %d", k.Size, last)
		}
	}
	w.awaitTokens(desk, last, 2)
	w.stop()
	if n := w.clean().Counts.Tokens; n < 3 {
		t.Errorf("%d tokens were checked, want 3 at least", n)
	}
	rooted := func(a *authorityServer) *gateway.CheckReport {
		return w.check(func(c *gateway.CheckConfig) { c.Timestamps = []gateway.Timestamps{{URL: good.url, Roots: a.roots}} })
	}
	w.finds("with its root", rooted(good))
	if r := rooted(down); r.Clean() || r.Findings[0].Code != "token" {
		t.Errorf("with another root: found %v", r.Findings)
	}
	w.damagedTokens()
}

// damagedTokens: each way in which tokens are not what they were is found.
func (w *world) damagedTokens() {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "relay.db"))
	check(w.t, err)
	defer db.Close()
	var size, n int64
	check(w.t, db.QueryRow("SELECT size, n FROM tokens ORDER BY size LIMIT 1").Scan(&size, &n))
	if _, err := db.Exec("DELETE FROM tokens"); err == nil {
		w.t.Error("tokens can be deleted")
	}
	folder := filepath.Join(w.dir, "store", "objects", filepath.FromSlash(stamps.Key(size, n)))
	file := filepath.Join(folder, "@object")
	was, err := os.ReadFile(file)
	check(w.t, err)
	check(w.t, os.WriteFile(file, append(was[:len(was)-1:len(was)-1], was[len(was)-1]^1), 0o600))
	w.finds("altered in the store", w.check(nil), "token-file")
	check(w.t, os.WriteFile(file, was, 0o600))
	stray := filepath.Join(filepath.Dir(folder), "9999.0.tsr")
	check(w.t, os.Rename(folder, stray))
	w.finds("under another name", w.check(nil), "token-missing", "orphan")
	check(w.t, os.Rename(stray, folder))
	w.finds("mended", w.check(nil))
	_, err = db.Exec("DROP TRIGGER tokens_no_update")
	check(w.t, err)
	_, err = db.Exec("UPDATE tokens SET token = CAST(token || x'00' AS BLOB) WHERE size = ? AND n = ?", size, n)
	check(w.t, err)
	w.finds("altered in the database", w.check(nil), "token", "token-file")
}

// TestTimestampAtHandOver: long before its interval is over an authority is asked after
// a hand-over, and not after other entries.
func TestTimestampAtHandOver(t *testing.T) {
	a := serveTSA(t, tsa.Options{})
	w := newRelay(t)
	w.stop()
	w.change = stampedBy(time.Hour, a)
	w.start()
	c := w.as(w.nl.lab)
	w.awaitTokens(c, w.gate.Size()-1, 1)
	s := w.agreed()
	s.accepted()
	before := w.gate.Size() - 1
	if got, err := c.Tokens(t.Context(), before, 0); err != nil || len(got.Tokens) != 0 || a.asked.Load() != 1 {
		t.Fatalf("asked %d times, %d tokens, %v: the test shows nothing", a.asked.Load(), len(got.Tokens), err)
	}
	s.take(s.packOf(1000), 1)
	w.awaitTokens(c, before, 1)
}

// TestTimestampRefused: an answer that does not lead to the pinned root is not kept.
func TestTimestampRefused(t *testing.T) {
	a, other := serveTSA(t, tsa.Options{}), serveTSA(t, tsa.Options{})
	a.roots = other.roots
	w := newWorld(t)
	w.change = stampedBy(time.Nanosecond, a)
	w.start()
	w.publish(w.nl)
	w.publish(w.fr)
	for end := time.Now().Add(10 * time.Second); a.asked.Load() < 2 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	got, err := w.as(w.nl.desk).Tokens(t.Context(), 0, 0)
	if err != nil || len(got.Tokens) != 0 || a.asked.Load() < 2 {
		t.Errorf("asked %d times, kept %v, %v", a.asked.Load(), got, err)
	}
}
