package custody

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"comity.example/comity/crypto/statement"
)

const entryType = "comity/entry/v1"

// Entry is what a relay makes of a statement that it accepts, or of an event of
// its own: its place in a record, its time, and the directories that decided.
// Entries are not signed; the log commits to them. The entry of an event names no
// statement, no envelope and no carrier.
type Entry struct {
	Type        string         `json:"_type"` // comity/entry/v1
	Relay       string         `json:"relay"`
	Record      RecordID       `json:"record"`
	Seq         int64          `json:"seq"`  // 0, 1, … within the record
	Prev        Digest         `json:"prev"` // salted leaf hash of the entry before; zeros at 0
	Kind        Kind           `json:"kind"`
	Statement   Digest         `json:"statement_sha256"` // of the payload; zeros of an event
	Envelope    Digest         `json:"envelope_sha256"`  // of the exact envelope; zeros of an event
	Time        Time           `json:"time"`             // the relay's clock, never decreasing over the whole log
	Via         PartyID        `json:"via,omitempty"`    // the agent that carried it, proven by hello
	Directories []DirectoryRef `json:"directories"`      // in force when it was decided, by authority
	Decision    Decision       `json:"decision"`
	Policy      Digest         `json:"policy_sha256,omitzero"` // of the operator's policy that had to allow it too, if there was one
	Deposit     *Deposit       `json:"deposit,omitempty"`      // of a seal: what the store confirmed
	Event       *Event         `json:"event,omitempty"`        // of an event, and only of an event
}

// DirectoryRef names one version of an authority's directory.
type DirectoryRef struct {
	Authority string `json:"authority"`
	Version   int64  `json:"version"`
	SHA256    Digest `json:"sha256"`
}

// Deposit is what the relay read back from its store after the package was
// complete, before it committed the entry.
type Deposit struct {
	Size    int64           `json:"size"` // payload bytes over all objects
	Objects []StoredPayload `json:"objects"`
}

// StoredPayload is one object of a payload.
type StoredPayload struct {
	Key     string `json:"key"`
	Version string `json:"version"`
	Size    int64  `json:"size"`
}

// of reports whether d is what the entry of s needs: nothing, or for a seal
// objects that add up to the payload that was sealed.
func (d *Deposit) of(s *Statement) bool {
	b, sealed := s.Body.(*Seal)
	if !sealed || d == nil {
		return !sealed && d == nil
	}
	left := d.Size
	for _, o := range d.Objects {
		if o.Size < 1 || o.Size > left {
			return false
		}
		left -= o.Size
	}
	return d.Size == b.PayloadSize && left == 0
}

// Marshal returns the one byte form of the entry.
func (e *Entry) Marshal() []byte { return statement.Encode(e) }

// ParseEntry reads an entry, and only from the form that Marshal writes.
func ParseEntry(data []byte) (*Entry, error) {
	if len(data) > 1<<20 {
		return nil, fmt.Errorf("entry has %d bytes, more than 1 MiB", len(data))
	}
	var e Entry
	if err := statement.Decode(data, &e); err != nil {
		return nil, fmt.Errorf("reading entry: %v", err)
	}
	if e.Type != entryType {
		return nil, fmt.Errorf("reading entry: unknown _type %q", e.Type)
	}
	if !bytes.Equal(e.Marshal(), data) {
		return nil, errors.New("reading entry: not in canonical form")
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("reading entry: %w", err)
	}
	return &e, nil
}

// check: an entry is of a statement or of an event, and has nothing of the other.
func (e *Entry) check() error {
	bare := e.Statement.IsZero() && e.Envelope.IsZero()
	switch {
	case e.Kind.IsEvent():
		if !bare || e.Via != "" || e.Deposit != nil || !e.Policy.IsZero() || e.Event == nil || e.Event.kind() != e.Kind {
			return bad("a %s is an event, and has nothing else", e.Kind)
		}
		return e.Event.check()
	case newBody(e.Kind) == nil:
		return bad("kind %q is unknown", e.Kind)
	case e.Event != nil:
		return bad("a %s has no event", e.Kind)
	case e.Statement.IsZero() || e.Envelope.IsZero():
		return bad("a %s has a statement and its envelope", e.Kind)
	case !e.Policy.IsZero() && !narrowed(e.Kind):
		return bad("no policy of an operator is asked about a %s", e.Kind)
	}
	return nil
}

// NewEntry makes the entry of an allowed statement at the tip of a record. The
// carrier is left out where none is needed, of roots, directories and relays.
func NewEntry(r *Record, v *View, s *Statement, via PartyID, now Time, d Decision, dep *Deposit) *Entry {
	if r.ID == RelayRecord || r.ID.Authority() != "" {
		via = ""
	}
	return &Entry{
		Type: entryType, Relay: v.Origin, Record: r.ID, Seq: r.Len(), Prev: r.tip(),
		Kind: s.Kind, Statement: s.SHA256, Envelope: sha256.Sum256(s.Envelope),
		Time: now, Via: via, Directories: v.refs(r, s), Decision: d, Deposit: dep,
	}
}

// NewEvent makes the entry of an event that DecideEvent allowed.
func NewEvent(r *Record, v *View, ev *Event, now Time, d Decision) *Entry {
	return &Entry{
		Type: entryType, Relay: v.Origin, Record: r.ID, Seq: r.Len(), Prev: r.tip(),
		Kind: ev.kind(), Time: now, Directories: v.refs(r, nil), Decision: d, Event: ev,
	}
}
