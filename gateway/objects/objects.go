// Package objects specifies the object store of the relay: payloads, heads,
// annexes, copies of records, and the published log. [Store] is written as a
// durability specification; a driver is right when it passes the suite of
// package objectstest. It suits a local folder (package dir) and any
// S3-compatible server.
//
// The store is a hint about everything except bytes that it acknowledged: the
// caller's part table, in the same database as its state, says which parts an
// upload has. Keys are opaque and say nothing about what is stored under them.
//
// It refuses to buffer a part, to accept a part whose SHA-256 was not declared,
// to show any byte of a part or object that failed its digest, to let a lock be
// shortened, and to delete a version whose lock still runs. There is no flag
// that weakens a lock: bypassing GOVERNANCE is a separate capability,
// [Destroyer], which the relay's handlers never hold. COMPLIANCE has no bypass.
package objects

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store keeps immutable versions of objects under keys.
//
// Durability: when a method that changes something returns nil, the change
// survives a crash of the process, of the host, and a power cut, as far as the
// medium below keeps its promises. When it returns an error, the change may or
// may not have happened (the acknowledgement can be lost on the way); the
// caller finds out by calling again, which every method allows.
//
// Retries: a driver may retry calls that carry no body. It never retries
// PutPart, because the body is a network stream: its caller asks the sender for
// the part again.
//
// Concurrency: every method may be called at any time by any number of
// goroutines; the stateless replicas of a relay call one server from many
// processes. A method says what concurrent calls on one key may do; calls on
// different keys never disturb each other.
//
// Keys are checked by [CheckKey]. No key may be a folder of another ("a" and
// "a/b"): that is a rule for the caller. A driver that cannot hold both answers
// [ErrKey] to the second, and never harms the first.
//
// Contexts: cancelling ends a call early, with an error that says nothing about
// whether the change happened.
type Store interface {
	// Begin opens an upload of size bytes in parts of partSize bytes (the last
	// may be shorter, see [Layout]) and returns its id. When it returns, the
	// upload survives a restart of the relay; nothing is visible under key.
	// Each call opens another upload; see Abort for one whose id was lost. A key is used for one upload only, ever: the
	// caller makes keys that nobody can guess. ErrKey, ErrInvalid.
	Begin(ctx context.Context, key string, size, partSize int64) (upload string, err error)

	// PutPart streams body into part p, where Number, Size and SHA256 are what
	// the sender declared, and returns the tag that Complete wants in
	// Part.ETag. When it returns, the bytes of the part are durable.
	//
	// ErrDigest: the body was shorter or longer than p.Size or had another
	// hash; nothing of it is then visible as a part. At most one byte more than
	// p.Size is read from body, which is not closed.
	//
	// Parts come in any order and in parallel. A part may be put again while
	// the upload is open: with the same digest it changes nothing, also when
	// the second call fails half-way. Before putting other bytes under a
	// number, the caller removes its own row of that part: until the call
	// returns nil, the part may be the old one or absent. Of concurrent calls
	// for one number the one that began last goes on; others may fail with
	// ErrSuperseded, so a stalled connection cannot keep a part.
	//
	// ErrNoUpload: unknown, aborted or completed. ErrFrozen: Complete has
	// begun. ErrInvalid: p does not fit the upload.
	PutPart(ctx context.Context, key, upload string, p Part, body io.Reader) (etag string, err error)

	// Complete makes the upload an object, atomically: before, nothing is
	// visible under key, afterwards the whole. parts is the caller's part
	// table, in order of number. From its first successful check on the set of
	// parts is frozen, across restarts. The returned Info was read back from
	// the store, and Info.Digest is Composite(parts).
	//
	// It is idempotent, also after a crash at any step or a lost answer:
	// called again with the same parts it finishes, or finds that it had
	// finished, and returns the same Info. Concurrent calls all succeed.
	//
	// ErrParts: the table does not make up the size, or does not match what
	// was put (then as a [*PartsError]); the upload stays open. ErrNoUpload: unknown or aborted.
	// ErrExist: another object is under key, which is left as it is; a
	// versioning server may instead put the new version over it, with the old
	// one readable by its version.
	Complete(ctx context.Context, key, upload string, parts []Part) (Info, error)

	// Abort ends an upload and frees its space. Idempotent: unknown, aborted
	// and completed uploads are success, and a completed object stays. When it
	// returns, PutPart and Complete of this upload fail with ErrNoUpload,
	// calls already running included.
	Abort(ctx context.Context, key, upload string) error

	// Put stores a small object (at most MaxPut bytes) atomically.
	//
	// With Create, of any number of racing calls exactly one returns nil; all
	// others return ErrExist together with the Info of what is there, so that
	// a caller whose answer was lost compares Info.Digest and is content. With
	// Replace, readers see the old bytes or the new ones, never a mixture or
	// nothing; the old version may be gone, except that a locked one stays
	// readable by its version or makes Put fail with ErrLocked. A driver may
	// refuse to replace what Complete made, with ErrExist. Racing replacements
	// leave one of them; ordering is the caller's business.
	Put(ctx context.Context, key string, data []byte, how Write) (Info, error)

	// Get opens length bytes from offset off of a version, or of the newest if
	// version is "". Length -1 means to the end. ErrRange: any byte asked for
	// is beyond the end (off equal to the size with length 0 or -1 is an empty
	// answer). ErrNotExist: no such key or version.
	//
	// The reader gives exactly the bytes asked for or an error, of one version
	// even while the key is replaced; the caller closes it, and keeps ctx alive
	// until then. It does not check digests: a payload is checked part by part
	// by who receives it, and a scrub does the same. What Put and Complete
	// acknowledged is visible to every later Get, from any process.
	Get(ctx context.Context, key, version string, off, length int64) (io.ReadCloser, Info, error)

	// Stat returns what the store says about a version, or about the newest if
	// version is "". ErrNotExist: no such key or version.
	Stat(ctx context.Context, key, version string) (Info, error)

	// Lock sets the retention of a version and returns the Info read back,
	// whose RetainUntil is until, rounded up to a whole second. Setting what is
	// set is success.
	//
	// ErrLocked: a running lock would be shortened or change its mode.
	// ErrInvalid: until is not in the future, or version is "".
	// ErrNotExist: no such version. A running lock may always be extended.
	Lock(ctx context.Context, key, version string, mode Mode, until time.Time) (Info, error)

	// Delete removes one version. When it returns, the version cannot be read
	// after any crash. Idempotent: a version that is not there is success, and
	// other versions stay. ErrLocked: its lock runs. ErrInvalid: version is "".
	Delete(ctx context.Context, key, version string) error

	// List walks the keys below a folder in byte order. Prefix is "" or a key
	// followed by "/". Keys that exist during the whole walk are given exactly
	// once, others at most once. A pair with an error is the last. Uploads that
	// are not completed are not listed.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// Destroyer deletes versions whose GOVERNANCE lock still runs. It is a
// capability apart from [Store], made by another constructor and, on a server,
// from another credential, so that no bug in a handler can reach it.
type Destroyer interface {
	// Destroy is Store.Delete, but a running GOVERNANCE lock does not stop it.
	// ErrLocked: a COMPLIANCE lock runs.
	Destroy(ctx context.Context, key, version string) error
}

// Spacer is what a Store also has if it knows the space it has left.
type Spacer interface {
	// Free returns the bytes that the relay can still write. It is a hint:
	// other programs may write to the same medium.
	Free() (int64, error)
}

// Prober is what a Store also has if it tried out, when it was opened, what the
// medium below it enforces.
type Prober interface {
	// Probe returns what was found then. It asks nothing again.
	Probe() Enforcement
}

// Enforcement is what a store was seen to do, whatever it claims: the sort of
// store, and whether something other than the relay keeps these promises.
type Enforcement struct {
	Store           string // dir or s3
	Versions        bool   // keeps each version of an object
	LocksCompliance bool   // keeps a version under COMPLIANCE, whoever asks
	LocksGovernance bool   // keeps a version under GOVERNANCE from a plain deletion
	RefusesBypass   bool   // and from one by the relay's credential with bypass
	RefusesShorter  bool   // does not shorten a COMPLIANCE lock
	RefusesDigest   bool   // a body with another SHA-256 than declared
	KeepsChecksums  bool   // shows the SHA-256 of an object afterwards
	RefusesSecond   bool   // a second version where none is wanted
}
