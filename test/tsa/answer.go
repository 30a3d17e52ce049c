package tsa

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"
)

// Policy is the policy that authorities stamp under unless a query asks for another.
const Policy = "1.3.6.1.4.1.99999.1"

var (
	idData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	idInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	idSHA256     = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}
	idRSA        = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}
	idECDSA      = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	idsAttribute = []asn1.ObjectIdentifier{
		{1, 2, 840, 113549, 1, 9, 3}, {1, 2, 840, 113549, 1, 9, 4}, {1, 2, 840, 113549, 1, 9, 16, 2, 47},
	}
)

type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

type query struct {
	Version int
	Imprint imprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional"`
}

type info struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  imprint
	Serial   *big.Int
	GenTime  time.Time `asn1:"generalized"`
	Accuracy struct{ Seconds int }
	Nonce    *big.Int         `asn1:"optional"`
	More     []pkix.Extension `asn1:"optional,tag:1"`
}

// Change alters what an authority is about to sign or to send.
type Change struct {
	Extensions []pkix.Extension
	Accuracy   int  // seconds; if 0, 1
	NoCert     bool // the signed attributes do not name the signer
	OtherCert  bool // they name another certificate
}

// Answer stamps a query at a time, and does as told.
func (a *Authority) Answer(request []byte, now time.Time, c Change) []byte {
	var q query
	_, err := asn1.Unmarshal(request, &q)
	must(err)
	a.mu.Lock()
	a.serial++
	serial := a.serial
	a.mu.Unlock()
	x := info{Version: 1, Policy: q.Policy, Imprint: q.Imprint, Serial: big.NewInt(serial), GenTime: now.UTC().Truncate(time.Second), Nonce: q.Nonce, More: c.Extensions}
	if x.Accuracy.Seconds = cmp.Or(c.Accuracy, 1); x.Policy == nil {
		x.Policy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
	}
	return a.respond(der(x), c)
}

// respond signs and wraps what is stamped.
func (a *Authority) respond(content []byte, c Change) []byte {
	digest := sha256.Sum256(content)
	named := sha256.Sum256(a.chain[0].Raw)
	if c.OtherCert {
		named[0] ^= 1
	}
	type essCertIDv2 struct{ Hash []byte }
	type signingCert struct{ Certs []essCertIDv2 }
	values := [][]byte{der(idInfo), der(digest[:]), der(signingCert{[]essCertIDv2{{named[:]}}})}
	var attrs [][]byte
	for i, v := range values {
		if i < 2 || !c.NoCert {
			attrs = append(attrs, slices.Concat(der(struct {
				Type   asn1.ObjectIdentifier
				Values asn1.RawValue
			}{idsAttribute[i], asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: v}})))
		}
	}
	slices.SortFunc(attrs, bytes.Compare)
	set := slices.Concat(attrs...)
	sum := sha256.Sum256(der(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: set}))
	sig, err := a.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	must(err)
	alg := idECDSA
	if _, ok := a.key.Public().(*rsa.PublicKey); ok {
		alg = idRSA
	}
	var certs []byte
	for _, x := range a.chain {
		certs = append(certs, x.Raw...)
	}
	tagged := func(b []byte) asn1.RawValue {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: b}
	}
	type signer struct {
		Version int
		ID      struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest    pkix.AlgorithmIdentifier
		Attrs     asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature []byte
	}
	s := signer{Version: 1, Digest: idSHA256, Attrs: tagged(set), Algorithm: alg, Signature: sig}
	s.ID.Issuer, s.ID.Serial = asn1.RawValue{FullBytes: a.chain[0].RawIssuer}, a.chain[0].SerialNumber
	type wrapped struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	signed := der(struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content wrapped
		Certs   asn1.RawValue
		Signers []signer `asn1:"set"`
	}{3, []pkix.AlgorithmIdentifier{idSHA256}, wrapped{idInfo, tagged(der(content))}, tagged(certs), []signer{s}})
	return der(struct {
		Status struct{ Status int }
		Token  wrapped
	}{Token: wrapped{idData, tagged(signed)}})
}
