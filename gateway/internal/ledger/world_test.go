package ledger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway/internal/ledger"
	"comity.example/comity/gateway/objects"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/postgres"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
	pgtest "comity.example/comity/test/postgres"
	"filippo.io/age"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "relay.example"

// start is the time of every world: statements are signed relative to it.
var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is a clock that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// state is one State: its keys and its statements so far.
type state struct {
	name                        string
	root, reg1, reg2, off1      *keys.Private
	off2, lab, desk             *keys.Private
	recipient                   string // age
	rootStatement, dirStatement *custody.Statement
}

// relayKeys are the keys of the relay, as they would lie in its key folder.
type relayKeys struct {
	root, hybrid *keys.Private
	log          string // secret
	vlog         *translog.LogKey
	identity     *age.HybridIdentity
}

func newRelayKeys(t testing.TB) *relayKeys {
	t.Helper()
	k := &relayKeys{root: keys.Generate(), hybrid: keys.Generate()}
	var err error
	k.log, k.vlog, err = translog.GenerateLog(origin)
	fatalIfErr(t, err)
	id, _, err := seal.GenerateIdentity()
	fatalIfErr(t, err)
	k.identity, err = seal.ParseIdentity(id)
	fatalIfErr(t, err)
	return k
}

func (k *relayKeys) verifier(testing.TB) *translog.LogKey { return k.vlog }

// world is a relay's ledger on a real database and a real folder.
type world struct {
	t      testing.TB
	folder string
	server *postgres.Config // nil: the database is in the folder
	keys   *relayKeys
	clock  *clock
	db     *records.DB
	disk   *dir.Dir
	store  objects.Store // disk, or a faulty one over it
	l      *ledger.Ledger
	nl, fr *state
	relay  *custody.Statement
	copies int // of the database, on a server
}

// newCast makes the relay and the States that all worlds share: keys and
// enrolments take longer to make than a ledger.
var newCast = sync.OnceValue(func() *world {
	t := &loud{}
	w := &world{t: t, keys: newRelayKeys(t)}
	w.relay = w.describe()
	w.nl, w.fr = w.newState("nl"), w.newState("fr")
	return w
})

// loud is a testing.TB that outlives a test: what makes it fail panics.
type loud struct{ testing.TB }

func (*loud) Helper()           {}
func (*loud) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// newWorld returns a ledger that holds nothing, of a relay that pins two States.
func newWorld(t testing.TB) *world {
	t.Helper()
	if pgtest.Chosen(t) {
		return newWorldOn(t, pgtest.Database(t))
	}
	return newWorldOn(t, nil)
}

// newWorldOn is newWorld on a database of a server; nil is a file.
func newWorldOn(t testing.TB, server *postgres.Config) *world {
	t.Helper()
	cast := newCast()
	k := *cast.keys
	w := &world{t: t, folder: t.TempDir(), server: server, keys: &k, clock: &clock{now: start}, relay: cast.relay, nl: cast.nl, fr: cast.fr}
	w.connect()
	fatalIfErr(t, w.db.Update(t.Context(), func(tx *records.Tx) error {
		return errors.Join(tx.Pin("nl", w.nl.fingerprint()), tx.Pin("fr", w.fr.fingerprint()))
	}))
	fatalIfErr(t, w.open())
	t.Cleanup(w.close)
	return w
}

// newSetWorld is newWorld after the relay and both States have introduced
// themselves: five entries.
func newSetWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	for _, s := range w.introductions() {
		w.submit(s, "")
	}
	return w
}

func (w *world) introductions() []*custody.Statement {
	return []*custody.Statement{w.relay, w.nl.rootStatement, w.nl.dirStatement, w.fr.rootStatement, w.fr.dirStatement}
}

func (w *world) dbPath() string    { return filepath.Join(w.folder, "relay.db") }
func (w *world) storePath() string { return filepath.Join(w.folder, "store") }

func (w *world) connect() {
	w.t.Helper()
	var err error
	if w.server != nil {
		w.db, err = postgres.Open(w.t.Context(), w.server)
	} else {
		w.db, err = sqlite.Open(w.dbPath())
	}
	fatalIfErr(w.t, err)
	w.disk, err = dir.New(w.storePath())
	fatalIfErr(w.t, err)
	w.store = w.disk
}

func (w *world) config() ledger.Config {
	s, err := translog.ParseLog(w.keys.log, origin)
	fatalIfErr(w.t, err)
	return ledger.Config{DB: w.db, Store: w.store, Origin: origin, LogKey: s, Recovery: w.keys.identity.Recipient(),
		Now: w.clock.Now, Logger: silent()}
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (w *world) open() (err error) {
	w.l, err = ledger.Open(w.t.Context(), w.config())
	return err
}

func (w *world) close() {
	if w.l != nil {
		w.l.Close()
	}
	if w.db != nil {
		w.db.Close()
		w.disk.Close()
	}
	w.l, w.db = nil, nil
}

// restart is a clean stop and start.
func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.connect()
	fatalIfErr(w.t, w.open())
}

func at(d time.Duration) custody.Time { return statement.At(start.Add(d)) }

func (w *world) sign(b custody.Body, k ...*keys.Private) *custody.Statement {
	w.t.Helper()
	s, err := custody.Sign(b, k...)
	fatalIfErr(w.t, err)
	return s
}

func (w *world) describe() *custody.Statement {
	edKey, mlKey := w.keys.vlog.Strings()
	return w.sign(&custody.Relay{Header: custody.Header{Relay: origin, By: origin, Issued: at(0)}, Version: 1, RootThreshold: 1,
		RootKeys: []string{w.keys.root.Public().String()}, Key: w.keys.hybrid.Public().String(), LogKey: edKey, LogMLDSAKey: mlKey,
		TLS: []custody.Digest{sha256.Sum256([]byte("tls"))}, Addresses: []string{"relay.example:4433"}}, w.keys.root)
}

func (s *state) fingerprint() custody.Digest {
	return s.rootStatement.Body.(*custody.Root).Fingerprint()
}

func (s *state) id(rest string) custody.PartyID { return custody.PartyID(s.name + "/" + rest) }

func (w *world) newState(name string) *state {
	w.t.Helper()
	s := &state{name: name, root: keys.Generate(), reg1: keys.Generate(), reg2: keys.Generate(), off1: keys.Generate(),
		off2: keys.Generate(), lab: keys.Generate(), desk: keys.Generate()}
	_, rcpt, err := seal.GenerateIdentity()
	fatalIfErr(w.t, err)
	s.recipient = rcpt
	s.rootStatement = w.sign(&custody.Root{Header: custody.Header{By: name, Issued: at(0)}, Version: 1, Expires: at(300 * 24 * time.Hour),
		Threshold: 1, Keys: []string{s.root.Public().String()}, RegistrarThreshold: 2,
		Registrars: []custody.Listing{w.list(s, "registrar/1", s.reg1), w.list(s, "registrar/2", s.reg2)}}, s.root)
	s.dirStatement = w.sign(s.directory(w, 1, custody.Digest{}), s.reg1, s.reg2)
	return s
}

func (s *state) directory(w *world, version int64, prev custody.Digest) *custody.Directory {
	fp := w.relay.Body.(*custody.Relay).Fingerprint()
	return &custody.Directory{Header: custody.Header{By: s.name, Issued: at(0)}, Version: version, Prev: prev, Root: s.rootStatement.SHA256,
		Expires: at(200 * 24 * time.Hour), Rules: custody.Thresholds{Request: 1, Review: 1, Grant: 2, Sensitive: 2, Refusal: 1, Acceptance: 1, Revocation: 1},
		Relays: []custody.RelayPin{{Origin: origin, Fingerprint: fp}},
		Entries: []custody.Listing{w.list(s, "agent/desk-1", s.desk), w.list(s, "agent/lab-1", s.lab), w.list(s, "officer/mla-1", s.off1),
			w.list(s, "officer/mla-2", s.off2), w.list(s, "recipient/lab", s.lab)}}
}

// list enrols a party and returns its line in a directory.
func (w *world) list(s *state, rest string, k *keys.Private) custody.Listing {
	w.t.Helper()
	id := s.id(rest)
	e := custody.Enrolment{Authority: s.name, ID: id, Issued: at(0)}
	l := custody.Listing{ID: id, Status: custody.StatusActive, NotBefore: at(-time.Hour), NotAfter: at(300 * 24 * time.Hour)}
	switch id.Role() {
	case custody.RoleAgent:
		cert, _, err := link.NewCertificate()
		fatalIfErr(w.t, err)
		e.Certificate = cert
		l.Duties = []string{custody.DutyDesk, custody.DutyLab}
	case custody.RoleRecipient:
		e.Recipient, e.Holder = s.recipient, s.id("agent/lab-1")
		e.Challenge = &custody.Challenge{FileSHA256: sha256.Sum256([]byte("file")), Opened: sha256.Sum256([]byte("opened"))}
	}
	var err error
	l.Enrolment, err = custody.Enrol(e, k)
	fatalIfErr(w.t, err)
	return l
}

// request is one State asking another, signed by one officer.
func (w *world) request(from, to *state) *custody.Statement {
	w.t.Helper()
	return w.sign(&custody.Request{Header: custody.Header{Relay: origin, By: from.name, Issued: at(0)}, To: to.name, Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine",
		OrderSHA256: sha256.Sum256([]byte("order")), Recipients: []custody.PartyID{from.id("recipient/lab")}, Expires: at(90 * 24 * time.Hour),
		Annex: custody.AnnexRef{SHA256: sha256.Sum256([]byte("annex")), Size: 5}}, from.off1)
}

// review is the answer that lets a grant follow.
func (w *world) review(by *state, req *custody.Statement, after *custody.Ref) *custody.Statement {
	w.t.Helper()
	return w.sign(&custody.Review{Header: custody.Header{Relay: origin, By: by.name, Issued: at(0), After: after}, Request: req.SHA256,
		Body: "judicial", Finding: custody.FindingNoObjection, Annex: custody.AnnexRef{SHA256: sha256.Sum256([]byte("review")), Size: 6}}, by.off1)
}

func (s *state) carrier() custody.PartyID { return s.id("agent/desk-1") }

// submit files a statement that must be accepted, and checks its proof.
func (w *world) submit(s *custody.Statement, via custody.PartyID) *wire.Proof {
	w.t.Helper()
	p, err := w.l.Submit(w.t.Context(), ledger.Submission{Statement: s, Via: via})
	fatalIfErr(w.t, err)
	w.checkProof(p)
	return p
}

// refuse files a statement that must be refused with a code.
func (w *world) refuse(s *custody.Statement, via custody.PartyID, code custody.Code) {
	w.t.Helper()
	size := w.l.Size()
	_, err := w.l.Submit(w.t.Context(), ledger.Submission{Statement: s, Via: via})
	var r *ledger.Refused
	if !errors.As(err, &r) || r.Decision.Code != code {
		w.t.Errorf("Submit(%s) = %v, want refused with %q", s.Kind, err, code)
	}
	if w.l.Size() != size {
		w.t.Errorf("a refused %s made the log grow", s.Kind)
	}
}

// checkProof verifies one line against the checkpoint it came with.
func (w *world) checkProof(p *wire.Proof) translog.Checkpoint {
	w.t.Helper()
	c, err := translog.OpenExact([]byte(p.Checkpoint), origin, w.keys.verifier(w.t))
	fatalIfErr(w.t, err)
	line := lineOf(p.Line)
	e, err := custody.ParseEntry(line.Entry)
	fatalIfErr(w.t, err)
	var first custody.Digest
	fatalIfErr(w.t, w.l.Read(w.t.Context(), e.Record, func(r *custody.Record) error { first = r.First(); return nil }))
	fatalIfErr(w.t, translog.CheckInclusion(c, line.Index, line.Leaf(first, e.Seq), hashes(p.Line.Proof)))
	return c
}

func lineOf(l wire.Line) custody.Line {
	return custody.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt}
}

func hashes(list []custody.Digest) (hs []tlog.Hash) {
	for _, d := range list {
		hs = append(hs, tlog.Hash(d))
	}
	return hs
}

// ref names the entry of a proof, as the next statement's after.
func ref(t testing.TB, p *wire.Proof) *custody.Ref {
	t.Helper()
	l := lineOf(p.Line)
	e, err := custody.ParseEntry(l.Entry)
	fatalIfErr(t, err)
	return &custody.Ref{Seq: e.Seq, Leaf: l.Salted()}
}

// fetch reads an object of the store.
func (w *world) fetch(key string) ([]byte, error) {
	r, _, err := w.store.Get(context.Background(), key, "", 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
