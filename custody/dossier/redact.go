package dossier

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
)

// Redaction says what to leave out of a dossier. The files of a package's manifest cannot
// be left out one by one: the sender signed one hash over the whole list, so a shorter
// list proves nothing of any file.
type Redaction struct {
	By       string         // who does it: a word in the file, which proves nothing
	Entries  []int64        // of the request's record
	Kinds    []custody.Kind // all entries of these kinds
	Packages []string       // all entries about these packages, and their contents
	Contents bool           // the contents of all packages
}

// Redact returns the dossier without what r names: a gap stands in the place of each entry,
// and says who left it out. It refuses what would leave nothing to verify (the first entry,
// another record), what would hide that something was erased, and what is not there.
// Documents are rendered anew of what is left; renewals, which are over every byte of the
// whole file, cannot be kept, and time stamps of checkpoints are.
// Contents go with the seal that they are checked against, also where the seal is shown and
// rests on what is not: left tells of which packages.
func Redact(d *Dossier, r Redaction) (out *Dossier, left []string, err error) {
	if _, err := Verify(d, Pins{}); err != nil {
		return nil, nil, fmt.Errorf("redacting a dossier: %w", err)
	}
	hide, err := r.entries(d)
	if err != nil {
		return nil, nil, fmt.Errorf("redacting a dossier: %w", err)
	}
	o := *d
	o.Records, o.Packages = maps.Clone(d.Records), maps.Clone(d.Packages)
	lines := slices.Clone(d.Records[custody.RecordID(d.Request)])
	for seq := range hide {
		lines[seq].Line = custody.Line{Index: lines[seq].Index, Gap: custody.NewGap(&lines[seq].Line, custody.GapRedacted, r.By)}
	}
	o.Records[custody.RecordID(d.Request)] = lines
	for id := range d.Packages {
		if r.Contents || slices.Contains(r.Packages, id) {
			delete(o.Packages, id)
		}
	}
	if left, err = o.rootless(); err != nil {
		return nil, nil, fmt.Errorf("redacting a dossier: %w", err)
	}
	for _, id := range left {
		delete(o.Packages, id)
	}
	o.Documents, o.Renewals = nil, nil
	v, err := Verify(&o, Pins{})
	if err != nil {
		return nil, nil, fmt.Errorf("redacting a dossier: what is left does not verify: %w", err)
	}
	if d.Documents != nil {
		o.Documents = v.Render()
	}
	return &o, left, nil
}

// entries returns the places that r names.
func (r *Redaction) entries(d *Dossier) (map[int64]bool, error) {
	hide, met := map[int64]bool{}, map[string]bool{}
	lines := d.Records[custody.RecordID(d.Request)]
	for _, seq := range r.Entries {
		if seq < 0 || seq >= int64(len(lines)) {
			return nil, fmt.Errorf("the request's record has no entry %d: its entries are 0 to %d", seq, len(lines)-1)
		}
		hide[seq] = true
	}
	for seq, l := range lines {
		if l.Gap != nil {
			if hide[int64(seq)] {
				return nil, fmt.Errorf("entry %d is not shown already", seq)
			}
			continue
		}
		e, s, err := l.Parse()
		if err != nil {
			return nil, err
		}
		at := int64(seq)
		if slices.Contains(r.Kinds, e.Kind) {
			hide[at], met[string(e.Kind)] = true, true
		}
		for _, id := range about(e, s) {
			if slices.Contains(r.Packages, id) {
				hide[at], met[id] = true, true
			}
		}
	}
	for seq, l := range lines {
		if !hide[int64(seq)] || l.Gap != nil {
			continue
		}
		if e, _, err := l.Parse(); err == nil && (e.Kind == custody.KindErasure || e.Kind == custody.KindErased) {
			return nil, fmt.Errorf("entry %d tells what was erased, which is never left out", seq)
		}
	}
	if hide[0] {
		return nil, errors.New("entry 0 is what all others belong to, and cannot be left out")
	}
	return hide, r.all(met, d)
}

// all reports an error if something that r names is not there: who mistypes it would
// hand out what was to be left out.
func (r *Redaction) all(met map[string]bool, d *Dossier) error {
	for _, k := range r.Kinds {
		if !met[string(k)] {
			return fmt.Errorf("the request's record shows no entry of kind %q", k)
		}
	}
	for _, id := range r.Packages {
		if _, ok := d.Packages[id]; !ok && !met[id] {
			return fmt.Errorf("the dossier shows nothing of package %q", id)
		}
	}
	return nil
}

// about lists the packages that an entry is about. A seal that replaces another package
// is about its own alone: its reader learns that there was another, by its id.
func about(e *custody.Entry, s *custody.Statement) []string {
	switch {
	case e.Event != nil && e.Event.Destroyed != nil:
		return []string{e.Event.Destroyed.Package}
	case s == nil:
		return nil
	}
	if b, ok := s.Body.(*custody.Consent); ok {
		return b.Packages
	}
	return []string{s.Package()}
}

// rootless returns the packages with contents whose seal is not shown, or rests on what
// is not shown.
func (d *Dossier) rootless() ([]string, error) {
	c := &verifier{d: d, verdict: newVerdict(d), senders: map[string]*keys.Public{}, trees: map[int64]tree{}}
	for _, step := range []func() error{c.records, c.origins, c.log, c.replay} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	var list []string
	kase := c.book.Record(custody.RecordID(d.Request)).Case()
	for _, id := range slices.Sorted(maps.Keys(d.Packages)) {
		if kase.Package(id) == nil {
			list = append(list, id)
		}
	}
	return list, nil
}
