package dossier

import (
	"fmt"
	"strings"

	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// Gap is an entry of the request's record that is not shown. That an entry stands in the
// log there, in its place in the record, is proved; what it says is not known.
type Gap struct {
	Seq    int64          `json:"seq"`
	Index  int64          `json:"log_index"`
	Salted custody.Digest `json:"salted"`
	Reason string         `json:"reason"` // redacted or erased
	By     string         `json:"by"`     // of what is erased the relay, which said so in the record; else a word that nobody signed
}

// gap checks that the log holds an entry of this record in the place of one that is not
// shown. The next entry names it by the same hash, or fails.
func (c *verifier) gap(p placed) error {
	leaf, err := c.book.AddGap(p.record, p.Index, p.Gap)
	if err == nil {
		err = p.bare()
	}
	if err == nil && leaf.Seq != uint64(p.seq) {
		err = fmt.Errorf("it is entry %d", leaf.Seq)
	}
	if err := c.check(err, "gap in place of entry %d of record %q", p.seq, p.record); err != nil {
		return err
	}
	err = translog.CheckInclusion(c.checkpoint, p.Index, leaf, p.Proof)
	if err := c.check(err, "log inclusion of entry %d of record %q", p.seq, p.record); err != nil {
		return err
	}
	c.verdict.Gaps = append(c.verdict.Gaps, Gap{p.seq, p.Index, p.Gap.Salted, p.Gap.Reason, p.Gap.By})
	return nil
}

// declared: what is said to be erased the relay says in the record itself. Else who made
// the file could pass off as the relay's doing what he left out.
func (c *verifier) declared() error {
	seq, ok := c.book.Record(custody.RecordID(c.d.Request)).Undeclared()
	if ok {
		return nil
	}
	return c.check(fmt.Errorf("it is said to be erased, and no event of the relay's says so"), "gap in place of entry %d of record %q", seq, c.d.Request)
}

// unchecked marks the newest act, if the rules could not be replayed for it.
func (c *verifier) unchecked(yes bool) bool {
	c.verdict.Acts[len(c.verdict.Acts)-1].Unchecked = yes
	return yes
}

// because says in plain words why an entry is not shown, and by whose word.
func (g Gap) because() string {
	if g.Reason == custody.GapErased {
		return "erased, as relay " + g.By + " says in the record"
	}
	return fmt.Sprintf("left out of this file; %q is named as who did that, and nobody signed it", g.By)
}

// notCheckedText is what stands beside an act that rests on what is not shown.
const notCheckedText = "NOT CHECKED by the rules: what it rests on is withheld"

// withheldNotes lists the gaps, before all else, so that no reader takes what follows for whole.
func (v *Verdict) withheldNotes() []string {
	var list []string
	for _, g := range v.Gaps {
		list = append(list, fmt.Sprintf("WITHHELD: entry %d of the request's record (log entry %d): %s", g.Seq, g.Index, g.because()))
	}
	if len(list) > 0 {
		list = append(list, "what is withheld is in the log and may change what the rest means: see \"Not proved\"")
	}
	return list
}

// maybeWithheld is what can be said of something that did not come, where it may stand in
// an entry that is not shown.
const maybeWithheld = "not in what is shown of this record up to the checkpoint"

// absent says that something is not in the record, as far as that can be said.
func (v *Verdict) absent() string {
	if len(v.Gaps) > 0 {
		return maybeWithheld
	}
	return notInRecord
}

// without says how whole the records are.
func (v *Verdict) without() string {
	if len(v.Gaps) > 0 {
		return fmt.Sprintf("no gap but the %d entries withheld", len(v.Gaps))
	}
	return "no gap"
}

// doubtful is what a reader has to know of every file where entries are not shown: one of
// them may be a receipt for something else, a rejection, or a recall.
func (v *Verdict) doubtful() string {
	if len(v.Gaps) > 0 {
		return "; entries of the record are withheld, which may say otherwise"
	}
	return ""
}

// notProvedOfGaps lists what a gap leaves open.
func (v *Verdict) notProvedOfGaps() []string {
	var list []string
	for _, g := range v.Gaps {
		list = append(list, fmt.Sprintf("what entry %d is, %s: it may revoke a grant, recall, reject or restrict a package, or say anything else that the rules know", g.Seq, g.because()))
	}
	var seqs []string
	for _, a := range v.Acts {
		if a.Unchecked {
			seqs = append(seqs, fmt.Sprint(a.Seq))
		}
	}
	if len(seqs) > 0 {
		list = append(list, "that the rules allowed entries "+strings.Join(seqs, ", ")+": what they rest on is withheld. Their signatures and their places in the log are checked, and nothing that they say is counted below")
	}
	if len(v.Gaps) > 0 {
		list = append(list, "that the rules allowed what follows a withheld entry in view of that entry: they were replayed over what is shown alone")
	}
	return list
}

// erasureSays names what an erasure is about.
func erasureSays(b *custody.Erasure) string {
	e := b.Event(custody.Digest{}).Erased
	var list []string
	if len(e.Entries) > 0 {
		list = append(list, "whole entries "+strings.Trim(fmt.Sprint(e.Entries), "[]"))
	}
	if len(e.Annexes) > 0 {
		list = append(list, "the annexes of entries "+strings.Trim(fmt.Sprint(e.Annexes), "[]"))
	}
	return strings.Join(list, ", ")
}
