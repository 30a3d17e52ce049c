package custody

// Seal fixes the bytes of a package. The sender's agent signs it when all parts
// are with the relay; its entry is the proof that the package was deposited.
type Seal struct {
	Header
	Request     Digest         `json:"request_sha256"`
	Grant       Digest         `json:"grant_sha256"`
	Package     string         `json:"package"`
	Recipients  []RecipientRef `json:"recipients"`
	HeadSHA256  Digest         `json:"head_sha256"`
	PayloadSize int64          `json:"payload_size"` // ciphertext bytes
	Parts       int64          `json:"parts"`
	PayloadRoot Digest         `json:"payload_root"` // RFC 6962 tree head over the parts' SHA-256
	InnerSHA256 Digest         `json:"inner_sha256"` // of inner.age
	Delivery    int64          `json:"delivery"`     // 1, 2, … under one grant, recalled ones included
	Final       bool           `json:"final"`
	Supersedes  string         `json:"supersedes,omitempty"` // an earlier package of the request that this one replaces
}

// RecipientRef is a recipient as the sender found it in a directory.
type RecipientRef struct {
	ID        PartyID `json:"id"`
	Directory Digest  `json:"directory_sha256"`
	Key       Digest  `json:"key_sha256"` // of the age recipient's text
}

// Unlock lets a package's head leave the sender: for every recipient that was granted
// or, if the terms say release: origin, for the one release that it names.
type Unlock struct {
	Header
	Request    Digest        `json:"request_sha256"`
	Package    string        `json:"package"`
	Seal       Digest        `json:"seal_sha256"`
	HeadSHA256 Digest        `json:"head_sha256"`
	Acceptance Digest        `json:"acceptance_sha256"`
	Release    Digest        `json:"release_sha256,omitzero"` // with release: origin, and only then
	Checkpoint CheckpointRef `json:"checkpoint"`              // up to which the sender scanned the log
}

// CheckpointRef names a state of the log.
type CheckpointRef struct {
	Size int64  `json:"size"`
	Root Digest `json:"root"`
}

// Release is the recipient's agent taking a package.
type Release struct {
	Header
	Request    Digest  `json:"request_sha256"`
	Package    string  `json:"package"`
	Seal       Digest  `json:"seal_sha256"`
	Acceptance Digest  `json:"acceptance_sha256"`
	Recipient  PartyID `json:"recipient"`
}

// Receipt says that a package, or single files of it, arrived and that everything in
// them verified.
type Receipt struct {
	Header
	Request        Digest  `json:"request_sha256"`
	Package        string  `json:"package"`
	Seal           Digest  `json:"seal_sha256"`
	InnerStatement Digest  `json:"inner_statement_sha256"` // payload hash: commits to the files' hashes, tells nothing
	Scope          string  `json:"scope"`                  // whole or exhibits
	Exhibits       []int64 `json:"exhibits,omitempty"`     // lines of the manifest, from 1, in order
}

// Rejection says that a package arrived and did not verify.
type Rejection struct {
	Header
	Request Digest `json:"request_sha256"`
	Package string `json:"package"`
	Seal    Digest `json:"seal_sha256"`
	Reason  string `json:"reason"`
}

var rejectionReasons = codes("head-mismatch", "payload-mismatch", "not-decryptable", "inner-mismatch", "malformed-package")

// Recall takes back one package that should not have been sent, and leaves the
// grant and the other packages as they are. By is the agent that sealed it, or the
// requested authority, for which one officer signs.
type Recall struct {
	Header
	Request Digest    `json:"request_sha256"`
	Package string    `json:"package"`
	Seal    Digest    `json:"seal_sha256"`
	Reason  string    `json:"reason"`
	Annex   *AnnexRef `json:"annex,omitempty"` // the reason in words
}

var recallReasons = codes("wrong-package", "wrong-recipient", "contains-privileged", "error-in-request", "other")
