package officer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity.example/comity/agent"
	"comity.example/comity/crypto/seal"
	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/internal/durable"

	"filippo.io/age"
)

const (
	claimType    = "comity/recipient-claim/v1"
	maxChallenge = 64 << 10 // bytes of the age file around 32 random bytes
)

// Claim says that an agent holds the identity of a recipient. It proves nothing:
// the registrar answers it with a challenge that only the identity opens.
type Claim struct {
	Type      string          `json:"_type"` // comity/recipient-claim/v1
	ID        custody.PartyID `json:"id"`
	Holder    custody.PartyID `json:"holder"`
	Recipient string          `json:"recipient"` // age1pq1…
}

// asked is what a registrar remembers of a challenge: the answer only as its
// hash, so that the file is worth nothing to who reads it.
type asked struct {
	Claim  Claim          `json:"claim"`
	File   custody.Digest `json:"file_sha256"`
	Answer custody.Digest `json:"answer_sha256"`
}

// NewRecipient makes the age identity of a recipient in the home of the agent
// that holds it and returns the claim for the registrar. A second call makes
// nothing new and returns the same claim.
func NewRecipient(h *agent.Home, id, holder custody.PartyID) ([]byte, error) {
	if err := checkOwn(h, id, custody.RoleRecipient); err != nil {
		return nil, err
	}
	if err := checkOwn(h, holder, custody.RoleAgent); err != nil {
		return nil, err
	}
	if !h.Has(holder) {
		return nil, fmt.Errorf("making recipient %q: its holder %q: %w", id, holder, ErrNoKey)
	}
	path := enrolmentPath(h, id, ".claim")
	old, err := os.ReadFile(path)
	if err == nil {
		c, err := ParseClaim(old)
		if err == nil && c.Holder != holder {
			err = fmt.Errorf("recipient %q is here already and held by %q", id, c.Holder)
		}
		return old, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	recipient, err := ownIdentity(h, id)
	if err != nil {
		return nil, err
	}
	claim := statement.Encode(Claim{claimType, id, holder, recipient})
	return claim, keep(path, claim)
}

// ownIdentity loads the identity of a recipient, or makes it, and returns its
// public half.
func ownIdentity(h *agent.Home, id custody.PartyID) (recipient string, err error) {
	if h.Has(id) {
		text, err := h.Identity(id)
		if err != nil {
			return "", err
		}
		i, err := seal.ParseIdentity(text)
		if err != nil {
			return "", err
		}
		return i.Recipient().String(), nil
	}
	identity, recipient, err := seal.GenerateIdentity()
	if err != nil {
		return "", err
	}
	return recipient, h.SaveIdentity(id, identity)
}

// ParseClaim reads a claim and checks its form.
func ParseClaim(data []byte) (*Claim, error) {
	var c Claim
	if err := statement.Decode(data, &c); err != nil {
		return nil, fmt.Errorf("reading claim: %v", err)
	}
	id, err := custody.ParsePartyID(string(c.ID))
	if err != nil {
		return nil, fmt.Errorf("reading claim: %v", err)
	}
	holder, err := custody.ParsePartyID(string(c.Holder))
	if err != nil {
		return nil, fmt.Errorf("reading claim: %v", err)
	}
	if c.Type != claimType || id.Role() != custody.RoleRecipient || holder.Role() != custody.RoleAgent || holder.Authority() != id.Authority() {
		return nil, fmt.Errorf("reading claim: %q held by %q is no claim to a recipient", c.ID, c.Holder)
	}
	if _, err := seal.ParseRecipient(c.Recipient); err != nil {
		return nil, fmt.Errorf("reading claim of %q: %v", c.ID, err)
	}
	return &c, nil
}

// Challenge encrypts 32 random bytes to a claimed recipient, remembers their
// hash, and returns the age file for the holder to open.
func (r *Registry) Challenge(claim []byte) ([]byte, error) {
	c, err := ParseClaim(claim)
	if err != nil {
		return nil, err
	}
	if err := checkOwn(r.home, c.ID, custody.RoleRecipient); err != nil {
		return nil, err
	}
	to, err := seal.ParseRecipient(c.Recipient)
	if err != nil {
		return nil, err
	}
	var answer custody.Digest
	rand.Read(answer[:]) // never fails, see crypto/rand
	file, err := seal.SealSmall(answer[:], maxChallenge, to)
	if err != nil {
		return nil, err
	}
	a := asked{*c, custody.HashOf(file), custody.HashOf(answer[:])}
	return file, keep(r.challengePath(a.File), statement.Encode(a))
}

func (r *Registry) challengePath(file custody.Digest) string {
	return r.path("challenges", hex.EncodeToString(file[:])+".json")
}

// Answer opens a challenge with the identity of a recipient and returns the
// recipient's enrolment, signed by its holder.
func Answer(h *agent.Home, id custody.PartyID, challenge []byte, now time.Time) ([]byte, error) {
	if err := checkOwn(h, id, custody.RoleRecipient); err != nil {
		return nil, err
	}
	claim, err := os.ReadFile(enrolmentPath(h, id, ".claim"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("answering for recipient %q: %w", id, ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseClaim(claim)
	if err != nil {
		return nil, err
	}
	opened, err := openChallenge(h, id, challenge)
	if err != nil {
		return nil, fmt.Errorf("answering for recipient %q: %w", id, err)
	}
	k, err := h.Key(c.Holder)
	if err != nil {
		return nil, err
	}
	env, err := custody.Enrol(custody.Enrolment{
		Authority: h.Authority(), ID: id, Issued: statement.At(now), Recipient: c.Recipient, Holder: c.Holder,
		Challenge: &custody.Challenge{FileSHA256: custody.HashOf(challenge), Opened: opened},
	}, k)
	if err != nil {
		return nil, err
	}
	// The newest answer counts: a registrar may have lost an older challenge.
	return env, durable.WriteFile(enrolmentPath(h, id, ".json"), env, 0o600)
}

func openChallenge(h *agent.Home, id custody.PartyID, file []byte) (d custody.Digest, err error) {
	text, err := h.Identity(id)
	if err != nil {
		return d, err
	}
	i, err := seal.ParseIdentity(text)
	if err != nil {
		return d, err
	}
	plain, err := seal.OpenSmall(file, maxChallenge, i)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return d, errors.New("the challenge was made for another recipient")
	}
	if err != nil {
		return d, err
	}
	if len(plain) != len(d) {
		return d, fmt.Errorf("the file holds %d bytes and is no challenge", len(plain))
	}
	return custody.Digest(plain), nil
}

// answered checks that a recipient's enrolment opens a challenge that was made
// in this home for exactly this recipient and holder.
func (r *Registry) answered(e *custody.Enrolment) error {
	data, err := os.ReadFile(r.challengePath(e.Challenge.FileSHA256))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("recipient %q: no such challenge was made here: %w", e.ID, ErrChallenge)
	}
	if err != nil {
		return err
	}
	var a asked
	if err := statement.Decode(data, &a); err != nil {
		return fmt.Errorf("reading challenge %q: %v", filepath.Base(r.challengePath(e.Challenge.FileSHA256)), err)
	}
	if a.Claim.ID != e.ID || a.Claim.Holder != e.Holder || a.Claim.Recipient != e.Recipient {
		return fmt.Errorf("recipient %q: the challenge was made for another claim: %w", e.ID, ErrChallenge)
	}
	if custody.HashOf(e.Challenge.Opened[:]) != a.Answer {
		return fmt.Errorf("recipient %q: the answer is wrong: %w", e.ID, ErrChallenge)
	}
	return nil
}
