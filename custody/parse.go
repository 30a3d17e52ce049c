package custody

import (
	"errors"
	"fmt"
	"strings"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/statement"
)

// Statement is one parsed statement with the exact bytes it came in.
type Statement struct {
	Kind     Kind
	Body     Body
	Header   *Header
	Envelope []byte // as received
	SHA256   Digest // of the payload: what other statements refer to

	envelope *statement.Envelope
}

// Payload returns the exact JSON that was signed.
func (s *Statement) Payload() []byte { return s.envelope.Payload }

// Signers returns the ids of the keys that signed, unverified.
func (s *Statement) Signers() []keys.ID { return s.envelope.Signers() }

// ParseStatement reads an envelope and the statement in it: form, fields,
// codes. It verifies no signature: Decide does, against the directories in force.
func ParseStatement(envelope []byte) (*Statement, error) {
	e, err := statement.Parse(envelope)
	if err != nil {
		return nil, err
	}
	k, err := kindOf(e.PayloadType)
	if err != nil {
		return nil, err
	}
	body := newBody(k)
	if err := statement.Decode(e.Payload, body); err != nil {
		return nil, fmt.Errorf("reading %s: %v", k, err)
	}
	if err := checkBody(k, body); err != nil {
		return nil, fmt.Errorf("reading %s: %w", k, err)
	}
	return &Statement{Kind: k, Body: body, Header: body.header(), Envelope: envelope, SHA256: e.SHA256(), envelope: e}, nil
}

// kindOf reads the kind from a DSSE payload type.
func kindOf(payloadType string) (Kind, error) {
	s, ok := strings.CutPrefix(payloadType, "application/vnd.comity.")
	s, ok2 := strings.CutSuffix(s, ".v1+json")
	if !ok || !ok2 || newBody(Kind(s)) == nil {
		return "", fmt.Errorf("unknown kind of statement %.80q", payloadType)
	}
	return Kind(s), nil
}

// kindOfBody returns the kind that a body is of.
func kindOfBody(b Body) Kind {
	for _, k := range Kinds() {
		if fmt.Sprintf("%T", newBody(k)) == fmt.Sprintf("%T", b) {
			return k
		}
	}
	return ""
}

// Draft fills in the type and a fresh nonce of a body, checks it, and returns it
// as an unsigned envelope, ready for Sign or for a proposal.
func Draft(body Body) (*statement.Envelope, error) {
	k := kindOfBody(body)
	h := body.header()
	h.Type, h.Nonce = k.typeName(), statement.NewNonce()
	fillLists(body)
	if err := checkBody(k, body); err != nil {
		return nil, fmt.Errorf("writing %s: %w", k, err)
	}
	payload := statement.Encode(body)
	// What nobody could read must not be signed, proposed or filed.
	if err := statement.Decode(payload, newBody(k)); err != nil {
		return nil, fmt.Errorf("writing %s: %v", k, err)
	}
	return statement.New(k.payloadType(), payload), nil
}

// fillLists makes lists that may be empty empty rather than nil, which would be
// written as null.
func fillLists(body Body) {
	switch b := body.(type) {
	case *Request:
		b.Sensitive = append([]string{}, b.Sensitive...)
	case *Grant:
		b.Terms.fillLists()
	case *Offer:
		b.Terms.fillLists()
	case *Amendment:
		b.Terms.fillLists()
	case *Erasure:
		b.Entries, b.Annexes = append([]Ref{}, b.Entries...), append([]Ref{}, b.Annexes...)
	case *Directory:
		b.Relays = append([]RelayPin{}, b.Relays...)
		b.Entries = append([]Listing{}, b.Entries...)
	}
}

func (t *Terms) fillLists() {
	t.Senders, t.Recipients = append([]PartyID{}, t.Senders...), append([]PartyID{}, t.Recipients...)
	t.Sensitive, t.Conditions, t.Handling = append([]string{}, t.Sensitive...), append([]string{}, t.Conditions...), append([]string{}, t.Handling...)
}

// Sign drafts a body and signs it with the keys given.
func Sign(body Body, signers ...*keys.Private) (*Statement, error) {
	e, err := Draft(body)
	if err != nil {
		return nil, err
	}
	for _, k := range signers {
		e.Sign(k)
	}
	return ParseStatement(e.Marshal())
}

// request returns the request that a statement of a case refers to.
func (s *Statement) request() Digest {
	switch b := s.Body.(type) {
	case *Request, *Offer:
		return s.SHA256
	case *Review:
		return b.Request
	case *Grant:
		return b.Request
	case *Refusal:
		return b.Request
	case *Acceptance:
		return b.Request
	case *Amendment:
		return b.Request
	case *Danger:
		return b.Request
	case *Validation:
		return b.Request
	case *Order:
		return b.Request
	case *Destruction:
		return b.Request
	case *Restriction:
		return b.Request
	case *Consent:
		return b.Request
	case *Revocation:
		return b.Request
	case *Withdrawal:
		return b.Request
	case *Closure:
		return b.Request
	case *UseReport:
		return b.Request
	case *Hold:
		return b.Request
	case *Erasure:
		return b.Request
	case *Seal:
		return b.Request
	case *Unlock:
		return b.Request
	case *Release:
		return b.Request
	case *Receipt:
		return b.Request
	case *Rejection:
		return b.Request
	case *Recall:
		return b.Request
	case *Attestation:
		return b.Request
	}
	return Digest{}
}

// Record returns the name of the record that the statement belongs to.
func (s *Statement) Record() RecordID {
	switch s.Kind {
	case KindRoot, KindDirectory, KindSuspension, KindReport:
		return AuthorityRecord(s.Header.By)
	case KindRelay:
		return RelayRecord
	}
	return RecordID(RequestID(s.request()))
}

// Annex returns the annex that the statement binds, if any.
func (s *Statement) Annex() (AnnexRef, bool) {
	var a *AnnexRef
	switch b := s.Body.(type) {
	case *Request:
		a = &b.Annex
	case *Offer:
		a = &b.Annex
	case *Review:
		a = &b.Annex
	case *Grant:
		a = b.Annex
	case *Amendment:
		a = b.Annex
	case *Danger:
		a = &b.Annex
	case *Order:
		a = b.Annex
	case *Destruction:
		a = b.Annex
	case *Restriction:
		a = b.Annex
	case *Consent:
		a = b.Annex
	case *Refusal:
		a = b.Annex
	case *Withdrawal:
		a = b.Annex
	case *Closure:
		a = b.Annex
	case *UseReport:
		a = b.Annex
	case *Hold:
		a = b.Annex
	case *Recall:
		a = b.Annex
	}
	if a == nil {
		return AnnexRef{}, false
	}
	return *a, true
}

// Package returns the id of the package that the statement is about, or "".
func (s *Statement) Package() string {
	switch b := s.Body.(type) {
	case *Seal:
		return b.Package
	case *Unlock:
		return b.Package
	case *Release:
		return b.Package
	case *Receipt:
		return b.Package
	case *Rejection:
		return b.Package
	case *Recall:
		return b.Package
	case *Destruction:
		return b.Package
	case *Restriction:
		return b.Package
	case *UseReport:
		return b.Package
	}
	return ""
}

// byAgent reports whether an agent speaks, and signs alone. Of a recall its speaker
// tells: both the agent that sealed a package and its State may take it back.
func (s *Statement) byAgent() bool {
	switch s.Kind {
	case KindSeal, KindUnlock, KindRelease, KindReceipt, KindRejection, KindAttestation:
		return true
	case KindRecall:
		_, err := ParsePartyID(s.Header.By)
		return err == nil
	}
	return false
}

// verify checks every signature against the keys given and returns how many
// distinct keys signed.
func (s *Statement) verify(allowed map[keys.ID]*keys.Public) (int, error) {
	ids, err := s.envelope.Verify(func(id keys.ID) (*keys.Public, bool) {
		k, ok := allowed[id]
		return k, ok
	})
	return len(ids), err
}

var errField = errors.New("field out of its range")
