package ledger

// Point is a place in the relay at which something has just become durable, or is
// about to: where a process that ends leaves something else than one step before.
type Point string

// The points of a reservation.
const (
	// ReserveRow: the row of the package is there, its uploads are not. The next
	// start begins them; the sender, who has no answer, asks again under the same
	// id and is answered with this reservation.
	ReserveRow Point = "ingest/after-reserve-row"

	// ReserveBegun: the store has the uploads and no row names them. The next
	// start ends them, begins others and stores their ids.
	ReserveBegun Point = "ingest/after-begin"

	// ReserveUploads: the reservation is whole and nobody was told. The next start
	// does nothing; the sender asks again, and gets it under the next epoch.
	ReserveUploads Point = "ingest/after-uploads"
)

// The points of a part.
const (
	// PartStored: the bytes are in the store and no row says so. The next start
	// does nothing: the part counts as absent, and the sender brings it again.
	PartStored Point = "ingest/after-part"

	// PartRow: the row is there, the sender has no answer. The next start does
	// nothing; the sender brings the part again, and it is not written again.
	PartRow Point = "ingest/after-part-row"
)

// The points of a deposit. Those of its entry, below, lie between SealReadBack and
// SealEntry.
const (
	// SealFrozen: the part list is frozen and the seal is stored. The next start
	// finishes the deposit.
	SealFrozen Point = "ingest/after-seal-frozen"

	// SealCompleted: the object is whole and in no record. The next start
	// completes it again, which finds that it is done, and finishes the deposit.
	SealCompleted Point = "ingest/after-complete"

	// SealReadBack: as before; what was read back is read back again.
	SealReadBack Point = "ingest/after-read-back"

	// SealEntry: the deposit is in the log and its payload is not locked. The next
	// start locks it.
	SealEntry Point = "ingest/after-submit"

	// SealLocked: all is done, the sender has no proof. The next start does
	// nothing; the sender sends the same seal again and gets the proof.
	SealLocked Point = "ingest/after-lock"
)

// The points of any entry: a request, a grant, a seal, an unlock, a release, a
// receipt.
const (
	// EntryDecided: nothing is committed. The next start finds nothing of it.
	EntryDecided Point = "ledger/before-commit"

	// EntryCommitted: state, entry and leaf are in the database alone. The next
	// start publishes them.
	EntryCommitted Point = "ledger/after-commit"

	// EntryCopied: the store also has the sealed copy. The next start writes it
	// again and goes on.
	EntryCopied Point = "ledger/after-copy"

	// EntryTiled: the store has all of the new tree, and nothing says so. The next
	// start writes it again and signs.
	EntryTiled Point = "ledger/after-tiles"

	// EntrySigned: the store shows a checkpoint that the database does not keep
	// yet. The next start finds it to be of this log, signs it again and
	// keeps that.
	EntrySigned Point = "ledger/after-checkpoint"

	// EntryPublished: the entry is published, nobody was answered. The next start
	// does nothing; who files the statement again gets the proof of this entry.
	EntryPublished Point = "ledger/after-publish"
)

// The points of an unlock, after its entry. At each the next start does nothing:
// what is missing is with the sender alone, who has no answer and sends all again.
const (
	// UnlockEntry: the unlock is in the log, head and inner file are not here.
	UnlockEntry Point = "ingest/after-unlock"

	// HeadStored: the head is here and not locked. Sent again, it is locked.
	HeadStored Point = "ingest/after-head"

	// HeadLocked: the head is here and locked, the inner file is not here.
	HeadLocked Point = "ingest/after-head-lock"

	// InnerStored: the inner file is here and not locked. Sent again, it is locked.
	InnerStored Point = "ingest/after-inner"

	// InnerLocked: all is done, and nobody was answered.
	InnerLocked Point = "ingest/after-inner-lock"
)

// The points of a release, after its entry. Reading changes nothing: the next start
// does nothing, and the recipient reads again.
const (
	// ReleaseEntry: the release is in the log, nobody was answered.
	ReleaseEntry Point = "ingest/after-release"

	// HeadAnswered, InnerAnswered: the file is on its way to the recipient.
	HeadAnswered  Point = "deliver/after-head"
	InnerAnswered Point = "deliver/after-inner"

	// PayloadAnswered: the first bytes of the payload are on their way.
	PayloadAnswered Point = "deliver/after-payload"
)

// AbandonRow is the one point of giving a package up: its row says so, and its
// uploads still take room. The next start frees it.
const AbandonRow Point = "ingest/after-abandon"

// The points of a recall, after its entry. What is left to do is noted with it.
const (
	// RecallEntry: the recall is in the log, head and inner file are here, handed out
	// to nobody. The next start destroys them.
	RecallEntry Point = "ingest/after-recall"

	// HeadDestroyed: the head is gone, the inner file is here. The next start finds
	// that and goes on.
	HeadDestroyed Point = "ingest/after-destroy-head"

	// InnerDestroyed: both are gone and no entry says so. The next start files it.
	InnerDestroyed Point = "ingest/after-destroy-inner"

	// DestroyedEntry: the log says that both are gone, and they still count as work.
	// The next start looks, finds nothing, and files nothing twice.
	DestroyedEntry Point = "ingest/after-destroyed"

	// RecallDone: nothing is left to do, and nobody was answered.
	RecallDone Point = "ingest/after-recall-done"
)

// The points of an erasure, after its entry. What is left to do is noted with it, and each
// step can be done again.
const (
	// ErasureEntry: the erasure is in the log, and everything is here. The next start
	// erases it.
	ErasureEntry Point = "ingest/after-erasure"

	// AnnexesErased: the annexes are gone, the entries are here with their copies. The next
	// start finds no annexes and goes on.
	AnnexesErased Point = "ingest/after-erase-annexes"

	// CopiesErased: the entries are in the database alone. The next start finds no copies
	// and goes on.
	CopiesErased Point = "ingest/after-erase-copies"

	// ErasedEntry: all is gone and the log says so; pages that were freed may still hold
	// it. The next start empties the log of writes, as a stop does.
	ErasedEntry Point = "ingest/after-erased"
)

// Points lists all of them, in the order in which a package passes them.
func Points() []Point {
	return []Point{
		ReserveRow, ReserveBegun, ReserveUploads, PartStored, PartRow,
		SealFrozen, SealCompleted, SealReadBack,
		EntryDecided, EntryCommitted, EntryCopied, EntryTiled, EntrySigned, EntryPublished,
		SealEntry, SealLocked,
		UnlockEntry, HeadStored, HeadLocked, InnerStored, InnerLocked,
		ReleaseEntry, HeadAnswered, InnerAnswered, PayloadAnswered,
		RecallEntry, HeadDestroyed, InnerDestroyed, DestroyedEntry, RecallDone,
		ErasureEntry, AnnexesErased, CopiesErased, ErasedEntry,
		AbandonRow,
	}
}
