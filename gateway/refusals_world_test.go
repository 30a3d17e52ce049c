package gateway_test

import (
	"sync/atomic"
	"testing"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/gateway"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
)

// faults is a relay with cases in which everything can be done wrong. Nothing that
// is tried here succeeds, so each attempt finds the world as it was.
type faults struct {
	*world
	parties map[string]*party // by transport and id

	intruder *machine // whom no directory lists

	open   *story // granted, not accepted
	others *story // granted to another sender than the lab
	bare   *story // not granted
	over   *story // its grant has expired
	back   *story // its grant was revoked
	small  *story // its grant is used up by an open package
	taken  *story // accepted; has a recalled package and one that another replaces

	waiting *bundle // of open: all parts are here, epoch 2
	sealed  *bundle // of open
	late    *bundle // of over, open, without parts
	gone    *bundle // of back, open, without parts

	recalled *bundle // of taken, after its release
	replaced *bundle // of taken
	second   *bundle // of taken, all parts are here
}

// party is an agent's client and what came back last.
type party struct {
	*wire.Client
	tap *tap
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	f := &faults{world: newWorld(t), parties: map[string]*party{}, intruder: newMachine(t, "nl/agent/lab")}
	var ahead atomic.Int64
	f.change = hurried(&ahead)
	f.start()
	for _, a := range []*authority{f.nl, f.fr, f.de} {
		f.publish(a)
	}
	f.secondDirectory()
	f.open, f.bare = f.granting(func(*custody.Grant) {}), f.begin()
	f.others = f.granting(func(b *custody.Grant) { b.Senders = []custody.PartyID{f.nl.desk.id} })
	f.over = f.granting(func(b *custody.Grant) { b.Expires = statement.At(time.Now().Add(time.Hour)) })
	f.back = f.granting(func(*custody.Grant) {})
	f.small = f.granting(func(b *custody.Grant) { b.MaxPackages = 1 })

	lab := f.party(f.nl.lab, link.H2).Client
	f.waiting, f.sealed, f.late, f.gone = f.open.packOf(1000), f.open.packOf(1000), f.over.packOf(1000), f.back.packOf(1000)
	f.open.reserve(lab, f.waiting)
	f.open.upload(lab, f.waiting)
	_, err := lab.TakeOver(t.Context(), f.waiting.id)
	check(t, err)
	f.open.reserve(lab, f.sealed)
	f.open.upload(lab, f.sealed)
	f.sealed.seal = sign(t, f.open.sealBody(f.sealed), f.nl.lab.key)
	p, err := lab.Seal(t.Context(), f.sealed.id, f.sealed.epoch, f.sealed.seal.Envelope)
	check(t, err)
	f.open.after = f.proven(p, f.open.request.SHA256)
	f.over.reserve(lab, f.late)
	f.back.reserve(lab, f.gone)
	f.small.reserve(lab, f.small.packOf(1000))
	f.back.file(f.party(f.nl.desk, link.H2).Client, sign(t, &custody.Revocation{Header: f.header("nl", f.back.after), Request: f.back.request.SHA256,
		Grant: f.back.grant.SHA256, Reason: "error"}, f.nl.officers[0]), nil)
	f.takeBack()
	ahead.Add(int64(2 * time.Hour))
	return f
}

// takeBack recalls a package and replaces another one.
func (f *faults) takeBack() {
	f.t.Helper()
	s := f.granting(func(b *custody.Grant) { b.MaxPackages = 4 })
	f.taken = s
	s.accepted()
	lab := f.party(f.nl.lab, link.H2).Client
	f.recalled = s.take(s.packOf(1000), 1)
	s.file(lab, s.recallOf(f.recalled, "nl/agent/lab", f.nl.lab.key), nil)
	f.replaced = s.deposit(lab, s.packOf(1000), 2)
	b := s.packOf(1000)
	s.reserve(lab, b)
	s.upload(lab, b)
	body := s.sealBody(b)
	body.Delivery, body.Supersedes = 3, f.replaced.id
	p, err := lab.Seal(f.t.Context(), b.id, b.epoch, sign(f.t, body, f.nl.lab.key).Envelope)
	check(f.t, err)
	s.after = f.proven(p, s.request.SHA256)
	f.second = s.packOf(1000)
	s.reserve(lab, f.second)
	s.upload(lab, f.second)
}

// hurried gives a relay a clock that goes on by a quarter of a second whenever it is
// read, so that no caller ever asks too often.
func hurried(ahead *atomic.Int64) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Add(int64(time.Second / 4)))) }
	}
}

// secondDirectory publishes nl's directory of version 2, so that there is one to roll
// back to. The cast, which other tests share, stays as it is.
func (f *faults) secondDirectory() {
	f.t.Helper()
	nl := *f.nl
	nl.directory = f.nl.direct(f.t, f.nl.directory)
	_, err := f.stranger(nil).Submit(f.t.Context(), nl.directory.Envelope, nil)
	check(f.t, err)
}

// granting is a case with a grant.
func (f *faults) granting(change func(*custody.Grant)) *story {
	f.t.Helper()
	s, desk := f.begin(), f.party(f.nl.desk, link.H2).Client
	s.reviewed(desk)
	b := s.grantBody()
	change(b)
	s.grant = sign(f.t, b, f.nl.officers...)
	s.file(desk, s.grant, nil)
	return s
}

func (f *faults) cases() []*story {
	return []*story{f.open, f.others, f.bare, f.over, f.back, f.small, f.taken}
}

// party returns an agent that has said hello, over one connection for the whole test.
func (f *faults) party(m *machine, transport string) *party {
	f.t.Helper()
	p := f.parties[transport+string(m.id)]
	if p == nil {
		c := &tap{Conn: f.dial(&m.cert, transport), t: f.t}
		p = &party{wire.NewClient(c), c}
		_, err := p.Hello(f.t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, f.relay)
		check(f.t, err)
		f.parties[transport+string(m.id)] = p
	}
	return p
}
