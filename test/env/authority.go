package env

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
)

// Authority is one State's office with all its keys: one root key, a registrar,
// two officers, a lab and a desk agent, and two recipients that the lab holds.
type Authority struct {
	Name       string
	Root       *keys.Private
	Registrar  *keys.Private
	Officers   []*keys.Private // NAME/officer/a, NAME/officer/b
	Lab, Desk  *keys.Private   // NAME/agent/lab-1, NAME/agent/desk-1
	Identities map[custody.PartyID]*age.HybridIdentity
	Witness    *Witness // NAME/witness/1; nil: none

	root custody.Digest // payload hash of the root statement
}

// NewAuthority makes an authority with fresh keys.
func NewAuthority(name string) (*Authority, error) {
	a := &Authority{
		Name: name, Root: keys.Generate(), Registrar: keys.Generate(),
		Officers: []*keys.Private{keys.Generate(), keys.Generate()},
		Lab:      keys.Generate(), Desk: keys.Generate(),
		Identities: map[custody.PartyID]*age.HybridIdentity{},
	}
	for _, id := range a.Recipients() {
		k, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, fmt.Errorf("making identity of %q: %v", id, err)
		}
		a.Identities[id] = k
	}
	return a, nil
}

// ID returns the id of one of the authority's parties, as in ID("agent/lab-1").
func (a *Authority) ID(rest string) custody.PartyID { return custody.PartyID(a.Name + "/" + rest) }

// Recipients lists the authority's recipients.
func (a *Authority) Recipients() []custody.PartyID {
	return []custody.PartyID{a.ID("recipient/backup"), a.ID("recipient/lab")}
}

// root1 returns the body of the authority's first root.
func (a *Authority) root1(now custody.Time) (*custody.Root, error) {
	l, err := a.enrol("registrar/1", a.Registrar, now, nil)
	if err != nil {
		return nil, err
	}
	return &custody.Root{
		Header: custody.Header{By: a.Name, Issued: now}, Version: 1, Expires: later(now, 300),
		Threshold: 1, Keys: []string{a.Root.Public().String()}, RegistrarThreshold: 1, Registrars: []custody.Listing{l},
	}, nil
}

// directory1 returns the body of the authority's first directory, which accepts
// one relay and wants two officers for a grant of what is sensitive.
func (a *Authority) directory1(relay custody.RelayPin, now custody.Time) (*custody.Directory, error) {
	d := &custody.Directory{
		Header: custody.Header{By: a.Name, Issued: now}, Version: 1, Root: a.root, Expires: later(now, 200),
		Rules:  custody.Thresholds{Request: 1, Review: 1, Grant: 1, Sensitive: 2, Refusal: 1, Acceptance: 1, Revocation: 1},
		Relays: []custody.RelayPin{relay},
	}
	signers := map[string]*keys.Private{"officer/a": a.Officers[0], "officer/b": a.Officers[1], "agent/lab-1": a.Lab, "agent/desk-1": a.Desk}
	for rest, k := range signers {
		l, err := a.enrol(rest, k, now, nil)
		if err != nil {
			return nil, err
		}
		d.Entries = append(d.Entries, l)
	}
	for id, k := range a.Identities {
		l, err := a.enrol(strings.TrimPrefix(string(id), a.Name+"/"), a.Lab, now, k)
		if err != nil {
			return nil, err
		}
		d.Entries = append(d.Entries, l)
	}
	if a.Witness != nil {
		l, err := a.Witness.listing(now)
		if err != nil {
			return nil, err
		}
		d.Entries = append(d.Entries, l)
	}
	slices.SortFunc(d.Entries, func(x, y custody.Listing) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return d, nil
}

// enrol lists a party with its own enrolment; a recipient with that of the lab
// that holds its identity.
func (a *Authority) enrol(rest string, k *keys.Private, now custody.Time, identity *age.HybridIdentity) (l custody.Listing, err error) {
	e := custody.Enrolment{Authority: a.Name, ID: a.ID(rest), Issued: now}
	l = custody.Listing{ID: e.ID, Status: custody.StatusActive, NotBefore: now, NotAfter: later(now, 190)}
	switch e.ID.Role() {
	case custody.RoleAgent:
		l.Duties = []string{custody.DutyLab}
		if rest == "agent/desk-1" {
			l.Duties = []string{custody.DutyDesk}
		}
		if e.Certificate, err = certificate(now.Time()); err != nil {
			return l, err
		}
	case custody.RoleRecipient:
		e.Recipient, e.Holder = identity.Recipient().String(), a.ID("agent/lab-1")
		opened := statement.NewNonce()
		e.Challenge = &custody.Challenge{FileSHA256: sha256.Sum256(opened[:]), Opened: opened}
	}
	l.Enrolment, err = custody.Enrol(e, k)
	return l, err
}

// certificate makes a TLS key, which nothing here uses, and its certificate.
func certificate(now time.Time) ([]byte, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "comity"},
		NotBefore: now, NotAfter: now.AddDate(1, 0, 0),
	}
	return x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
}

func later(t custody.Time, days int) custody.Time {
	return statement.At(t.Time().AddDate(0, 0, days))
}
