package agent_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
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

const relayName = "relay.example"

// world is a relay in this process, with nl, who asks, and de, who holds the
// evidence, each on one machine.
type world struct {
	t       *testing.T
	cfg     gateway.Config
	folder  string
	stop    func()
	relay   *gateway.Gateway
	fp      custody.Digest
	homes   map[string]*agent.Home
	request string
	reads   *counter
	writes  *counter
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld runs a relay at which both authorities have published.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), homes: map[string]*agent.Home{}, stop: func() {}, reads: &counter{}, writes: &counter{}}
	w.describe()
	for _, name := range []string{"nl", "de"} {
		w.homes[name] = w.newHome(name)
	}
	for _, h := range w.homes {
		for _, o := range w.homes {
			check(t, h.Trust.PinAuthority(o.Authority(), o.Trust.Pins()[o.Authority()]))
		}
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	for name, h := range w.homes {
		check(t, h.Trust.PinRelay(relayName, w.fp, []string{w.cfg.Listen}))
		w.publish(name, func(*officer.Draft) {})
	}
	return w
}

// describe makes the relay's keys and its description of itself.
func (w *world) describe() {
	w.t.Helper()
	root, hybrid := keys.Generate(), keys.Generate()
	secret, log, err := translog.GenerateLog(relayName)
	check(w.t, err)
	logKey, logMLDSAKey := log.Strings()
	signer, err := translog.ParseLog(secret, relayName)
	check(w.t, err)
	der, key, err := link.NewCertificate()
	check(w.t, err)
	cert, err := link.Certificate(der, key)
	check(w.t, err)
	spki, err := link.SPKI(der)
	check(w.t, err)
	_, to, err := seal.GenerateIdentity()
	check(w.t, err)
	recovery, err := seal.ParseRecipient(to)
	check(w.t, err)
	b := &custody.Relay{
		Header:  custody.Header{Relay: relayName, By: relayName, Issued: statement.At(time.Now())},
		Version: 1, RootThreshold: 1, RootKeys: []string{root.Public().String()},
		Key: hybrid.Public().String(), LogKey: logKey, LogMLDSAKey: logMLDSAKey, TLS: []custody.Digest{spki}, Addresses: []string{"127.0.0.1:1"},
	}
	st, err := custody.Sign(b, root)
	check(w.t, err)
	w.fp = b.Fingerprint()
	w.cfg = gateway.Config{Origin: relayName, Descriptor: st.Envelope, Key: hybrid, LogKey: signer, Certificate: cert,
		Recovery: recovery, Listen: "127.0.0.1:0"}
}

// newHome makes an authority whose keys have no passphrase: each takes scrypt a
// second.
func (w *world) newHome(name string) *agent.Home {
	w.t.Helper()
	h, err := agent.CreateHome(filepath.Join(w.t.TempDir(), name), name)
	check(w.t, err)
	check(w.t, h.SaveRootKey(1, keys.Generate(), nil))
	check(w.t, h.SaveKey(custody.PartyID(name+"/officer/mla-1"), keys.Generate(), nil))
	h.Config.Transport = link.H2 // over TCP a client hears of a dead relay at once
	_, err = officer.InitMachine(h, officer.Machine{Lab: true, Desk: true, Officer: true, Backup: true},
		officer.RootSpec{Keys: 1, Threshold: 1}, time.Now())
	check(w.t, err)
	return h
}

// start runs the relay, after the first time at the same address.
func (w *world) start() {
	w.t.Helper()
	cfg := w.cfg
	var err error
	cfg.DB, err = sqlite.Open(filepath.Join(w.folder, "relay.db"))
	check(w.t, err)
	check(w.t, cfg.DB.Update(w.t.Context(), func(tx *records.Tx) error {
		for name, h := range w.homes {
			if err := tx.Pin(name, h.Trust.Pins()[name]); err != nil {
				return err
			}
		}
		return nil
	}))
	store, err := dir.New(filepath.Join(w.folder, "store"))
	check(w.t, err)
	cfg.Store, cfg.Destroyer = counted{store, w.reads, w.writes}, dir.NewDestroyer(store)
	g, err := gateway.New(w.t.Context(), &cfg)
	check(w.t, err)
	w.relay = g
	check(w.t, g.Listen())
	w.cfg.Listen = g.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	w.stop = func() {
		w.stop = func() {}
		g.Close() // cuts what runs: a crash, not a farewell
		cancel()
		<-served
		store.Close()
		cfg.DB.Close()
	}
}

// publish signs and publishes an authority's next directory.
func (w *world) publish(name string, change func(*officer.Draft)) {
	w.t.Helper()
	r := officer.NewRegistry(w.homes[name])
	d, err := r.Draft()
	check(w.t, err)
	d.Accept(custody.RelayPin{Origin: relayName, Fingerprint: w.fp})
	change(d)
	check(w.t, r.Save(d))
	g, err := r.Sign(time.Time{}, time.Now())
	check(w.t, err)
	s := w.connect(name, "")
	_, err = r.Publish(w.t.Context(), s, g.Statement)
	check(w.t, err)
}

// agent returns an agent on the home of an authority.
func (w *world) agent(name string, change ...func(*agent.Config)) *agent.Agent {
	w.t.Helper()
	cfg := &agent.Config{Home: w.homes[name], Now: w.cfg.Now}
	for _, f := range change {
		f(cfg)
	}
	a, err := agent.New(cfg)
	check(w.t, err)
	return a
}

// connect opens a session of an authority's agent, of nobody if that is empty.
func (w *world) connect(name, id string) *agent.Session {
	w.t.Helper()
	if id != "" {
		id = name + "/agent/" + id
	}
	s, err := w.agent(name).Connect(w.t.Context(), custody.PartyID(id))
	check(w.t, err)
	w.t.Cleanup(s.Close)
	return s
}

// file drafts a paper on the newest state of the case, and signs and files it.
func (w *world) file(name string, draft func(officer.Office, custody.Header, *custody.Case) (*officer.Paper, error)) *officer.Filed {
	w.t.Helper()
	s := w.connect(name, "desk-1")
	desk := &officer.Desk{Home: w.homes[name], Session: s, Now: time.Now}
	if w.cfg.Now != nil {
		desk.Now = w.cfg.Now
	}
	snap, err := s.Sync(w.t.Context(), w.request, "nl", "de")
	check(w.t, err)
	var c *custody.Case
	if w.request != "" {
		c = snap.Case(w.request)
	}
	p, err := draft(desk.Office(snap), s.Header(snap, w.request), c)
	check(w.t, err)
	f, err := desk.File(w.t.Context(), snap, p)
	check(w.t, err)
	return f
}

// ask files nl's request.
func (w *world) ask() {
	w.t.Helper()
	w.request = w.file("nl", func(o officer.Office, h custody.Header, _ *custody.Case) (*officer.Paper, error) {
		return o.Request(h, officer.RequestSpec{To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", Reference: "NL-2026-0412", Facts: "a case",
			Order: officer.Attachment{Name: "order.pdf", Data: []byte("order")}, Expires: time.Now().AddDate(0, 0, 60)})
	}).Request
}

// grant files de's review and grant.
func (w *world) grant(change ...func(*officer.GrantDraft)) {
	w.t.Helper()
	var g *officer.GrantDraft
	review := w.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (p *officer.Paper, err error) {
		g, err = o.DraftGrant(w.request, c, false)
		check(w.t, err)
		for _, f := range change {
			f(g)
		}
		return o.Review(h, c, *g.Review)
	})
	w.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Grant(h, c, review.SHA256, g)
	})
}

func (w *world) accept() {
	w.t.Helper()
	w.file("nl", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Acceptance(h, c)
	})
}

func (w *world) revoke() {
	w.t.Helper()
	w.file("de", func(o officer.Office, h custody.Header, c *custody.Case) (*officer.Paper, error) {
		return o.Revocation(h, c, "no-longer-justified")
	})
}

// newCase is a world with a request that de has granted.
func newCase(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.ask()
	w.grant()
	return w
}

// kase returns the case as the log proves it now.
func (w *world) kase() *custody.Case {
	w.t.Helper()
	snap, err := w.connect("nl", "desk-1").Sync(w.t.Context(), w.request)
	check(w.t, err)
	return snap.Case(w.request)
}

// exhibits makes a folder with one file of so many random bytes.
func exhibits(t testing.TB, size int) string {
	t.Helper()
	folder := t.TempDir()
	b := make([]byte, size)
	rand.Read(b)
	check(t, os.WriteFile(filepath.Join(folder, "disk.img"), b, 0o600))
	return folder
}

// send sends a small folder as de's lab.
func (w *world) send() *agent.Sent {
	w.t.Helper()
	sent, err := w.agent("de").Send(w.t.Context(), w.connect("de", "lab-1"), w.request, exhibits(w.t, 1000), agent.SendOptions{})
	check(w.t, err)
	return sent
}

// empty fails if a folder holds anything.
func empty(t testing.TB, folder string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	check(t, err)
	for _, f := range list {
		t.Errorf("%q was left behind", f.Name())
	}
}

// call is a request on its way through a connection.
type call = func(*http.Request) (*http.Response, error)
