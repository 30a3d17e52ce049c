// Package wire is the protocol between agents and a relay: the routes, the JSON
// types, the problem codes, the proof of identity, and the client. Server and
// client compile against the same types, so they cannot drift apart.
//
// It refuses answers that it does not fully understand, bodies above their limit,
// and a relay whose half of the hello does not verify.
package wire

import (
	"comity.example/comity/custody"
)

// Limits that both sides keep.
const (
	MaxJSON      = 8 << 20   // any JSON body but the next
	MaxRecord    = 64 << 20  // a record, or the digests of the parts of one package
	MaxStatement = 4 << 20   // a statement's envelope
	MaxHead      = 256 << 10 // a package's head
	MaxInner     = 1 << 20   // its inner.age
	MaxAnnex     = custody.MaxAnnex

	// MaxParts is how many parts a package has at most: 8 TiB of evidence, padding
	// included. The digests of so many fit into one answer of MaxRecord.
	MaxParts = 1 << 20
)

// Media types.
const (
	TypeJSON     = "application/json"
	TypeProblem  = "application/problem+json" // RFC 9457
	TypeEnvelope = "application/vnd.comity.envelope+json"
	TypeBytes    = "application/octet-stream"
	TypeNote     = "text/plain; charset=utf-8" // checkpoints
)

// EpochHeader fences the uploads of one reservation: after another process took
// it over, calls with the old number are refused.
const EpochHeader = "Comity-Epoch"

// Line is a custody line with its proof of inclusion.
type Line struct {
	Index    int64            `json:"index"`
	Entry    []byte           `json:"entry"`
	Envelope []byte           `json:"envelope"` // empty of an event of the relay's
	Salt     custody.Digest   `json:"salt"`
	Gap      *custody.Gap     `json:"gap,omitempty"` // of an entry that was erased, in place of entry, envelope and salt: these are empty, and zeros
	Proof    []custody.Digest `json:"proof"`         // RFC 6962 audit path in the tree of the answer's checkpoint
}

// Custody returns the line without its proof.
func (l *Line) Custody() custody.Line {
	return custody.Line{Index: l.Index, Entry: l.Entry, Envelope: l.Envelope, Salt: l.Salt, Gap: l.Gap}
}

// Proof is what the relay answers for a statement: its line, and the signed
// checkpoint of a tree that holds it.
type Proof struct {
	Checkpoint string `json:"checkpoint"` // C2SP signed note
	Line       Line   `json:"line"`
}

// RecordProof is a whole record up to a checkpoint.
type RecordProof struct {
	Record     custody.RecordID `json:"record"`
	Checkpoint string           `json:"checkpoint"`
	Lines      []Line           `json:"lines"`
}

// Cosigned is what witnesses say of when an entry came into the log.
type Cosigned struct {
	Checkpoint string        `json:"checkpoint"`       // the signed one that the proofs lead to
	Before     *CosignedNote `json:"before,omitempty"` // the largest tree without the entry, as it was last cosigned
	After      *CosignedNote `json:"after,omitempty"`  // the smallest tree with it, as it was first cosigned
}

// CosignedNote is a cosigned checkpoint and the proof that a later tree continues
// its tree.
type CosignedNote struct {
	Note  string           `json:"note"`
	Proof []custody.Digest `json:"proof"`
}

// HelloRequest carries the client's half of the hello.
type HelloRequest struct {
	Client []byte `json:"client"` // DSSE envelope, see Hello
}

// HelloResponse carries the relay's half and what it speaks.
type HelloResponse struct {
	Relay []byte         `json:"relay"` // DSSE envelope, see Hello
	Time  custody.Time   `json:"time"`  // the relay's clock
	Kinds []custody.Kind `json:"kinds"` // of statement, version 1
}

// ProposalState is a statement that waits for more signatures of one authority.
type ProposalState struct {
	SHA256   custody.Digest   `json:"sha256"` // of the payload
	Record   custody.RecordID `json:"record"`
	Kind     custody.Kind     `json:"kind"`
	Envelope []byte           `json:"envelope"` // with the signatures so far
	Expires  custody.Time     `json:"expires"`
}

// Proposals lists the open proposals of the caller's authority.
type Proposals struct {
	Proposals []ProposalState `json:"proposals"`
}

// Change is one new entry that concerns the caller.
type Change struct {
	Record custody.RecordID `json:"record"`
	Seq    int64            `json:"seq"`
	Kind   custody.Kind     `json:"kind"`
}

// Changes answers the long poll. The cursor is opaque.
type Changes struct {
	Cursor  string   `json:"cursor"`
	Changes []Change `json:"changes"`
}

// AuthorityState is an authority's roots, oldest first, and one directory.
type AuthorityState struct {
	Roots     [][]byte `json:"roots"`
	Directory []byte   `json:"directory,omitempty"`
}

// Reserve asks for room for one package. The agent draws the id, 16 random bytes
// as custody.PackageID spells them, so that it knows what to give up if the answer
// is lost. The same Reserve again, while no part has come, returns the same
// reservation under the next epoch; an id is used for nothing else, ever.
type Reserve struct {
	Package     string         `json:"package"`
	Request     string         `json:"request"`
	Grant       custody.Digest `json:"grant_sha256"`
	PayloadSize int64          `json:"payload_size"` // ciphertext bytes
}

// Reservation is the answer, and the state of a package that is not sealed.
type Reservation struct {
	Package  string `json:"package"`
	Epoch    int64  `json:"epoch"`
	PartSize int64  `json:"part_size"`
}

// The states of a package.
const (
	StateOpen    = "open"    // parts may come
	StateSealing = "sealing" // the part list is frozen
	StateSealed  = "sealed"  // deposited
)

// PackageState describes a package to the parties of its request.
type PackageState struct {
	Package     string `json:"package"`
	Request     string `json:"request"`
	State       string `json:"state"`
	PayloadSize int64  `json:"payload_size"`
	Parts       int64  `json:"parts"`
	Present     []byte `json:"present"` // one bit a part, lowest bit of the first byte is part 0
	Digests     []byte `json:"digests"` // the parts' SHA-256, 32 bytes each, zeros where absent
}

// Tokens answers which time stamps bound an entry from above.
type Tokens struct {
	Size   int64   `json:"size"` // of the tree that the proofs lead to
	Tokens []Token `json:"tokens"`
}

// Token is a time stamp over a signed checkpoint.
type Token struct {
	Size       int64            `json:"size"` // of the checkpoint
	N          int64            `json:"n"`    // tells the tokens of one size apart
	Authority  string           `json:"authority"`
	Checkpoint string           `json:"checkpoint"` // exactly what was stamped
	Response   []byte           `json:"response"`   // RFC 3161
	Proof      []custody.Digest `json:"proof"`      // RFC 6962 consistency, to the size of the answer
}
