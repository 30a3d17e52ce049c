package fsck

// Code says what sort of difference a finding is. Codes are stable: scripts and
// tests match them.
type Code string

// The codes of findings. Append only.
const (
	CodeDatabase Code = "database" // SQLite's own check of its file fails, or PostgreSQL lacks a guard
	CodeRow      Code = "row"      // a row of a table that cannot be read

	CodeEntryMissing   Code = "entry-missing"   // a row of the log is not there
	CodeEntryStray     Code = "entry-stray"     // a row beyond the end of the log
	CodeEntry          Code = "entry"           // the entry does not parse
	CodeEnvelope       Code = "envelope"        // the statement does not parse
	CodeEntryStatement Code = "entry-statement" // the entry is of another statement
	CodeEntryColumn    Code = "entry-column"    // a column differs from the entry
	CodeChain          Code = "chain"           // seq or prev do not follow the record
	CodeTime           Code = "time"            // earlier than the entry before it in the log
	CodeTag            Code = "tag"             // two records have one tag
	CodeLeaf           Code = "leaf"            // the leaf is not that of entry, envelope and salt
	CodeReplay         Code = "replay"          // the rules would have answered otherwise
	CodeParty          Code = "party"           // the list of a record's authorities differs
	CodeHash           Code = "log-hash"        // a Merkle hash differs, is missing, or is beyond the log
	CodeHead           Code = "log-head"        // size, root or time of the head differ
	CodeCheckpoint     Code = "checkpoint"      // in the database: not by the log key, or of another tree

	CodeStoredCheckpoint Code = "stored-checkpoint" // in the store: missing, not by the log key, or of another tree
	CodeAhead            Code = "ahead"             // the store's checkpoint is of a larger log
	CodeBehind           Code = "behind"            // the store's checkpoint is older than the newest one signed
	CodeTileMissing      Code = "tile-missing"
	CodeTile             Code = "tile"        // other bytes
	CodeTileBeyond       Code = "tile-beyond" // of a larger tree
	CodeCopyMissing      Code = "copy-missing"
	CodeCopy             Code = "copy"        // malformed, of another size, or of another line
	CodeCopyBeyond       Code = "copy-beyond" // of entries that the log does not have

	CodePackage        Code = "package"         // a row that does not fit its seal, or has no entry
	CodeDeposit        Code = "deposit"         // an entry of a seal without its row, or two of one package
	CodeParts          Code = "parts"           // part rows missing, stray, or not those that the seal names
	CodePayloadMissing Code = "payload-missing" // also: not in the version that the entry names
	CodePayloadSize    Code = "payload-size"
	CodePayload        Code = "payload" // other bytes than the part rows say
	CodeLock           Code = "lock"    // ends before the transport window or the retention of its grant, or does not run though the request is on hold
	CodeHeadMissing    Code = "head-missing"
	CodeHeadFile       Code = "head"       // head or inner file with another hash
	CodeHeadEarly      Code = "head-early" // here before the unlock
	CodeAnnexRow       Code = "annex-row"
	CodeAnnexMissing   Code = "annex-missing"
	CodeAnnex          Code = "annex"      // other bytes
	CodeProposal       Code = "proposal"   // a row that is not of its statement
	CodeOrphan         Code = "orphan"     // an object, or an upload, that nothing explains
	CodeUnreadable     Code = "unreadable" // the store cannot read an object

	CodeHeadDestroyed  Code = "head-destroyed"  // head or inner file here, and an entry says that they are gone
	CodeRecalled       Code = "recalled"        // the list of heads to destroy is not what follows from the log
	CodeHold           Code = "hold"            // the list of requests on hold is not what follows from the log
	CodeCosigned       Code = "cosigned"        // a note that witnesses cosigned is not by the log key, or of another tree
	CodeErased         Code = "erased"          // an entry, its copy or an annex is here or not against what the log says was erased
	CodeErasure        Code = "erasure"         // the list of what is to be erased is not what follows from the log
	CodePayloadVersion Code = "payload-version" // a newer version lies over the one that the entry names, or a delete marker

	CodeToken        Code = "token"         // a time stamp that is not over its checkpoint, or does not verify
	CodeTokenMissing Code = "token-missing" // not in the store
	CodeTokenFile    Code = "token-file"    // other bytes in the store
)

// The codes of notes. Append only.
const (
	NoteReplayEnded Code = "replay-ended" // at damage that a finding names
	NoteUnpublished Code = "unpublished"  // committed or stored, not yet signed: the next start publishes it
	NoteOpen        Code = "open"         // a reservation
	NoteSealing     Code = "sealing"      // a deposit half-done: the next start drives it on
	NoteCompleted   Code = "completed"    // a payload that is whole, of a package that is not sealed
	NoteLeftover    Code = "leftover"     // what the next start frees
	NoteUnbound     Code = "unbound"      // an annex that no statement binds, readable by nobody
	NoteErasing     Code = "erasing"      // what an erasure names, in part gone perhaps: the next start goes on
	NoteRecalled    Code = "recalled"     // head or inner file of a recalled package, handed out to nobody: destroyed when its lock lets it
)
