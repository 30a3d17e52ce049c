package cosign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/cosign"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/witness"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "relay.example"

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a relay's ledger on a real database and folder, and witnesses over HTTP.
type world struct {
	t      *testing.T
	folder string
	root   *keys.Private
	log    *translog.LogSigner
	cfg    ledger.Config
	db     *records.DB
	store  *dir.Dir
	l      *ledger.Ledger
	last   *custody.Relay
	sha    custody.Digest
	now    time.Time
	policy *translog.Policy
	said   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), root: keys.Generate(), now: time.Now()}
	w.begin()
	w.connect()
	check(t, w.open())
	t.Cleanup(w.close)
	return w
}

// begin makes what the relay keeps outside its folder.
func (w *world) begin() {
	t := w.t
	t.Helper()
	secret, _, err := translog.GenerateLog(origin)
	check(t, err)
	w.log, err = translog.ParseLog(secret, origin)
	check(t, err)
	_, recipient, err := seal.GenerateIdentity()
	check(t, err)
	recovery, err := seal.ParseRecipient(recipient)
	check(t, err)
	w.cfg = ledger.Config{Origin: origin, LogKey: w.log, Recovery: recovery, Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler)}
}

func (w *world) connect() {
	w.t.Helper()
	var err error
	w.db, err = sqlite.Open(filepath.Join(w.folder, "relay.db"))
	check(w.t, err)
	w.store, err = dir.New(filepath.Join(w.folder, "store"))
	check(w.t, err)
	w.cfg.DB, w.cfg.Store = w.db, w.store
}

func (w *world) open() (err error) {
	w.l, err = ledger.Open(w.t.Context(), w.cfg)
	return err
}

func (w *world) close() {
	if w.l != nil {
		w.l.Close()
	}
	w.store.Close()
	w.db.Close()
	w.l = nil
}

// grow files n entries: versions of the relay's own descriptor.
func (w *world) grow(n int) {
	w.t.Helper()
	for range n {
		ed, ml := w.log.Key().Strings()
		b := &custody.Relay{
			Header: custody.Header{Relay: origin, By: origin, Issued: statement.At(w.now)}, Version: 1, RootThreshold: 1,
			RootKeys: []string{w.root.Public().String()}, Key: w.root.Public().String(), LogKey: ed, LogMLDSAKey: ml,
			TLS: []custody.Digest{{1}}, Addresses: []string{"127.0.0.1:1"},
		}
		if w.last != nil {
			b.Version, b.Prev = w.last.Version+1, w.sha
		}
		s, err := custody.Sign(b, w.root)
		check(w.t, err)
		_, err = w.l.Submit(w.t.Context(), ledger.Submission{Statement: s})
		check(w.t, err)
		w.last, w.sha = b, s.SHA256
	}
}

// place is a witness at an address, or what stands in for it there.
type place struct {
	t       *testing.T
	name    string
	state   string
	log     *translog.LogKey
	own     []*translog.Cosigner
	now     *time.Time
	handler http.Handler
	url     string
}

func (w *world) witness(name string) *place {
	w.t.Helper()
	p := w.keysOf(name)
	p.honest()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(rw, r) }))
	w.t.Cleanup(srv.Close)
	p.url = srv.URL
	return p
}

// keysOf makes the keys and the state of a witness.
func (w *world) keysOf(name string) *place {
	w.t.Helper()
	p := &place{t: w.t, name: name, state: filepath.Join(w.t.TempDir(), "state"), log: w.log.Key(), now: &w.now}
	for _, alg := range []translog.Algorithm{translog.Ed25519, translog.MLDSA44} {
		secret, _, err := translog.GenerateCosigner(name, alg)
		check(w.t, err)
		k, err := translog.ParseCosigner(secret)
		check(w.t, err)
		p.own = append(p.own, k)
	}
	check(w.t, witness.Init(p.state))
	return p
}

// honest puts the witness itself at its address.
func (p *place) honest() {
	h, err := witness.New(&witness.Config{State: p.state, Logs: []witness.Log{{Key: p.log}}, Cosigners: p.own, Now: func() time.Time { return *p.now }})
	check(p.t, err)
	p.handler = h
}

func (w *world) asker(rule string, places ...*place) *cosign.Asker {
	w.t.Helper()
	return w.askerOf(rule, witness.NewClient(), func() time.Time { return w.now }, places...)
}

func (w *world) askerOf(rule string, client *http.Client, now func() time.Time, places ...*place) *cosign.Asker {
	w.t.Helper()
	var text strings.Builder
	for _, p := range places {
		fmt.Fprintf(&text, "witness %[1]s/a %[2]s %[4]s\nwitness %[1]s/b %[3]s %[4]s\ngroup %[1]s all %[1]s/a %[1]s/b\n", p.name, p.own[0].Key(), p.own[1].Key(), p.url)
	}
	var err error
	w.policy, err = translog.ParsePolicy([]byte(text.String() + rule))
	check(w.t, err)
	check(w.t, cosign.Check(w.policy, w.log.Key()))
	logger := slog.New(slog.NewTextHandler(&w.said, nil))
	return cosign.New(cosign.Config{Ledger: w.l, Key: w.log.Key(), Policy: w.policy, Client: client, Now: now, Logger: logger})
}

// newest opens the newest cosigned note, which must satisfy the policy.
func (w *world) newest() translog.Cosigned {
	w.t.Helper()
	note := w.l.Cosigned()
	if note == nil {
		return translog.Cosigned{}
	}
	c, err := translog.OpenCosignedExact(note, w.log.Key(), w.policy.Keys()...)
	check(w.t, err)
	if _, ok := w.policy.Evaluate(c.Cosignatures); !ok {
		w.t.Errorf("the note of %d entries does not satisfy the policy", c.Size)
	}
	return c
}

// later is the next moment at which everybody may be asked.
func (w *world) later() { w.now = w.now.Add(2 * time.Minute) }

func TestRounds(t *testing.T) {
	w := newWorld(t)
	nl, fr := w.witness("nl/witness/1"), w.witness("fr/witness/1")
	a := w.asker("group both all nl/witness/1 fr/witness/1\nquorum both\n", nl, fr)
	if !a.Round(t.Context()) || w.l.Cosigned() != nil {
		t.Error("an empty log was cosigned")
	}
	for _, n := range []int{1, 3, 0} {
		w.grow(n)
		w.later()
		if !a.Round(t.Context()) {
			t.Fatalf("no quorum: %s", &w.said)
		}
		c := w.newest()
		if c.Size != w.l.Size() || len(c.Cosignatures) != 4 || c.Cosignatures[0].Time.Unix() != w.now.Unix() {
			t.Errorf("cosigned %d of %d entries, %d cosignatures, %v", c.Size, w.l.Size(), len(c.Cosignatures), c.Cosignatures)
		}
		if !bytes.Equal(w.l.Checkpoint(), w.l.Cosigned()) {
			t.Error("the checkpoint of the same size is shown without cosignatures")
		}
	}
	w.grow(1)
	if c, err := translog.OpenExact(w.l.Checkpoint(), origin, w.log.Key()); err != nil || c.Size != 5 {
		t.Errorf("a checkpoint that is not cosigned yet: %v", err)
	}
	for _, key := range []string{ledger.CosignedKey(4), ledger.NewestCosignedKey} {
		r, _, err := w.store.Get(t.Context(), key, "", 0, -1)
		check(t, err)
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(b, w.l.Cosigned()) {
			t.Errorf("the store has another note at %q, %v", key, err)
		}
	}
	if w.said.Len() > 0 {
		t.Errorf("all went well, and the log says %s", &w.said)
	}
	// A relay that is restarted knows what was cosigned, and goes on.
	before := w.l.Cosigned()
	w.close()
	// As after a crash between database and store.
	check(t, os.RemoveAll(filepath.Join(w.folder, "store", "objects", "log", "cosigned")))
	w.connect()
	check(t, w.open())
	if !bytes.Equal(w.l.Cosigned(), before) {
		t.Error("the cosigned note is gone after a restart")
	}
	if _, _, err := w.store.Get(t.Context(), ledger.NewestCosignedKey, "", 0, -1); err != nil {
		t.Errorf("the store lacks the cosigned note after a restart: %v", err)
	}
	w.later()
	if a := w.asker("quorum nl/witness/1\n", nl, fr); !a.Round(t.Context()) || w.newest().Size != 5 {
		t.Errorf("no quorum after a restart: %s", &w.said)
	}
}

// TestHostileWitness: whatever one of two witnesses answers, the other's counts, and
// the operator is told once.
func TestHostileWitness(t *testing.T) {
	w := newWorld(t)
	nl, fr := w.witness("nl/witness/1"), w.witness("fr/witness/1")
	a := w.asker("group any1 any nl/witness/1 fr/witness/1\nquorum any1\n", nl, fr)
	stranger := w.witness("fr/witness/1")
	say := func(status int, kind, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", kind)
			rw.WriteHeader(status)
			io.WriteString(rw, text)
		}
	}
	const sizes = "text/x.tlog.size"
	// cosigns makes a handler that cosigns whatever the change makes of the checkpoint.
	cosigns := func(change func(*translog.Checkpoint), at time.Duration) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, note, _ := bytes.Cut(body, []byte("\n\n"))
			c, err := translog.Open(note, origin, w.log.Key())
			if err != nil {
				t.Error(err)
			}
			change(&c)
			for _, k := range fr.own {
				line, _ := k.Cosign(c, w.now.Add(at))
				rw.Write(line)
			}
		}
	}
	for _, r := range []struct {
		name string
		do   http.Handler
		says string
	}{
		{"an error", say(500, "text/plain", "no"), "status 500"},
		{"rubbish", say(200, "text/plain", "rubbish"), "no signature line"},
		{"another's signature", stranger.handler, "0 of its 2 keys"},
		{"ahead", say(409, sizes, "1000\n"), "restored from an old copy"},
		{"always another size", say(409, sizes, "0\n"), ""},
		{"another tree", cosigns(func(c *translog.Checkpoint) { c.Root[0]++ }, 0), "does not verify"},
		{"another size", cosigns(func(c *translog.Checkpoint) { c.Size++ }, 0), "does not verify"},
		{"a clock of its own", cosigns(func(*translog.Checkpoint) {}, time.Hour), "its clock is off by 1h"},
		{"what it was asked", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.Copy(rw, r.Body) }), "no signature line"},
	} {
		w.said.Reset()
		fr.handler = r.do
		w.grow(1)
		w.later()
		for range 2 {
			if !a.Round(t.Context()) || w.newest().Size != w.l.Size() {
				t.Errorf("%s: no quorum: %s", r.name, &w.said)
			}
			w.later()
		}
		if n := strings.Count(w.said.String(), "a witness does not cosign"); n != 1 || !strings.Contains(w.said.String(), r.says) {
			t.Errorf("%s: the operator was told %d times: %s", r.name, n, &w.said)
		}
		w.said.Reset()
		fr.honest()
		w.later()
		if !a.Round(t.Context()) || !strings.Contains(w.said.String(), "a witness is back") {
			t.Errorf("after %s: %s", r.name, &w.said)
		}
		if c := w.newest(); len(c.Cosignatures) != 4 {
			t.Errorf("after %s: %d cosignatures", r.name, len(c.Cosignatures))
		}
	}
}

// TestNoQuorum: with too few nothing is kept, the log goes on, and one that fails is
// left alone for a while.
func TestNoQuorum(t *testing.T) {
	w := newWorld(t)
	nl, fr := w.witness("nl/witness/1"), w.witness("fr/witness/1")
	a := w.asker("group both all nl/witness/1 fr/witness/1\nquorum both\n", nl, fr)
	w.grow(1)
	calls := 0
	fr.handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { calls++; rw.WriteHeader(500) })
	for range 5 {
		w.grow(1)
		if a.Round(t.Context()) || w.l.Cosigned() != nil {
			t.Fatal("one of two was a quorum of two")
		}
	}
	if calls != 1 {
		t.Errorf("a witness that fails was asked %d times at once", calls)
	}
	if n := strings.Count(w.said.String(), "too few witnesses"); n != 1 {
		t.Errorf("said %d times: %s", n, &w.said)
	}
	fr.honest()
	w.later()
	if !a.Round(t.Context()) || w.newest().Size != 6 || !strings.Contains(w.said.String(), "witnesses cosign again") {
		t.Errorf("after it came back: %s", &w.said)
	}
}

// TestAround: the bounds of each entry are the nearest cosigned trees, with proofs.
func TestAround(t *testing.T) {
	w := newWorld(t)
	nl := w.witness("nl/witness/1")
	a := w.asker("quorum nl/witness/1\n", nl)
	start := w.now.Unix()
	for _, n := range []int{2, 0, 0, 3, 0, 1} { // trees of 2, three times, of 5, twice, of 6
		w.grow(n)
		w.later()
		if !a.Round(t.Context()) {
			t.Fatal(&w.said)
		}
	}
	w.grow(1)
	minutes := func(note string) int64 {
		c, err := translog.OpenCosignedExact([]byte(note), w.log.Key(), w.policy.Keys()...)
		check(t, err)
		times, ok := w.policy.Evaluate(c.Cosignatures)
		if !ok || times.By != times.Since {
			t.Errorf("times %v, %v", times, ok)
		}
		return (times.By.Unix() - start) / 60
	}
	for _, r := range []struct {
		index, size            int64
		before, since, by, end int64 // sizes and minutes; 0: none
	}{
		{0, 0, 0, 0, 2, 2}, {1, 0, 0, 0, 2, 2}, {2, 0, 2, 6, 5, 8}, {4, 0, 2, 6, 5, 8}, {5, 0, 5, 10, 6, 12}, {6, 0, 6, 12, 0, 0}, {900, 0, 6, 12, 0, 0},
		{2, 5, 2, 6, 5, 8}, {2, 4, 2, 6, 0, 0}, {5, 5, 5, 10, 0, 0},
	} {
		c, err := w.l.CosignedAround(t.Context(), r.index, r.size)
		check(t, err)
		later, err := translog.OpenExact([]byte(c.Checkpoint), origin, w.log.Key())
		check(t, err)
		var before, since, by, end int64
		if c.Before != nil {
			old, err := translog.Open([]byte(c.Before.Note), origin, w.log.Key())
			check(t, err)
			before, since = old.Size, minutes(c.Before.Note)
			check(t, translog.CheckConsistency(old, later, hashes(c.Before.Proof)))
		}
		if c.After != nil {
			old, err := translog.Open([]byte(c.After.Note), origin, w.log.Key())
			check(t, err)
			by, end = old.Size, minutes(c.After.Note)
			check(t, translog.CheckConsistency(old, later, hashes(c.After.Proof)))
		}
		if before != r.before || since != r.since || by != r.by || end != r.end {
			t.Errorf("around %d in %d: without it %d at %d, with it %d at %d; want %d at %d, %d at %d", r.index, r.size, before, since, by, end, r.before, r.since, r.by, r.end)
		}
	}
	for _, size := range []int64{8, 1 << 40} {
		if _, err := w.l.CosignedAround(t.Context(), 0, size); !errors.Is(err, ledger.ErrNoCheckpoint) {
			t.Errorf("CosignedAround in a tree of %d = %v", size, err)
		}
	}
}

func hashes(list []custody.Digest) (hs []tlog.Hash) {
	for _, d := range list {
		hs = append(hs, tlog.Hash(d))
	}
	return hs
}

// TestBehindWitnesses: a relay does not start behind, or beside, what was cosigned,
// also when the store has lost its checkpoint.
func TestBehindWitnesses(t *testing.T) {
	w := newWorld(t)
	w.grow(2)
	w.close()
	path := filepath.Join(w.folder, "relay.db")
	old, err := os.ReadFile(path)
	check(t, err)
	w.connect()
	check(t, w.open())
	a := w.asker("quorum nl/witness/1\n", w.witness("nl/witness/1"))
	w.grow(2)
	if !a.Round(t.Context()) {
		t.Fatal(&w.said)
	}
	w.close()
	check(t, os.RemoveAll(filepath.Join(w.folder, "store", "objects", "log", "checkpoint"))) // so that the cosigned one alone tells
	for _, s := range []string{"", "-wal", "-shm"} {
		os.Remove(path + s)
	}
	check(t, os.WriteFile(path, old, 0o600))
	w.connect()
	if err := w.open(); !errors.Is(err, ledger.ErrAhead) {
		t.Errorf("Open of an old database = %v, want ErrAhead", err)
	}
	fork := translog.Checkpoint{Origin: origin, Size: 2, Root: [32]byte{1}}
	note, err := translog.Sign(fork, w.log, w.now)
	check(t, err)
	_, err = w.store.Put(t.Context(), ledger.NewestCosignedKey, note, objects.Replace)
	check(t, err)
	if err := w.open(); !errors.Is(err, ledger.ErrFork) {
		t.Errorf("Open beside a cosigned fork = %v, want ErrFork", err)
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	key := w.witness("nl/witness/1").own[0].Key().String()
	ed, _ := w.log.Key().Strings()
	foreign, _ := other.log.Key().Strings()
	for text, ok := range map[string]bool{
		"log " + ed + "\nwitness A " + key + " https://w.example/\nquorum A\n":      true,
		"witness A " + key + " https://w.example/\nquorum A\n":                      true,
		"log " + foreign + "\nwitness A " + key + " https://w.example/\nquorum A\n": false,
		"witness A " + key + "\nquorum A\n":                                         false,
		"witness A " + key + " https://w.example/\nquorum none\n":                   false,
	} {
		p, err := translog.ParsePolicy([]byte(text))
		check(t, err)
		if err := cosign.Check(p, w.log.Key()); (err == nil) != ok {
			t.Errorf("Check of %.30q = %v", text, err)
		}
	}
}

// answers is a transport that asks a handler, without a network.
type answers struct{ http.Handler }

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// TestRun: a publication is cosigned within a second, and while nothing happens the
// newest checkpoint gets a fresh time every five minutes.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, folder: t.TempDir(), root: keys.Generate()}
		w.begin()
		w.cfg.Now = time.Now
		w.connect()
		check(t, w.open())
		defer w.close()
		p := w.keysOf("nl/witness/1")
		p.url = "http://w.example"
		h, err := witness.New(&witness.Config{State: p.state, Logs: []witness.Log{{Key: p.log}}, Cosigners: p.own, Now: time.Now})
		check(t, err)
		var requests atomic.Int64
		client := &http.Client{Transport: answers{http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { requests.Add(1); h.ServeHTTP(rw, r) })}}
		a := w.askerOf("quorum nl/witness/1\n", client, time.Now, p)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		w.now = time.Now()
		w.grow(3)
		time.Sleep(2 * time.Second)
		first := w.newest()
		if first.Size != 3 {
			t.Fatalf("after two seconds %d entries are cosigned, want 3: %s", first.Size, &w.said)
		}
		w.grow(1)
		time.Sleep(1100 * time.Millisecond)
		if c := w.newest(); c.Size != 4 {
			t.Errorf("after one second more %d entries are cosigned, want 4", c.Size)
		}
		requests.Store(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		c := w.newest()
		if age := time.Since(c.Cosignatures[0].Time); age > 6*time.Minute || requests.Load() > 13 {
			t.Errorf("after an hour of rest the cosignature is %v old, and the witness was asked %d times", age, requests.Load())
		}
	})
}
