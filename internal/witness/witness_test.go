package witness_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/internal/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "relay.example"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is a log of n leaves. Two trees with another salt share the first few
// leaves and no more: a log that forks.
type tree struct{ hashes []tlog.Hash }

func newTree(t testing.TB, n, common int, salt byte) *tree {
	t.Helper()
	l := new(tree)
	for i := range n {
		b := binary.BigEndian.AppendUint64(nil, uint64(i))
		if i >= common {
			b = append(b, salt)
		}
		h := sha256.Sum256(b)
		hs, err := tlog.StoredHashes(int64(i), h[:], l)
		check(t, err)
		l.hashes = append(l.hashes, hs...)
	}
	return l
}

func (l *tree) ReadHashes(at []int64) ([]tlog.Hash, error) {
	var hs []tlog.Hash
	for _, i := range at {
		hs = append(hs, l.hashes[i])
	}
	return hs, nil
}

func (l *tree) head(t testing.TB, size int64) translog.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	check(t, err)
	return translog.Checkpoint{Origin: origin, Size: size, Root: root}
}

// world is a witness with its keys, and the log that it knows.
type world struct {
	t      testing.TB
	state  string
	log    *translog.LogSigner
	own    []*translog.Cosigner
	now    time.Time
	w      *witness.Witness
	extras []witness.Log
}

func cosigner(t testing.TB, alg translog.Algorithm) *translog.Cosigner {
	t.Helper()
	secret, _, err := translog.GenerateCosigner("nl/witness/1", alg)
	check(t, err)
	k, err := translog.ParseCosigner(secret)
	check(t, err)
	return k
}

func newLogKey(t testing.TB) *translog.LogSigner {
	t.Helper()
	secret, _, err := translog.GenerateLog(origin)
	check(t, err)
	k, err := translog.ParseLog(secret, origin)
	check(t, err)
	return k
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, state: filepath.Join(t.TempDir(), "state"), log: newLogKey(t), now: noon,
		own: []*translog.Cosigner{cosigner(t, translog.Ed25519), cosigner(t, translog.MLDSA44)}}
	check(t, witness.Init(w.state))
	w.start()
	return w
}

func (w *world) config() *witness.Config {
	return &witness.Config{State: w.state, Logs: append([]witness.Log{{Key: w.log.Key()}}, w.extras...), Cosigners: w.own, Now: func() time.Time { return w.now }}
}

// start opens the witness on its state, as after a restart.
func (w *world) start() {
	w.t.Helper()
	var err error
	w.w, err = witness.New(w.config())
	check(w.t, err)
}

// request is one for the tree of size, from the tree of size old.
func (w *world) request(l *tree, old, size int64) *witness.Request {
	w.t.Helper()
	msg, err := translog.Sign(l.head(w.t, size), w.log, noon)
	check(w.t, err)
	r := &witness.Request{Old: old, Note: msg}
	if old > 0 && old <= size {
		r.Proof, err = tlog.ProveTree(size, old, l)
		check(w.t, err)
	}
	return r
}

// post sends a body and returns status and answer.
func (w *world) post(body []byte) (int, string, http.Header) {
	rec := httptest.NewRecorder()
	w.w.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/add-checkpoint", bytes.NewReader(body)))
	b, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, string(b), rec.Header()
}

// cosigned posts a request that must be cosigned, and returns the note.
func (w *world) cosigned(r *witness.Request) translog.Cosigned {
	w.t.Helper()
	status, lines, _ := w.post(r.Bytes())
	if status != http.StatusOK {
		w.t.Fatalf("status %d: %s", status, lines)
	}
	c, err := translog.OpenCosigned(append(bytes.Clone(r.Note), lines...), w.log.Key(), w.own[0].Key(), w.own[1].Key())
	check(w.t, err)
	if len(c.Cosignatures) != 2 {
		w.t.Fatalf("%d cosignatures", len(c.Cosignatures))
	}
	return c
}

func TestAddCheckpoint(t *testing.T) {
	w := newWorld(t)
	l := newTree(t, 20, 20, 0)
	for _, step := range [][2]int64{{0, 0}, {0, 7}, {7, 7}, {7, 8}, {8, 20}} {
		w.now = w.now.Add(time.Second)
		c := w.cosigned(w.request(l, step[0], step[1]))
		if c.Size != step[1] || !c.Cosignatures[0].Time.Equal(w.now) {
			t.Errorf("cosigned %d at %v, want %d at %v", c.Size, c.Cosignatures[0].Time, step[1], w.now)
		}
	}
	w.start()
	if got := w.w.Sizes()[origin]; got != 20 {
		t.Errorf("size %d after a restart, want 20", got)
	}
	w.cosigned(w.request(l, 20, 20))
}

// TestAddCheckpointRefuses gives each refusal of C2SP tlog-witness, and that the
// head stays where it is.
func TestAddCheckpointRefuses(t *testing.T) {
	w := newWorld(t)
	l, fork := newTree(t, 20, 20, 0), newTree(t, 20, 5, 1)
	w.cosigned(w.request(l, 0, 10))
	good := w.request(l, 10, 15)
	with := func(change func(r *witness.Request)) []byte {
		r := *good
		r.Proof, r.Note = append([]tlog.Hash(nil), r.Proof...), bytes.Clone(r.Note)
		change(&r)
		return r.Bytes()
	}
	stranger := *w
	stranger.log = newLogKey(t)
	text := string(good.Bytes())
	edOnly := func(r *witness.Request) { // without the log's ML-DSA line
		lines := bytes.SplitAfter(r.Note, []byte("\n"))
		r.Note = bytes.Join(lines[:5], nil)
	}
	for _, r := range []struct {
		name   string
		body   []byte
		status int
		answer string
	}{
		{"unknown log", []byte(strings.ReplaceAll(text, origin, "other.example")), 404, ""},
		{"another's key", stranger.request(l, 10, 15).Bytes(), 403, ""},
		{"one key of two", with(edOnly), 403, ""},
		{"altered note", []byte(strings.Replace(text, "\n15\n", "\n16\n", 1)), 403, ""},
		{"extension line", []byte(strings.Replace(text, "\n\n—", "\nmore\n\n—", 1)), 403, ""},
		{"old beyond", w.request(l, 16, 15).Bytes(), 400, ""},
		{"old behind", w.request(l, 9, 15).Bytes(), 409, "10\n"},
		{"old zero", w.request(l, 0, 15).Bytes(), 409, "10\n"},
		{"smaller tree", w.request(l, 5, 6).Bytes(), 409, "10\n"},
		{"fork at the same size", w.request(fork, 10, 10).Bytes(), 409, "10\n"},
		{"fork", w.request(fork, 10, 15).Bytes(), 422, ""},
		{"proof cut", with(func(r *witness.Request) { r.Proof = r.Proof[1:] }), 422, ""},
		{"proof altered", with(func(r *witness.Request) { r.Proof[0][0] ^= 1 }), 422, ""},
		{"proof too long", with(func(r *witness.Request) { r.Proof = append(r.Proof, tlog.Hash{}) }), 422, ""},
		{"proof for the same size", append(w.request(l, 10, 10).Bytes()[:7], with(func(r *witness.Request) { r.Note = w.request(l, 10, 10).Note })[7:]...), 422, ""},
		{"64 hashes", with(func(r *witness.Request) { r.Proof = make([]tlog.Hash, 64) }), 400, ""},
		{"old size spelled otherwise", []byte(strings.Replace(text, "old 10", "old 010", 1)), 400, ""},
		{"old size signed", []byte(strings.Replace(text, "old 10", "old +10", 1)), 400, ""},
		{"negative", []byte(strings.Replace(text, "old 10", "old -1", 1)), 400, ""},
		{"no old size", []byte(text[strings.Index(text, "\n")+1:]), 400, ""},
		{"no empty line", []byte(strings.ReplaceAll(text, "\n\n", "\n")), 400, ""},
		{"empty", nil, 400, ""},
		{"too long", append(good.Bytes(), make([]byte, witness.MaxRequest)...), 400, ""},
	} {
		status, answer, header := w.post(r.body)
		if status != r.status || r.answer != "" && answer != r.answer {
			t.Errorf("%s: status %d, %q, want %d, %q", r.name, status, answer, r.status, r.answer)
		}
		if status == 409 && header.Get("Content-Type") != "text/x.tlog.size" {
			t.Errorf("%s: content type %q", r.name, header.Get("Content-Type"))
		}
		if strings.Contains(answer, "—") {
			t.Errorf("%s: the answer has a signature line", r.name)
		}
	}
	rec := httptest.NewRecorder()
	w.w.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/add-checkpoint", nil))
	if rec.Code != 405 {
		t.Errorf("GET: status %d", rec.Code)
	}
	if files, _ := os.ReadDir(filepath.Join(w.state, "forks")); len(files) != 1 {
		t.Errorf("%d proofs of a fork were kept, want 1", len(files))
	}
	w.cosigned(good)
}

// TestForeignLog: a log of other software, with one key, gets cosignatures too.
func TestForeignLog(t *testing.T) {
	w := newWorld(t)
	skey, vkey, err := translog.GenerateKey("sum.example/log")
	check(t, err)
	s, err := note.NewSigner(skey)
	check(t, err)
	v, err := note.NewVerifier(vkey)
	check(t, err)
	w.extras = []witness.Log{{Foreign: v}}
	w.start()
	l := newTree(t, 9, 9, 0)
	for _, step := range [][2]int64{{0, 4}, {4, 9}} {
		root, err := tlog.TreeHash(step[1], l)
		check(t, err)
		c := translog.Checkpoint{Origin: "sum.example/log", Size: step[1], Root: root}
		msg, err := note.Sign(&note.Note{Text: c.Text()}, s)
		check(t, err)
		r := &witness.Request{Old: step[0], Note: msg}
		if step[0] > 0 {
			r.Proof, err = tlog.ProveTree(step[1], step[0], l)
			check(t, err)
		}
		status, lines, _ := w.post(r.Bytes())
		if status != 200 {
			t.Fatalf("status %d: %s", status, lines)
		}
		if n, err := note.Open(append(msg, lines...), note.VerifierList(v, w.own[0].Key(), w.own[1].Key())); err != nil || len(n.Sigs) != 3 {
			t.Errorf("opening the cosigned note: %v", err)
		}
	}
}

// TestRace: of two requests at once one is checked against what the other left.
func TestRace(t *testing.T) {
	w := newWorld(t)
	l, fork := newTree(t, 20, 20, 0), newTree(t, 20, 5, 1)
	w.cosigned(w.request(l, 0, 5))
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		r := w.request([]*tree{l, fork}[i%2], 5, int64(6+i))
		wg.Go(func() { statuses[i], _, _ = w.post(r.Bytes()) })
	}
	wg.Wait()
	done := 0
	for _, s := range statuses {
		if s == 200 {
			done++
		} else if s != 409 {
			t.Errorf("status %d", s)
		}
	}
	if done != 1 {
		t.Errorf("%d of 8 requests from one size were cosigned", done)
	}
}

// TestKeepFails: without a durable head there is no cosignature.
func TestKeepFails(t *testing.T) {
	w := newWorld(t)
	l := newTree(t, 20, 20, 0)
	w.cosigned(w.request(l, 0, 5))
	moved := w.state + "-moved"
	check(t, os.Rename(w.state, moved))
	if status, answer, _ := w.post(w.request(l, 5, 6).Bytes()); status != 500 || strings.Contains(answer, "—") {
		t.Errorf("with a state that is gone: status %d, %q", status, answer)
	}
	if _, err := witness.New(w.config()); !errors.Is(err, witness.ErrNoState) {
		t.Errorf("New without its state = %v", err)
	}
	check(t, os.Mkdir(w.state, 0o700))
	if _, err := witness.New(w.config()); !errors.Is(err, witness.ErrNoState) {
		t.Errorf("New on an empty folder = %v", err)
	}
	check(t, os.Remove(w.state))
	check(t, os.Rename(moved, w.state))
	w.cosigned(w.request(l, 5, 6))
}

// TestDamagedState: what cannot be read is not taken for nothing.
func TestDamagedState(t *testing.T) {
	w := newWorld(t)
	w.cosigned(w.request(newTree(t, 20, 20, 0), 0, 5))
	files, err := filepath.Glob(filepath.Join(w.state, "*.json"))
	check(t, err)
	good, err := os.ReadFile(files[0])
	check(t, err)
	for _, bad := range []string{"", "{}", string(good[:len(good)/2]), strings.Replace(string(good), `"size": 5`, `"size": 4`, 1), strings.Replace(string(good), "relay", "rebay", 1)} {
		check(t, os.WriteFile(files[0], []byte(bad), 0o600))
		if _, err := witness.New(w.config()); err == nil {
			t.Errorf("New with the state %.60q succeeded", bad)
		}
	}
}

// TestClock: times do not go back; a clock that does stops the witness.
func TestClock(t *testing.T) {
	w := newWorld(t)
	l := newTree(t, 20, 20, 0)
	w.cosigned(w.request(l, 0, 5))
	w.now = noon.Add(-5 * time.Second)
	if c := w.cosigned(w.request(l, 5, 6)); !c.Cosignatures[0].Time.Equal(noon) {
		t.Errorf("a clock 5 s back: cosigned at %v, want %v", c.Cosignatures[0].Time, noon)
	}
	w.now = noon.Add(-time.Hour)
	w.start()
	if status, answer, _ := w.post(w.request(l, 6, 7).Bytes()); status != 500 {
		t.Errorf("a clock an hour back: status %d, %q", status, answer)
	}
	w.now = noon.Add(time.Minute)
	w.cosigned(w.request(l, 6, 7))
}

// TestCatchUp: a restored state is led on by what the witness itself has cosigned.
func TestCatchUp(t *testing.T) {
	w := newWorld(t)
	l, fork := newTree(t, 20, 20, 0), newTree(t, 20, 5, 1)
	w.cosigned(w.request(l, 0, 5))
	files, err := filepath.Glob(filepath.Join(w.state, "*.json"))
	check(t, err)
	backup, err := os.ReadFile(files[0])
	check(t, err)
	newest := w.cosigned(w.request(l, 5, 12))
	check(t, os.WriteFile(files[0], backup, 0o600))
	// From here on a fork behind size 5 would be cosigned: the restored witness
	// cannot know. Its own signature tells it.
	ours := []*translog.CosignerKey{w.own[0].Key(), w.own[1].Key()}
	alone, err := translog.Sign(fork.head(t, 15), w.log, noon)
	check(t, err)
	half := append(bytes.Clone(alone), must(w.own[0].Cosign(fork.head(t, 15), noon))...)
	for name, msg := range map[string][]byte{"without cosignatures": alone, "with one of two": half} {
		if _, _, err := witness.CatchUp(w.state, witness.Log{Key: w.log.Key()}, msg, ours...); err == nil {
			t.Errorf("caught up with a note %s", name)
		}
	}
	from, to, err := witness.CatchUp(w.state, witness.Log{Key: w.log.Key()}, newest.Note(), ours...)
	if err != nil || from != 5 || to != 12 {
		t.Fatalf("CatchUp = %d, %d, %v", from, to, err)
	}
	if from, to, err := witness.CatchUp(w.state, witness.Log{Key: w.log.Key()}, newest.Note(), ours...); err != nil || from != 12 || to != 12 {
		t.Errorf("a second time: %d, %d, %v", from, to, err)
	}
	w.start()
	if status, answer, _ := w.post(w.request(fork, 5, 15).Bytes()); status != 409 || answer != "12\n" {
		t.Errorf("a fork: status %d, %q", status, answer)
	}
	w.cosigned(w.request(l, 12, 15))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestTooMany: who floods the witness is told so, and costs no writes.
func TestTooMany(t *testing.T) {
	w := newWorld(t)
	l := newTree(t, 20, 20, 0)
	r := w.request(l, 0, 5)
	w.cosigned(r)
	again := w.request(l, 5, 5).Bytes()
	for range 40 {
		if status, _, _ := w.post(again); status == 429 {
			return
		}
	}
	t.Error("40 requests at once were cosigned")
}

func FuzzRequest(f *testing.F) {
	w := newWorld(f)
	l := newTree(f, 9, 9, 0)
	f.Add(w.request(l, 0, 5).Bytes())
	f.Add(w.request(l, 3, 9).Bytes())
	f.Add([]byte("old 0\n\n" + origin + "\n0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := witness.ParseRequest(body)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Bytes(), body) {
			t.Errorf("%q reads as %q", body, r.Bytes())
		}
	})
}
