package timestamp

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// maxCerts is how many certificates a response may carry.
const maxCerts = 16

var (
	idSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	idTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	idContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	idMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	idSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	idSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

	idRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	idExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// pkiStatusInfo is RFC 3161 2.4.2.
type pkiStatusInfo struct {
	Status int
	Text   []string       `asn1:"optional"`
	Fail   asn1.BitString `asn1:"optional"`
}

type timeStampResp struct {
	Status pkiStatusInfo
	Token  asn1.RawValue `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

// signedData is RFC 5652 5.1.
type signedData struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Content          encapsulated
	Certificates     asn1.RawValue `asn1:"optional,tag:0"`
	CRLs             asn1.RawValue `asn1:"optional,tag:1"`
	Signers          []signerInfo  `asn1:"set"`
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,tag:0"`
}

type signerInfo struct {
	Version   int
	ID        asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Attrs     asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// tstInfo is RFC 3161 2.4.2.
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    messageImprint
	Serial     *big.Int
	GenTime    time.Time        `asn1:"generalized"`
	Accuracy   accuracy         `asn1:"optional"`
	Ordering   bool             `asn1:"optional"`
	Nonce      *big.Int         `asn1:"optional"`
	TSA        asn1.RawValue    `asn1:"optional,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

type accuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

// check refuses what RFC 3161 does not allow, before it is added up.
func (a accuracy) check() error {
	if a.Seconds < 0 || a.Seconds > 1<<20 || a.Millis < 0 || a.Millis > 999 || a.Micros < 0 || a.Micros > 999 {
		return errors.New("its accuracy is out of range")
	}
	if d := a.duration(); d > MaxAccuracy {
		return fmt.Errorf("its accuracy is %v, more than %v", d, MaxAccuracy)
	}
	return nil
}

func (a accuracy) duration() time.Duration {
	return time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond
}

// token is a parsed token, of which nothing is checked but its form.
type token struct {
	content []byte // DER of info: what is signed
	info    tstInfo
	certs   []*x509.Certificate
	signed  signerInfo
	attrs   attributes

	signer      *x509.Certificate // named by the signed attributes
	digest      crypto.Hash       // of content and attributes
	imprintHash crypto.Hash
}

// parseResponse reads a response that grants a token.
func parseResponse(der []byte) (*token, error) {
	if len(der) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, more than %d", len(der), MaxBytes)
	}
	var r timeStampResp
	if rest, err := asn1.Unmarshal(der, &r); err != nil || len(rest) > 0 {
		return nil, errors.New("not a response of RFC 3161, or not whole")
	}
	if s := r.Status; s.Status != 0 && s.Status != 1 { // granted, granted with modifications
		return nil, refused(s)
	}
	if len(r.Token.FullBytes) == 0 {
		return nil, errors.New("the authority granted a token and sent none")
	}
	return parseToken(r.Token.FullBytes)
}

// failures are the bits of PKIFailureInfo that RFC 3161 defines.
var failures = map[int]string{
	0: "unknown algorithm", 2: "bad request", 5: "bad data format", 14: "time source not available", 15: "policy not accepted",
	16: "extension not accepted", 17: "additional information not available", 25: "system failure",
}

func refused(s pkiStatusInfo) error {
	why := fmt.Sprintf("status %d", s.Status)
	for bit, text := range failures {
		if s.Fail.At(bit) == 1 {
			why += ", " + text
		}
	}
	if len(s.Text) > 0 {
		why += fmt.Sprintf(", %.200q", s.Text[0])
	}
	return fmt.Errorf("the authority refused: %s", why)
}

func parseToken(der []byte) (*token, error) {
	var ci contentInfo
	if rest, err := asn1.Unmarshal(der, &ci); err != nil || len(rest) > 0 || !ci.Type.Equal(idSignedData) {
		return nil, errors.New("not a token: no CMS signed data")
	}
	var sd signedData
	if rest, err := asn1.Unmarshal(ci.Content.Bytes, &sd); err != nil || len(rest) > 0 {
		return nil, errors.New("not a token: malformed CMS signed data")
	}
	if !sd.Content.Type.Equal(idTSTInfo) {
		return nil, fmt.Errorf("it holds content of type %v, not a time stamp", sd.Content.Type)
	}
	if len(sd.Signers) != 1 {
		return nil, fmt.Errorf("%d signers, want one", len(sd.Signers))
	}
	t := &token{content: sd.Content.Content, signed: sd.Signers[0]}
	for _, f := range []func() error{
		t.parseInfo, func() error { return t.parseCerts(sd.Certificates.Bytes) }, t.parseAttrs, t.findSigner,
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *token) parseInfo() error {
	if rest, err := asn1.Unmarshal(t.content, &t.info); err != nil || len(rest) > 0 {
		return errors.New("malformed time stamp info")
	}
	if t.info.Version != 1 {
		return fmt.Errorf("time stamp info of version %d", t.info.Version)
	}
	for _, e := range t.info.Extensions {
		if e.Critical {
			return fmt.Errorf("unknown critical extension %v", e.Id)
		}
	}
	var ok bool
	if t.imprintHash, ok = imprintHash(t.info.Imprint.Algorithm); !ok {
		return fmt.Errorf("its imprint is made with the hash %v, which is not taken", t.info.Imprint.Algorithm.Algorithm)
	}
	if t.digest, ok = signerHash(t.signed.Digest); !ok {
		return fmt.Errorf("it is signed with the hash %v, which is not taken", t.signed.Digest.Algorithm)
	}
	return t.info.Accuracy.check()
}

func (t *token) parseCerts(der []byte) error {
	for len(der) > 0 {
		var raw asn1.RawValue
		rest, err := asn1.Unmarshal(der, &raw)
		if err != nil {
			return errors.New("malformed set of certificates")
		}
		if len(t.certs) == maxCerts {
			return fmt.Errorf("more than %d certificates", maxCerts)
		}
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return fmt.Errorf("malformed certificate: %v", err)
		}
		t.certs, der = append(t.certs, c), rest
	}
	return nil
}

// form returns the response in which a token is kept, with these certificates.
func (t *token) form(certs []*x509.Certificate) ([]byte, error) {
	list := make([][]byte, len(certs))
	for i, c := range certs {
		list[i] = c.Raw
	}
	// The order of a SET OF in DER, X.690 11.6.
	slices.SortFunc(list, func(a, b []byte) int { return cmp.Or(bytes.Compare(a, b), cmp.Compare(len(a), len(b))) })
	list = slices.CompactFunc(list, bytes.Equal)
	id, err := asn1.Marshal(issuerAndSerial{asn1.RawValue{FullBytes: t.signer.RawIssuer}, t.signer.SerialNumber})
	if err != nil {
		return nil, err
	}
	algorithm, err := t.algorithm()
	if err != nil {
		return nil, err
	}
	digest := pkix.AlgorithmIdentifier{Algorithm: imprints[t.digest]}
	sd, err := asn1.Marshal(signedData{
		Version: 3, DigestAlgorithms: []pkix.AlgorithmIdentifier{digest}, Content: encapsulated{idTSTInfo, t.content},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: slices.Concat(list...)},
		Signers: []signerInfo{{
			Version: 1, ID: asn1.RawValue{FullBytes: id}, Digest: digest, Attrs: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: t.signed.Attrs.Bytes},
			Algorithm: algorithm.id, Signature: t.signed.Signature,
		}},
	})
	if err != nil {
		return nil, err
	}
	ci, err := asn1.Marshal(contentInfo{idSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: sd}})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(timeStampResp{Token: asn1.RawValue{FullBytes: ci}})
}
