package custody

import "time"

// Attestation is a party's agent saying that it has seen a record. After names the last
// entry that it saw: every entry commits to the one before, so that one names them all.
// The log of the checkpoint, which the agent read from its first leaf to its last, held
// no more of the record than that. It moves nothing. A relay that shows two States two
// records, or a dossier that ends before what a party attested, is shown by it.
type Attestation struct {
	Header
	Request    Digest        `json:"request_sha256"`
	Checkpoint CheckpointRef `json:"checkpoint"` // up to which the agent read the log
}

// MaxAttestations is how often one agent attests one record within an hour of UTC: who
// signs at every entry could otherwise fill the log with them.
const MaxAttestations = 12

// attesting is what the rules remember of one agent's attestations of a record.
type attesting struct {
	upTo int64     // the newest entry that it has attested
	hour time.Time // of the last one
	n    int       // in that hour
}

func (b *Attestation) check() error {
	switch {
	case b.After == nil:
		return bad("after is missing: it names what is attested")
	case b.Checkpoint.Size <= b.After.Seq: // as many leaves at least as the record has entries
		return bad("checkpoint: a log of %d has no entry %d of a record", b.Checkpoint.Size, b.After.Seq)
	}
	return refs(b.Request, b.Checkpoint.Root)
}

// decideAttestation: by any agent of the two authorities, at any time of a request and
// after its end, of what has come since it last attested: attestations alone are nothing
// new, or two agents would attest each other's for ever.
func decideAttestation(c *Case, b *Attestation, by PartyID, now Time) Decision {
	const rule = "attestation"
	last, ok := c.attested[by]
	switch {
	case !c.grown(last, ok, b.After.Seq):
		return deny(rule, CodeNothingNew)
	case last.hour.Equal(hourOf(now)) && last.n >= MaxAttestations:
		return deny(rule, CodeTooOften)
	}
	return allow(rule)
}

// grown reports whether the entries up to seq hold one that is no attestation and that
// an agent, if it has attested before, has not attested.
func (c *Case) grown(last attesting, before bool, seq int64) bool {
	from := int64(0)
	if before {
		from = last.upTo + 1
	}
	for ; from <= seq; from++ {
		if !c.attestations[from] {
			return true
		}
	}
	return false
}

// attest folds an attestation.
func (c *Case) attest(e *Entry, b *Attestation) {
	if c.attested == nil {
		c.attested, c.attestations = map[PartyID]attesting{}, map[int64]bool{}
	}
	c.attestations[e.Seq] = true
	by := PartyID(b.By)
	a := attesting{b.After.Seq, hourOf(e.Time), 1}
	if last := c.attested[by]; last.hour.Equal(a.hour) {
		a.n += last.n
	}
	c.attested[by] = a
}

func hourOf(t Time) time.Time { return t.Time().UTC().Truncate(time.Hour) }
