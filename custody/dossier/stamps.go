package dossier

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/timestamp"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// clockTolerance is by how much the clocks of a relay and of those who vouch for its
// times may differ before the relay's word is called false.
const clockTolerance = 5 * time.Minute

// Stamp is a time stamp in the dossier (RFC 3161).
type Stamp struct {
	File      string         `json:"file"`
	Size      int64          `json:"checkpoint_size"` // entries of the log that it covers
	Time      custody.Time   `json:"time"`
	Latest    custody.Time   `json:"latest"` // the time, later by the accuracy that the token claims
	Authority string         `json:"authority"`
	Policy    string         `json:"policy"`
	Root      custody.Digest `json:"root_sha256,omitzero"` // the certificate that was named and that it leads to
	Until     custody.Time   `json:"certificates_until"`
	Checked   bool           `json:"checked"` // it leads to a root that was named
}

// Bound is a time before or after which something came, and who says so: a time stamping
// authority, or witnesses.
type Bound struct {
	Time      custody.Time `json:"time"`
	Authority string       `json:"authority"`
	Size      int64        `json:"checkpoint_size"`
	Witness   bool         `json:"witnesses,omitempty"` // Authority names witnesses
}

// timed is an entry and the time that the relay gave it.
type timed struct {
	record custody.RecordID
	seq    int64
	index  int64
	time   custody.Time
}

// early checks the earlier checkpoints, that the main one continues them, and the time
// stamps over them. A stamp that leads to no named root is told as such and bounds
// nothing; one that is not over its checkpoint, or not whole, fails.
func (c *verifier) early() error {
	for _, size := range slices.Sorted(maps.Keys(c.d.Earlier)) {
		e := c.d.Earlier[size]
		for name, note := range e.notes(size) {
			if err := c.check(c.continued(note, size, e.Proof), "earlier checkpoint %q", name); err != nil {
				return err
			}
		}
		for n, t := range e.Tokens {
			name := fmt.Sprintf("%s/%d-%d%s", tokensFolder, size, n, tokenSuffix)
			s, err := c.stamp(t, timestamp.Of(e.Note))
			if err := c.check(err, "time stamp %q", name); err != nil {
				return err
			}
			c.verdict.Stamps = append(c.verdict.Stamps, stampOf(s, name, size))
		}
	}
	return nil
}

// continued checks that the main checkpoint continues an earlier one, which the log has
// signed with both keys. Lines of others are looked at when the replay knows whose they
// may be.
func (c *verifier) continued(note []byte, size int64, proof []tlog.Hash) error {
	older, err := translog.Open(note, c.d.Relay, c.logKey)
	if err != nil {
		return err
	}
	if older.Size != size {
		return fmt.Errorf("it is of size %d", older.Size)
	}
	if err := translog.CheckConsistency(older, c.checkpoint, proof); err != nil {
		return err
	}
	c.trees[size] = tree{root: custody.Digest(older.Root)}
	return nil
}

func stampOf(s *timestamp.Stamp, name string, size int64) Stamp {
	return Stamp{
		File: name, Size: size, Time: statement.At(s.Time), Latest: statement.At(s.Latest()), Authority: s.Authority, Policy: s.Policy,
		Root: custody.Digest(s.Root), Until: statement.At(s.Until), Checked: s.Checked,
	}
}

// times holds what the relay says of times against those who vouch for them, and tells
// of each act, and of the last entry, between which times it came.
func (c *verifier) times() error {
	v := c.verdict
	var last timed
	for _, e := range c.timed {
		if err := v.within(e); err != nil {
			return c.check(err, "time of entry %d of record %q", e.seq, e.record)
		}
		if e.index >= last.index {
			last = e
		}
	}
	for i := range v.Acts {
		v.Acts[i].Before, v.Acts[i].After = v.before(v.Acts[i].Index), v.after(v.Acts[i].Index)
	}
	v.LastBefore = v.before(last.index)
	if len(v.Stamps)+len(v.Witnessed) > 0 {
		c.passed("times of %d entries against %d time stamps and %d cosigned checkpoints", len(c.timed), len(v.Stamps), len(v.Witnessed))
	}
	return nil
}
