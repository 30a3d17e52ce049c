package custody_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

const (
	origin = "relay.example"
	day    = 24 * time.Hour
)

var t0 = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// failer is what stories need of testing.TB and rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// office is an authority with all its keys.
type office struct {
	name       string
	roots      []*keys.Private // three, two sign
	registrars []*keys.Private // two, both sign
	officers   []*keys.Private // three; two sign a grant, one the rest; the first two are for emergencies
	agents     map[string]*keys.Private
	root, dir  *custody.Statement // in force
}

func (o *office) id(role custody.Role, name string) custody.PartyID {
	return custody.PartyID(o.name + "/" + string(role) + "/" + name)
}

func (o *office) agent(name string) custody.PartyID { return o.id(custody.RoleAgent, name) }

// directory returns a copy of the directory in force as its next version.
func (o *office) directory(now time.Time) *custody.Directory {
	d := *o.dir.Body.(*custody.Directory)
	d.Version, d.Prev, d.Issued = d.Version+1, o.dir.SHA256, custody.Time(statement.At(now))
	d.Entries = slices.Clone(d.Entries)
	return &d
}

// entry returns the line of a party in a directory.
func entry(d *custody.Directory, id custody.PartyID) *custody.Listing {
	i := slices.IndexFunc(d.Entries, func(l custody.Listing) bool { return l.ID == id })
	return &d.Entries[i]
}

func selfSigned() []byte {
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: t0, NotAfter: t0.Add(day)}
	return must(x509.CreateCertificate(rand.Reader, c, c, k.Public(), k))
}

// must is for what fails only if the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func generate(n int) (list []*keys.Private) {
	for range n {
		list = append(list, keys.Generate())
	}
	return list
}

func texts(list []*keys.Private) (s []string) {
	for _, k := range list {
		s = append(s, k.Public().String())
	}
	return s
}

func listing(id custody.PartyID, k *keys.Private, edit func(*custody.Enrolment)) custody.Listing {
	e := custody.Enrolment{Authority: id.Authority(), ID: id, Issued: statement.At(t0)}
	l := custody.Listing{ID: id, Status: custody.StatusActive, NotBefore: statement.At(t0.Add(-30 * day)), NotAfter: statement.At(t0.Add(500 * day))}
	switch id.Role() {
	case custody.RoleAuditor:
		e.Certificate = selfSigned()
	case custody.RoleAgent:
		e.Certificate, l.Duties = selfSigned(), []string{custody.DutyLab}
		if strings.Contains(string(id), "desk") {
			l.Duties = []string{custody.DutyDesk}
		}
	case custody.RoleRecipient:
		_, r, err := seal.GenerateIdentity()
		e.Recipient = must(r, err)
		e.Challenge = &custody.Challenge{FileSHA256: statement.NewNonce(), Opened: statement.NewNonce()}
	}
	if edit != nil {
		edit(&e)
	}
	l.Enrolment = must(custody.Enrol(e, k))
	return l
}

func heldBy(holder custody.PartyID) func(*custody.Enrolment) {
	return func(e *custody.Enrolment) { e.Holder = holder }
}

// newOffice founds an authority; relay is the fingerprint that it accepts.
func newOffice(name string, relay custody.Digest) *office {
	o := &office{name: name, roots: generate(3), registrars: generate(2), officers: generate(3), agents: map[string]*keys.Private{}}
	o.root = must(custody.Sign(o.rootBody(), o.roots[0], o.roots[1]))
	d := &custody.Directory{
		Header:  custody.Header{By: name, Issued: statement.At(t0)},
		Version: 1, Root: o.root.SHA256, Expires: statement.At(t0.Add(200 * day)),
		Rules:     custody.Thresholds{Request: 1, Review: 1, Grant: 2, Sensitive: 2, Refusal: 1, Acceptance: 1, Revocation: 1},
		Relays:    []custody.RelayPin{{Origin: origin, Fingerprint: relay}},
		Emergency: &custody.Emergency{MaxBytes: 100_000, MaxPackages: 2, Hours: 48},
	}
	for _, other := range []string{"de", "fr", "nl"} {
		if other != name {
			d.Emergency.With = append(d.Emergency.With, other)
		}
	}
	for _, n := range []string{"desk-1", "lab-1", "lab-2"} {
		o.agents[n] = keys.Generate()
		d.Entries = append(d.Entries, listing(o.agent(n), o.agents[n], nil))
	}
	o.agents["auditor"] = keys.Generate()
	d.Entries = append(d.Entries, listing(o.id(custody.RoleAuditor, "1"), o.agents["auditor"], nil))
	for i, k := range o.officers {
		l := listing(o.id(custody.RoleOfficer, "mla-"+string(rune('1'+i))), k, nil)
		if i < 2 {
			l.Duties = []string{custody.DutyEmergency}
		}
		d.Entries = append(d.Entries, l)
	}
	d.Entries = append(d.Entries,
		listing(o.id(custody.RoleRecipient, "backup"), o.agents["lab-2"], heldBy(o.agent("lab-2"))),
		listing(o.id(custody.RoleRecipient, "lab"), o.agents["lab-1"], heldBy(o.agent("lab-1"))))
	o.dir = must(custody.Sign(d, o.registrars...))
	return o
}

func (o *office) rootBody() *custody.Root {
	b := &custody.Root{
		Header:  custody.Header{By: o.name, Issued: statement.At(t0)},
		Version: 1, Expires: statement.At(t0.Add(365 * day)), Threshold: 2, Keys: texts(o.roots), RegistrarThreshold: 2,
	}
	for i, k := range o.registrars {
		b.Registrars = append(b.Registrars, listing(o.id(custody.RoleRegistrar, string(rune('1'+i))), k, nil))
	}
	return b
}

// founding is what every story begins with; keys take time to make.
type founding struct {
	relayKey *keys.Private
	relay    *custody.Statement
	offices  []*office
}

func (f *founding) office(name string) *office {
	return f.offices[slices.IndexFunc(f.offices, func(o *office) bool { return o.name == name })]
}

var found = sync.OnceValue(func() *founding {
	f := &founding{relayKey: keys.Generate()}
	_, log := must2(translog.GenerateLog(origin))
	edKey, mlKey := log.Strings()
	b := &custody.Relay{
		Header:  custody.Header{Relay: origin, By: origin, Issued: statement.At(t0)},
		Version: 1, RootThreshold: 1, RootKeys: texts([]*keys.Private{f.relayKey}), Key: keys.Generate().Public().String(),
		LogKey: edKey, LogMLDSAKey: mlKey, TLS: []custody.Digest{statement.NewNonce()}, Addresses: []string{"relay.example:443"},
	}
	f.relay = must(custody.Sign(b, f.relayKey))
	for _, n := range []string{"de", "fr", "nl"} {
		f.offices = append(f.offices, newOffice(n, b.Fingerprint()))
	}
	return f
})

// world is a relay as the rule book sees it: records, a view, a clock, and the
// lines that a log would hold. Nothing in it is stored or sent.
type world struct {
	failer
	now        time.Time
	fp         custody.Digest // of the relay's root
	pins       map[string]custody.Digest
	view       *custody.View
	records    map[custody.RecordID]*custody.Record
	lines      []custody.Line
	nl, fr, de *office
}

// newWorld returns a world in which the relay and three authorities are known.
func newWorld(t failer) *world {
	f := found()
	w := &world{failer: t, now: t0, pins: map[string]custody.Digest{}, records: map[custody.RecordID]*custody.Record{}}
	w.fp = f.relay.Body.(*custody.Relay).Fingerprint()
	for _, o := range f.offices {
		w.pins[o.name] = o.root.Body.(*custody.Root).Fingerprint()
	}
	w.view = &custody.View{Origin: origin, RelayFingerprint: w.fp, Pins: w.pins}
	w.files("", f.relay)
	for _, o := range f.offices {
		w.files("", o.root)
		w.files("", o.dir)
	}
	de, fr, nl := *f.offices[0], *f.offices[1], *f.offices[2]
	w.de, w.fr, w.nl = &de, &fr, &nl
	return w
}

func (w *world) time() custody.Time { return statement.At(w.now) }

func (w *world) record(id custody.RecordID) *custody.Record {
	if r := w.records[id]; r != nil {
		return r
	}
	return custody.NewRecord(id)
}

func (w *world) decide(via custody.PartyID, s *custody.Statement) custody.Decision {
	return custody.Decide(w.record(s.Record()), w.view, custody.Action{Act: custody.ActStatement, Via: via, Statement: s}, w.time())
}

// file decides over a statement as a relay does and adds it if it is allowed.
func (w *world) file(via custody.PartyID, s *custody.Statement) custody.Decision {
	w.Helper()
	n := w.record(s.Record()).Len()
	d := w.decide(via, s)
	if again := w.decide(via, s); again != d || w.record(s.Record()).Len() != n {
		w.Fatalf("deciding over %s changed something: %s, then %s", s.Kind, d, again)
	}
	if d.Allowed() {
		w.add(via, s, d)
	}
	return d
}

func (w *world) add(via custody.PartyID, s *custody.Statement, d custody.Decision) {
	w.Helper()
	r := w.record(s.Record())
	e := custody.NewEntry(r, w.view, s, via, w.time(), d, deposit(s))
	l := custody.Line{Index: int64(len(w.lines)), Entry: e.Marshal(), Envelope: s.Envelope, Salt: statement.NewNonce()}
	if err := r.Apply(e, s, l.Salted()); err != nil {
		w.Fatalf("applying %s: %v", s.Kind, err)
	}
	w.records = maps.Clone(w.records)
	w.records[r.ID] = r
	w.view = w.view.With(r)
	w.lines = append(w.lines, l)
}

func deposit(s *custody.Statement) *custody.Deposit {
	b, ok := s.Body.(*custody.Seal)
	if !ok {
		return nil
	}
	return &custody.Deposit{Size: b.PayloadSize, Objects: []custody.StoredPayload{{Key: "aa/x/payload.000", Version: "1", Size: b.PayloadSize}}}
}

// files is file for what must be allowed.
func (w *world) files(via custody.PartyID, s *custody.Statement) {
	w.Helper()
	if d := w.file(via, s); !d.Allowed() {
		w.Fatalf("filing %s of %q: %s", s.Kind, s.Header.By, d)
	}
}

// publish makes and files the next directory of an authority.
func (w *world) publish(o *office, edit func(*custody.Directory), signers ...*keys.Private) custody.Decision {
	w.Helper()
	b := o.directory(w.now)
	edit(b)
	if signers == nil {
		signers = o.registrars
	}
	s := must(custody.Sign(b, signers...))
	d := w.file("", s)
	if d.Allowed() {
		o.dir = s
	}
	return d
}

// standing publishes a party with another standing, by all registrars.
func (w *world) standing(o *office, id custody.PartyID, status string) {
	w.Helper()
	if d := w.publish(o, func(b *custody.Directory) { entry(b, id).Status = status }); !d.Allowed() {
		w.Fatalf("publishing %q as %s: %s", id, status, d)
	}
}
