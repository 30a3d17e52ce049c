// Package tsa is a time stamping authority for tests (RFC 3161): with a clock of the
// test's, or played by OpenSSL, which knows nothing of our code.
//
// It is no authority for anything else: its root is made anew each time, its keys lie
// in a folder of the test, and it can be told to do what no authority should.
package tsa

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"sync"
	"time"
)

// Options say how an authority is made. The zero value is a good one with ECDSA.
type Options struct {
	RSA          bool
	Name         string    // of who signs; if empty, "Test TSA"
	NotAfter     time.Time // of its certificate; if zero, in ten years
	NotBefore    time.Time // of its certificate; if zero, 2020
	Usage        []x509.ExtKeyUsage
	NotCritical  bool // the extension that says what the key is for
	Intermediate bool // between the root and who signs
}

// Authority is a root and who stamps in its name. It is safe for concurrent use.
type Authority struct {
	Roots []byte // PEM of the root
	chain []*x509.Certificate
	key   crypto.Signer

	mu     sync.Mutex
	serial int64
}

// New makes an authority. It panics if the machine cannot: tests alone call it.
func New(o Options) *Authority {
	if o.Name == "" {
		o.Name = "Test TSA"
	}
	if o.NotBefore.IsZero() {
		o.NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().AddDate(10, 0, 0)
	}
	if o.Usage == nil {
		o.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}
	root := issuer(1, o.Name+" root")
	key := newKey(o.RSA)
	root = sign(root, root, key.Public(), key)
	a := &Authority{Roots: PEM(root)}
	if o.Intermediate {
		next := newKey(o.RSA)
		a.chain = append(a.chain, sign(issuer(2, o.Name+" issuer"), root, next.Public(), key))
		root, key = a.chain[0], next
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{Organization: []string{"Test"}, CommonName: o.Name},
		NotBefore: o.NotBefore, NotAfter: o.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: !o.NotCritical, Value: usages(o.Usage)}},
	}
	a.key = newKey(o.RSA)
	a.chain = append([]*x509.Certificate{sign(leaf, root, a.key.Public(), key)}, a.chain...)
	return a
}

func issuer(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"Test"}, CommonName: name},
		NotBefore: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// usages encodes the extension itself, since package x509 never makes it critical.
func usages(list []x509.ExtKeyUsage) []byte {
	known := map[x509.ExtKeyUsage]int{x509.ExtKeyUsageServerAuth: 1, x509.ExtKeyUsageCodeSigning: 3, x509.ExtKeyUsageTimeStamping: 8}
	var ids []asn1.ObjectIdentifier
	for _, u := range list {
		ids = append(ids, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, known[u]})
	}
	return der(ids)
}

func newKey(isRSA bool) crypto.Signer {
	if isRSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		must(err)
		return k
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return k
}

func sign(c, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	b, err := x509.CreateCertificate(rand.Reader, c, parent, pub, by)
	must(err)
	c, err = x509.ParseCertificate(b)
	must(err)
	return c
}

// PEM encodes certificates.
func PEM(list ...*x509.Certificate) (b []byte) {
	for _, c := range list {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

func der(v any) []byte {
	b, err := asn1.Marshal(v)
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		panic("tsa: " + err.Error())
	}
}
