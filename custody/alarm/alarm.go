// Package alarm is what an agent keeps when it finds evidence against a relay: one file
// with the signed checkpoints that do not go together, what was expected, and, where there
// is one, the proof. Whoever has the fingerprint of the relay's root keys can verify it
// offline: the descriptor in it, which the root signed, has the log's key.
//
// Three kinds prove that the log has forked, by the relay's own signatures: two roots of
// one size, a tree that does not begin with one that was signed before, and two leaves of
// one record and place in one tree. The others tell what an agent saw: the signatures in
// them are genuine, but that the relay did what is told is the agent's word.
//
// It refuses every spelling but the one that Marshal writes, fields that a kind does not
// have, and signatures of any key but the log's. It opens no file and asks no clock.
package alarm

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"

	"golang.org/x/mod/sumdb/tlog"
)

// Kind says what was found.
type Kind string

// The kinds of alarm.
const (
	KindTwoRoots      Kind = "two-roots"      // two signed trees of one size are different
	KindRewritten     Kind = "rewritten"      // a signed tree does not begin with one that was signed before
	KindRecordFork    Kind = "record-fork"    // one tree has two leaves of one record and place
	KindRecordGap     Kind = "record-gap"     // or a leaf before one that it must follow
	KindRolledBack    Kind = "rolled-back"    // the log is smaller than it was
	KindEntriesDiffer Kind = "entries-differ" // the entries that the relay serves do not lead to the root that it signed
	KindRecordDiffers Kind = "record-differs" // a record, as the relay shows it, is not the one in the log
	KindOtherLog      Kind = "other-log"      // a party's agent was shown a tree that is none of this log
	KindNotEntered    Kind = "not-entered"    // a statement that stops something got no proof of entry in time
)

// Forked reports whether alarms of the kind prove, by the relay's own signatures, that the
// log is not one log.
func (k Kind) Forked() bool { return k == KindTwoRoots || k == KindRewritten || k == KindRecordFork }

// fields says which parts the alarms of a kind have.
var fields = map[Kind]struct{ seen, maySeen, shown, root, leaves, statement bool }{
	KindTwoRoots:      {seen: true, shown: true},
	KindRewritten:     {seen: true, shown: true, root: true},
	KindRecordFork:    {shown: true, leaves: true},
	KindRecordGap:     {shown: true},
	KindRolledBack:    {seen: true, shown: true},
	KindEntriesDiffer: {maySeen: true, shown: true},
	KindRecordDiffers: {shown: true},
	KindOtherLog:      {shown: true, root: true, statement: true},
	KindNotEntered:    {statement: true},
}

// Alarm is the evidence.
type Alarm struct {
	Type       string           `json:"_type"` // comity/alarm/v1
	Kind       Kind             `json:"kind"`
	Relay      string           `json:"relay"` // origin
	By         custody.PartyID  `json:"by,omitempty"`
	Found      custody.Time     `json:"found"`                // by the clock of who found it
	Words      string           `json:"words"`                // what was expected and what was found
	Record     custody.RecordID `json:"record,omitempty"`     // that it is about, if it is about one
	Descriptor []byte           `json:"descriptor,omitempty"` // the relay's description of itself, an envelope; absent where no relay answered
	Seen       string           `json:"seen,omitempty"`       // the signed note that was remembered
	Shown      string           `json:"shown,omitempty"`      // the signed note that does not go with it
	Root       custody.Digest   `json:"root,omitzero"`        // that the log of Shown has at the size of Seen, or of the statement's checkpoint
	Proof      []custody.Digest `json:"proof,omitempty"`      // RFC 6962: the tree of Shown begins with the one of Root
	Leaves     []Leaf           `json:"leaves,omitempty"`     // two, of one tag and seq
	Statement  []byte           `json:"statement,omitempty"`  // an envelope
}

// Leaf is a leaf of the log and the audit path from it to the root of Shown.
type Leaf struct {
	Index int64            `json:"index"`
	Leaf  []byte           `json:"leaf"`
	Proof []custody.Digest `json:"proof"`
}

const (
	typeName = "comity/alarm/v1"
	// MaxBytes is the largest alarm.
	MaxBytes = 4 << 20
	// maxWords bounds the words of one.
	maxWords = 4000
	maxProof = 64
)

// Marshal returns the one form of an alarm.
func (a *Alarm) Marshal() []byte {
	a.Type = typeName
	return statement.Encode(a)
}

// Parse reads what Marshal wrote. It verifies no signature.
func Parse(data []byte) (*Alarm, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("reading alarm: more than %d bytes", MaxBytes)
	}
	a := new(Alarm)
	if err := statement.Decode(data, a); err != nil {
		return nil, fmt.Errorf("reading alarm: %v", err)
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("reading alarm: %w", err)
	}
	if !bytes.Equal(data, a.Marshal()) {
		return nil, fmt.Errorf("reading alarm: not in the form that this program writes")
	}
	return a, nil
}

func (a *Alarm) check() error {
	has, ok := fields[a.Kind]
	switch {
	case a.Type != typeName:
		return fmt.Errorf("_type %q, want %q", a.Type, typeName)
	case !ok:
		return fmt.Errorf("kind %q is unknown", a.Kind)
	case custody.CheckOrigin(a.Relay) != nil:
		return fmt.Errorf("relay %q is malformed", a.Relay)
	case a.Found.IsZero() || a.Words == "" || len(a.Words) > maxWords || len(a.Descriptor) == 0 && a.Kind != KindNotEntered:
		return fmt.Errorf("found, words or descriptor is missing or too long")
	case (a.Seen != "") != has.seen && !has.maySeen, (a.Shown != "") != has.shown, a.Root.IsZero() == has.root, (len(a.Statement) > 0) != has.statement,
		!has.root && len(a.Proof) > 0, has.leaves != (len(a.Leaves) == 2), !has.leaves && a.Leaves != nil:
		return fmt.Errorf("it has other parts than one of kind %q", a.Kind)
	case len(a.Proof) > maxProof:
		return fmt.Errorf("a proof of %d hashes", len(a.Proof))
	}
	if a.By != "" {
		if _, err := custody.ParsePartyID(string(a.By)); err != nil {
			return err
		}
	}
	for _, l := range a.Leaves {
		if len(l.Leaf) != translog.LeafSize || l.Index < 0 || len(l.Proof) > maxProof || l.Proof == nil {
			return fmt.Errorf("a leaf is malformed")
		}
	}
	return nil
}

// ID names the evidence, whenever and by whom it was found: the same finding is one alarm.
func (a *Alarm) ID() string {
	h := sha256.New()
	for _, s := range []string{string(a.Kind), a.Relay, string(a.Record), a.subject(), string(a.Statement)} {
		fmt.Fprintf(h, "%d %s\n", len(s), s)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:16]))
}

// subject is what of an alarm stays the same while a relay goes on doing it: of a log that
// is rolled back, what it was; of one that forked, what it contradicts.
func (a *Alarm) subject() string {
	switch a.Kind {
	case KindRolledBack, KindRewritten, KindTwoRoots:
		return text(a.Seen)
	case KindRecordFork:
		return string(a.Leaves[0].Leaf) + string(a.Leaves[1].Leaf)
	case KindRecordGap, KindRecordDiffers:
		return a.Words
	case KindOtherLog, KindNotEntered:
		return "" // the statement says it
	}
	return text(a.Shown)
}

// text returns what is signed of a note: the same tree may be signed many times.
func text(note string) string {
	s, _, _ := strings.Cut(note, "\n\n")
	return s
}

// Finding is what Verify says of an alarm.
type Finding struct {
	Pinned bool // the relay's root is the pinned one
	Proved bool // the relay's own signatures prove that its log has forked
	Seen   *translog.Checkpoint
	Shown  *translog.Checkpoint
	Says   string // what is proved or not, in plain words
}

// Verify checks the signatures in an alarm down from the relay's root, and whether they
// contradict each other. Pins are the fingerprints of relays' root keys by origin; without
// the one of this relay the finding is not Pinned: then anybody may have made it. An error
// means that the file is not what it says: a signature that is not the log's, or another
// root than the pinned one.
func (a *Alarm) Verify(pins map[string]custody.Digest) (*Finding, error) {
	f := &Finding{}
	if len(a.Descriptor) == 0 { // check: there is no checkpoint, either
		f.Proved, f.Says = a.contradicts(f)
		return f, nil
	}
	key, err := a.logKey(pins, f)
	if err != nil {
		return nil, fmt.Errorf("verifying alarm: %w", err)
	}
	for _, n := range []struct {
		note string
		to   **translog.Checkpoint
	}{{a.Seen, &f.Seen}, {a.Shown, &f.Shown}} {
		if n.note == "" {
			continue
		}
		c, err := translog.Open([]byte(n.note), a.Relay, key)
		if err != nil {
			return nil, fmt.Errorf("verifying alarm: %w", err)
		}
		*n.to = &c
	}
	f.Proved, f.Says = a.contradicts(f)
	return f, nil
}

// logKey returns the key of the log by the descriptor, which the relay's root signed.
func (a *Alarm) logKey(pins map[string]custody.Digest, f *Finding) (*translog.LogKey, error) {
	st, err := custody.ParseStatement(a.Descriptor)
	if err != nil {
		return nil, err
	}
	d, ok := st.Body.(*custody.Relay)
	if !ok || d.By != a.Relay {
		return nil, fmt.Errorf("its descriptor is not of relay %q", a.Relay)
	}
	if err := custody.VerifyRelay(st); err != nil {
		return nil, err
	}
	pin, pinned := pins[a.Relay]
	if pinned && pin != d.Fingerprint() {
		return nil, fmt.Errorf("its relay has root %s, pinned is %s", d.Fingerprint(), pin)
	}
	f.Pinned = pinned
	return translog.ParseLogKey(d.LogKey, d.LogMLDSAKey, a.Relay)
}

// contradicts says whether the signed checkpoints cannot both be of one log.
func (a *Alarm) contradicts(f *Finding) (bool, string) {
	const genuine = "; the signatures are genuine, that it happened is the word of who made this file"
	switch a.Kind {
	case KindTwoRoots:
		if f.Seen.Size == f.Shown.Size && f.Seen.Root != f.Shown.Root {
			return true, fmt.Sprintf("the log has signed two different trees of %d entries: no log can have both", f.Seen.Size)
		}
		return false, "the two checkpoints do not contradict each other"
	case KindRewritten:
		begins := translog.Checkpoint{Origin: a.Relay, Size: f.Seen.Size, Root: tlog.Hash(a.Root)}
		if begins.Root != f.Seen.Root && begins.Size > 0 && begins.Size < f.Shown.Size && translog.CheckConsistency(begins, *f.Shown, hashes(a.Proof)) == nil {
			return true, fmt.Sprintf("the log has signed a tree of %d entries that does not begin with the tree of %d entries that it had signed: its past was rewritten", f.Shown.Size, f.Seen.Size)
		}
		return false, "the proof does not show that the two checkpoints contradict each other"
	case KindRecordFork:
		if err := a.twice(f.Shown); err != nil {
			return false, "the leaves do not show a fork: " + err.Error()
		}
		return true, "the log has two entries of one record and place: it tells two stories of one case"
	case KindRolledBack:
		return false, fmt.Sprintf("the log was shown with %d entries after it had %d%s", f.Shown.Size, f.Seen.Size, genuine)
	case KindNotEntered:
		return false, "a statement that stops something got no proof of entry: the word of who made this file"
	}
	return false, "a checkpoint of the log, and what was served with it" + genuine
}

// twice checks that both leaves stand in the tree, at two places, with one tag and seq.
func (a *Alarm) twice(c *translog.Checkpoint) error {
	var list [2]translog.Leaf
	for i, l := range a.Leaves {
		leaf, err := translog.ParseLeaf(l.Leaf)
		if err != nil {
			return err
		}
		if err := translog.CheckInclusion(*c, l.Index, leaf, hashes(l.Proof)); err != nil {
			return err
		}
		list[i] = leaf
	}
	if a.Leaves[0].Index == a.Leaves[1].Index || list[0].Tag != list[1].Tag || list[0].Seq != list[1].Seq {
		return fmt.Errorf("they are not two of one record and place")
	}
	return nil
}

func hashes(ds []custody.Digest) []tlog.Hash {
	hs := make([]tlog.Hash, len(ds))
	for i, d := range ds {
		hs[i] = tlog.Hash(d)
	}
	return hs
}
