package dossier

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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

// Bound is a time before which something existed, and who says so.
type Bound struct {
	Time      custody.Time `json:"time"`
	Authority string       `json:"authority"`
	Size      int64        `json:"checkpoint_size"`
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
		older, err := c.openNote(e.Note)
		if err == nil && older.Size != size {
			err = fmt.Errorf("it is of size %d", older.Size)
		}
		if err == nil {
			err = translog.CheckConsistency(older, c.checkpoint, e.Proof)
		}
		if err := c.check(err, "earlier checkpoint of size %d", size); err != nil {
			return err
		}
		c.trees[size] = tree{root: custody.Digest(older.Root)}
		if len(e.Tokens) == 0 {
			return c.check(errors.New("nobody vouches for it"), "earlier checkpoint of size %d", size)
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

// openNote opens a checkpoint that is kept as evidence.
func (c *verifier) openNote(note []byte) (translog.Checkpoint, error) {
	return translog.OpenExact(note, c.d.Relay, c.logKey)
}

func stampOf(s *timestamp.Stamp, name string, size int64) Stamp {
	return Stamp{
		File: name, Size: size, Time: statement.At(s.Time), Latest: statement.At(s.Latest()), Authority: s.Authority, Policy: s.Policy,
		Root: custody.Digest(s.Root), Until: statement.At(s.Until), Checked: s.Checked,
	}
}

// times holds what the relay says of times against what the stamps show, and tells of
// each act, and of the last entry, by when it existed.
func (c *verifier) times() error {
	v := c.verdict
	checked := slices.DeleteFunc(slices.Clone(v.Stamps), func(s Stamp) bool { return !s.Checked })
	slices.SortStableFunc(checked, func(a, b Stamp) int {
		return cmp.Or(a.Latest.Time().Compare(b.Latest.Time()), cmp.Compare(a.Size, b.Size))
	})
	before := func(index int64) *Bound {
		i := slices.IndexFunc(checked, func(s Stamp) bool { return s.Size > index })
		if i < 0 {
			return nil
		}
		return &Bound{checked[i].Latest, checked[i].Authority, checked[i].Size}
	}
	var last timed
	for _, e := range c.timed {
		if b := before(e.index); b != nil && e.time.Time().Sub(b.Time.Time()) > clockTolerance {
			return c.check(fmt.Errorf("the relay says that it was made at %s, and by the time stamp of %q it existed before %s", e.time, b.Authority, b.Time),
				"time of entry %d of record %q", e.seq, e.record)
		}
		if e.index >= last.index {
			last = e
		}
	}
	for i := range v.Acts {
		v.Acts[i].Before = before(v.Acts[i].Index)
	}
	v.LastBefore = before(last.index)
	if len(checked) > 0 {
		c.passed("times of %d entries against %d time stamps", len(c.timed), len(checked))
	}
	return nil
}
