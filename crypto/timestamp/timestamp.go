// Package timestamp asks a time stamping authority, and checks what it answers:
// RFC 3161, a signed word that some bytes existed before a time.
//
// A Query is what is sent; Query.Answer checks the response to it down to a pinned
// root and returns the stamp in the one form that is kept:
//
//	SEQUENCE { SEQUENCE { INTEGER 0 }, ContentInfo }     RFC 3161 2.4.2, granted, nothing else said
//
// whose CMS SignedData (RFC 5652) has version 3, one digest algorithm, no more
// certificates than lead from the signer to a pinned root (without the root), no
// revocation lists, one signer info named by issuer and serial number, and no
// unsigned attributes. What is signed stays as it came; what is not is written anew.
// So no byte of a kept stamp can be altered without Verify noticing it, and
// "openssl ts -verify -in" reads it as well.
//
// It refuses: imprints and signatures with less than SHA-256, RSA keys below 2048
// bits, other algorithms than RSA PKCS #1 v1.5 and ECDSA; signers whose certificate
// is for anything but time stamping, or does not say so critically (RFC 3161 2.3);
// tokens without a signing certificate attribute (RFC 2634, RFC 5035), with an
// unknown critical extension, or of an accuracy above a minute. It does not ask
// whether a certificate was revoked: that is the business of whoever pins the root,
// and of the second authority. It reads no clock, network or disk.
package timestamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	_ "crypto/sha256" // registers the hashes of imprints
	_ "crypto/sha3"
	_ "crypto/sha512"
)

const (
	// MaxBytes is the largest response that is read.
	MaxBytes = 64 << 10

	// MaxAccuracy is the largest accuracy of a stamp that is taken.
	MaxAccuracy = time.Minute
)

// TypeQuery and TypeReply are the media types of RFC 3161 3.4.
const (
	TypeQuery = "application/timestamp-query"
	TypeReply = "application/timestamp-reply"
)

// Stamp is what a checked token says.
type Stamp struct {
	Time     time.Time     // by the authority's clock, UTC
	Accuracy time.Duration // 0 if the token says nothing of it
	Policy   string        // under which it was made, an OID in dots
	Serial   *big.Int
	Hash     crypto.Hash // of the imprint

	// Authority is the name of who signed, as its certificate has it. Who reads it
	// on a screen must treat it as a stranger's choice unless Checked.
	Authority string

	// Root is the SHA-256 of the pinned certificate that the signer leads to; zero
	// unless Checked.
	Root [32]byte

	// Until is when the first certificate of the chain ends: until then at least,
	// somebody answered for the signer's key.
	Until time.Time

	// Checked reports whether the signer leads to a pinned root. Without roots the
	// token is only consistent with itself: anybody can make one.
	Checked bool
}

// Latest returns the time before which the stamped bytes existed, by the authority.
func (s *Stamp) Latest() time.Time { return s.Time.Add(s.Accuracy) }

// Imprint returns the hash of the stamped bytes, or nil if a token with that hash
// is not taken.
type Imprint func(crypto.Hash) []byte

// Of is the Imprint of bytes with SHA-256, SHA-384 or SHA-512.
func Of(data []byte) Imprint {
	return func(h crypto.Hash) []byte {
		switch h {
		case crypto.SHA256, crypto.SHA384, crypto.SHA512:
			w := h.New()
			w.Write(data)
			return w.Sum(nil)
		}
		return nil
	}
}

// Verify checks a kept stamp of some bytes: that it is in the one form, whose
// imprint it has, the signer's attributes and signature, the certificates down to
// one of the roots at the time of the stamp. Without roots, nil, the chain is not
// checked and the stamp says so.
func Verify(kept []byte, imprint Imprint, roots *Roots) (*Stamp, error) {
	s, err := verify(kept, imprint, roots)
	if err != nil {
		return nil, fmt.Errorf("verifying time stamp: %w", err)
	}
	return s, nil
}

func verify(kept []byte, imprint Imprint, roots *Roots) (*Stamp, error) {
	t, err := parseResponse(kept)
	if err != nil {
		return nil, err
	}
	again, err := t.form(t.certs)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, kept) {
		return nil, errors.New("not in the form that stamps are kept in")
	}
	chain, err := t.check(imprint, roots)
	if err != nil {
		return nil, err
	}
	if roots != nil {
		for _, c := range t.certs {
			if !contains(chain, c) {
				return nil, fmt.Errorf("certificate of %q does not belong to the chain to the pinned root", name(c))
			}
		}
	}
	return t.stamp(chain, roots != nil), nil
}

// Answer checks the response to a query as Verify does, and that it answers this
// query: its status, nonce, hash and policy. It returns the stamp in the form that
// is kept. Roots must not be nil.
func (q *Query) Answer(response []byte, roots *Roots) (kept []byte, s *Stamp, err error) {
	if kept, s, err = q.answer(response, roots); err != nil {
		return nil, nil, fmt.Errorf("checking the answer to a time stamp query: %w", err)
	}
	return kept, s, nil
}

func (q *Query) answer(response []byte, roots *Roots) ([]byte, *Stamp, error) {
	if roots == nil {
		return nil, nil, errors.New("no root is pinned")
	}
	t, err := parseResponse(response)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case t.info.Nonce == nil || t.info.Nonce.Cmp(q.Nonce) != 0:
		err = errors.New("its nonce is not the query's: it answers another query, or is an old answer")
	case q.Policy != "" && t.info.Policy.String() != q.Policy:
		err = fmt.Errorf("it was made under policy %s, asked for was %s", t.info.Policy, q.Policy)
	}
	if err != nil {
		return nil, nil, err
	}
	chain, err := t.check(q.imprint, roots)
	if err != nil {
		return nil, nil, err
	}
	kept, err := t.form(without(chain, roots))
	if err != nil {
		return nil, nil, err
	}
	// What is kept is checked by those who need it, so it is checked here as they will.
	s, err := verify(kept, q.imprint, roots)
	if err != nil {
		return nil, nil, fmt.Errorf("writing it in the form that is kept: %w", err)
	}
	return kept, s, nil
}

func (q *Query) imprint(h crypto.Hash) []byte {
	if h != q.Hash {
		return nil
	}
	return q.Digest
}

// stamp returns what the token says, once all of it is checked.
func (t *token) stamp(chain []*x509.Certificate, checked bool) *Stamp {
	s := &Stamp{
		Time: t.info.GenTime.UTC(), Accuracy: t.info.Accuracy.duration(), Policy: t.info.Policy.String(), Serial: t.info.Serial,
		Hash: t.imprintHash, Authority: name(t.signer), Until: t.signer.NotAfter.UTC(), Checked: checked,
	}
	for _, c := range chain {
		if c.NotAfter.Before(s.Until) {
			s.Until = c.NotAfter.UTC()
		}
	}
	if checked {
		s.Root = sha256sum(chain[len(chain)-1].Raw)
	}
	return s
}

// name is what a certificate calls its subject.
func name(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

// oid returns an object identifier written in dots.
func oid(s string) (asn1.ObjectIdentifier, error) {
	o, err := x509.ParseOID(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not an object identifier", s)
	}
	der, err := o.MarshalBinary()
	if err != nil {
		return nil, err
	}
	full, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagOID, Bytes: der})
	if err != nil {
		return nil, err
	}
	var id asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(full, &id); err != nil || id.String() != s {
		return nil, fmt.Errorf("%q is not an object identifier", s)
	}
	return id, nil
}
