package custody

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
)

const enrolmentType = "application/vnd.comity.enrolment.v1+json"

// Enrolment is how a party lists its own keys: signed with the hybrid key it
// names, so that nobody can list another's. A recipient, which cannot sign, is
// enrolled by the agent that holds it. A witness has a hybrid key for this alone.
type Enrolment struct {
	Type        string     `json:"_type"` // comity/enrolment/v1
	Nonce       Digest     `json:"nonce"`
	Authority   string     `json:"authority"`
	ID          PartyID    `json:"id"`
	Issued      Time       `json:"issued"`
	Key         string     `json:"key"`                   // hybrid key of the signer: the party, or the holder of a recipient
	Certificate []byte     `json:"certificate,omitempty"` // agents and auditors: self-signed TLS certificate, DER
	Recipient   string     `json:"recipient,omitempty"`   // recipients: age1pq1…
	Holder      PartyID    `json:"holder,omitempty"`      // recipients: the agent that holds the identity
	Challenge   *Challenge `json:"challenge,omitempty"`   // recipients: proof that the holder can open
	Cosigners   []Cosigner `json:"cosigners,omitempty"`   // witnesses: its Ed25519 and its ML-DSA-44 key, in that order
}

// Challenge is an age file encrypted to a recipient and what its holder found in
// it, 32 random bytes. Only who made the file knows that the answer is right.
type Challenge struct {
	FileSHA256 Digest `json:"file_sha256"`
	Opened     Digest `json:"opened"`
}

// Member is a listing whose enrolment has been read and verified.
type Member struct {
	Listing
	Key       *keys.Public // signature key; of a recipient: its holder's
	SPKI      Digest       // agents and auditors: SHA-256 of the TLS key
	Recipient string       // recipients: age1pq1…
	Holder    PartyID      // recipients

	Cosigners []*translog.CosignerKey // witnesses: Ed25519, ML-DSA-44
}

// active reports whether the member's entry is in force at a time.
func (m *Member) active(now Time) bool {
	t := now.Time()
	return m.Status == StatusActive && !t.Before(m.NotBefore.Time()) && t.Before(m.NotAfter.Time())
}

// has reports whether the directory gives an agent a duty.
func (m *Member) has(duty string) bool { return slices.Contains(m.Duties, duty) }

// Enrol signs an enrolment with the key that it names and returns the envelope.
func Enrol(e Enrolment, k *keys.Private) ([]byte, error) {
	e.Type, e.Nonce, e.Key = "comity/enrolment/v1", statement.NewNonce(), k.Public().String()
	env := statement.New(enrolmentType, statement.Encode(e), k).Marshal()
	if _, _, err := ParseEnrolment(env); err != nil {
		return nil, fmt.Errorf("enrolling %q: %v", e.ID, err)
	}
	return env, nil
}

// ParseEnrolment reads an enrolment and verifies its signature and, of an agent,
// that the TLS certificate signs itself.
func ParseEnrolment(envelope []byte) (*Enrolment, *keys.Public, error) {
	env, err := statement.Parse(envelope)
	if err != nil {
		return nil, nil, err
	}
	if env.PayloadType != enrolmentType {
		return nil, nil, fmt.Errorf("payload type %.80q is not an enrolment", env.PayloadType)
	}
	var e Enrolment
	if err := statement.Decode(env.Payload, &e); err != nil {
		return nil, nil, fmt.Errorf("reading enrolment: %v", err)
	}
	key, err := keys.ParsePublic(e.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading enrolment of %q: %v", e.ID, err)
	}
	_, err = env.Verify(func(id keys.ID) (*keys.Public, bool) { return key, id == key.ID() })
	if err != nil {
		return nil, nil, fmt.Errorf("verifying enrolment of %q: %v", e.ID, err)
	}
	if err := e.check(); err != nil {
		return nil, nil, fmt.Errorf("reading enrolment of %q: %v", e.ID, err)
	}
	return &e, key, nil
}

func (e *Enrolment) check() error {
	id, err := ParsePartyID(string(e.ID))
	if err != nil {
		return err
	}
	switch {
	case e.Type != "comity/enrolment/v1":
		return fmt.Errorf("unknown _type %q", e.Type)
	case id.Authority() != e.Authority:
		return fmt.Errorf("id %q is not below authority %q", e.ID, e.Authority)
	case id.Role().Connects() != (len(e.Certificate) > 0):
		return errors.New("agents and auditors, and only they, enrol with a TLS certificate")
	case (id.Role() == RoleWitness) != (len(e.Cosigners) > 0):
		return errors.New("witnesses, and only they, enrol with cosigner keys")
	case id.Role() == RoleRecipient:
		return e.checkRecipient()
	case e.Recipient != "" || e.Holder != "" || e.Challenge != nil:
		return errors.New("only recipients enrol with an age recipient, its holder and a challenge")
	case id.Role() == RoleWitness:
		_, err = e.cosigners()
	case id.Role().Connects():
		_, err = spki(e.Certificate)
	}
	return err
}

func (e *Enrolment) checkRecipient() error {
	if e.Challenge == nil || e.Challenge.FileSHA256.IsZero() || e.Challenge.Opened.IsZero() {
		return errors.New("recipients enrol with an opened challenge")
	}
	h, err := ParsePartyID(string(e.Holder))
	if err != nil || h.Role() != RoleAgent || h.Authority() != e.Authority {
		return fmt.Errorf("holder %q is not an agent of %q", e.Holder, e.Authority)
	}
	_, err = seal.ParseRecipient(e.Recipient)
	return err
}

// maxCertificate bounds a TLS certificate in bytes.
const maxCertificate = 4 << 10

// spki checks that a certificate signs itself and returns the SHA-256 of its key.
// Only ECDSA, which package link makes: a directory is read before it is known
// who signed it, and an RSA key of 128 KiB takes a minute to verify with.
func spki(der []byte) (Digest, error) {
	if len(der) > maxCertificate {
		return Digest{}, fmt.Errorf("certificate has %d bytes, more than %d", len(der), maxCertificate)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return Digest{}, fmt.Errorf("reading certificate: %v", err)
	}
	if _, ok := c.PublicKey.(*ecdsa.PublicKey); !ok {
		return Digest{}, fmt.Errorf("certificate has a key of type %T, want ECDSA", c.PublicKey)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return Digest{}, fmt.Errorf("certificate does not sign itself: %v", err)
	}
	return sha256.Sum256(c.RawSubjectPublicKeyInfo), nil
}

// member reads and verifies the enrolment of a listing.
func (l Listing) member() (*Member, error) {
	e, key, err := ParseEnrolment(l.Enrolment)
	if err != nil {
		return nil, err
	}
	if e.ID != l.ID {
		return nil, fmt.Errorf("listing %q carries the enrolment of %q", l.ID, e.ID)
	}
	m := &Member{Listing: l, Key: key, Recipient: e.Recipient, Holder: e.Holder}
	if len(e.Certificate) > 0 {
		m.SPKI, err = spki(e.Certificate)
	}
	if err == nil && len(e.Cosigners) > 0 {
		m.Cosigners, err = e.cosigners()
	}
	return m, err
}

// ErrForeign is what errors of ParseStatement wrap when a root or directory lists a
// party of another authority.
var ErrForeign = errors.New("the party is of another authority")

// checkListings checks the form of an authority's listings, their enrolments,
// that no key stands for two parties, and that recipients are signed by the
// agents that hold them. It returns the members that they amount to.
func checkListings(authority string, list []Listing, registrars bool) (map[PartyID]*Member, error) {
	if len(list) > maxListings {
		return nil, bad("%d entries, more than %d", len(list), maxListings)
	}
	seen := map[string]PartyID{}
	members := map[PartyID]*Member{}
	var last PartyID
	for _, l := range list {
		p, err := ParsePartyID(string(l.ID))
		if err == nil && p.Authority() != authority {
			return nil, fmt.Errorf("entry %q of %q: %w", l.ID, authority, ErrForeign)
		}
		if err != nil || (p.Role() == RoleRegistrar) != registrars {
			return nil, bad("entry %q does not belong here", l.ID)
		}
		if l.ID <= last {
			return nil, bad("entry %q is not in ascending order of id", l.ID)
		}
		last = l.ID
		if err := l.check(); err != nil {
			return nil, err
		}
		m, err := l.member()
		if err != nil {
			return nil, bad("entry %q: %v", l.ID, err)
		}
		if err := unique(seen, m); err != nil {
			return nil, err
		}
		members[l.ID] = m
	}
	for _, l := range list {
		if err := checkHolder(members, members[l.ID]); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// checkHolder: a recipient's enrolment is signed with the listed key of the agent
// that holds it; any other key would let its owner name a holder that knows
// nothing of the recipient.
func checkHolder(members map[PartyID]*Member, m *Member) error {
	if m.ID.Role() != RoleRecipient {
		return nil
	}
	h, ok := members[m.Holder]
	if !ok || h.Key.ID() != m.Key.ID() {
		return bad("entry %q is not signed by the listed key of its holder %q", m.ID, m.Holder)
	}
	return nil
}

func (l Listing) check() error {
	switch l.Status {
	case StatusActive, StatusRetired, StatusRevoked:
	default:
		return bad("entry %q: unknown status %q", l.ID, l.Status)
	}
	if !l.NotAfter.Time().After(l.NotBefore.Time()) {
		return bad("entry %q: not_after %s is not after not_before %s", l.ID, l.NotAfter, l.NotBefore)
	}
	switch name := "duties of " + string(l.ID); l.ID.Role() {
	case RoleAgent:
		return checkCodes(name, l.Duties, codes(DutyLab, DutyDesk), 1)
	case RoleOfficer:
		return checkCodes(name, l.Duties, codes(DutyEmergency), 0)
	}
	if len(l.Duties) > 0 {
		return bad("entry %q: only agents and officers have duties", l.ID)
	}
	return nil
}

// unique refuses a key, TLS key or recipient that an earlier entry has: one key
// in two names would let one person be two signers.
func unique(seen map[string]PartyID, m *Member) error {
	marks := []string{"recipient " + m.Recipient}
	if m.ID.Role() != RoleRecipient {
		marks = []string{"key " + m.Key.ID().String()}
	}
	if !m.SPKI.IsZero() {
		marks = append(marks, "tls "+m.SPKI.String())
	}
	for _, k := range m.Cosigners {
		marks = append(marks, "cosigner "+string(k.Bytes()))
	}
	for _, k := range marks {
		if other, dup := seen[k]; dup {
			return bad("entries %q and %q share a key", other, m.ID)
		}
		seen[k] = m.ID
	}
	return nil
}

// Equal reports whether two listings say the same in every field.
func (l Listing) Equal(o Listing) bool {
	return bytes.Equal(statement.Encode(l), statement.Encode(o))
}
