package custody

import (
	"slices"
	"strings"
)

// Kind names what a statement does.
type Kind string

// The kinds of statement that live. An unknown kind is refused.
const (
	KindRoot        Kind = "root"        // an authority's root keys and registrars
	KindDirectory   Kind = "directory"   // an authority's complete list of parties
	KindSuspension  Kind = "suspension"  // an authority stops what moves between it and another, or lets it go on
	KindReport      Kind = "report"      // an authority publishes statistics of its requests
	KindRelay       Kind = "relay"       // a relay describes itself
	KindRequest     Kind = "request"     // one State asks another
	KindOffer       Kind = "offer"       // or one offers another what it has not asked for
	KindReview      Kind = "review"      // the requested State examined the request
	KindGrant       Kind = "grant"       // it allows, narrowly, until a date
	KindDanger      Kind = "danger"      // the requesting State sees an imminent danger
	KindValidation  Kind = "validation"  // the requested State examined what it granted in an emergency
	KindOrder       Kind = "order"       // it wants what moved under a grant destroyed, or not used
	KindRefusal     Kind = "refusal"     // or refuses, on named grounds
	KindAcceptance  Kind = "acceptance"  // the requesting State accepts exactly that grant
	KindAmendment   Kind = "amendment"   // the granting State changes the terms of a grant
	KindConsent     Kind = "consent"     // it allows to pass on what it sent
	KindRevocation  Kind = "revocation"  // the granting State takes it back
	KindWithdrawal  Kind = "withdrawal"  // the requesting State takes the request back
	KindClosure     Kind = "closure"     // or says that it has what it asked for, or never will
	KindDestruction Kind = "destruction" // the requesting State has destroyed a package
	KindRestriction Kind = "restriction" // or uses it no more
	KindUseReport   Kind = "use-report"  // it says what use it made of what arrived
	KindHold        Kind = "hold"        // what the relay has of a request must not be destroyed, or may be again
	KindErasure     Kind = "erasure"     // what the relay keeps of entries must be destroyed
	KindSeal        Kind = "seal"        // the sender's agent fixes a package's bytes
	KindUnlock      Kind = "unlock"      // and lets its head go, once accepted
	KindRelease     Kind = "release"     // the recipient's agent takes it
	KindReceipt     Kind = "receipt"     // it arrived and verified
	KindRejection   Kind = "rejection"   // or it did not
	KindRecall      Kind = "recall"      // the sending side takes a package back
	KindAttestation Kind = "attestation" // a party's agent has seen the record up to an entry
)

// Header begins every statement.
type Header struct {
	Type   string `json:"_type"`           // comity/KIND/v1
	Nonce  Digest `json:"nonce"`           // 32 random bytes: the hash cannot be guessed
	Relay  string `json:"relay,omitempty"` // the one relay it is for; absent in root and directory
	By     string `json:"by"`              // the authority, agent or relay that speaks
	Issued Time   `json:"issued"`          // the signer's clock; informative, the entry's time counts
	After  *Ref   `json:"after,omitempty"` // an earlier entry of the record that the signer saw
}

// Ref names an entry of a record: its place and its salted leaf hash.
type Ref struct {
	Seq  int64  `json:"seq"`
	Leaf Digest `json:"leaf"`
}

// AnnexRef binds an age file that only the parties can open.
type AnnexRef struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Root is an authority's list of root keys, how many of them must sign, and the
// registrars it lets sign directories. Version 1 is pinned by its fingerprint; a
// later one is signed by the old and the new threshold.
type Root struct {
	Header
	Version            int64     `json:"version"`
	Prev               Digest    `json:"prev,omitzero"` // payload hash of the version before
	Expires            Time      `json:"expires"`
	Threshold          int64     `json:"threshold"`
	Keys               []string  `json:"keys"`
	RegistrarThreshold int64     `json:"registrar_threshold"`
	Registrars         []Listing `json:"registrars"`

	members map[PartyID]*Member // the registrars, as check verified them
}

// Listing is one line of a directory: a party, its enrolment, its standing.
type Listing struct {
	ID        PartyID  `json:"id"`
	Status    string   `json:"status"` // active, retired or revoked
	NotBefore Time     `json:"not_before"`
	NotAfter  Time     `json:"not_after"`
	Duties    []string `json:"duties,omitempty"` // of agents: lab, desk; of officers: emergency, or none
	Enrolment []byte   `json:"enrolment"`        // the DSSE envelope in which the party lists its own keys
}

// The standings of a listing.
const (
	StatusActive  = "active"
	StatusRetired = "retired"
	StatusRevoked = "revoked"
)

// Directory is one complete snapshot of an authority's parties and rules.
type Directory struct {
	Header
	Version int64      `json:"version"`
	Prev    Digest     `json:"prev,omitzero"`
	Root    Digest     `json:"root"` // payload hash of the root in force
	Expires Time       `json:"expires"`
	Rules   Thresholds `json:"rules"`
	Relays  []RelayPin `json:"relays"`

	Emergency *Emergency `json:"emergency,omitempty"` // absent: nothing moves before it was examined
	Calendar  *Calendar  `json:"calendar,omitempty"`  // absent: UTC, Saturday and Sunday

	Entries []Listing `json:"entries"`

	members map[PartyID]*Member // the entries, as check verified them
}

// Thresholds says how many officers must sign each kind.
type Thresholds struct {
	Request    int64 `json:"request"`
	Review     int64 `json:"review"`
	Grant      int64 `json:"grant"`
	Sensitive  int64 `json:"sensitive"` // a grant of what is sensitive; never fewer than Grant
	Refusal    int64 `json:"refusal"`
	Acceptance int64 `json:"acceptance"`
	Revocation int64 `json:"revocation"`
}

// Suspension stops all that moves between the authority that speaks and another, in
// every case and in both directions, or lifts that. It stands in the record of who
// speaks. Each names the one before it for the same pair, so that a lift which was
// signed and kept back lifts nothing that came after it.
type Suspension struct {
	Header
	With   string `json:"with"`          // the other authority
	State  string `json:"state"`         // suspended or lifted
	Reason string `json:"reason"`        // of its state
	Prev   Digest `json:"prev,omitzero"` // payload hash of the one before with that authority; zero for the first
}

// The states of a pair of authorities.
const (
	StateSuspended = "suspended"
	StateLifted    = "lifted"
)

// suspensionReasons are the codes of Suspension.Reason for each state.
var suspensionReasons = map[string]codeSet{
	StateSuspended: codes("rights-concern", "directory-doubt", "treaty-suspended", "incident", "other"),
	StateLifted:    codes("resolved", "error", "other"),
}

// RelayPin is a relay that an authority accepts.
type RelayPin struct {
	Origin      string `json:"origin"`
	Fingerprint Digest `json:"fingerprint"` // of the relay's root keys
}

// Relay is a relay's description of itself, signed by its own root.
type Relay struct {
	Header
	Version       int64    `json:"version"`
	Prev          Digest   `json:"prev,omitzero"`
	RootThreshold int64    `json:"root_threshold"`
	RootKeys      []string `json:"root_keys"`
	Key           string   `json:"key"`           // the hybrid key of hello
	LogKey        string   `json:"log_key"`       // of the log, C2SP signed-note: Ed25519, named like the relay
	LogMLDSAKey   string   `json:"log_mldsa_key"` // ML-DSA-44, named ORIGIN/mldsa; each checkpoint is signed with both
	TLS           []Digest `json:"tls_spki_sha256"`
	Addresses     []string `json:"addresses"` // host:port
}

// Request asks another authority for one thing. What the rules need is here, in codes;
// all that tells of the case is in the annex, sealed to both authorities.
type Request struct {
	Header
	To          string    `json:"to"`
	Instrument  string    `json:"instrument"` // the treaty or law it rests on
	Assistance  string    `json:"assistance"` // disclosure or preservation
	Categories  []string  `json:"categories"`
	Sensitive   []string  `json:"sensitive"`
	Urgency     string    `json:"urgency"`
	OrderSHA256 Digest    `json:"order_sha256"`      // of the signed legal order, byte for byte
	Recipients  []PartyID `json:"recipients"`        // of the requesting authority, its backup among them
	Deadline    Time      `json:"deadline,omitzero"` // when it is needed; binds nobody
	Expires     Time      `json:"expires"`           // nothing can be granted beyond
	Annex       AnnexRef  `json:"annex"`
}

// Wants says what is asked for, in the codes that public parts have.
func (b *Request) Wants() string {
	what := strings.Join(b.Categories, ", ")
	if b.Assistance == AssistancePreservation {
		return "to preserve " + what
	}
	return "for " + what
}

// What is asked: that evidence is handed over, or only that it is kept until then.
const (
	AssistanceDisclosure   = "disclosure"
	AssistancePreservation = "preservation"
)

// Categories of data that can hold no content of communications or files.
const (
	CategorySubscriber = "subscriber-data"
	CategoryTraffic    = "traffic-data"
)

var (
	// instruments are the codes of Request.Instrument; docs/legal.md has their titles.
	instruments = codes("untcc", "ets-185", "cets-224", "untoc", "eio", "bilateral", "reciprocity", "other")
	assistances = codes(AssistanceDisclosure, AssistancePreservation)
	// categories are in the terms of the Convention on Cybercrime (ETS 185, articles 1,
	// 18 and 29 to 31).
	categories = codes(CategorySubscriber, CategoryTraffic, "content-data", "stored-data", "preserved-data", "other-evidence")
	// sensitives mark what needs more care than its category tells.
	sensitives = codes("privileged", "press", "several-persons")
	urgencies  = codes("routine", "urgent", "emergency")
)

// Review says that a body of the requested State examined the request. Its
// findings are in an annex sealed to that State alone.
type Review struct {
	Header
	Request Digest   `json:"request_sha256"`
	Body    string   `json:"body"`    // judicial, prosecutorial or administrative
	Finding string   `json:"finding"` // no-objection or objection
	Annex   AnnexRef `json:"annex"`
}

var (
	reviewBodies   = codes("judicial", "prosecutorial", "administrative")
	reviewFindings = codes(FindingNoObjection, FindingObjection)
)

// The findings of a review. A grant needs one without objection.
const (
	FindingNoObjection = "no-objection"
	FindingObjection   = "objection"
)

// Grant allows the transfer that a request asked for, and nothing beside it. It rests on
// a review; in an emergency on a danger, and then it lapses unless it is validated.
type Grant struct {
	Header
	Request    Digest `json:"request_sha256"`
	Review     Digest `json:"review_sha256,omitzero"`
	Danger     Digest `json:"danger_sha256,omitzero"`
	ValidateBy Time   `json:"validate_by,omitzero"`
	To         string `json:"to"`
	Terms
	Annex *AnnexRef `json:"annex,omitempty"`
}

// Terms are what may move under a grant, and how the other State may use it. To a
// request for preservation they name nobody and let nothing move: the data is kept
// until they expire.
type Terms struct {
	Senders     []PartyID `json:"senders"`
	Recipients  []PartyID `json:"recipients"`
	Categories  []string  `json:"categories"`
	Sensitive   []string  `json:"sensitive"` // the request's marks, and those that the request lacks
	MaxBytes    int64     `json:"max_bytes"` // sealed payload bytes over all packages
	MaxPackages int64     `json:"max_packages"`
	NotBefore   Time      `json:"not_before"`
	Expires     Time      `json:"expires"`
	Conditions  []string  `json:"conditions"`
	DeleteBy    Time      `json:"delete_by,omitzero"` // the other State has deleted it by then
	Handling    []string  `json:"handling"`
	Release     string    `json:"release,omitempty"` // "", or origin: each taking is unlocked for itself

	// RetentionDays is how long the relay's store keeps each package, from its deposit; if
	// 0, or less than that, the relay's own window.
	RetentionDays int64 `json:"retention_days,omitempty"`
}

// ReleaseOrigin in Terms.Release: the State that the evidence is from decides anew over
// each taking. The recipient's agent signs its release first, and the sender's agent an
// unlock that names it; before that nobody may read head, inner file or payload.
const ReleaseOrigin = "origin"

// IsSensitive reports whether the terms cover what a grant of takes more officers: what
// is marked, and every category that may hold content. Only subscriber and traffic data
// cannot: a phone or a disk that is asked for as stored data is full of it.
func (t *Terms) IsSensitive() bool {
	return len(t.Sensitive) > 0 || slices.ContainsFunc(t.Categories, func(c string) bool { return c != CategorySubscriber && c != CategoryTraffic })
}

// keeps reports whether the terms only keep data, and let nothing move.
func (t *Terms) keeps() bool { return t.MaxPackages == 0 }

// Conditions of a grant are codes. None can bar the disclosure of exculpatory material with
// notice: there is no code for it.
var conditionCodes = codes("use-limitation", "confidentiality", "no-onward-transfer-without-consent", "delete-when-closed", conditionUseReport)

const conditionUseReport = "use-report"

// handlingCodes say who may see what arrives: the Traffic Light Protocol (FIRST, TLP
// 2.0) and the handling codes that police cooperation uses (Europol, H0 to H3).
var handlingCodes = codes("tlp-red", "tlp-amber-strict", "tlp-amber", "tlp-green", "tlp-clear", "h0", "h1", "h2", "h3")

// Refusal says no, on grounds that treaties know.
type Refusal struct {
	Header
	Request Digest    `json:"request_sha256"`
	Grounds []string  `json:"grounds"`
	Annex   *AnnexRef `json:"annex,omitempty"`
}

var refusalGrounds = codes("not-in-conformity", "sovereignty", "security", "ordre-public", "essential-interests", "own-law",
	"dual-criminality", "ne-bis-in-idem", "political-offence", "discrimination", "fundamental-rights", "privilege", "press-freedom", "proportionality",
	"not-needed", "conditions-not-acceptable") // these two of an offer alone

// Acceptance is the requesting State's promise to keep a grant's conditions: those of
// the grant or of its last amendment, which it names.
type Acceptance struct {
	Header
	Request Digest `json:"request_sha256"`
	Grant   Digest `json:"grant_sha256"` // or the amendment's
}

// Revocation takes a grant back, with all its amendments.
type Revocation struct {
	Header
	Request Digest `json:"request_sha256"`
	Grant   Digest `json:"grant_sha256"`
	Reason  string `json:"reason"`
}

var revocationReasons = codes("no-longer-justified", "remedy-granted", "conditions-breached", "key-compromise", "error")

// Withdrawal takes a request back, at any time before it is closed. Nothing moves
// under it from then on; what has arrived stays where it is, under its conditions.
type Withdrawal struct {
	Header
	Request Digest    `json:"request_sha256"`
	Reason  string    `json:"reason"`
	Annex   *AnnexRef `json:"annex,omitempty"` // the reason in words
}

var withdrawalReasons = codes("no-longer-needed", "obtained-otherwise", "remedy-granted", "proceedings-ended", "conditions-not-acceptable", "error", "other")

// Closure ends a request that was granted: the requesting State expects nothing more
// under it. The condition delete-when-closed does not count from here but from the end
// of the proceedings, which the outcome may say.
type Closure struct {
	Header
	Request Digest    `json:"request_sha256"`
	Outcome string    `json:"outcome"`
	Annex   *AnnexRef `json:"annex,omitempty"` // more in words
}

var closureOutcomes = codes("executed", "executed-in-part", "not-executed", "proceedings-ended")

type codeSet map[string]bool

func codes(list ...string) codeSet {
	s := codeSet{}
	for _, c := range list {
		s[c] = true
	}
	return s
}

// Body is what every kind's struct has: its common header.
type Body interface {
	header() *Header
	check() error // fields that are wrong in any state of any record
}

func (h *Header) header() *Header { return h }

// newBody returns an empty body of a kind, or nil for an unknown one.
func newBody(k Kind) Body {
	switch k {
	case KindRoot:
		return new(Root)
	case KindDirectory:
		return new(Directory)
	case KindSuspension:
		return new(Suspension)
	case KindReport:
		return new(Report)
	case KindRelay:
		return new(Relay)
	case KindRequest:
		return new(Request)
	case KindOffer:
		return new(Offer)
	case KindReview:
		return new(Review)
	case KindGrant:
		return new(Grant)
	case KindRefusal:
		return new(Refusal)
	case KindAcceptance:
		return new(Acceptance)
	case KindDanger:
		return new(Danger)
	case KindValidation:
		return new(Validation)
	case KindOrder:
		return new(Order)
	case KindDestruction:
		return new(Destruction)
	case KindRestriction:
		return new(Restriction)
	case KindAmendment:
		return new(Amendment)
	case KindConsent:
		return new(Consent)
	case KindRevocation:
		return new(Revocation)
	case KindWithdrawal:
		return new(Withdrawal)
	case KindClosure:
		return new(Closure)
	case KindUseReport:
		return new(UseReport)
	case KindHold:
		return new(Hold)
	case KindErasure:
		return new(Erasure)
	case KindSeal:
		return new(Seal)
	case KindUnlock:
		return new(Unlock)
	case KindRelease:
		return new(Release)
	case KindReceipt:
		return new(Receipt)
	case KindRejection:
		return new(Rejection)
	case KindRecall:
		return new(Recall)
	case KindAttestation:
		return new(Attestation)
	}
	return nil
}

// Kinds lists the kinds that this version reads, in the order of a case's life.
func Kinds() []Kind {
	return []Kind{KindRoot, KindDirectory, KindSuspension, KindReport, KindRelay, KindRequest, KindOffer, KindDanger, KindReview, KindGrant, KindValidation, KindRefusal, KindAcceptance,
		KindAmendment, KindConsent, KindRevocation, KindWithdrawal, KindClosure,
		KindSeal, KindUnlock, KindRelease, KindReceipt, KindRejection, KindRecall,
		KindOrder, KindDestruction, KindRestriction, KindUseReport, KindHold, KindErasure, KindAttestation}
}

func (k Kind) typeName() string    { return "comity/" + string(k) + "/v1" }
func (k Kind) payloadType() string { return "application/vnd.comity." + string(k) + ".v1+json" }
