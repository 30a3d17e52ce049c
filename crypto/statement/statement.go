// Package statement holds signed statements: one act each, as indented UTF-8
// JSON, signed over its exact bytes in a DSSE envelope by hybrid keys.
//
// It refuses everything that two readers could read differently: unknown or
// repeated fields, fields spelled in another case, nulls, invalid UTF-8,
// fractions, times that are not UTC, nesting deeper than eight, envelopes that
// are not in the one canonical form, and any signature that does not verify,
// even if others suffice.
package statement

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/keys"
)

const (
	// MaxEnvelope is the largest envelope in bytes that Parse reads.
	MaxEnvelope = 4 << 20
	// MaxSigners is the largest number of keys that may sign one envelope.
	MaxSigners = 32
)

// Envelope is a DSSE envelope (Dead Simple Signing Envelope, version 1): a
// payload, its type, and signatures over both. Each signer leaves two
// signatures under one key id, Ed25519 first, ML-DSA-65 second.
type Envelope struct {
	PayloadType string
	Payload     []byte
	signatures  []pair // ascending by key id
}

// pair is the hybrid signature of one key.
type pair struct {
	id     keys.ID
	ed, ml []byte
}

// wireEnvelope is the JSON form.
type wireEnvelope struct {
	PayloadType string          `json:"payloadType"`
	Payload     string          `json:"payload"`
	Signatures  []wireSignature `json:"signatures"`
}

type wireSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// ErrHalf is what errors of Parse wrap when a signature lacks its other half.
var ErrHalf = errors.New("a hybrid signature lacks a half")

// PAE returns the bytes that DSSE signs: its pre-authentication encoding.
func PAE(payloadType string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// New returns an envelope of payload signed by the keys given, which may be none.
func New(payloadType string, payload []byte, signers ...*keys.Private) *Envelope {
	e := &Envelope{PayloadType: payloadType, Payload: bytes.Clone(payload)}
	for _, k := range signers {
		e.Sign(k)
	}
	return e
}

// Sign adds the signature of k, replacing an earlier one of the same key.
func (e *Envelope) Sign(k *keys.Private) {
	ed, ml := k.Sign(PAE(e.PayloadType, e.Payload))
	e.put(pair{k.Public().ID(), ed, ml})
}

// Merge adds the signatures of another envelope of the same payload that this
// one lacks. Nothing is verified here.
func (e *Envelope) Merge(o *Envelope) error {
	if e.PayloadType != o.PayloadType || !bytes.Equal(e.Payload, o.Payload) {
		return errors.New("merging signatures: the envelopes hold different payloads")
	}
	have := e.Signers()
	for _, p := range o.signatures {
		if !slices.Contains(have, p.id) {
			e.put(p)
		}
	}
	return nil
}

func (e *Envelope) put(p pair) {
	i, found := slices.BinarySearchFunc(e.signatures, p, func(a, b pair) int { return slices.Compare(a.id[:], b.id[:]) })
	if found {
		e.signatures[i] = p
		return
	}
	e.signatures = slices.Insert(e.signatures, i, p)
}

// Signers returns the ids of the keys that signed, ascending, unverified.
func (e *Envelope) Signers() []keys.ID {
	ids := make([]keys.ID, 0, len(e.signatures))
	for _, p := range e.signatures {
		ids = append(ids, p.id)
	}
	return ids
}

// Verify checks every signature against the key that find returns for its id,
// and returns the ids. One unknown key or one bad half fails the envelope, also
// beyond any threshold, so that nobody can pad it with signatures that only some
// readers check. An envelope without signatures fails.
func (e *Envelope) Verify(find func(keys.ID) (*keys.Public, bool)) ([]keys.ID, error) {
	if len(e.signatures) == 0 {
		return nil, errors.New("statement carries no signature")
	}
	msg := PAE(e.PayloadType, e.Payload)
	for _, p := range e.signatures {
		pub, ok := find(p.id)
		if !ok || pub.ID() != p.id {
			return nil, fmt.Errorf("signed by an unknown key %s", p.id)
		}
		if err := pub.Verify(msg, p.ed, p.ml); err != nil {
			return nil, fmt.Errorf("signature of key %s: %w", p.id, err)
		}
	}
	return e.Signers(), nil
}

// SHA256 returns the digest of the payload: what other statements refer to.
func (e *Envelope) SHA256() Digest { return sha256.Sum256(e.Payload) }

// Marshal returns the one canonical form of the envelope: indented JSON,
// signatures in ascending order of key id, standard base64.
func (e *Envelope) Marshal() []byte {
	w := wireEnvelope{PayloadType: e.PayloadType, Payload: b64(e.Payload), Signatures: []wireSignature{}}
	for _, p := range e.signatures {
		id := p.id.String()
		w.Signatures = append(w.Signatures, wireSignature{id, b64(p.ed)}, wireSignature{id, b64(p.ml)})
	}
	return Encode(w)
}

// Parse reads an envelope in canonical form. It verifies no signature.
func Parse(data []byte) (*Envelope, error) {
	if len(data) > MaxEnvelope {
		return nil, fmt.Errorf("envelope has %d bytes, more than %d", len(data), MaxEnvelope)
	}
	var w wireEnvelope
	if err := Decode(data, &w); err != nil {
		return nil, fmt.Errorf("reading envelope: %v", err)
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(w.Payload)
	if err != nil {
		return nil, fmt.Errorf("reading envelope payload: %v", err)
	}
	e := &Envelope{PayloadType: w.PayloadType, Payload: payload}
	if e.signatures, err = parsePairs(w.Signatures); err != nil {
		return nil, err
	}
	if !bytes.Equal(e.Marshal(), data) {
		return nil, errors.New("envelope is not in canonical form")
	}
	return e, nil
}

func parsePairs(sigs []wireSignature) ([]pair, error) {
	if len(sigs) > 2*MaxSigners {
		return nil, fmt.Errorf("envelope has %d signatures: want two for each key, at most %d keys", len(sigs), MaxSigners)
	}
	if len(sigs)%2 != 0 {
		return nil, fmt.Errorf("envelope has %d signatures, want two for each key: %w", len(sigs), ErrHalf)
	}
	var pairs []pair
	for s := range slices.Chunk(sigs, 2) {
		p, err := parsePair(s[0], s[1])
		if err != nil {
			return nil, err
		}
		if n := len(pairs); n > 0 && slices.Compare(pairs[n-1].id[:], p.id[:]) >= 0 {
			return nil, errors.New("envelope signatures are not in ascending order of key id")
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func parsePair(a, b wireSignature) (p pair, err error) {
	if a.KeyID != b.KeyID {
		return p, fmt.Errorf("signature of key %q: %w", a.KeyID, ErrHalf)
	}
	if p.id, err = keys.ParseID(a.KeyID); err != nil {
		return p, err
	}
	enc := base64.StdEncoding.Strict()
	if p.ed, err = enc.DecodeString(a.Sig); err != nil || len(p.ed) != keys.EdSize {
		return p, fmt.Errorf("first signature of key %s is not an Ed25519 signature", p.id)
	}
	if p.ml, err = enc.DecodeString(b.Sig); err != nil || len(p.ml) != keys.MLSize {
		return p, fmt.Errorf("second signature of key %s is not an ML-DSA-65 signature", p.id)
	}
	return p, nil
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Encode returns v as Comity writes JSON: UTF-8, two spaces of indent, no HTML
// escapes, one newline at the end.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("statement: internal error: encoding JSON: " + err.Error())
	}
	return b.Bytes()
}
