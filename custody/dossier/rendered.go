package dossier

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"comity.example/comity/crypto/statement"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier/documents"
)

// Documents are what a dossier holds for people and for other systems: derived from
// its contents, and worth nothing where the verifier does not derive the same.
type Documents struct {
	Form  string            // documents.Version, or one that this version does not know
	Files map[string][]byte // by name
}

// DocumentsState tells what the verifier found of the rendered documents.
type DocumentsState string

// The states. Where documents differ the dossier fails.
const (
	DocumentsNone       DocumentsState = "none"        // it has none
	DocumentsSame       DocumentsState = "same"        // rendered again, byte for byte
	DocumentsNotChecked DocumentsState = "not-checked" // of a form that this version does not render
)

// Render renders the documents of the dossier that v is the verdict of; nil if that
// failed. They do not depend on the pins.
func (v *Verdict) Render() *Documents {
	if v.facts == nil {
		return nil
	}
	return &Documents{documents.Version, documents.Render(v.facts())}
}

// documents renders again what the dossier has rendered, and compares.
func (c *verifier) documents() error {
	c.verdict.facts = c.facts
	have := c.d.Documents
	switch {
	case have == nil:
		c.verdict.Documents = DocumentsNone
		return nil
	case have.Form != documents.Version:
		c.verdict.Documents, c.verdict.form = DocumentsNotChecked, have.Form
		return nil
	}
	want := c.verdict.Render()
	for _, name := range documents.Names() {
		var err error
		if !bytes.Equal(have.Files[name], want.Files[name]) {
			err = fmt.Errorf("it is not what the rest of the dossier says: do not rely on it")
		}
		if err := c.check(err, "rendered document %q", name); err != nil {
			return err
		}
	}
	c.verdict.Documents = DocumentsSame
	return nil
}

// neutral is the verdict as everybody reaches it, whatever pins and policy they bring:
// the maker of a dossier renders its documents with his, and the court compares with its
// own. Whatever in a verdict depends on these is taken out here; else good dossiers fail:
// what witnesses, time stamps and renewals show of times. The result does too, and no
// document tells it.
func (v *Verdict) neutral() *Verdict {
	x := *v
	x.Stamps, x.Renewals, x.Witnessed, x.Delayed, x.LastBefore, x.Acts = nil, nil, nil, nil, nil, slices.Clone(v.Acts)
	for i := range x.Acts {
		x.Acts[i].Before, x.Acts[i].After = nil, nil
	}
	x.Times = x.vouched()
	x.NotProved = notProved(&x)
	return &x
}

// Who beside the relay vouches for times and log depends on whom a reader believes. A
// document cannot say that somebody does, nor that nobody does.
const (
	timesOnPaper = "asserted by the relay; whether witnesses or time stamps bound them, comity-verify says, to who names whom he believes"
	hoursOnPaper = "the times: the order of entries is the log's, the hours are the relay's; whether others bound them, comity-verify says"
	sameLog      = "that the relay showed everybody this same log: "
	logOnPaper   = sameLog + "whether witnesses cosigned it, comity-verify says"
)

// notProvedOnPaper is the list without what depends on whom a reader believes.
func (v *Verdict) notProvedOnPaper() []string {
	list := slices.Clone(v.NotProved)
	for i, s := range list {
		switch {
		case s == v.unprovedTimes():
			list[i] = hoursOnPaper
		case strings.HasPrefix(s, sameLog):
			list[i] = logOnPaper
		}
	}
	return list
}

// facts are what documents are made of: all of it verified before.
func (c *verifier) facts() *documents.Facts {
	v := c.verdict.neutral()
	root := func(o Origin) documents.Root { return documents.Root{Name: o.Name, Fingerprint: o.Fingerprint} }
	kase := c.book.Record(custody.RecordID(c.d.Request)).Case()
	f := &documents.Facts{
		Relay: root(v.Relay), Request: v.Request, Case: kase, Checkpoint: v.Checkpoint, Note: sha256.Sum256(c.d.Checkpoint),
		Times: timesOnPaper, Complete: v.Completeness, NotProved: v.notProvedOnPaper(), Notes: append(v.withheldNotes(), v.notes()...),
	}
	for i := range f.Authorities {
		f.Authorities[i] = root(v.Authorities[i])
	}
	for _, s := range c.verdict.Stamps {
		f.Stamps = append(f.Stamps, documents.Stamp{File: s.File, Size: s.Size, Latest: s.Latest, Authority: s.Authority})
	}
	for _, s := range v.Suspensions {
		f.Suspensions = append(f.Suspensions, s.says())
	}
	for _, g := range v.Gaps {
		f.Gaps = append(f.Gaps, documents.Gap{Seq: g.Seq, Index: g.Index, Why: g.because()})
	}
	f.Acts = c.acts(v)
	for i := range v.Packages {
		f.Packages = append(f.Packages, c.rendered(kase, &v.Packages[i]))
	}
	return f
}

// named finds hashes and package ids in the payload of a statement, whatever its kind.
var (
	named     = regexp.MustCompile(`"([0-9a-f]{64})"`)
	ofPackage = regexp.MustCompile(`\n  "package": "([a-z2-7]{26})"`)
)

// acts adds to each act what it rests on: the acts before it whose hash it names. The
// request, which all name, is left out.
func (c *verifier) acts(v *Verdict) []documents.Act {
	before := map[string]string{} // by hash: kind and place
	var list []documents.Act
	for i, a := range v.Acts {
		x := documents.Act{
			Record: string(a.Record), Seq: a.Seq, Index: a.Index, Kind: a.Kind, Time: a.Time, By: a.By, Signers: a.Signers, Signed: a.signed(),
			Says: a.Says, Statement: a.Statement, Policy: a.Policy,
		}
		if a.Unchecked {
			x.Signed += "; " + notCheckedText
		}
		if i >= documents.MaxActs {
			// counted only
		} else if a.Record == "" && a.Event == nil {
			c.refers(&x, before)
		} else if a.Event != nil && a.Event.Destroyed != nil {
			x.Package = a.Event.Destroyed.Package
		}
		list = append(list, x)
	}
	return list
}

func (c *verifier) refers(x *documents.Act, before map[string]string) {
	env, err := statement.Parse(c.d.Records[custody.RecordID(c.d.Request)][x.Seq].Envelope)
	if err != nil {
		panic("dossier: internal error: a verified envelope does not parse: " + err.Error())
	}
	if m := ofPackage.FindSubmatch(env.Payload); m != nil {
		x.Package = string(m[1])
	}
	for _, m := range named.FindAllSubmatch(env.Payload, -1) {
		if s := before[string(m[1])]; s != "" && !slices.Contains(x.RestsOn, s) {
			x.RestsOn = append(x.RestsOn, s)
			d, _ := statement.ParseDigest(string(m[1])) // it is 64 digits
			x.Rests = append(x.Rests, d)
		}
	}
	if x.Seq > 0 {
		before[x.Statement.String()] = fmt.Sprintf("%s %d", x.Kind, x.Seq)
	}
}

// sizes iterates over the sizes of files in the order of the manifest, if the index is
// there.
func (o *Opened) sizes() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if o.index == nil {
			return
		}
		for e := range bag.Listing(o.index) {
			if !e.Dir && !yield(e.Size) {
				return
			}
		}
	}
}

func (c *verifier) rendered(kase *custody.Case, p *Package) documents.Package {
	x := documents.Package{State: kase.Package(p.ID), Doubts: p.Doubts, Lines: func(func(documents.Line) bool) {}}
	if p.SupersededBy != "" {
		x.Successor = p.SupersededBy
	}
	o := p.Opened
	if o == nil {
		return x
	}
	x.Stands, x.Why, x.Inner, x.Listing = string(o.Standing), o.Why, o.Inner, int64(len(o.manifest))
	x.Opened, _, _, _ = custody.ParseInner(c.d.Packages[p.ID].Inner) // verified, so it parses
	x.Lines = func(yield func(documents.Line) bool) {
		n := int64(0)
		size, stop := iter.Pull(o.sizes())
		defer stop()
		for l := range bag.Lines(o.manifest) {
			n++
			stands, _ := o.stands(n)
			x := documents.Line{Line: l, Size: -1, Stands: string(stands)}
			if s, ok := size(); ok {
				x.Size = s
			}
			if !yield(x) {
				return
			}
		}
	}
	return x
}
