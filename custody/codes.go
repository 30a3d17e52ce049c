package custody

import "errors"

// ErrRefused is what errors of a replay wrap when the rules refuse an entry.
var ErrRefused = errors.New("refused by the rules")

// Code is the answer of the rule book: CodeAllowed, or why not. Codes are part of
// the protocol and of every dossier: append, never reuse.
type Code string

// The answers of Decide.
const (
	CodeAllowed Code = "allowed"

	CodeBadStatement   Code = "bad-statement"   // it does not belong to this record or this state
	CodeBadSignature   Code = "bad-signature"   // a signature is wrong, or of a key not entitled
	CodeSharedKey      Code = "shared-key"      // one key stands for two who must be distinct
	CodeBelowThreshold Code = "below-threshold" // more signatures are needed
	CodeWrongRelay     Code = "wrong-relay"     // the statement names another relay
	CodeDuplicate      Code = "duplicate"       // the record holds this statement already
	CodeBadAfter       Code = "bad-after"       // after names no entry of the record, or one before what it undoes
	CodeNotYetIssued   Code = "issued-in-future"
	CodeNotCarrier     Code = "wrong-carrier" // this agent may not carry it

	CodeRootNotPinned     Code = "root-not-pinned"
	CodeRootExpired       Code = "root-expired"
	CodeRollback          Code = "rollback" // the version is not the next one
	CodeFork              Code = "fork"     // it is or follows another version than the one in force
	CodeNoDirectory       Code = "no-directory"
	CodeDirectoryExpired  Code = "directory-expired"
	CodeRelayNotAccepted  Code = "relay-not-accepted"
	CodeNotActive         Code = "not-active" // the party is not, or not any more, in the directory
	CodeNoSuchRequest     Code = "no-such-request"
	CodeNotParty          Code = "not-a-party"
	CodeNotRequested      Code = "not-requested-authority"
	CodeNotRequesting     Code = "not-requesting-authority"
	CodeRequestExpired    Code = "request-expired"
	CodeAlreadyDecided    Code = "already-decided"
	CodeNoReview          Code = "no-review"
	CodeWiderThanRequest  Code = "wider-than-request"
	CodeNoGrant           Code = "no-grant"
	CodeGrantNotYet       Code = "grant-not-yet-valid"
	CodeGrantExpired      Code = "grant-expired"
	CodeGrantRevoked      Code = "grant-revoked"
	CodeGrantUsedUp       Code = "grant-used-up"    // its bytes
	CodePackagesUsedUp    Code = "packages-used-up" // its packages
	CodeGrantFinal        Code = "final-delivery-made"
	CodeSenderNotGranted  Code = "sender-not-granted"
	CodeRecipientNotGrant Code = "recipient-not-granted"
	CodeNotAccepted       Code = "not-accepted"
	CodeNoSuchPackage     Code = "no-such-package"
	CodeAlreadySealed     Code = "already-sealed"
	CodeNotUnlocked       Code = "not-unlocked"
	CodeAlreadyUnlocked   Code = "already-unlocked"
	CodeReleaseFixed      Code = "release-fixed"
	CodeNotReleased       Code = "not-released"
	CodeAlreadyReceived   Code = "already-received"
	CodeUnknownAction     Code = "unknown-action"
	CodeReceiptsUsedUp    Code = "receipts-used-up"   // for single files of a package
	CodePackageRecalled   Code = "package-recalled"   // its sender has taken it back
	CodeAlreadySuperseded Code = "already-superseded" // another package replaces that one already
	CodeRequestEnded      Code = "request-ended"      // it was withdrawn or closed
	CodePairSuspended     Code = "pair-suspended"     // one of the two authorities has suspended what moves between them
	CodeMarkLeftOut       Code = "mark-left-out"      // the request marks something as sensitive, the grant does not
	CodeNoDanger          Code = "no-danger"          // the requesting State has declared none
	CodeNoEmergency       Code = "no-emergency-path"  // the directory does not provide for it with that authority
	CodeBeyondEmergency   Code = "beyond-emergency-caps"
	CodeGrantLapsed       Code = "grant-lapsed" // made in an emergency and not validated in time
	CodeNotValidated      Code = "not-validated"
	CodeGrantStands       Code = "grant-stands"
	CodeNoOrder           Code = "no-order"
	CodeAuditorReads      Code = "auditor-reads-records"
	CodeOffered           Code = "offered"            // the case began with an offer, not with a request
	CodeOnHold            Code = "on-hold"            // nothing of the request may be destroyed
	CodeNotReceived       Code = "not-received"       // nothing of it was receipted
	CodeNotEnded          Code = "request-not-ended"  // nothing of it is erased before its end
	CodeNotErasable       Code = "not-erasable"       // the entry is of the other State, or all else rests on it
	CodeOperatorPolicy    Code = "operator-policy"    // the rules allow it, the policy of the relay's operator does not; no answer of Decide
	CodeRetention         Code = "retention-too-long" // the grant has the relay keep packages for longer than its operator does; no answer of Decide
	CodeNothingNew        Code = "nothing-new"        // the record has no more than the agent has attested
	CodeTooOften          Code = "too-often"          // the agent has attested it as often as the rules allow within the hour
	CodeOtherLog          Code = "other-log"          // the relay has signed no such log; no answer of Decide
)

var explanations = map[Code]string{
	CodeAllowed:           "allowed",
	CodeBadStatement:      "the statement does not fit the record it names",
	CodeBadSignature:      "a signature does not verify, or its key is not entitled to sign this",
	CodeSharedKey:         "one key stands for two who must be distinct: both States of a request, or an officer and who lists the officers",
	CodeBelowThreshold:    "more signatures are needed: the signed directory says how many",
	CodeWrongRelay:        "the statement was signed for another relay",
	CodeDuplicate:         "the record holds this statement already",
	CodeBadAfter:          "the statement refers to an entry that the record does not have, or was signed before a decision that its signers have to see first: look at the record, and sign anew",
	CodeNotYetIssued:      "the statement was issued in the future: check the clock of the machine that signed it",
	CodeNotCarrier:        "this agent may not carry this statement: officers' statements go through a desk agent of the same authority",
	CodeRootNotPinned:     "the authority's root keys are not the ones pinned here",
	CodeRootExpired:       "the authority's root has expired",
	CodeRollback:          "the version is not the next one after the version in force",
	CodeFork:              "it does not follow the version in force here: two were signed where one may be",
	CodeNoDirectory:       "the authority has no directory in force here",
	CodeDirectoryExpired:  "the authority's directory has expired: its registrars must publish a new one",
	CodeRelayNotAccepted:  "the authority's directory does not list this relay and its fingerprint",
	CodeNotActive:         "the party is not active in its authority's directory",
	CodeNoSuchRequest:     "there is no such request",
	CodeNotParty:          "only the two authorities of a request take part in it",
	CodeNotRequested:      "only the requested authority may do this",
	CodeNotRequesting:     "only the requesting authority may do this",
	CodeRequestExpired:    "the request has expired",
	CodeAlreadyDecided:    "this has been decided already",
	CodeNoReview:          "a grant needs a review of this request without objection",
	CodeWiderThanRequest:  "the grant allows more than the request asks for, or something else",
	CodeNoGrant:           "no grant allows this",
	CodeGrantNotYet:       "the grant is not valid yet",
	CodeGrantExpired:      "the grant has expired",
	CodeGrantRevoked:      "the grant has been revoked",
	CodeGrantUsedUp:       "this is more bytes than the grant has left",
	CodePackagesUsedUp:    "this is more packages than the grant has left",
	CodeGrantFinal:        "the final delivery under this grant has been made",
	CodeSenderNotGranted:  "the grant does not name this sender",
	CodeRecipientNotGrant: "the recipients are not exactly those that the grant names",
	CodeNotAccepted:       "the requesting authority has not accepted the conditions of the grant",
	CodeNoSuchPackage:     "there is no such package",
	CodeAlreadySealed:     "the package is sealed already",
	CodeNotUnlocked:       "the sender has not let the package's head go yet",
	CodeAlreadyUnlocked:   "the package is unlocked already",
	CodeReleaseFixed:      "how heads are let go cannot change any more: packages were sent under the grant",
	CodeNotReleased:       "the package has not been released to this agent",
	CodeAlreadyReceived:   "the package has been receipted or rejected already",
	CodeUnknownAction:     "the action is unknown",
	CodeReceiptsUsedUp:    "single files of the package were receipted as often as the rules allow: fetch the whole",
	CodePackageRecalled:   "the sending side has recalled the package: nothing of it is taken or given out any more",
	CodeRequestEnded:      "the requesting authority has withdrawn or closed the request, or refused the offer: nothing moves under it any more",
	CodePairSuspended:     "one of the two authorities has suspended the transfers between them: nothing moves until it lifts that; nothing is lost",
	CodeMarkLeftOut:       "the grant leaves out a mark of the request that says what is sensitive: it must have them all",
	CodeNoDanger:          "the requesting authority has declared no danger in this request",
	CodeNoEmergency:       "the directory of the requested authority does not provide for emergency grants to that authority",
	CodeBeyondEmergency:   "the grant is more than the directory of its authority allows in an emergency: bytes, packages, or hours until the validation; or it has the relay keep packages for longer",
	CodeGrantLapsed:       "the grant was made in an emergency and not validated in time: nothing moves under it any more",
	CodeNotValidated:      "the grant was made in an emergency and is not validated yet",
	CodeGrantStands:       "the grant stands: what moved under it is ordered back only once it was revoked or has lapsed",
	CodeNoOrder:           "there is no such order for this package",
	CodeAuditorReads:      "an auditor reads the records of its authority's requests, and neither annexes nor packages nor proposals; it files nothing",
	CodeOffered:           "this begins with an offer, not with a request: it is accepted or refused by the State that it is for, and revoked by the one that made it",
	CodeOnHold:            "the State that the evidence is from has put it on hold: nothing of it is destroyed until that is lifted",
	CodeNotReceived:       "no receipt says that anything of it has arrived",
	CodeNotEnded:          "the request goes on: nothing of it is erased before it was withdrawn, closed or refused",
	CodeNotErasable:       "a State erases what it has said itself, and whole entries only of kinds on which nothing rests after the end: dangers, reviews, consents, use reports; the annex of any entry that has one",
	CodeOperatorPolicy:    "the rules allow it, the policy of the relay's operator does not, for now: nothing is lost",
	CodeRetention:         "the grant has the relay keep packages for longer than its operator does: nothing is sent under it until one of the two is changed",
	CodeNothingNew:        "nothing but attestations has come to the record since this agent attested it",
	CodeOtherLog:          "the agent attests a log that this relay never signed: whoever showed it that log showed it another than this relay's",
	CodeTooOften:          "this agent has attested the record as often as the rules allow within an hour: it will again in the next",
	CodeAlreadySuperseded: "another package replaces that one already: recall it first, or replace it instead",
}

// Explain returns one sentence for people.
func (c Code) Explain() string {
	if s, ok := explanations[c]; ok {
		return s
	}
	return "refused"
}

// Decision is an answer of the rule book: its code, and the rule that gave it.
type Decision struct {
	Code Code   `json:"code"`
	Rule string `json:"rule"`
}

// Allowed reports whether the answer is yes. Anything else is no.
func (d Decision) Allowed() bool { return d.Code == CodeAllowed }

// String returns the code and the rule.
func (d Decision) String() string { return string(d.Code) + " (" + d.Rule + ")" }

func allow(rule string) Decision        { return Decision{CodeAllowed, rule} }
func deny(rule string, c Code) Decision { return Decision{c, rule} }
