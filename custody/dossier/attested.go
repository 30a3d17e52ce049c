package dossier

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"comity.example/comity/custody"
)

// Attested is the newest word of a State's agents on how far they saw the record: the log
// of the checkpoint had no entry of it beyond the one named.
type Attested struct {
	Authority  string                `json:"authority"`
	By         custody.PartyID       `json:"by"`  // agent
	Seq        int64                 `json:"seq"` // the last entry that it saw
	Checkpoint custody.CheckpointRef `json:"checkpoint"`
	Entry      int64                 `json:"entry"` // of the attestation itself
	Time       custody.Time          `json:"time"`
}

// attested takes an attestation, or says why it cannot be so. The rules have seen that it
// names an entry of the record; what it says of the log, only who has the places of the
// entries can judge. A false word is told and fails nothing: it must not void what others
// signed. It counts for nothing, either.
func (c *verifier) attested(p placed, e *custody.Entry, b *custody.Attestation) {
	if why := c.disbelieved(p, b); why != "" {
		c.verdict.Doubts = append(c.verdict.Doubts, fmt.Sprintf("entry %d: %s attests the record up to entry %d in a log of %d entries: %s",
			e.Seq, b.By, b.After.Seq, b.Checkpoint.Size, why))
		return
	}
	if !c.agree(e.Seq, b.By, b.Checkpoint) {
		return
	}
	by := custody.PartyID(b.By)
	a := Attested{by.Authority(), by, b.After.Seq, b.Checkpoint, e.Seq, e.Time}
	if i := slices.IndexFunc(c.verdict.Attested, func(o Attested) bool { return o.Authority == a.Authority }); i < 0 {
		c.verdict.Attested = append(c.verdict.Attested, a)
	} else if o := &c.verdict.Attested[i]; a.Seq > o.Seq || a.Seq == o.Seq && a.Checkpoint.Size > o.Checkpoint.Size {
		*o = a
	}
	c.passed("attestation by %q in entry %d", by, e.Seq)
}

// tree is what an agent says of a log: its root at a size. What the log has signed itself
// is by nobody.
type tree struct {
	root  custody.Digest
	by    string
	entry int64
}

// agree reports whether all who named a log of one size named one root. If not, one of
// them signed what is not so, or the relay showed two logs: which, this file cannot tell,
// so neither counts.
func (c *verifier) agree(seq int64, by string, ref custody.CheckpointRef) bool {
	o, ok := c.trees[ref.Size]
	if !ok {
		c.trees[ref.Size] = tree{ref.Root, by, seq}
		return true
	}
	if o.root == ref.Root {
		return true
	}
	if o.by == "" {
		c.verdict.Doubts = append(c.verdict.Doubts, fmt.Sprintf("entry %d: %s has read another log of %d entries than this one was: the relay showed it that, or it signed what is not so",
			seq, by, ref.Size))
		return false
	}
	c.verdict.Doubts = append(c.verdict.Doubts, fmt.Sprintf("entries %d and %d: %s and %s have read two different logs of %d entries: the relay showed them two, or one of them signed what is not so",
		o.entry, seq, o.by, by, ref.Size))
	c.verdict.Attested = slices.DeleteFunc(c.verdict.Attested, func(a Attested) bool { return a.Checkpoint.Size == ref.Size })
	return false
}

// disbelieved says why what is attested is not so, or "".
func (c *verifier) disbelieved(p placed, b *custody.Attestation) string {
	lines, size := c.d.Records[custody.RecordID(c.d.Request)], b.Checkpoint.Size
	switch next := b.After.Seq + 1; {
	case size > p.Index:
		return fmt.Sprintf("it is itself entry %d of the log, so it cannot have read that one", p.Index)
	case lines[b.After.Seq].Index >= size:
		return fmt.Sprintf("that log did not have the entry yet, which is its entry %d", lines[b.After.Seq].Index)
	case next < int64(len(lines)) && lines[next].Index < size:
		return fmt.Sprintf("that log had entry %d too: the agent says what is not so, or was shown another log", next)
	}
	return ""
}

// complete says how far the record is complete, and by whose word.
func complete(v *Verdict) string {
	if len(v.Attested) == 0 {
		return completeText
	}
	byReach := slices.Clone(v.Attested)
	slices.SortStableFunc(byReach, func(a, b Attested) int { return cmp.Compare(a.Seq, b.Seq) })
	least := byReach[0]
	if len(byReach) == len(v.Authorities) {
		s := fmt.Sprintf("complete to entry %d of the request's record, attested by %s", least.Seq, authorities(byReach))
		if last := byReach[len(byReach)-1]; last.Seq > least.Seq {
			s += fmt.Sprintf("; to entry %d, attested by %s alone", last.Seq, last.Authority)
		}
		return s + sizes(byReach)
	}
	return fmt.Sprintf("complete to entry %d of the request's record, attested by %s alone", least.Seq, least.Authority) + sizes(byReach)
}

// sizes names the logs that were read.
func sizes(list []Attested) string {
	var s []string
	for _, a := range list {
		s = append(s, fmt.Sprintf("%s read the log up to %d entries", a.By, a.Checkpoint.Size))
	}
	return " (" + strings.Join(s, ", ") + ")"
}

func authorities(list []Attested) string {
	var s []string
	for _, a := range list {
		s = append(s, a.Authority)
	}
	slices.Sort(s)
	return strings.Join(s, " and ")
}

// withheld says what could be left out of a dossier all the same.
func withheld(v *Verdict) []string {
	const others = "that nothing came after the last entries shown here of the two authorities' records and of the relay's: nobody attests where these end"
	if len(v.Attested) == 0 {
		return []string{"that nothing came after: entries cut off the end of a record do not show, whoever cut them, since no party attested where it ended"}
	}
	var reach int64
	for _, a := range v.Attested {
		reach = max(reach, a.Seq)
	}
	list := []string{fmt.Sprintf("that nothing came after entry %d of the request's record, but for what is shown here: entries that were withheld or cut off after the attested one do not show, whoever did it", reach)}
	if len(v.Attested) < len(v.Authorities) {
		list = append(list, fmt.Sprintf("that the other State saw the same record: %s alone attests it", v.Attested[0].Authority))
	}
	return append(list, others)
}
