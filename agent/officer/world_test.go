package officer_test

import (
	"path/filepath"
	"testing"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/agent/officer"
	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

const origin = "relay.example"

var (
	relayFP = custody.HashOf([]byte("the relay's root"))
	start   = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
)

func fatalIfErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newHome makes a home whose officer and root keys have no passphrase: making
// one takes scrypt a second.
func newHome(t *testing.T, authority string) *agent.Home {
	t.Helper()
	h, err := agent.CreateHome(filepath.Join(t.TempDir(), authority), authority)
	fatalIfErr(t, err)
	fatalIfErr(t, h.SaveRootKey(1, keys.Generate(), nil))
	fatalIfErr(t, h.SaveKey(custody.PartyID(authority+"/officer/mla-1"), keys.Generate(), nil))
	return h
}

// oneMachine is an authority on one machine, its directory signed.
func oneMachine(t *testing.T, authority string) (*agent.Home, *officer.Registry) {
	t.Helper()
	h := newHome(t, authority)
	_, err := officer.InitMachine(h, officer.Machine{Lab: true, Desk: true, Officer: true, Backup: true}, officer.RootSpec{Keys: 1, Threshold: 1}, start)
	fatalIfErr(t, err)
	r := officer.NewRegistry(h)
	d, err := r.Draft()
	fatalIfErr(t, err)
	d.Accept(custody.RelayPin{Origin: origin, Fingerprint: relayFP})
	fatalIfErr(t, r.Save(d))
	return h, r
}

// world is two authorities and a log that the rule book alone keeps.
type world struct {
	t      *testing.T
	now    time.Time
	homes  map[string]*agent.Home
	book   *custody.Book
	lines  map[custody.RecordID][]wire.Line
	length int64
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: start, homes: map[string]*agent.Home{}, lines: map[custody.RecordID][]wire.Line{}}
	pins := map[string]custody.Digest{}
	regs := map[string]*officer.Registry{}
	for _, name := range []string{"nl", "de"} {
		w.homes[name], regs[name] = oneMachine(t, name)
		pins[name] = w.homes[name].Trust.Pins()[name]
	}
	w.book = custody.NewBook(origin, pins, relayFP)
	for _, name := range []string{"nl", "de"} {
		roots, err := regs[name].Roots()
		fatalIfErr(t, err)
		w.add(roots[0], "")
		g, err := regs[name].Sign(time.Time{}, start)
		fatalIfErr(t, err)
		w.add(g.Statement, "")
	}
	return w
}

// add asks the rule book for a statement and logs it; it returns the refusal.
func (w *world) try(st *custody.Statement, via custody.PartyID, dep *custody.Deposit) custody.Decision {
	w.t.Helper()
	r := w.book.Record(st.Record())
	if r == nil {
		r = custody.NewRecord(st.Record())
	}
	now := statement.At(w.now)
	d := custody.Decide(r, w.book.View(), custody.Action{Act: custody.ActStatement, Via: via, Statement: st}, now)
	if !d.Allowed() {
		return d
	}
	e := custody.NewEntry(r, w.book.View(), st, via, now, d, dep).Marshal()
	l := wire.Line{Index: w.length, Entry: e, Envelope: st.Envelope, Salt: statement.NewNonce()}
	_, _, err := w.book.Add(custody.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt})
	fatalIfErr(w.t, err)
	w.lines[st.Record()] = append(w.lines[st.Record()], l)
	w.length++
	w.now = w.now.Add(time.Minute)
	return d
}

func (w *world) add(st *custody.Statement, via custody.PartyID) {
	w.t.Helper()
	if d := w.try(st, via, nil); !d.Allowed() {
		w.t.Fatalf("the rules refuse the %s: %s", st.Kind, d)
	}
}

// office drafts for an authority in the state of the world.
func (w *world) office(name string) officer.Office {
	return officer.Office{Authority: name, View: w.book.View(), Now: w.now}
}

// header begins a statement by a party of a case; request is empty for a request.
func (w *world) header(by, request string) custody.Header {
	h := custody.Header{Relay: origin, By: by, Issued: statement.At(w.now)}
	if request != "" {
		h.After = w.book.Record(custody.RecordID(request)).Tip()
	}
	return h
}

// file signs a paper as an authority's officer and logs it over its desk.
func (w *world) file(name string, p *officer.Paper, err error) *custody.Statement {
	w.t.Helper()
	fatalIfErr(w.t, err)
	st := w.signed(p.Body, custody.PartyID(name+"/officer/mla-1"))
	w.add(st, custody.PartyID(name+"/agent/desk-1"))
	return st
}

func (w *world) signed(b custody.Body, by custody.PartyID) *custody.Statement {
	w.t.Helper()
	k, err := w.homes[by.Authority()].Key(by)
	fatalIfErr(w.t, err)
	st, err := custody.Sign(b, k)
	fatalIfErr(w.t, err)
	return st
}

func (w *world) kase(request string) *custody.Case {
	return w.book.Record(custody.RecordID(request)).Case()
}

func (w *world) snapshot() *agent.Snapshot {
	return &agent.Snapshot{Book: w.book, Records: w.lines, Taken: w.now}
}

// request files the request that most tests are about.
func (w *world) request() string {
	w.t.Helper()
	p, err := w.office("nl").Request(w.header("nl", ""), officer.RequestSpec{
		To: "de", Instrument: "ets-185", Assistance: custody.AssistanceDisclosure, Categories: []string{"stored-data"}, Urgency: "routine", Reference: "NL-2026-0412", Facts: "A server was used.",
		Order:   officer.Attachment{Name: "order.pdf", Data: []byte("the order")},
		Expires: w.now.Add(90 * 24 * time.Hour),
	})
	return string(w.file("nl", p, err).Record())
}

// grant files review and grant as drafted.
func (w *world) grant(id string) *custody.Statement {
	w.t.Helper()
	g, err := w.office("de").DraftGrant(id, w.kase(id), false)
	fatalIfErr(w.t, err)
	p, err := w.office("de").Review(w.header("de", id), w.kase(id), *g.Review)
	review := w.file("de", p, err)
	p, err = w.office("de").Grant(w.header("de", id), w.kase(id), review.SHA256, g)
	return w.file("de", p, err)
}
