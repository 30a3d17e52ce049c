package officer

import (
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/agent"
	"comity.example/comity/custody"
	"comity.example/comity/internal/wire"
)

// ErasureReasons are why a State has its words erased.
var ErasureReasons = []Code{
	{"retention-over", "the time is over for which they may be kept"},
	{"data-protection", "a person, or who protects data, has asked for it"},
	{"court-order", "a court has ordered it"},
	{"unlawful-content", "they hold what may not be kept at all"},
	{"error", "they should not have been there"},
	{"other", "another reason"},
}

// ErasureSpec is what a person wants erased: places in the request's record.
type ErasureSpec struct {
	Entries    []int64 // whole
	Annexes    []int64 // the annex alone
	AllAnnexes bool    // of all that this authority said
	Reason     string
}

// Erasure drafts that the relay erases what it keeps of what this authority said. What
// cannot be erased is refused here: at the relay it would wait for signatures first.
func (o Office) Erasure(h custody.Header, r *custody.Record, spec ErasureSpec) (*Paper, error) {
	c := r.Case()
	switch {
	case !c.Over():
		return nil, refused("erasure", custody.CodeNotEnded)
	case c.OnHold():
		return nil, refused("erasure", custody.CodeOnHold)
	}
	entries, annexes := r.Erasable(o.Authority)
	b := &custody.Erasure{Header: h, Request: c.RequestSHA256, Reason: spec.Reason}
	var err error
	if b.Entries, err = named(entries, spec.Entries); err != nil {
		return nil, err
	}
	if b.Annexes, err = named(annexes, spec.Annexes); err != nil {
		return nil, err
	}
	if spec.AllAnnexes {
		b.Annexes = slices.DeleteFunc(annexes, func(ref custody.Ref) bool { return slices.Contains(spec.Entries, ref.Seq) })
	}
	if len(b.Entries)+len(b.Annexes) == 0 {
		return nil, fmt.Errorf("nothing is left that %s could have erased: %w", o.Authority, refused("erasure", custody.CodeNotErasable))
	}
	return o.paper(b, nil)
}

// named returns the entries at some places, in the order of the record.
func named(of []custody.Ref, seqs []int64) (list []custody.Ref, err error) {
	for _, seq := range seqs {
		if !slices.ContainsFunc(of, func(r custody.Ref) bool { return r.Seq == seq }) {
			return nil, fmt.Errorf("entry %d: %w", seq, refused("erasure", custody.CodeNotErasable))
		}
	}
	return slices.DeleteFunc(slices.Clone(of), func(r custody.Ref) bool { return !slices.Contains(seqs, r.Seq) }), nil
}

// erasing says in half a sentence what an erasure names.
func erasing(b *custody.Erasure) string {
	e := b.Event(custody.Digest{}).Erased
	var list []string
	if len(e.Entries) > 0 {
		list = append(list, "whole entries "+strings.Trim(fmt.Sprint(e.Entries), "[]"))
	}
	if len(e.Annexes) > 0 {
		list = append(list, "the annexes of entries "+strings.Trim(fmt.Sprint(e.Annexes), "[]"))
	}
	return strings.Join(list, " and ")
}

// Certificate says what a relay erased for a State, and what that does not reach. It is a
// reading of the log and signed by nobody: the erasure, its officers' signatures and the
// relay's event stand there, and in every dossier that is made from then on.
type Certificate struct {
	Type       string                `json:"_type"` // comity/erasure-certificate/v1
	Relay      string                `json:"relay"`
	Request    string                `json:"request"`
	Erasure    custody.Digest        `json:"erasure_sha256"`
	By         string                `json:"by"`
	Signed     []custody.PartyID     `json:"signed"`
	Reason     string                `json:"reason"`
	Asked      custody.Time          `json:"asked"`
	Erased     custody.Time          `json:"erased,omitzero"` // of the relay's word; absent: not yet
	Entry      int64                 `json:"entry"`           // of that word in the record; 0: none
	Index      int64                 `json:"log_index"`       // and in the log
	Entries    []ErasedEntry         `json:"entries"`         // that went whole
	Annexes    []ErasedEntry         `json:"annexes"`         // whose annex went
	Checkpoint custody.CheckpointRef `json:"checkpoint"`      // at which this was read
	Beyond     []string              `json:"not_reached"`
}

// ErasedEntry is one entry and what is left of it.
type ErasedEntry struct {
	Seq   int64          `json:"seq"`
	Index int64          `json:"log_index"`
	Leaf  custody.Digest `json:"leaf"` // its salted hash, which stays in the log
}

// beyond is what no relay can erase.
var beyond = []string{
	"what both parties keep at home: the machines of their officers, labs and recipients, their exports and prints",
	"dossiers that were made before, whoever has them: they still verify whole",
	"backups of the relay's database and of its store, until they are overwritten: that is the operator's to do",
	"older versions of objects where the relay's store keeps them for a lock, until that ends; the relay deletes the versions that it is shown",
	"the sealed packages of the request: they stay in the store, locked, until their window or the retention of their grant is over, and no key of the relay opens them",
	"the log: places, tags, times of other entries and the salted hashes of what was erased, from which nothing can be read back; witnesses and mirrors never had more",
	"what is told of the entries elsewhere in the record: this erasure, and statements that name them by their hashes",
}

// Certificates returns one for each erasure in a request's record, oldest first.
func Certificates(snap *agent.Snapshot, request string) ([]*Certificate, error) {
	var list []*Certificate
	lines := snap.Records[custody.RecordID(request)]
	for _, l := range lines {
		if l.Gap != nil {
			continue
		}
		c := l.Custody()
		e, st, err := c.Parse()
		if err != nil {
			return nil, err
		}
		if st == nil {
			for _, x := range list {
				if e.Event.Erased != nil && e.Event.Erased.Erasure == x.Erasure {
					x.Erased, x.Entry, x.Index = e.Time, e.Seq, l.Index
				}
			}
			continue
		}
		if b, ok := st.Body.(*custody.Erasure); ok {
			list = append(list, &Certificate{
				Type: "comity/erasure-certificate/v1", Relay: snap.Checkpoint.Origin, Request: request, Erasure: st.SHA256, By: b.By,
				Signed: Signers(snap.Book.View().Authorities[b.By], st), Reason: b.Reason, Asked: e.Time,
				Entries: erasedEntries(lines, b.Entries), Annexes: erasedEntries(lines, b.Annexes),
				Checkpoint: custody.CheckpointRef{Size: snap.Checkpoint.Size, Root: custody.Digest(snap.Checkpoint.Root)}, Beyond: beyond,
			})
		}
	}
	return list, nil
}

func erasedEntries(lines []wire.Line, refs []custody.Ref) []ErasedEntry {
	list := []ErasedEntry{}
	for _, ref := range refs { // the rules have compared them with the record
		list = append(list, ErasedEntry{ref.Seq, lines[ref.Seq].Index, ref.Leaf})
	}
	return list
}

// Text returns the certificate for people.
func (x *Certificate) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Erasure in the record of request %s at relay %s\n\n", x.Request, x.Relay)
	fmt.Fprintf(&b, "  asked    %s by %s, signed by %s\n", x.Asked, x.By, join(x.Signed))
	fmt.Fprintf(&b, "  reason   %s (%s)\n", x.Reason, Means(ErasureReasons, x.Reason))
	fmt.Fprintf(&b, "  SHA-256  %s of the signed erasure\n", x.Erasure)
	if x.Erased.IsZero() {
		fmt.Fprintf(&b, "  erased   not yet: the relay has not said so up to log size %d\n", x.Checkpoint.Size)
	} else {
		fmt.Fprintf(&b, "  erased   %s, as the relay says in entry %d of the record, log entry %d\n", x.Erased, x.Entry, x.Index)
	}
	for _, e := range x.Entries {
		fmt.Fprintf(&b, "  entry %d   statement, entry and salt, with its annex if it had one; in the log stays %s at %d\n", e.Seq, e.Leaf, e.Index)
	}
	for _, e := range x.Annexes {
		fmt.Fprintf(&b, "  entry %d   its annex alone; the entry stays\n", e.Seq)
	}
	b.WriteString("\nNot reached\n")
	for _, s := range x.Beyond {
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	fmt.Fprintf(&b, "\nRead from the log at size %d, root %s. Nobody signed this page; a dossier of the request proves it.\n", x.Checkpoint.Size, x.Checkpoint.Root)
	return b.String()
}

func join(ids []custody.PartyID) string {
	var s []string
	for _, id := range ids {
		s = append(s, string(id))
	}
	return strings.Join(s, " and ")
}
