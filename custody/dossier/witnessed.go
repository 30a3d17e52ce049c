package dossier

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/crypto/translog"
	"comity.example/comity/custody"
)

// heldBack is for how long an entry may have been committed before it came into the
// published log: a store that is down holds it back. Within that the verdict tells of it,
// beyond it the relay has dated the entry back.
const heldBack = time.Hour

// Witnessed is a checkpoint that witnesses have cosigned as the policy wants it.
type Witnessed struct {
	File      string       `json:"file"`
	Size      int64        `json:"checkpoint_size"`
	By        custody.Time `json:"by,omitzero"`      // it existed then at the latest
	Since     custody.Time `json:"since,omitzero"`   // a quorum knew of no larger tree then
	Witnesses []string     `json:"witnesses"`        // whose cosignatures verify
	Checked   bool         `json:"checked"`          // they satisfy the policy
	Others    bool         `json:"others,omitempty"` // it has lines of others, which are not looked at
}

// notes returns the notes of an earlier checkpoint with the names of their members.
func (e Earlier) notes(size int64) map[string][]byte {
	at := fmt.Sprintf("%s/%d", checkpointsFolder, size)
	list := map[string][]byte{at: e.Note}
	if len(e.First) > 0 {
		list[at+firstSuffix] = e.First
	}
	if len(e.Last) > 0 {
		list[at+lastSuffix] = e.Last
	}
	return list
}

// witnesses evaluates the earlier checkpoints up to a size by the witnesses that the
// directories in force then list, or by the policy that the verifier named. It is called
// as the replay comes to that size.
func (c *verifier) witnesses(upTo int64) error {
	for len(c.sizes) > 0 && c.sizes[0] <= upTo {
		size := c.sizes[0]
		c.sizes = c.sizes[1:]
		p, err := c.policy()
		if err != nil || p.None() {
			p = nil // nobody is known to vouch for it
		}
		e := c.d.Earlier[size]
		notes := e.notes(size)
		vouched := len(e.Tokens) > 0
		for _, name := range slices.Sorted(maps.Keys(notes)) {
			w, err := c.cosigned(name, notes[name], p)
			if err := c.check(err, "cosignatures of %q", name); err != nil {
				return err
			}
			if len(w.Witnesses) > 0 || w.Others {
				c.verdict.Witnessed = append(c.verdict.Witnessed, w)
				vouched = true
			}
		}
		if !vouched {
			return c.check(errors.New("nobody vouches for it"), "earlier checkpoint of size %d", size)
		}
	}
	return nil
}

// policy returns the policy that the verifier named, or that of the parties' witnesses as
// the directories stand at this place of the replay.
func (c *verifier) policy() (*translog.Policy, error) {
	if c.pins.Policy != nil {
		if !c.pins.Policy.Accepts(c.logKey) {
			return nil, errors.New("the policy is for other logs")
		}
		return c.pins.Policy, nil
	}
	return c.book.View().Witnesses("", c.book.Last(), c.parties...)
}

func (c *verifier) cosigned(name string, note []byte, p *translog.Policy) (Witnessed, error) {
	w := Witnessed{File: name, Witnesses: []string{}}
	var keys []*translog.CosignerKey
	if p != nil {
		keys = p.Keys()
	}
	o, err := translog.OpenCosigned(note, c.logKey, keys...)
	if err != nil {
		return w, err
	}
	w.Size = o.Size
	w.Others = string(o.Note()) != string(note)
	for _, s := range o.Cosignatures {
		if n := s.Key.Name(); !slices.Contains(w.Witnesses, n) {
			w.Witnesses = append(w.Witnesses, n)
		}
	}
	if p == nil {
		return w, nil
	}
	t, ok := p.Evaluate(o.Cosignatures)
	if w.Checked = ok; ok {
		w.By, w.Since = statement.At(t.By), statement.At(t.Since)
	}
	return w, nil
}

// after returns by whose word an entry came into the log no earlier than when: the
// newest checkpoint without it that witnesses still called the largest.
func (v *Verdict) after(index int64) *Bound {
	var b *Bound
	for _, w := range v.Witnessed {
		if w.Checked && w.Size <= index && (b == nil || b.Time.Time().Before(w.Since.Time())) {
			b = &Bound{w.Since, strings.Join(w.Witnesses, ", "), w.Size, true}
		}
	}
	return b
}

// before returns by whose word an entry existed before when: the earliest of the stamps
// and the cosigned checkpoints that hold it.
func (v *Verdict) before(index int64) *Bound {
	var list []Bound
	for _, w := range v.Witnessed {
		if w.Checked && w.Size > index {
			list = append(list, Bound{w.By, strings.Join(w.Witnesses, ", "), w.Size, true})
		}
	}
	for _, s := range v.Stamps {
		if s.Checked && s.Size > index {
			list = append(list, Bound{s.Latest, s.Authority, s.Size, false})
		}
	}
	if len(list) == 0 {
		return nil
	}
	b := slices.MinFunc(list, func(a, b Bound) int { return cmp.Or(a.Time.Time().Compare(b.Time.Time()), cmp.Compare(a.Size, b.Size)) })
	return &b
}

// within holds the time that the relay gave an entry against who vouches for it.
func (v *Verdict) within(e timed) error {
	if b := v.before(e.index); b != nil && e.time.Time().Sub(b.Time.Time()) > clockTolerance {
		return fmt.Errorf("the relay says that it was made at %s, and by %s it existed before %s", e.time, b.who(), b.Time)
	}
	b := v.after(e.index)
	if b == nil || b.Time.Time().Sub(e.time.Time()) <= clockTolerance {
		return nil
	}
	if b.Time.Time().Sub(e.time.Time()) > heldBack {
		return fmt.Errorf("the relay says that it was made at %s, and by %s it came into the log after %s", e.time, b.who(), b.Time)
	}
	v.Delayed = append(v.Delayed, fmt.Sprintf("entry %d of record %q: the relay says that it was made at %s, and by %s it came into the log only after %s: its store was down, or the entry is dated back",
		e.seq, e.record, e.time, b.who(), b.Time))
	return nil
}

// who names who vouches for a bound.
func (b *Bound) who() string {
	if b.Witness {
		return "the witnesses " + b.Authority
	}
	return fmt.Sprintf("the time stamp of %q", b.Authority)
}

// interval says between which times others than the relay put an act, or "".
func (a *Act) interval() string {
	switch {
	case a.After != nil && a.Before != nil:
		return fmt.Sprintf("came into the log after %s by %s, and before %s by %s", a.After.Time, a.After.who(), a.Before.Time, a.Before.who())
	case a.After != nil:
		return fmt.Sprintf("came into the log after %s by %s", a.After.Time, a.After.who())
	case a.Before != nil:
		return fmt.Sprintf("existed before %s by %s", a.Before.Time, a.Before.who())
	}
	return ""
}

// witnessing tells of the cosigned checkpoints.
func (v *Verdict) witnessing(b *strings.Builder) {
	n := map[string]int{}
	others := 0
	for _, w := range v.Witnessed {
		if w.Checked {
			n[strings.Join(w.Witnesses, ", ")]++
		} else {
			others++
		}
	}
	if len(v.Witnessed) == 0 {
		return
	}
	fmt.Fprintf(b, "\nWitnesses\n")
	for _, who := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(b, "  %s cosigned %d checkpoints that hold these times to intervals\n", who, n[who])
	}
	for _, s := range v.Delayed {
		fmt.Fprintf(b, "  doubtful       %s\n", s)
	}
	if others > 0 {
		fmt.Fprintf(b, "  %d checkpoints have cosignatures that the policy does not count\n", others)
	}
}

// unwitnessed says what is not shown of whether others saw the same log.
func (v *Verdict) unwitnessed() string {
	var newest *Witnessed
	for i, w := range v.Witnessed {
		if w.Checked && (newest == nil || w.Size > newest.Size) {
			newest = &v.Witnessed[i]
		}
	}
	if newest == nil {
		return "that the relay showed everybody this same log: no witness cosigned, and the logs that unlocks refer to are not compared with it"
	}
	return fmt.Sprintf("that the relay showed everybody this same log beyond its first %d entries, which %s cosigned; so far they would have to lie with it", newest.Size, strings.Join(newest.Witnesses, " and "))
}
