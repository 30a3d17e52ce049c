// Package custody is the rule book: the kinds of statement, the entries a relay
// makes of them, the records they form, and who may do what when. It is pure:
// Apply folds entries into a state, Decide answers with a code. The relay
// enforces with it, agents check with it, the court's verifier replays with it,
// so that there is one set of rules and no second opinion.
//
// It refuses whatever it does not know: kinds, fields, roles, codes, actions.
// Nothing moves without one specific request, a live grant by the State that
// holds the evidence, and the requesting State's acceptance of exactly that
// grant. It holds no clock, no key, no file and no network.
package custody

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"

	"comity.example/comity/crypto/statement"
)

// Digest and Time are the values that statements are made of.
type (
	Digest = statement.Digest
	Time   = statement.Time
)

// Role is the second segment of a party's id: what its keys are for.
type Role string

// The roles of parties. A role that is not listed here does not exist.
const (
	RoleRegistrar Role = "registrar"
	RoleOfficer   Role = "officer"
	RoleAgent     Role = "agent"
	RoleRecipient Role = "recipient"
	RoleAuditor   Role = "auditor" // reads the records of its authority's requests, and nothing that they bind
	RoleWitness   Role = "witness" // cosigns the checkpoints of relays; proves nothing to them and signs no statement
)

// Connects reports whether parties of the role prove to a relay who they are: they have
// a TLS key beside the one that signs.
func (r Role) Connects() bool { return r == RoleAgent || r == RoleAuditor }

// The duties of an agent, as its directory entry lists them.
const (
	DutyLab  = "lab"  // packs, seals, sends, fetches
	DutyDesk = "desk" // carries officers' statements
)

var (
	authorityPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)
	namePattern      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)
	originPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,100}(/[a-z0-9][a-z0-9.-]{0,99})?$`)
	codePattern      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,60}$`)
	idEncoding       = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
)

// PartyID is the name of a party below an authority, like "nl/officer/mla-2":
// the authority, a role, a name. Names are roles in an office, not of people.
type PartyID string

// ParsePartyID checks the form authority/role/name.
func ParsePartyID(s string) (PartyID, error) {
	p := strings.Split(s, "/")
	if len(p) != 3 || !authorityPattern.MatchString(p[0]) || !namePattern.MatchString(p[2]) {
		return "", fmt.Errorf("malformed id %q: want AUTHORITY/ROLE/NAME like nl/agent/lab-1", s)
	}
	switch Role(p[1]) {
	case RoleRegistrar, RoleOfficer, RoleAgent, RoleRecipient, RoleAuditor, RoleWitness:
		return PartyID(s), nil
	}
	return "", fmt.Errorf("malformed id %q: unknown role %q", s, p[1])
}

// Authority returns the first segment: the authority that answers for the party.
func (p PartyID) Authority() string { a, _, _ := strings.Cut(string(p), "/"); return a }

// Role returns the second segment.
func (p PartyID) Role() Role {
	_, rest, _ := strings.Cut(string(p), "/")
	r, _, _ := strings.Cut(rest, "/")
	return Role(r)
}

// CheckAuthority checks the form of an authority's name: lower-case letters,
// digits and dashes, two to 31 characters, like "nl" or "de-bund".
func CheckAuthority(s string) error {
	if !authorityPattern.MatchString(s) {
		return fmt.Errorf("malformed authority name %q: want lower-case letters, digits and dashes, like nl", s)
	}
	return nil
}

// CheckOrigin checks the form of a relay's origin: a host name, at most one
// further path segment, lower case, like "relay.example".
func CheckOrigin(s string) error {
	if !originPattern.MatchString(s) {
		return fmt.Errorf("malformed relay origin %q: want a lower-case host name like relay.example", s)
	}
	return nil
}

// Ids of requests and packages are 16 bytes in 26 letters of lower-case base32.
const idLen = 26

// RequestID names a request: the first 16 bytes of its payload hash.
func RequestID(payload Digest) string { return idEncoding.EncodeToString(payload[:16]) }

// PackageID is the text form of 16 random bytes.
func PackageID(random [16]byte) string { return idEncoding.EncodeToString(random[:]) }

// CheckID checks that s is the id of a request or a package.
func CheckID(s string) error {
	b, err := idEncoding.DecodeString(s)
	if err != nil || len(s) != idLen || idEncoding.EncodeToString(b) != s {
		return fmt.Errorf("malformed id %q: want %d letters a-z and digits 2-7", s, idLen)
	}
	return nil
}

// RecordID names a record: a request's id, "authority/NAME", or "relay".
type RecordID string

// RelayRecord is the record of the relay itself.
const RelayRecord RecordID = "relay"

// AuthorityRecord is the record of an authority's roots and directories.
func AuthorityRecord(authority string) RecordID { return RecordID("authority/" + authority) }

// Authority returns the name of the authority whose record this is, or "".
func (r RecordID) Authority() string {
	a, ok := strings.CutPrefix(string(r), "authority/")
	if !ok {
		return ""
	}
	return a
}

// ParseRecordID checks the form of a record's name.
func ParseRecordID(s string) (RecordID, error) {
	r := RecordID(s)
	switch {
	case r == RelayRecord:
	case r.Authority() != "":
		if err := CheckAuthority(r.Authority()); err != nil {
			return "", err
		}
	default:
		if err := CheckID(s); err != nil {
			return "", err
		}
	}
	return r, nil
}

// HashOf returns the SHA-256 of bytes as statements name them.
func HashOf(b []byte) Digest { return sha256.Sum256(b) }
