package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

const origin = "relay.example"

// patience bounds what a test waits for; nothing waits for it to pass.
const patience = 30 * time.Second

// secrets are a relay's keys in a file, so that another process can run it too.
type secrets struct {
	Hybrid     []byte
	Log        string
	Cert, Key  []byte
	Recovery   string
	Descriptor []byte
}

// world is a relay with the parties of three authorities: fr asks, nl holds the
// evidence, de is a stranger to their case.
type world struct {
	cast
	t     *testing.T
	dir   string
	addr  string
	conns []*link.Conn
	stop  func()

	change func(*gateway.Config) // before the relay starts; nil changes nothing
	gate   *gateway.Gateway      // the relay, while it runs in this process
}

// cast is the relay and the parties, which all worlds share: to make, sign and
// enrol so many hybrid keys takes time.
type cast struct {
	secrets    []byte // JSON
	recovery   string // the identity that opens the copies of the records
	relay      *keys.Public
	spki       [32]byte
	fp         custody.Digest
	log        *translog.LogKey
	nl, fr, de *authority
}

var (
	castOnce sync.Once
	theCast  cast
)

func newCast(t *testing.T) (c cast) {
	t.Helper()
	root, hybrid := keys.Generate(), keys.Generate()
	signer, verifier, err := translog.GenerateLog(origin)
	check(t, err)
	cert, key, err := link.NewCertificate()
	check(t, err)
	c.spki, err = link.SPKI(cert)
	check(t, err)
	identity, recovery, err := seal.GenerateIdentity()
	check(t, err)
	c.recovery = identity
	logKey, logMLDSAKey := verifier.Strings()
	b := &custody.Relay{
		Header:  custody.Header{Relay: origin, By: origin, Issued: now()},
		Version: 1, RootThreshold: 1, RootKeys: []string{root.Public().String()},
		Key: hybrid.Public().String(), LogKey: logKey, LogMLDSAKey: logMLDSAKey, TLS: []custody.Digest{c.spki}, Addresses: []string{"127.0.0.1:1"},
	}
	s := sign(t, b, root)
	c.relay, c.fp, c.log = hybrid.Public(), b.Fingerprint(), verifier
	c.secrets, err = json.Marshal(secrets{hybrid.Seed(), signer, cert, key, recovery, s.Envelope})
	check(t, err)
	c.nl, c.fr, c.de = newAuthority(t, "nl", c.fp), newAuthority(t, "fr", c.fp), newAuthority(t, "de", c.fp)
	return c
}

// newWorld makes the relay's folder. The relay does not run yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	castOnce.Do(func() { theCast = newCast(t) })
	w := &world{t: t, dir: t.TempDir(), cast: theCast, stop: func() {}}
	check(t, os.WriteFile(filepath.Join(w.dir, "secrets.json"), w.secrets, 0o600))
	db, err := sqlite.Open(filepath.Join(w.dir, "relay.db"))
	check(t, err)
	check(t, db.Update(t.Context(), func(tx *records.Tx) error {
		for _, a := range []*authority{w.nl, w.fr, w.de} {
			if err := tx.Pin(a.name, a.root.Body.(*custody.Root).Fingerprint()); err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, db.Close())
	t.Cleanup(func() { w.stop() })
	return w
}

// openRelay opens the relay of a folder and listens. The function returned closes
// everything.
func openRelay(ctx context.Context, folder string, changes ...func(*gateway.Config)) (*gateway.Gateway, func(), error) {
	cfg, closeParts, err := relayConfig(folder)
	if err != nil {
		return nil, nil, err
	}
	for _, change := range changes {
		change(cfg)
	}
	g, err := gateway.New(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return g, func() { g.Close(); closeParts() }, g.Listen()
}

// relayConfig opens database and store of a folder, and reads its keys.
func relayConfig(folder string) (*gateway.Config, func(), error) {
	var s secrets
	text, err := os.ReadFile(filepath.Join(folder, "secrets.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, nil, err
	}
	cfg := &gateway.Config{Origin: origin, Descriptor: s.Descriptor, Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if cfg.Key, err = keys.NewPrivate(s.Hybrid); err != nil {
		return nil, nil, err
	}
	if cfg.LogKey, err = translog.ParseLog(s.Log, origin); err != nil {
		return nil, nil, err
	}
	if cfg.Certificate, err = link.Certificate(s.Cert, s.Key); err != nil {
		return nil, nil, err
	}
	if cfg.Recovery, err = seal.ParseRecipient(s.Recovery); err != nil {
		return nil, nil, err
	}
	if cfg.DB, err = sqlite.Open(filepath.Join(folder, "relay.db")); err != nil {
		return nil, nil, err
	}
	store, err := dir.New(filepath.Join(folder, "store"))
	if err != nil {
		return nil, nil, err
	}
	cfg.Store, cfg.Destroyer = store, dir.NewDestroyer(store)
	return cfg, func() { store.Close(); cfg.DB.Close() }, nil
}

// start runs the relay in this process.
func (w *world) start() *gateway.Gateway {
	w.t.Helper()
	var changes []func(*gateway.Config)
	if w.change != nil {
		changes = append(changes, w.change)
	}
	g, closeAll, err := openRelay(w.t.Context(), w.dir, changes...)
	check(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	w.addr, w.gate = g.Addr(), g
	w.stop = func() {
		for _, c := range w.conns {
			c.Close()
		}
		w.conns = nil
		cancel()
		<-served
		closeAll()
		w.stop = func() {}
	}
	return g
}

// newRelay returns a running relay at which all three authorities have published.
func newRelay(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.start()
	for _, a := range []*authority{w.nl, w.fr, w.de} {
		w.publish(a)
	}
	return w
}

// publish files an authority's root and directory without hello.
func (w *world) publish(a *authority) {
	w.t.Helper()
	c := w.stranger(nil)
	for _, s := range []*custody.Statement{a.root, a.directory} {
		p, err := c.Submit(w.t.Context(), s.Envelope, nil)
		check(w.t, err)
		w.proven(p, a.root.SHA256)
	}
}

func now() custody.Time { return statement.At(time.Now()) }

func inDays(n int) custody.Time { return statement.At(time.Now().AddDate(0, 0, n)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sign(t testing.TB, b custody.Body, signers ...*keys.Private) *custody.Statement {
	t.Helper()
	s, err := custody.Sign(b, signers...)
	check(t, err)
	return s
}

func sum(b []byte) custody.Digest { return sha256.Sum256(b) }
