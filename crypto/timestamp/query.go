package timestamp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// nonceBits is the size of a nonce: enough that no two queries share one.
const nonceBits = 128

// Query asks an authority to stamp a hash. What is stamped does not reach it.
type Query struct {
	Hash   crypto.Hash // SHA-256, SHA-384, SHA-512 or SHA3-512
	Digest []byte
	Policy string   // an OID in dots; empty: the authority's own
	Nonce  *big.Int // positive
}

type messageImprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// timeStampReq is RFC 3161 2.4.1.
type timeStampReq struct {
	Version int
	Imprint messageImprint
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional"`
}

// NewQuery returns a query with a fresh nonce. The policy may be empty.
func NewQuery(hash crypto.Hash, digest []byte, policy string) (*Query, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), nonceBits))
	if err != nil {
		return nil, fmt.Errorf("making a time stamp query: %w", err)
	}
	q := &Query{Hash: hash, Digest: digest, Policy: policy, Nonce: nonce.Add(nonce, big.NewInt(1))}
	if _, err := q.marshal(); err != nil {
		return nil, fmt.Errorf("making a time stamp query: %w", err)
	}
	return q, nil
}

// Marshal returns the DER of the query, which asks for the signer's certificates.
// It panics if q was not made by NewQuery or ParseQuery.
func (q *Query) Marshal() []byte {
	b, err := q.marshal()
	if err != nil {
		panic("timestamp: internal error: " + err.Error())
	}
	return b
}

func (q *Query) marshal() ([]byte, error) {
	alg, ok := imprints[q.Hash]
	if !ok || len(q.Digest) != q.Hash.Size() {
		return nil, fmt.Errorf("no imprint of %d bytes with %v", len(q.Digest), q.Hash)
	}
	r := timeStampReq{Version: 1, Imprint: messageImprint{pkix.AlgorithmIdentifier{Algorithm: alg}, q.Digest}, Nonce: q.Nonce, CertReq: true}
	if q.Policy != "" {
		id, err := oid(q.Policy)
		if err != nil {
			return nil, fmt.Errorf("policy %w", err)
		}
		r.Policy = id
	}
	return asn1.Marshal(r)
}

// ParseQuery reads a query that Marshal made, and nothing else.
func ParseQuery(der []byte) (*Query, error) {
	q, err := parseQuery(der)
	if err != nil {
		return nil, fmt.Errorf("reading time stamp query: %w", err)
	}
	return q, nil
}

func parseQuery(der []byte) (*Query, error) {
	var r timeStampReq
	if len(der) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, more than %d", len(der), MaxBytes)
	}
	if rest, err := asn1.Unmarshal(der, &r); err != nil || len(rest) > 0 {
		return nil, errors.New("not a query of RFC 3161")
	}
	h, ok := imprintHash(r.Imprint.Algorithm)
	if !ok {
		return nil, fmt.Errorf("unknown hash %v", r.Imprint.Algorithm.Algorithm)
	}
	if r.Nonce == nil || r.Nonce.Sign() <= 0 {
		return nil, errors.New("it has no nonce")
	}
	q := &Query{Hash: h, Digest: r.Imprint.Digest, Nonce: r.Nonce}
	if r.Policy != nil {
		q.Policy = r.Policy.String()
	}
	again, err := q.marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, der) {
		return nil, errors.New("not a query that Comity makes")
	}
	return q, nil
}
