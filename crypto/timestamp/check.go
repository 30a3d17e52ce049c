package timestamp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// imprints are the hashes that are taken, NIST CSOR.
var imprints = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256:   {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384:   {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512:   {2, 16, 840, 1, 101, 3, 4, 2, 3},
	crypto.SHA3_512: {2, 16, 840, 1, 101, 3, 4, 2, 10},
}

// imprintHash returns the hash that an identifier names, with parameters absent or
// NULL (RFC 5754 2).
func imprintHash(a pkix.AlgorithmIdentifier) (crypto.Hash, bool) {
	for h, id := range imprints {
		if id.Equal(a.Algorithm) {
			return h, noParameters(a)
		}
	}
	return 0, false
}

// signerHash is imprintHash for the hash that a signature is made with.
func signerHash(a pkix.AlgorithmIdentifier) (crypto.Hash, bool) {
	h, ok := imprintHash(a)
	return h, ok && h != crypto.SHA3_512
}

func noParameters(a pkix.AlgorithmIdentifier) bool {
	return len(a.Parameters.FullBytes) == 0 || bytes.Equal(a.Parameters.FullBytes, asn1.NullBytes)
}

// algorithm is how a token is signed: as it is kept, and as package x509 calls it.
type algorithm struct {
	id   pkix.AlgorithmIdentifier
	x509 x509.SignatureAlgorithm
}

// signatures are the algorithms that may be named besides rsaEncryption, by hash.
var signatures = map[crypto.Hash]struct {
	withRSA, withECDSA asn1.ObjectIdentifier
	rsa, ecdsa         x509.SignatureAlgorithm
}{
	crypto.SHA256: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.SHA256WithRSA, x509.ECDSAWithSHA256},
	crypto.SHA384: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.SHA384WithRSA, x509.ECDSAWithSHA384},
	crypto.SHA512: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.SHA512WithRSA, x509.ECDSAWithSHA512},
}

// algorithm returns how the token is signed, by the signer's key, the hash, and what
// the token names, which must fit both.
func (t *token) algorithm() (algorithm, error) {
	named, known := t.signed.Algorithm, signatures[t.digest]
	switch key := t.signer.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return algorithm{}, fmt.Errorf("signed with an RSA key of %d bits, which is not taken", key.N.BitLen())
		}
		if (named.Algorithm.Equal(idRSA) || named.Algorithm.Equal(known.withRSA)) && noParameters(named) {
			return algorithm{pkix.AlgorithmIdentifier{Algorithm: idRSA, Parameters: asn1.NullRawValue}, known.rsa}, nil
		}
	case *ecdsa.PublicKey:
		if named.Algorithm.Equal(known.withECDSA) && noParameters(named) {
			return algorithm{pkix.AlgorithmIdentifier{Algorithm: known.withECDSA}, known.ecdsa}, nil
		}
	}
	return algorithm{}, fmt.Errorf("signature algorithm %v of a key of type %v with %v is not taken", named.Algorithm, t.signer.PublicKeyAlgorithm, t.digest)
}

// attributes are the signed attributes that are looked at.
type attributes struct {
	contentType   asn1.ObjectIdentifier
	messageDigest []byte
	certs         []certID // that name the signer's certificate
}

// certID names a certificate by its hash.
type certID struct {
	hash   crypto.Hash
	sum    []byte
	issuer *issuerSerial
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue
}

type issuerSerial struct {
	Issuer asn1.RawValue // GeneralNames
	Serial *big.Int
}

// signingCert is of RFC 2634 5.4, its hash SHA-1; signingCertV2 of RFC 5035.
type signingCert struct {
	Certs    []essCertID
	Policies asn1.RawValue `asn1:"optional"`
}

type essCertID struct {
	Hash   []byte
	Issuer asn1.RawValue `asn1:"optional"`
}

type signingCertV2 struct {
	Certs    []essCertIDv2
	Policies asn1.RawValue `asn1:"optional"`
}

type essCertIDv2 struct {
	Algorithm pkix.AlgorithmIdentifier `asn1:"optional"` // absent: SHA-256
	Hash      []byte
	Issuer    asn1.RawValue `asn1:"optional"`
}

var errAttributes = errors.New("malformed signed attributes")

func (t *token) parseAttrs() error {
	der := t.signed.Attrs.Bytes
	if len(der) == 0 {
		return errors.New("it has no signed attributes")
	}
	var seen []string
	for len(der) > 0 {
		var a attribute
		rest, err := asn1.Unmarshal(der, &a)
		if err != nil || a.Values.Tag != asn1.TagSet || a.Values.Class != asn1.ClassUniversal {
			return errAttributes
		}
		if der = rest; slices.Contains(seen, a.Type.String()) {
			return fmt.Errorf("signed attribute %v is there twice", a.Type)
		}
		seen = append(seen, a.Type.String())
		if err := t.attrs.add(a); err != nil {
			return err
		}
	}
	switch {
	case !t.attrs.contentType.Equal(idTSTInfo):
		return errors.New("its signed attributes do not say that it is a time stamp")
	case len(t.attrs.messageDigest) == 0:
		return errors.New("its signed attributes name no digest")
	case len(t.attrs.certs) == 0:
		return errors.New("its signed attributes do not name the signer's certificate")
	}
	return nil
}

// add takes the one value of an attribute. Attributes that are not known are left
// alone, as RFC 5652 wants it: they are signed, and say nothing here.
func (x *attributes) add(a attribute) error {
	one := func(to any) error {
		if rest, err := asn1.Unmarshal(a.Values.Bytes, to); err != nil || len(rest) > 0 {
			return fmt.Errorf("malformed signed attribute %v", a.Type)
		}
		return nil
	}
	switch {
	case a.Type.Equal(idContentType):
		return one(&x.contentType)
	case a.Type.Equal(idMessageDigest):
		return one(&x.messageDigest)
	case a.Type.Equal(idSigningCert):
		var s signingCert
		if err := one(&s); err != nil || len(s.Certs) == 0 {
			return errAttributes
		}
		return x.name(crypto.SHA1, s.Certs[0].Hash, s.Certs[0].Issuer)
	case a.Type.Equal(idSigningCertV2):
		var s signingCertV2
		if err := one(&s); err != nil || len(s.Certs) == 0 {
			return errAttributes
		}
		h := crypto.SHA256
		if id := s.Certs[0].Algorithm; len(id.Algorithm) > 0 {
			var ok bool
			if h, ok = imprintHash(id); !ok {
				return fmt.Errorf("its signer is named with the hash %v, which is not taken", id.Algorithm)
			}
		}
		return x.name(h, s.Certs[0].Hash, s.Certs[0].Issuer)
	}
	return nil
}

// name notes by what the signer's certificate is named: the first one of the list.
func (x *attributes) name(h crypto.Hash, sum []byte, issuer asn1.RawValue) error {
	id := certID{hash: h, sum: sum}
	if len(issuer.FullBytes) > 0 {
		id.issuer = &issuerSerial{}
		if rest, err := asn1.Unmarshal(issuer.FullBytes, id.issuer); err != nil || len(rest) > 0 {
			return errAttributes
		}
	}
	x.certs = append(x.certs, id)
	return nil
}

// findSigner finds the certificate that all signed attributes name.
func (t *token) findSigner() error {
	for _, c := range t.certs {
		if !slices.ContainsFunc(t.attrs.certs, func(id certID) bool { return !id.names(c) }) {
			t.signer = c
			return nil
		}
	}
	if len(t.certs) == 0 {
		return errors.New("it carries no certificate")
	}
	return errors.New("it carries no certificate that its signed attributes name")
}

func (id certID) names(c *x509.Certificate) bool {
	var sum []byte
	if id.hash == crypto.SHA1 {
		s := sha1.Sum(c.Raw)
		sum = s[:]
	} else {
		w := id.hash.New()
		w.Write(c.Raw)
		sum = w.Sum(nil)
	}
	if !bytes.Equal(sum, id.sum) {
		return false
	}
	return id.issuer == nil || id.issuer.Serial.Cmp(c.SerialNumber) == 0 && bytes.Contains(id.issuer.Issuer.Bytes, c.RawIssuer)
}

// check checks all that the token says, and returns the chain from its signer to the
// root, or without roots the signer alone.
func (t *token) check(imprint Imprint, roots *Roots) ([]*x509.Certificate, error) {
	want := imprint(t.imprintHash)
	switch {
	case want == nil:
		return nil, fmt.Errorf("its imprint is made with %v, which is not what was asked for", t.imprintHash)
	case !bytes.Equal(want, t.info.Imprint.Digest):
		return nil, errors.New("its imprint is of other bytes")
	}
	if err := t.checkSignature(); err != nil {
		return nil, err
	}
	if err := checkUsage(t.signer); err != nil {
		return nil, err
	}
	if roots == nil {
		return []*x509.Certificate{t.signer}, nil
	}
	return t.chain(roots)
}

func (t *token) checkSignature() error {
	w := t.digest.New()
	w.Write(t.content)
	if !bytes.Equal(w.Sum(nil), t.attrs.messageDigest) {
		return errors.New("its signed attributes name another digest than that of its content")
	}
	a, err := t.algorithm()
	if err != nil {
		return err
	}
	// RFC 5652 5.4: signed are the attributes under the tag of a SET.
	signed, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: t.signed.Attrs.Bytes})
	if err != nil {
		return err
	}
	if err := t.signer.CheckSignature(a.x509, signed, t.signed.Signature); err != nil {
		return errors.New("its signature is wrong")
	}
	return nil
}

// checkUsage is RFC 3161 2.3: a key that stamps does nothing else, and its
// certificate says so critically.
func checkUsage(c *x509.Certificate) error {
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(idExtKeyUsage) && e.Critical })
	switch {
	case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping):
		return fmt.Errorf("the certificate of %q is not for time stamping", name(c))
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 1:
		return fmt.Errorf("the certificate of %q is not for time stamping alone", name(c))
	case !critical:
		return fmt.Errorf("the certificate of %q does not say critically that it is for time stamping", name(c))
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return fmt.Errorf("the key of %q is not for signatures", name(c))
	}
	return nil
}

// chain leads from the signer to a root, by certificates that were all valid at the
// time of the stamp.
func (t *token) chain(roots *Roots) ([]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, c := range t.certs {
		between.AddCert(c)
	}
	chains, err := t.signer.Verify(x509.VerifyOptions{
		Roots: roots.pool, Intermediates: between, CurrentTime: t.info.GenTime, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return nil, fmt.Errorf("%q, who signed it, leads to no pinned root at %s: %v", name(t.signer), t.info.GenTime.UTC().Format("2006-01-02T15:04:05Z"), err)
	}
	return slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) }), nil
}
