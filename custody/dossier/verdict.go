package dossier

import (
	"errors"
	"maps"
	"slices"

	"comity.example/comity/crypto/keys"
	"comity.example/comity/custody"
	"comity.example/comity/custody/bag"
	"comity.example/comity/custody/dossier/documents"
)

// Result is the verdict in one word.
type Result string

// The results. Only the first says that the dossier is what it seems.
const (
	ResultVerified  Result = "verified"
	ResultInPart    Result = "verified-in-part"              // entries are not shown
	ResultUnchecked Result = "consistent-origin-not-checked" // a pin is missing
	ResultFailed    Result = "failed"
)

const (
	verdictType = "comity/verdict/v1"

	timesText    = "asserted by the relay alone: no witness cosigned"
	completeText = "completeness not attested"
)

// Verdict is what Verify found. Its JSON form is versioned by its type; the story
// is there only if nothing failed.
type Verdict struct {
	Type         string                `json:"_type"` // comity/verdict/v1
	Result       Result                `json:"result"`
	Failed       *Failure              `json:"failed,omitempty"`
	Relay        Origin                `json:"relay"`
	Authorities  []Origin              `json:"authorities"`       // requesting, then requested
	Request      string                `json:"request"`           // its id
	Gaps         []Gap                 `json:"gaps"`              // entries of the request's record that are not shown, oldest first
	Acts         []Act                 `json:"acts"`              // the request's record, and what suspended the pair or lifted that
	Suspensions  []Suspension          `json:"suspensions"`       // of all transfers between the two, by either, oldest first
	Packages     []Package             `json:"packages"`          // deposited ones
	Checkpoint   custody.CheckpointRef `json:"checkpoint"`        // up to which the log is proved
	Times        string                `json:"times"`             // who vouches for them
	Stamps       []Stamp               `json:"time_stamps"`       // over the log, by its size
	Witnessed    []Witnessed           `json:"witnessed"`         // earlier checkpoints with cosignatures, by size
	Delayed      []string              `json:"delayed,omitempty"` // entries that came into the log well after the time that they bear
	Renewals     []Renewal             `json:"renewals"`          // of the whole file, in their order
	LastBefore   *Bound                `json:"last_entry_existed_before,omitempty"`
	Completeness string                `json:"completeness"`
	Attested     []Attested            `json:"attested"`         // by each State: how far its agents saw the record
	Doubts       []string              `json:"doubts,omitempty"` // attestations that cannot be so
	NotProved    []string              `json:"not_proved"`
	Documents    DocumentsState        `json:"documents"` // rendered, in the dossier
	Checks       []string              `json:"checks"`    // that passed, in their order
	opened       map[string]*Opened    // by package
	doubts       map[string][]string   // by package
	form         string                // of documents that were not checked
	facts        func() *documents.Facts
}

// Failure names the check that failed and why.
type Failure struct {
	Check string `json:"check"`
	Why   string `json:"why"`
}

// Origin is who the dossier leads to: an authority or a relay, by its root keys.
type Origin struct {
	Name        string         `json:"name"`
	Fingerprint custody.Digest `json:"fingerprint"`
	Pinned      bool           `json:"pinned"` // a pin said the same
}

// Act is one statement of the request's record, or one event, which is the word of
// the relay alone: nobody signed it.
type Act struct {
	Record    custody.RecordID  `json:"record,omitempty"` // if it is not the request's
	Seq       int64             `json:"seq"`
	Index     int64             `json:"log_index"`
	Kind      custody.Kind      `json:"kind"`
	Time      custody.Time      `json:"time"`
	By        string            `json:"by"`      // of an event, the relay
	Signers   []custody.PartyID `json:"signers"` // all of them, verified
	Via       custody.PartyID   `json:"via,omitempty"`
	Statement custody.Digest    `json:"statement_sha256,omitzero"`
	Event     *custody.Event    `json:"event,omitempty"`
	After     *Bound            `json:"came_after,omitempty"` // into the log
	Before    *Bound            `json:"existed_before,omitempty"`
	Policy    custody.Digest    `json:"operator_policy_sha256,omitzero"` // that had to allow it too, by the relay's word; it proves nothing
	Says      string            `json:"says"`                            // one plain sentence
	Unchecked bool              `json:"not_checked,omitempty"`           // by the rules: what it rests on may stand in an entry that is not shown
}

// Suspension is a time in which nothing moved between the two authorities.
type Suspension struct {
	By     string       `json:"by"`
	With   string       `json:"with"`
	Reason string       `json:"reason"`
	From   custody.Time `json:"from"`
	To     custody.Time `json:"to,omitzero"` // absent: not lifted up to the checkpoint
}

// Package is a deposited package and how far it went. Times that are absent are not
// in this record up to the checkpoint; they may have come later.
type Package struct {
	ID          string            `json:"package"`
	Sender      custody.PartyID   `json:"sender"`
	Recipients  []custody.PartyID `json:"recipients"`
	Seal        custody.Digest    `json:"seal_sha256"`
	HeadSHA256  custody.Digest    `json:"head_sha256"`
	PayloadSize int64             `json:"payload_size"` // ciphertext bytes
	Parts       int64             `json:"parts"`
	PayloadRoot custody.Digest    `json:"payload_root"`
	InnerSHA256 custody.Digest    `json:"inner_sha256"` // of inner.age
	Delivery    int64             `json:"delivery"`
	Final       bool              `json:"final"`
	Deposited   custody.Time      `json:"deposited"`
	Released    custody.Time      `json:"head_released,omitzero"` // by the sender
	Taken       []Taking          `json:"taken"`

	Supersedes   string   `json:"supersedes,omitempty"`    // the package in whose place it was sent
	SupersededBy string   `json:"superseded_by,omitempty"` // the package in its place
	Recalled     *Recall  `json:"recalled,omitempty"`
	Doubts       []string `json:"doubts,omitempty"` // what a party signed of it and cannot be so
	Opened       *Opened  `json:"opened,omitempty"` // if the dossier has its contents
}

// Recall is the taking back of a package by the side that sent it. It takes nothing
// back of what had arrived, and nothing of what is proved of it.
type Recall struct {
	Time      custody.Time `json:"time"`
	By        string       `json:"by"` // the agent that sealed it, or its authority
	Reason    string       `json:"reason"`
	Destroyed custody.Time `json:"head_destroyed,omitzero"` // by the relay's word
}

// Taking is one recipient's taking of a package, and what it said of it.
type Taking struct {
	By        custody.PartyID `json:"by"`
	Recipient custody.PartyID `json:"recipient"`
	Time      custody.Time    `json:"time"`
	Answer    bool            `json:"per_release,omitempty"` // its sender had to unlock this one by itself
	Unlocked  custody.Time    `json:"unlocked,omitzero"`     // of that unlock
	Outcome   string          `json:"outcome"`               // receipted, rejected, exhibits or none
	Singles   []Single        `json:"singles,omitempty"`     // receipts for single files
	Reason    string          `json:"reason,omitempty"`
	Inner     custody.Digest  `json:"inner_statement_sha256,omitzero"` // that the receipt names
	Closed    custody.Time    `json:"closed,omitzero"`
}

// Single is a receipt for single files of a package.
type Single struct {
	Time     custody.Time   `json:"time"`
	Inner    custody.Digest `json:"inner_statement_sha256"`
	Exhibits []int64        `json:"exhibits"` // by their lines in the manifest
}

// Opened is what the sender signed of a package, as the maker of the dossier shows
// it. Standing tells whether it is what the recipients got.
type Opened struct {
	Inner       custody.Digest `json:"inner_statement_sha256"`
	Standing    Standing       `json:"standing"`
	Why         string         `json:"why"` // it stands so, in plain words
	Files       int64          `json:"files"`
	Bytes       int64          `json:"bytes"`
	TagManifest custody.Digest `json:"tag_manifest_sha256"`
	Description string         `json:"description"`
	Handling    []string       `json:"handling"`
	Examiner    string         `json:"examiner"`
	Issued      custody.Time   `json:"issued"`             // the sender's clock
	Received    []int64        `json:"received,omitempty"` // lines of the manifest that receipts for single files name
	manifest    []byte         // checked; a million lines are not held twice
	index       []byte         // likewise; nil: not there
	rest        Standing       // of the files that no receipt names, if one names others
	restWhy     string
}

// Exhibit is a file that a manifest lists by the sender's signed word.
type Exhibit struct {
	Package  string   `json:"package"`
	Path     string   `json:"path"` // in the package, below data/
	Standing Standing `json:"standing"`
	Why      string   `json:"why"`
	Recalled bool     `json:"recalled,omitempty"` // the package was taken back by who sent it; Why says it too
}

func newVerdict(d *Dossier) *Verdict {
	return &Verdict{
		Type: verdictType, Result: ResultFailed, Request: d.Request, Documents: DocumentsNone,
		Authorities: []Origin{}, Gaps: []Gap{}, Acts: []Act{}, Suspensions: []Suspension{}, Packages: []Package{}, Stamps: []Stamp{}, Renewals: []Renewal{}, Witnessed: []Witnessed{}, NotProved: []string{}, Checks: []string{}, Attested: []Attested{},
		opened: map[string]*Opened{}, doubts: map[string][]string{},
	}
}

// fail empties the verdict of all but the failure: half a proof must not read
// like one.
func (v *Verdict) fail(err error) *Verdict {
	f := &Failure{Why: err.Error()}
	var c *CheckError
	if errors.As(err, &c) {
		f = &Failure{c.Check, c.Err.Error()}
	}
	return &Verdict{
		Type: verdictType, Result: ResultFailed, Failed: f, Request: v.Request, Documents: DocumentsNone,
		Authorities: []Origin{}, Gaps: []Gap{}, Acts: []Act{}, Suspensions: []Suspension{}, Packages: []Package{}, Stamps: []Stamp{}, Renewals: []Renewal{}, Witnessed: []Witnessed{}, NotProved: []string{}, Checks: v.Checks, Attested: []Attested{},
	}
}

// Verified reports whether everything was verified down from pinned roots, and nothing
// is left out.
func (v *Verdict) Verified() bool { return v.Result == ResultVerified }

// note adds a verified act of the request's record, or of a pair.
func (v *Verdict) note(p placed, e *custody.Entry, s *custody.Statement, view *custody.View) {
	a := Act{
		Seq: e.Seq, Index: p.Index, Kind: e.Kind, Time: e.Time, By: s.Header.By, Via: e.Via,
		Signers: []custody.PartyID{}, Statement: e.Statement, Policy: e.Policy, Says: sentence(s),
	}
	for _, id := range s.Signers() {
		a.Signers = append(a.Signers, signer(view, s, id, e.Time))
	}
	slices.Sort(a.Signers) // the envelope has them by key id, which is as good as random
	v.Acts = append(v.Acts, a)
}

// turned adds what an authority says of all transfers with the other one.
func (v *Verdict) turned(p placed, e *custody.Entry, s *custody.Statement, view *custody.View) {
	v.note(p, e, s, view)
	v.Acts[len(v.Acts)-1].Record = e.Record
	b := s.Body.(*custody.Suspension)
	if b.State == custody.StateSuspended {
		v.Suspensions = append(v.Suspensions, Suspension{By: b.By, With: b.With, Reason: b.Reason, From: e.Time})
		return
	}
	for i := range v.Suspensions {
		if x := &v.Suspensions[i]; x.By == b.By && x.To.IsZero() {
			x.To = e.Time
		}
	}
}

// noteEvent adds an event of the request's record.
func (v *Verdict) noteEvent(p placed, e *custody.Entry) {
	v.Acts = append(v.Acts, Act{
		Seq: e.Seq, Index: p.Index, Kind: e.Kind, Time: e.Time, By: e.Relay, Signers: []custody.PartyID{}, Event: e.Event, Says: e.Event.Says(),
	})
}

// signer names the party whose key signed. The replay has verified that there is
// one: an active officer of the authority, or the agent itself.
func signer(view *custody.View, s *custody.Statement, id keys.ID, now custody.Time) custody.PartyID {
	by := custody.PartyID(s.Header.By)
	a := view.Authorities[by.Authority()]
	if m, ok := a.Member(by); ok && m.Key.ID() == id {
		return by
	}
	for _, m := range a.ActiveRole(custody.RoleOfficer, now) {
		if m.Key.ID() == id {
			return m.ID
		}
	}
	return custody.PartyID("key " + id.String())
}

// tell fills in the story once all checks have passed.
func (v *Verdict) tell(kase *custody.Case) {
	v.Result = ResultVerified
	if len(v.Gaps) > 0 {
		v.Result = ResultInPart
	}
	for _, o := range append(slices.Clone(v.Authorities), v.Relay) {
		if !o.Pinned {
			v.Result = ResultUnchecked
		}
	}
	v.Times, v.Completeness = v.vouched(), complete(v)
	for _, p := range kase.Packages {
		v.Packages = append(v.Packages, v.describe(kase, p))
	}
	v.NotProved = notProved(v)
}

func (v *Verdict) describe(kase *custody.Case, p *custody.PackageState) Package {
	x := Package{
		ID: p.Package, Sender: p.Sender, Seal: p.SHA256, HeadSHA256: p.HeadSHA256, PayloadSize: p.PayloadSize,
		Parts: p.Parts, PayloadRoot: p.PayloadRoot, InnerSHA256: p.InnerSHA256, Delivery: p.Delivery, Final: p.Final,
		Deposited: p.Deposited, Released: p.Unlocked, Taken: []Taking{}, Doubts: v.doubts[p.Package],
		Opened: v.opened[p.Package], Supersedes: p.Supersedes,
	}
	if n := kase.Successor(p.Package); n != nil {
		x.SupersededBy = n.Package
	}
	if r := p.Recall; r != nil {
		x.Recalled = &Recall{r.Time, r.By, r.Reason, p.Destroyed}
	}
	for _, r := range p.Recipients {
		x.Recipients = append(x.Recipients, r.ID)
	}
	for _, r := range p.Releases {
		t := Taking{By: r.By, Recipient: r.Recipient, Time: r.Time, Outcome: "none", Closed: r.Closed, Answer: p.PerRelease(), Unlocked: r.Unlocked}
		switch {
		case r.Receipt != nil:
			t.Outcome, t.Inner = "receipted", r.Receipt.InnerStatement
		case r.Rejection != nil:
			t.Outcome, t.Reason = "rejected", r.Rejection.Reason
		case len(r.Singles) > 0:
			t.Outcome = "exhibits"
		}
		for _, s := range r.Singles {
			t.Singles = append(t.Singles, Single{s.Time, s.InnerStatement, s.Exhibits})
		}
		x.Taken = append(x.Taken, t)
	}
	return x
}

// Exhibits returns the files of all opened packages that have one of these SHA-256,
// or all files if sums is nil, whatever their standing: only StandingConfirmed makes
// them part of the evidence. A recall changes no standing: else a sender could undo
// the proof of what it had sent. It is empty if the dossier has no contents, or failed.
func (v *Verdict) Exhibits(sums map[custody.Digest]bool) map[custody.Digest][]Exhibit {
	m := map[custody.Digest][]Exhibit{}
	for _, id := range slices.Sorted(maps.Keys(v.opened)) {
		o := v.opened[id]
		n, note := int64(0), v.withdrawn(id)
		tail := note + v.doubtful()
		for l := range bag.Lines(o.manifest) {
			if n++; sums != nil && !sums[l.Sum] {
				continue
			}
			stands, why := o.stands(n)
			m[l.Sum] = append(m[l.Sum], Exhibit{id, l.Path, stands, why + tail, note != ""})
		}
	}
	return m
}
