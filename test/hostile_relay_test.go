package test_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/gateway/objects/dir"
	"comity.example/comity/gateway/records"
	"comity.example/comity/gateway/records/sqlite"
	"comity.example/comity/internal/link"
)

const hostileOrigin = "relay.example"

// blob is something that the relay saw, and where.
type blob struct {
	from string
	data []byte
}

// hostile is a relay whose operator has all its keys and changes its database and
// its answers at will. It is a real relay behind a handler that sees and changes
// everything.
type hostile struct {
	t           *testing.T
	w           *world
	cfg         gateway.Config
	folder      string
	recovery    string
	undeposited string            // a copy of before the deposit
	heads       [][]byte          // of the sender, which must stay home
	keys        []age.Identity    // the recipient's and the relay's, once they were asked for
	tried       map[[32]byte]bool // what they did not open
	stop        func()

	mu   sync.Mutex // guards the fields below
	seen map[[32]byte]blob
	lie  func(path string, body []byte) []byte
	next http.Handler
}

func newKey() *keys.Private { return keys.Generate() }

func sign(t *testing.T, b custody.Body, k *keys.Private) *custody.Statement {
	t.Helper()
	s, err := custody.Sign(b, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *hostile) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// newHostile makes the relay, and nl and de with their directories published.
func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t, w: &world{t: t, dir: t.TempDir(), env: environment(t), roots: map[string]string{}}, stop: func() {}}
	h.seen, h.tried = map[[32]byte]blob{}, map[[32]byte]bool{}
	h.folder = filepath.Join(h.w.dir, "relay")
	for _, v := range h.w.env { // the recipient hands over the officers' keys too
		if path, ok := strings.CutPrefix(v, "COMITY_PASSPHRASE_FILE="); ok {
			t.Setenv("COMITY_PASSPHRASE_FILE", path)
		}
	}
	h.describe()
	for _, name := range []string{"nl", "de"} {
		h.w.roots[name] = h.w.comity(0, "", name, "authority", "init", name, "--with", "lab,desk,officer,backup")
	}
	h.w.write("relay/store/.keep", "")
	h.begin()
	t.Cleanup(func() { h.end() })
	for name, other := range map[string]string{"nl": "de", "de": "nl"} {
		h.w.comity(0, "", name, "trust", "relay", hostileOrigin, h.w.roots["relay"], "--address", h.cfg.Listen)
		h.w.comity(0, "", name, "trust", other, h.w.roots[other])
	}
	for _, name := range []string{"nl", "de"} {
		h.w.comity(0, "", name, "directory", "sign")
		h.w.comity(0, "", name, "directory", "publish")
	}
	return h
}

// describe makes the relay's keys and its description of itself.
func (h *hostile) describe() {
	root, hybrid := keys.Generate(), keys.Generate()
	secret, log, err := translog.GenerateLog(hostileOrigin)
	h.must(err)
	logKey, logMLDSAKey := log.Strings()
	signer, err := translog.ParseLog(secret, hostileOrigin)
	h.must(err)
	der, key, err := link.NewCertificate()
	h.must(err)
	cert, err := link.Certificate(der, key)
	h.must(err)
	spki, err := link.SPKI(der)
	h.must(err)
	identity, to, err := seal.GenerateIdentity()
	h.must(err)
	recovery, err := seal.ParseRecipient(to)
	h.must(err)
	b := &custody.Relay{
		Header:  custody.Header{Relay: hostileOrigin, By: hostileOrigin, Issued: statement.At(time.Now())},
		Version: 1, RootThreshold: 1, RootKeys: []string{root.Public().String()},
		Key: hybrid.Public().String(), LogKey: logKey, LogMLDSAKey: logMLDSAKey, TLS: []custody.Digest{spki}, Addresses: []string{"127.0.0.1:1"},
	}
	h.recovery, h.w.roots["relay"] = identity, b.Fingerprint().String()
	h.cfg = gateway.Config{Origin: hostileOrigin, Descriptor: sign(h.t, b, root).Envelope, Key: hybrid, LogKey: signer, Certificate: cert,
		Recovery: recovery, Listen: "127.0.0.1:0"}
}

// begin runs the relay on its folder, after the first time at the same address.
func (h *hostile) begin() {
	h.t.Helper()
	cfg := h.cfg
	var err error
	cfg.DB, err = sqlite.Open(filepath.Join(h.folder, "relay.db"))
	h.must(err)
	h.must(cfg.DB.Update(context.Background(), func(tx *records.Tx) error {
		for _, name := range []string{"nl", "de"} {
			fp, err := statement.ParseDigest(h.w.roots[name])
			if err != nil {
				return err
			}
			if err := tx.Pin(name, fp); err != nil {
				return err
			}
		}
		return nil
	}))
	store, err := dir.New(filepath.Join(h.folder, "store"))
	h.must(err)
	cfg.Store = store
	g, err := gateway.New(context.Background(), &cfg)
	h.must(err)
	h.mu.Lock()
	h.next, h.lie = g.Handler(), nil
	h.mu.Unlock()
	s, err := link.Listen(link.ServerConfig{Addr: h.cfg.Listen, Certificate: cfg.Certificate, Handler: h})
	h.must(err)
	h.cfg.Listen = s.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	h.stop = func() {
		h.stop = func() {}
		h.gather()
		s.Close()
		cancel()
		<-served
		g.Close()
		store.Close()
		cfg.DB.Close()
	}
}

func (h *hostile) end() { h.stop() }

// ServeHTTP remembers what comes, answers as the relay does or lies, and then looks
// at all that is stored: what is there for a moment only is seen too.
func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.remember("body of "+r.URL.Path, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	h.mu.Lock()
	next, lie := h.next, h.lie
	h.mu.Unlock()
	next.ServeHTTP(answer, r)
	h.gather()
	out := answer.Body.Bytes()
	if lie != nil && answer.Code == http.StatusOK {
		out = lie(r.URL.Path, out)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(answer.Code)
	w.Write(out)
}

// gather remembers every file of the relay and every value of its database. A file
// that another request moves away meanwhile is seen after that one.
func (h *hostile) gather() {
	err := filepath.WalkDir(filepath.Join(h.folder, "store"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		data, err := os.ReadFile(path)
		h.remember("store", data)
		return ignoreGone(err)
	})
	db, dberr := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(h.folder, "relay.db"))+"?mode=ro&_pragma=busy_timeout(30000)")
	if dberr == nil {
		defer db.Close()
		dberr = h.gatherTables(db)
	}
	if err = errors.Join(err, dberr); err != nil {
		h.t.Errorf("looking at what the relay stores: %v", err)
	}
}

func (h *hostile) gatherTables(db *sql.DB) error {
	tables, err := column(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")
	for _, table := range tables {
		rows, rerr := column(db, fmt.Sprintf("SELECT * FROM %q", table))
		err = errors.Join(err, rerr)
		for _, v := range rows {
			h.remember("database", v)
		}
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
