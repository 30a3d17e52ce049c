package dossier

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// CheckError is how Verify fails: the name of the check, and why.
type CheckError struct {
	Check string
	Err   error
}

// Error names the check.
func (e *CheckError) Error() string { return "checking " + e.Check + ": " + e.Err.Error() }

// Unwrap returns why.
func (e *CheckError) Unwrap() error { return e.Err }

// Verify checks everything that a dossier claims, from the pinned roots down:
// whose records it holds, the relay's descriptor and log key, the checkpoint, each
// entry of every record replayed by custody.Book in the order of the log, its
// inclusion in the log at its place, and the contents of packages.
//
// Where a pin is missing the dossier's own fingerprint stands in: everything is
// then consistent with itself, and the verdict says that its origin is not
// checked. The first check that fails ends it: the error is a *CheckError, and the
// verdict names the check and tells no story.
func Verify(d *Dossier, pins Pins) (*Verdict, error) {
	c := &verifier{d: d, pins: pins, verdict: newVerdict(d), senders: map[string]*keys.Public{}, trees: map[int64]tree{}}
	for _, step := range []func() error{c.records, c.origins, c.log, c.early, c.replay, c.contents, c.times, c.renewed} {
		if err := step(); err != nil {
			return c.verdict.fail(err), err
		}
	}
	c.verdict.tell(c.book.Record(custody.RecordID(d.Request)).Case())
	if err := c.documents(); err != nil {
		return c.verdict.fail(err), err
	}
	return c.verdict, nil
}

// verifier is one run of Verify.
type verifier struct {
	d       *Dossier
	pins    Pins
	verdict *Verdict

	parties    []string // the two authorities
	trusted    Pins     // the pins, or what stands in for them
	checkpoint translog.Checkpoint
	logKey     *translog.LogKey
	book       *custody.Book
	timed      []timed
	sizes      []int64                 // of earlier checkpoints that the replay has not come to yet
	senders    map[string]*keys.Public // by package, as listed when its seal was logged
	trees      map[int64]tree          // by size: that agents say they have read
}

// check notes a check under its name and returns its error as a CheckError.
func (c *verifier) check(err error, format string, args ...any) error {
	name := fmt.Sprintf(format, args...)
	if err != nil {
		return &CheckError{name, err}
	}
	c.verdict.Checks = append(c.verdict.Checks, name)
	return nil
}

// passed notes a check that cannot end the run.
func (c *verifier) passed(format string, args ...any) {
	c.verdict.Checks = append(c.verdict.Checks, fmt.Sprintf(format, args...))
}

// records: exactly the four records that a request needs, none of them empty.
func (c *verifier) records() error {
	s, err := c.first(custody.RecordID(c.d.Request))
	if err == nil {
		if c.parties = s.Parties(); c.parties == nil {
			err = fmt.Errorf("its first statement is a %s", s.Kind)
		}
	}
	if err := c.check(err, "request"); err != nil {
		return err
	}
	want := map[custody.RecordID]bool{
		custody.RelayRecord: true, custody.RecordID(c.d.Request): true,
		custody.AuthorityRecord(c.parties[0]): true, custody.AuthorityRecord(c.parties[1]): true,
	}
	for id := range c.d.Records {
		if !want[id] {
			err = fmt.Errorf("record %q does not belong to the request", id)
		}
	}
	for id := range want {
		if len(c.d.Records[id]) == 0 {
			err = fmt.Errorf("record %q is missing", id)
		}
	}
	return c.check(err, "set of records")
}

// first reads the first statement of a record.
func (c *verifier) first(id custody.RecordID) (*custody.Statement, error) {
	lines := c.d.Records[id]
	if len(lines) == 0 {
		return nil, fmt.Errorf("record %q is missing", id)
	}
	return custody.ParseStatement(lines[0].Envelope) // an event is never the first
}

// origins compares the fingerprints of both authorities' roots and of the relay
// with the pins.
func (c *verifier) origins() error {
	c.trusted = Pins{Authorities: map[string]custody.Digest{}, Relays: map[string]custody.Digest{}}
	for _, name := range c.parties {
		s, err := c.first(custody.AuthorityRecord(name))
		o := Origin{Name: name}
		if err == nil {
			b, ok := s.Body.(*custody.Root)
			if !ok {
				err = fmt.Errorf("its record begins with a %s", s.Kind)
			} else {
				o.Fingerprint = b.Fingerprint()
				c.trusted.Authorities[name], o.Pinned, err = pinned(c.pins.Authorities, name, o.Fingerprint)
			}
		}
		if err := c.check(err, "root of authority %q", name); err != nil {
			return err
		}
		c.verdict.Authorities = append(c.verdict.Authorities, o)
	}
	s, err := c.first(custody.RelayRecord)
	o := Origin{Name: c.d.Relay}
	if err == nil {
		b, ok := s.Body.(*custody.Relay)
		if !ok {
			err = fmt.Errorf("its record begins with a %s", s.Kind)
		} else {
			o.Fingerprint = b.Fingerprint()
			c.trusted.Relays[o.Name], o.Pinned, err = pinned(c.pins.Relays, o.Name, o.Fingerprint)
		}
	}
	c.verdict.Relay = o
	return c.check(err, "root of relay %q", o.Name)
}

// pinned returns the fingerprint to trust, whether it is a pin, and an error if
// the pin is another one.
func pinned(pins map[string]custody.Digest, name string, found custody.Digest) (custody.Digest, bool, error) {
	pin, ok := pins[name]
	switch {
	case !ok:
		return found, false, nil
	case pin != found:
		return pin, true, fmt.Errorf("the dossier has fingerprint %s, pinned is %s", found, pin)
	}
	return pin, true, nil
}

// log takes the log key from the relay's descriptor in force, which its root
// signed, and opens the checkpoint with it.
func (c *verifier) log() error {
	book := custody.NewBook(c.d.Relay, nil, c.trusted.Relays[c.d.Relay])
	var err error
	for _, l := range c.d.Records[custody.RelayRecord] {
		if _, _, err = book.Add(l.Line); err != nil {
			break
		}
	}
	if err := c.check(err, "descriptor of relay %q", c.d.Relay); err != nil {
		return err
	}
	relay := book.Record(custody.RelayRecord).Relay()
	key, err := translog.ParseLogKey(relay.LogKey, relay.LogMLDSAKey, c.d.Relay)
	if err := c.check(err, "log key of relay %q", c.d.Relay); err != nil {
		return err
	}
	c.logKey = key
	c.checkpoint, err = translog.OpenExact(c.d.Checkpoint, c.d.Relay, key)
	c.verdict.Checkpoint = custody.CheckpointRef{Size: c.checkpoint.Size, Root: custody.Digest(c.checkpoint.Root)}
	return c.check(err, "signature of the checkpoint")
}

// placed is a line with the place that the dossier gives it.
type placed struct {
	Line
	record custody.RecordID
	seq    int64
}

// replay plays all records, in the order of the log, against the rule book.
func (c *verifier) replay() error {
	var all []placed
	for _, id := range slices.Sorted(maps.Keys(c.d.Records)) {
		for seq, l := range c.d.Records[id] {
			all = append(all, placed{l, id, int64(seq)})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.Index, b.Index) })
	c.book = custody.NewBook(c.d.Relay, c.trusted.Authorities, c.trusted.Relays[c.d.Relay])
	c.sizes = slices.Sorted(maps.Keys(c.d.Earlier))
	for _, p := range all {
		if err := c.witnesses(p.Index); err != nil {
			return err
		}
		if err := c.line(p); err != nil {
			return err
		}
	}
	if err := c.declared(); err != nil {
		return err
	}
	return c.witnesses(c.checkpoint.Size)
}

// line replays one entry and checks that the log holds it at its index.
func (c *verifier) line(p placed) error {
	if p.Gap != nil {
		return c.gap(p)
	}
	leaf, e, err := c.book.Add(p.Line.Line)
	if err == nil && (e.Record != p.record || e.Seq != p.seq) {
		err = fmt.Errorf("it is entry %d of record %q", e.Seq, e.Record)
	}
	if err := c.check(err, "entry %d of record %q", p.seq, p.record); err != nil {
		return err
	}
	err = translog.CheckInclusion(c.checkpoint, p.Index, leaf, p.Proof)
	if err := c.check(err, "log inclusion of entry %d of record %q", p.seq, p.record); err != nil {
		return err
	}
	c.timed = append(c.timed, timed{p.record, p.seq, p.Index, e.Time})
	if string(p.record) != c.d.Request && e.Kind != custody.KindSuspension {
		return nil
	}
	unchecked := c.book.Record(e.Record).Unchecked(e.Seq)
	if e.Event != nil {
		c.verdict.noteEvent(p, e)
		c.unchecked(unchecked)
		return nil
	}
	s, err := custody.ParseStatement(p.Envelope)
	if err != nil {
		return c.check(err, "entry %d of record %q", p.seq, p.record)
	}
	if b, ok := s.Body.(*custody.Suspension); ok {
		if slices.Contains(c.parties, b.By) && slices.Contains(c.parties, b.With) {
			c.verdict.turned(p, e, s, c.book.View())
		}
		return nil
	}
	c.verdict.note(p, e, s, c.book.View())
	if c.unchecked(unchecked) {
		return nil
	}
	switch b := s.Body.(type) {
	case *custody.Seal:
		return c.deposited(e, b)
	case *custody.Unlock:
		c.unlocked(p, b)
	case *custody.Attestation:
		c.attested(p, e, b)
	}
	return nil
}

// unlocked: the log that the sender says it had read was not longer than the log
// was. A relay takes what an agent says of that, so a false word is told and
// fails nothing: it must not void what others signed.
func (c *verifier) unlocked(p placed, b *custody.Unlock) {
	if b.Checkpoint.Size > p.Index {
		c.verdict.doubts[b.Package] = append(c.verdict.doubts[b.Package], fmt.Sprintf(
			"the sender's unlock names a log of %d entries and is itself entry %d: it cannot have read that log", b.Checkpoint.Size, p.Index))
		return
	}
	c.agree(p.seq, b.By, b.Checkpoint)
	c.passed("checkpoint in the unlock of package %q", b.Package)
}

// deposited: the bytes that the relay read back are as many as the sender sealed.
// It also notes the sender's key as its directory lists it at this place.
func (c *verifier) deposited(e *custody.Entry, b *custody.Seal) error {
	by := custody.PartyID(b.By)
	m, ok := c.book.View().Authorities[by.Authority()].Member(by)
	if !ok {
		return c.check(errors.New("its sender is in no directory"), "deposit of package %q", b.Package)
	}
	c.senders[b.Package] = m.Key
	var sum int64
	for _, o := range e.Deposit.Objects {
		sum += o.Size
	}
	var err error
	if e.Deposit.Size != b.PayloadSize || sum != b.PayloadSize {
		err = fmt.Errorf("the relay stored %d bytes in objects of %d, the sender sealed %d", e.Deposit.Size, sum, b.PayloadSize)
	}
	return c.check(err, "deposit of package %q", b.Package)
}
