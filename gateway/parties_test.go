package gateway_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/link"
	"comity.example/comity/internal/wire"
	"filippo.io/age"
)

// machine is an agent: its hybrid key and its TLS key.
type machine struct {
	id   custody.PartyID
	key  *keys.Private
	cert tls.Certificate
	spki [32]byte
}

// authority is one State with all its secret keys.
type authority struct {
	name               string
	rootKey, registrar *keys.Private
	officers           []*keys.Private
	lab, desk, auditor *machine
	identity           *age.HybridIdentity // of both recipients' lab
	recipients         map[custody.PartyID]string
	root, directory    *custody.Statement
	relay              custody.Digest // fingerprint
}

func newMachine(t testing.TB, id custody.PartyID) *machine {
	t.Helper()
	der, key, err := link.NewCertificate()
	check(t, err)
	m := &machine{id: id, key: keys.Generate()}
	m.cert, err = link.Certificate(der, key)
	check(t, err)
	m.spki, err = link.SPKI(der)
	check(t, err)
	return m
}

// newAuthority makes an authority with two officers, who sign grants together, a
// lab, a desk and two recipients.
func newAuthority(t testing.TB, name string, relay custody.Digest) *authority {
	t.Helper()
	a := &authority{
		name: name, rootKey: keys.Generate(), registrar: keys.Generate(),
		officers: []*keys.Private{keys.Generate(), keys.Generate()}, recipients: map[custody.PartyID]string{}, relay: relay,
	}
	a.lab, a.desk, a.auditor = newMachine(t, a.id("agent/lab")), newMachine(t, a.id("agent/desk")), newMachine(t, a.id("auditor/1"))
	for _, r := range []string{"recipient/backup", "recipient/lab"} {
		identity, recipient, err := seal.GenerateIdentity()
		check(t, err)
		a.recipients[a.id(r)] = recipient
		a.identity, err = seal.ParseIdentity(identity) // the lab's, which comes last
		check(t, err)
	}
	a.root = sign(t, &custody.Root{
		Header: custody.Header{By: name, Issued: now()}, Version: 1, Expires: inDays(365),
		Threshold: 1, Keys: []string{a.rootKey.Public().String()}, RegistrarThreshold: 1,
		Registrars: []custody.Listing{a.list(t, custody.Enrolment{ID: a.id("registrar/1")}, a.registrar)},
	}, a.rootKey)
	a.directory = a.direct(t, nil)
	return a
}

func (a *authority) id(rest string) custody.PartyID { return custody.PartyID(a.name + "/" + rest) }

// list enrols a party and lists it as active.
func (a *authority) list(t testing.TB, e custody.Enrolment, k *keys.Private, duties ...string) custody.Listing {
	t.Helper()
	e.Authority, e.Issued = a.name, now()
	env, err := custody.Enrol(e, k)
	check(t, err)
	return custody.Listing{ID: e.ID, Status: custody.StatusActive, NotBefore: inDays(-1), NotAfter: inDays(365), Duties: duties, Enrolment: env}
}

// direct makes the first directory, or the one after another, in which the party
// named in revoked is revoked.
func (a *authority) direct(t testing.TB, last *custody.Statement, revoked ...custody.PartyID) *custody.Statement {
	t.Helper()
	b := &custody.Directory{
		Header: custody.Header{By: a.name, Issued: now()}, Version: 1, Root: a.root.SHA256, Expires: inDays(300),
		Rules:  custody.Thresholds{Request: 1, Review: 1, Grant: 2, Sensitive: 2, Refusal: 1, Acceptance: 1, Revocation: 1},
		Relays: []custody.RelayPin{{Origin: origin, Fingerprint: a.relay}},
	}
	if last != nil {
		old := *last.Body.(*custody.Directory)
		b, b.Header = &old, custody.Header{By: a.name, Issued: now()}
		b.Version, b.Prev, b.Entries = old.Version+1, last.SHA256, slices.Clone(old.Entries)
		for i, l := range b.Entries {
			if slices.Contains(revoked, l.ID) {
				b.Entries[i].Status = custody.StatusRevoked
			}
		}
		return sign(t, b, a.registrar)
	}
	for _, m := range []*machine{a.lab, a.desk} {
		duty := strings.TrimPrefix(string(m.id), a.name+"/agent/")
		b.Entries = append(b.Entries, a.list(t, custody.Enrolment{ID: m.id, Certificate: m.cert.Certificate[0]}, m.key, duty))
	}
	b.Entries = append(b.Entries, a.list(t, custody.Enrolment{ID: a.auditor.id, Certificate: a.auditor.cert.Certificate[0]}, a.auditor.key))
	for i, k := range a.officers {
		b.Entries = append(b.Entries, a.list(t, custody.Enrolment{ID: a.id("officer/" + string(rune('1'+i)))}, k))
	}
	for id, r := range a.recipients {
		e := custody.Enrolment{ID: id, Recipient: r, Holder: a.lab.id,
			Challenge: &custody.Challenge{FileSHA256: statement.NewNonce(), Opened: statement.NewNonce()}}
		b.Entries = append(b.Entries, a.list(t, e, a.lab.key))
	}
	slices.SortFunc(b.Entries, func(x, y custody.Listing) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return sign(t, b, a.registrar)
}

// directoryBy is the next directory, without the lab, signed by another registrar.
func (a *authority) directoryBy(t testing.TB, k *keys.Private) *custody.Statement {
	t.Helper()
	b := *a.direct(t, a.directory, a.lab.id).Body.(*custody.Directory)
	b.Header = custody.Header{By: a.name, Issued: now()}
	return sign(t, &b, k)
}

// ageRecipients returns the recipients of authorities, in the order of their ids.
func ageRecipients(t testing.TB, of ...*authority) (list []age.Recipient) {
	t.Helper()
	for _, a := range of {
		for _, id := range []custody.PartyID{a.id("recipient/backup"), a.id("recipient/lab")} {
			r, err := seal.ParseRecipient(a.recipients[id])
			check(t, err)
			list = append(list, r)
		}
	}
	return list
}

// dial connects to the relay with a TLS key, or with none.
func (w *world) dial(cert *tls.Certificate, transport string) *link.Conn {
	w.t.Helper()
	c, err := link.Dial(w.t.Context(), link.DialConfig{Addrs: []string{w.addr}, ServerSPKI: [][32]byte{w.spki}, Certificate: cert, Transport: transport})
	check(w.t, err)
	w.conns = append(w.conns, c)
	return c
}

// stranger is a client that has proved nothing.
func (w *world) stranger(cert *tls.Certificate) *wire.Client {
	w.t.Helper()
	return wire.NewClient(w.dial(cert, link.H2))
}

// as is a client of an agent that has said hello.
func (w *world) as(m *machine) *wire.Client {
	w.t.Helper()
	return w.over(m, link.H3)
}

func (w *world) over(m *machine, transport string) *wire.Client {
	w.t.Helper()
	c := wire.NewClient(w.dial(&m.cert, transport))
	_, err := c.Hello(w.t.Context(), wire.Identity{ID: m.id, Key: m.key, SPKI: m.spki}, origin, w.relay)
	check(w.t, err)
	return c
}
